"""Who signs in where, by user name or e-mail address and password.

Each place has one backend that is responsible for it: ``OrganizationMemberBackend`` where there is a tenant,
``DefaultSiteBackend`` where there is none. The other one says nothing, without looking at the password. So in a chain
of both a sign-in costs one password hash, whatever becomes of it.

Every refusal is the same for the one who asks: None, after one query for the account and one hash. That holds for an
account that does not exist, a wrong password, and the right password of somebody who may not sign in here.
"""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import check_password
from django.http import HttpRequest

from ccx_tenancy.backends.permissions import RolePermissions
from ccx_tenancy.conf import conf
from ccx_tenancy.context import TenantContext, current_tenant
from ccx_tenancy.membership import api as membership
from ccx_tenancy.tenants import index

_NO_REQUEST = object()


class _Backend(RolePermissions):
    """What both have in common. Superusers sign in anywhere."""

    def is_responsible(self, tenant: TenantContext | None) -> bool:
        """Whether this backend is the one for a tenant's sites (None: for the others)."""
        raise NotImplementedError

    def admits(self, user: Any, tenant: TenantContext | None) -> bool:
        """Whether a user who is no superuser may sign in there, given the right password."""
        raise NotImplementedError

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Any:
        """Return the user with that name (or e-mail address) and password who may sign in here, else None.

        The tenant is the request's, or the current one where there is no request or it was not given one.
        """
        if username is None:
            username = kwargs.get(get_user_model().USERNAME_FIELD, kwargs.get("email"))
        if not isinstance(username, str) or not isinstance(password, str):
            return None
        tenant = _tenant_of(request)
        if not self.is_responsible(tenant):
            return None
        user: Any = conf.account_policy.find(username, tenant)
        if user is None:
            # As long as checking a password takes.
            get_user_model()().set_password(password)
            return None
        admitted = self.user_can_authenticate(user) and (user.is_superuser or self.admits(user, tenant))
        return user if _proves(user, password, admitted) else None

    async def aauthenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Any:
        """The same without blocking the event loop."""
        return await sync_to_async(self.authenticate)(request, username=username, password=password, **kwargs)

    def user_can_authenticate(self, user: Any) -> bool:
        """Whether the account's state allows it: Django's rule, or any with ``INACTIVE_USERS_SIGN_IN``."""
        return conf.inactive_users_sign_in or super().user_can_authenticate(user)


def knows_password(user: Any, password: str) -> bool:
    """Whether the password is that of an account whose state lets it sign in somewhere, member here or not.

    For pages that let an account in that is no member yet. One hash, whatever the answer; the caller says nothing of
    the reason, and signs nobody in who is refused afterwards.
    """
    return _proves(user, password, conf.inactive_users_sign_in or bool(user.is_active))


def _proves(user: Any, password: str, admitted: bool) -> bool:
    # Decided before the password is looked at, so that it does not show in the time the answer takes.
    if admitted:
        return bool(user.check_password(password))
    # Whatever the password is, it is checked as a wrong one.
    check_password("\x01" + password, user.password)
    return False


class OrganizationMemberBackend(_Backend):
    """On the sites of a tenant: its active members, while the tenant is active."""

    def is_responsible(self, tenant: TenantContext | None) -> bool:
        """Where there is a tenant."""
        return tenant is not None

    def admits(self, user: Any, tenant: TenantContext | None) -> bool:
        """Whether the user is an active member of one of the tenant's organizations."""
        return tenant is not None and tenant.is_active and membership.is_member(user, tenant)


class DefaultSiteBackend(_Backend):
    """Where there is no tenant: superusers, and whom ``CCX_TENANCY["DEFAULT_SITE_LOGIN"]`` names besides."""

    def is_responsible(self, tenant: TenantContext | None) -> bool:
        """Where there is no tenant."""
        return tenant is None

    def admits(self, user: Any, tenant: TenantContext | None) -> bool:
        """Whether the setting admits the user."""
        setting = conf.default_site_login
        if setting == "everybody":
            return True
        if setting in ("staff", "members") and user.is_staff:
            return True
        if setting != "members":
            return False
        return any(index.index().owner_of(name) is not None for name in membership.memberships_of(user.pk))


def _tenant_of(request: HttpRequest | None) -> TenantContext | None:
    found = getattr(request, "tenant", _NO_REQUEST)
    return current_tenant() if found is _NO_REQUEST else found  # type: ignore[return-value]
