"""How accounts of the portal sign in."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest

from ccx_tenancy.portal import accounts


class PortalBackend(BaseBackend):
    """Takes an e-mail address and a password, under names that only the portal's own pages send.

    Beside other backends it therefore lets nobody in at another sign-in page.
    """

    def authenticate(  # type: ignore[override]
        self, request: HttpRequest | None, portal_email: str | None = None, portal_password: str | None = None
    ) -> Any:
        """Return the active account, or None. A wrong address costs as much time as a wrong password."""
        if not isinstance(portal_email, str) or not isinstance(portal_password, str) or "\x00" in portal_email:
            return None
        user = accounts.find(portal_email)
        if user is None:
            make_password(portal_password)
            return None
        return user if user.check_password(portal_password) and user.is_active else None

    def get_user(self, user_id: Any) -> Any:
        """Return the active account of a session, or None."""
        from django.contrib.auth import get_user_model

        users: Any = get_user_model()._default_manager
        return users.filter(pk=user_id, is_active=True).first()
