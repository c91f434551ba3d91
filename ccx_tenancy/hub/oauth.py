"""Who calls: OAuth2 client credentials, by django-oauth-toolkit, with scopes for each client.

Of an access token only its checksum is kept; of a client's secret its hash. Neither is written to a log.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any
from urllib.parse import unquote_plus

from django.contrib.auth.hashers import check_password, make_password
from django.http import HttpRequest, HttpResponse
from oauth2_provider.models import get_access_token_model, get_application_model
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauth2_provider.views import TokenView as ToolkitTokenView
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from ccx_tenancy.hub.models import Client

_CREDENTIALS = "client-credentials"


class Validator(OAuth2Validator):  # type: ignore[misc]
    """The toolkit's rules, narrowed: client credentials only, of an enabled client, for no more than its scopes."""

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Whether the request names an enabled client and its secret: in its body, or by HTTP Basic.

        One hash is computed, whether there is such a client or not.
        """
        client_id, secret = _basic(request.headers.get("HTTP_AUTHORIZATION") or "") or (
            getattr(request, "client_id", None) or "",
            getattr(request, "client_secret", None) or "",
        )
        application = (
            get_application_model()
            .objects.select_related("ccx_client")
            .filter(client_id=client_id, ccx_client__enabled=True)
            .first()
        )
        if application is None or application.client_id != client_id:
            make_password(secret)
            return False
        request.client = application
        return check_password(secret, application.client_secret)

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: Any, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        """Whether it is the one grant that we give."""
        return grant_type == "client_credentials" and client.authorization_grant_type == _CREDENTIALS

    def validate_scopes(
        self, client_id: str, scopes: list[str], client: Any, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        """Whether the client may have all of these scopes."""
        return bool(scopes) and set(scopes) <= set(client.ccx_client.scope_list)

    def get_default_scopes(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> list[str]:
        """Return what a client gets that asks for nothing: all that it may have."""
        found: list[str] = request.client.ccx_client.scope_list
        return found

    def _save_bearer_token(self, token: Any, request: Any, *args: Any, **kwargs: Any) -> None:
        # Runs in the toolkit's transaction, so that the token itself is never committed.
        super()._save_bearer_token(token, request, *args, **kwargs)
        checksum = hashlib.sha256(token["access_token"].encode()).hexdigest()
        get_access_token_model().objects.filter(token_checksum=checksum).update(token="")


def _basic(header: str) -> tuple[str, str] | None:
    """Return the user and password of a Basic header; None where it is none."""
    scheme, _, content = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(content, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (unquote_plus(user), unquote_plus(password)) if colon else None


class TokenView(ToolkitTokenView):  # type: ignore[misc]
    """``POST /o/token/``: the toolkit's, with our rules, whatever the project's settings say."""

    validator_class = Validator
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Give a token. A scope that the client may not have is answered 401, as by the original."""
        answer: HttpResponse = super().post(request, *args, **kwargs)
        if answer.status_code == 400 and json.loads(answer.content).get("error") == "invalid_scope":
            answer.status_code = 401
        return answer


class Caller:
    """Who a request is from: a client and what its token allows. Stands where Django has a user."""

    is_authenticated = True
    is_active = True
    is_anonymous = False
    is_staff = False
    is_superuser = False
    pk = None

    def __init__(self, client: Client, scopes: frozenset[str]) -> None:
        self.client = client
        self.scopes = scopes

    def __str__(self) -> str:
        return str(self.client)

    def get_username(self) -> str:
        """Return a name for logs."""
        return str(self.client)


class BearerAuthentication(BaseAuthentication):
    """``Authorization: Bearer TOKEN`` of an enabled client; nothing else (no password, no session) opens the API."""

    def authenticate(self, request: Request) -> tuple[Caller, str] | None:
        """Return the caller, or None where there is no good token."""
        scheme, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            return None
        checksum = hashlib.sha256(text.strip().encode()).hexdigest()
        token = (
            get_access_token_model()
            .objects.select_related("application__ccx_client__instance")
            .filter(token_checksum=checksum, application__ccx_client__enabled=True)
            .first()
        )
        if token is None or token.is_expired():
            return None
        client = token.application.ccx_client
        # A scope that was taken from the client is gone from its tokens, too.
        return Caller(client, frozenset(token.scope.split()) & frozenset(client.scope_list)), checksum

    def authenticate_header(self, request: Request) -> str:
        """Return what a request without a good token is asked for."""
        given = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")[0].lower() == "bearer"
        return 'Bearer realm="api", error="invalid_token"' if given else 'Bearer realm="api"'


class HasScope(BasePermission):
    """The caller's token allows what the view asks for: ``view.scopes``, by method (``*``: any)."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether it does. Raises PermissionDenied, naming the scope, where it does not."""
        caller: object = request.user
        if not isinstance(caller, Caller):
            return False
        wanted = view.scopes.get(request.method, view.scopes.get("*"))
        if wanted is None or wanted in caller.scopes:
            return True
        raise PermissionDenied(f"This token lacks the scope {wanted}.")
