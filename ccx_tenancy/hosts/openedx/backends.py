"""Passwords in Open edX: a backend before the host's own, which would admit whoever knows the password.

The host's stays in the list behind it, because its name stands in sessions: of everybody who has just registered, and
of all who signed in before the plug-in came. So what ours refuses is refused for good.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from ccx_tenancy.backends import DefaultSiteBackend, OrganizationMemberBackend
from ccx_tenancy.conf import conf
from ccx_tenancy.context import current_tenant


class PasswordBackend(OrganizationMemberBackend):
    """On a tenant's site: the tenant's active members. Elsewhere whom ``DEFAULT_SITE_LOGIN`` names, and where that is
    ``"everybody"`` the host's own backend decides, as without the plug-in. Superusers sign in anywhere."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Any:
        """Return the user, or None where the host's backend is to decide. Raises PermissionDenied, which ends the
        sign-in, for everybody else who came with a password."""
        if password is None:
            return None
        tenant = getattr(request, "tenant", None) or current_tenant()
        if tenant is None and conf.default_site_login == "everybody":
            return None
        user = super().authenticate(request, username=username, password=password, **kwargs)
        if user is None:
            user = DefaultSiteBackend().authenticate(request, username=username, password=password, **kwargs)
        if user is None:
            raise PermissionDenied
        return user
