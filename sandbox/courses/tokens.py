"""OAuth 2 client credentials, as small as the sandbox's LMS needs them: how a hub signs in here.

A token is signed with the project's key and kept nowhere; it is good for an hour, and while its account is there.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.hashers import check_password, make_password
from django.core import signing
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from sandbox.courses.models import ServiceAccount

SECONDS = 3600
_SALT = "sandbox.courses.tokens"


def set_secret(account: ServiceAccount, secret: str) -> None:
    """Give an account a secret; its hash is kept."""
    account.secret_hash = make_password(secret)


@csrf_exempt
@require_POST
def access_token(request: HttpRequest) -> JsonResponse:
    """Answer a token for a client's id and secret."""
    if request.POST.get("grant_type") != "client_credentials":
        return JsonResponse({"error": "unsupported_grant_type"}, status=400)
    account = ServiceAccount.objects.filter(client_id=request.POST.get("client_id", "")).first()
    secret = request.POST.get("client_secret", "")
    if not check_password(secret, account.secret_hash if account else make_password(None)) or account is None:
        return JsonResponse({"error": "invalid_client"}, status=401)
    token = signing.dumps(account.pk, salt=_SALT)
    return JsonResponse({"access_token": token, "token_type": "Bearer", "expires_in": SECONDS, "scope": ""})


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer TOKEN``: the request acts as the user of the service account."""

    def authenticate(self, request: Request) -> tuple[Any, str] | None:
        """Return the user and the token. Raises AuthenticationFailed for one that is not good."""
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        text = token.decode("ascii", "replace").strip()
        try:
            number = signing.loads(text, salt=_SALT, max_age=SECONDS)
        except signing.BadSignature:
            raise AuthenticationFailed("The token is not good here, or has ended.") from None
        account = ServiceAccount.objects.select_related("user").filter(pk=number).first()
        if account is None or not account.user.is_active:
            raise AuthenticationFailed("The token's account is not there any more.")
        return account.user, text

    def authenticate_header(self, request: Request) -> str:
        """Return the scheme, so that a missing token is answered 401."""
        return "Bearer"
