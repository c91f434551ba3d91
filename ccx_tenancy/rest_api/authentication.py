"""Who calls: an API key, a session, or a JWT."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from django.conf import settings
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from ccx_tenancy.context import current_tenant
from ccx_tenancy.rest_api.keys import find_key, note_use
from ccx_tenancy.rest_api.models import ApiKey

SCHEME = "Api-Key"


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Api-Key PREFIX.SECRET``. The user is the key's maker, ``request.auth`` the key.

    Every refusal reads the same. A key is good on its own tenant's hosts and on those of no tenant.
    """

    def authenticate(self, request: Request) -> tuple[Any, ApiKey] | None:
        """Return maker and key, or None where the header is of another scheme. Raises AuthenticationFailed."""
        scheme, _, value = get_authorization_header(request).partition(b" ")
        if scheme.lower() != SCHEME.lower().encode():
            return None
        text = value.decode("ascii", "replace").strip()
        key = find_key(text)
        tenant = current_tenant()
        if key is None or (tenant is not None and tenant.key != key.tenant.key):
            raise AuthenticationFailed("The API key is not good here: unknown, expired or revoked.")
        note_use(key)
        return key.maker, key

    def authenticate_header(self, request: Request) -> str:
        """Return the scheme, so that a missing or wrong credential is answered 401."""
        return SCHEME


def authentication_classes() -> list[type[BaseAuthentication]]:
    """Return what authenticates: keys, sessions (with CSRF), and JWT where edx-drf-extensions is there and set up."""
    found: list[type[BaseAuthentication]] = [ApiKeyAuthentication, SessionAuthentication]
    if has_jwt():
        from edx_rest_framework_extensions.auth.jwt.authentication import JwtAuthentication

        found.insert(1, JwtAuthentication)
    return found


def has_jwt() -> bool:
    """Whether JWT can be taken: the extra ``jwt`` is installed, and the project has its setting ``JWT_AUTH``."""
    return hasattr(settings, "JWT_AUTH") and find_spec("edx_rest_framework_extensions") is not None


def is_restricted_jwt(request: Request) -> bool:
    """Whether the caller is an OAuth application that its host restricts: it has no business here."""
    if not has_jwt():
        return False
    from edx_rest_framework_extensions.auth.jwt.authentication import is_jwt_authenticated
    from edx_rest_framework_extensions.auth.jwt.decoder import decode_jwt_is_restricted

    return is_jwt_authenticated(request) and bool(decode_jwt_is_restricted(request.auth))
