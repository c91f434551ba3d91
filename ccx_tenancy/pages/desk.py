"""Who stands before a page: the tenant, the user, and the organizations in which the user may do what it is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.contrib.sites.models import Site
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from organizations.models import Organization

from ccx_tenancy.context import TenantContext, current_tenant
from ccx_tenancy.membership import api as membership
from ccx_tenancy.pages.headers import guarded

VIEW_MEMBERS = "ccx_tenancy.view_members"
MANAGE_MEMBERS = "ccx_tenancy.manage_members"
MANAGE_INVITATIONS = "ccx_tenancy.manage_invitations"
EDIT_CONFIGURATION = "ccx_tenancy.edit_configuration"
VIEW_AUDIT = "ccx_tenancy.view_audit"

#: The pages, in the order of the menu: the name of the route, and the permission that shows it.
MENU = (
    ("members", VIEW_MEMBERS),
    ("invitations", MANAGE_INVITATIONS),
    ("configuration", EDIT_CONFIGURATION),
    ("history", EDIT_CONFIGURATION),
    ("audit", VIEW_AUDIT),
)

View = Callable[..., HttpResponseBase]


@dataclass(frozen=True)
class Desk:
    """The tenant, the user, and the organizations of the tenant in which the user has the page's permission."""

    tenant: TenantContext
    user: Any
    organizations: tuple[Organization, ...]

    @property
    def site(self) -> Site:
        """The Site whose configuration the pages show. Raises Http404 where the tenant has none."""
        if self.tenant.site_id is None:
            raise Http404("This tenant has no site.")
        return Site.objects.get(pk=self.tenant.site_id)

    @property
    def menu(self) -> list[str]:
        """The names of the pages that the user may open."""
        return [name for name, permission in MENU if organizations_with(self.tenant, self.user, permission)]

    @property
    def roles(self) -> list[str]:
        """The roles that the user may give in at least one of the organizations."""
        rank = max(membership.authority_in(self.user, organization) for organization in self.organizations)
        return [role for role in membership.ROLES if membership.rank_of(role) <= rank]


def organizations_with(tenant: TenantContext, user: Any, permission: str) -> tuple[Organization, ...]:
    """Return the tenant's active organizations in which the user has a permission, by short name."""
    found = Organization.objects.filter(short_name__in=tenant.organizations, active=True).order_by("short_name")
    return tuple(one for one in found if membership.has_permission(user, permission, one))


def desk_of(request: HttpRequest, permission: str) -> Desk | None:
    """Return the desk of a signed-in user with that permission, or None for nobody.

    Raises Http404 where there is no tenant, and PermissionDenied where the user may not.
    """
    tenant = current_tenant()
    if tenant is None:
        raise Http404("These pages stand on a tenant's site.")
    if not request.user.is_authenticated:
        return None
    organizations = organizations_with(tenant, request.user, permission)
    if not organizations:
        raise PermissionDenied
    return Desk(tenant, request.user, organizations)


def page(permission: str, *methods: str) -> Callable[[View], View]:
    """Make a view of ``(request, desk, ...)`` a page for those with a permission; others sign in, or get 403.

    It is to be read, unless ``methods`` say what else it takes; every other method is answered 405.
    """

    def decorate(view: View) -> View:
        @guarded()
        @require_http_methods(list(methods) or ["GET", "HEAD"])
        @never_cache
        @wraps(view)
        def opened(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            desk = desk_of(request, permission)
            if desk is None:
                return redirect_to_login(request.get_full_path())
            return view(request, desk, *args, **kwargs)

        return opened

    return decorate
