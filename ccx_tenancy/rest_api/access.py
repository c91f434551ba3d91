"""What a caller may see and do: the caller's tenants, and the permission of each role in them.

Rules of the roles are membership's (``PERMISSIONS``); here they are asked, for all of a caller's tenants at once and
from memory. A permission on a tenant is one on any of its organizations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from ccx_tenancy.audit import api as audit
from ccx_tenancy.context import TenantContext, current_tenant
from ccx_tenancy.membership import api as membership
from ccx_tenancy.rest_api.models import ApiKey
from ccx_tenancy.tenants import api as tenants

#: Not a role's permission: platform operators only.
OPERATOR = "operator"
#: Any member of the tenant.
MEMBER = "member"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, from where, and with what roles.

    ``ranks`` holds, by tenant, the caller's rank by folded organization; ``host`` is the tenant of the host name, None
    on the platform's own; ``contexts`` the visible tenants by key. An operator sees every tenant (on a tenant's host
    that one), and is in neither mapping. ``request`` is Django's own: the record says what it asked.
    """

    user: Any
    key: ApiKey | None
    host: TenantContext | None
    is_operator: bool
    contexts: Mapping[str, TenantContext]
    ranks: Mapping[str, Mapping[str, int]]
    request: HttpRequest

    @property
    def name(self) -> str:
        """What tells callers apart: the key, or the user."""
        return f"key:{self.key.pk}" if self.key is not None else f"user:{self.user.pk}"

    def tenant_keys(self, permission: str = MEMBER) -> list[str] | None:
        """Return the keys of the tenants on which the caller has a permission; None: all tenants."""
        if self.is_operator:
            return None if self.host is None else [self.host.key]
        return sorted(
            key for key, ranks in self.ranks.items() if any(allows(rank, permission) for rank in ranks.values())
        )

    def organizations(self, permission: str) -> list[str]:
        """Return the folded names of the organizations in which the caller has a permission. Not for operators."""
        return sorted(name for ranks in self.ranks.values() for name, rank in ranks.items() if allows(rank, permission))

    def sees(self, tenant_key: str) -> bool:
        """Whether the tenant exists, as far as the caller is told."""
        keys = self.tenant_keys()
        return keys is None or tenant_key in keys

    def check_tenant(self, tenant_key: str, permission: str) -> None:
        """Raise Http404 for a tenant the caller does not see, PermissionDenied where the permission is missing."""
        if not self.sees(tenant_key):
            raise Http404
        if self.is_operator:
            self.passes(tenant_key)
        elif not any(allows(rank, permission) for rank in self.ranks[tenant_key].values()):
            raise PermissionDenied(missing(permission, f"the tenant {tenant_key!r}"))

    def check_organization(self, tenant_key: str, short_name: str, permission: str) -> None:
        """The same for one organization of a tenant."""
        if not self.sees(tenant_key):
            raise Http404
        if self.is_operator:
            self.passes(tenant_key)
        elif not allows(self.ranks[tenant_key].get(tenants.fold(short_name), 0), permission):
            raise PermissionDenied(missing(permission, f"the organization {short_name!r}"))

    def check_any(self, permission: str) -> None:
        """Raise PermissionDenied where the caller has the permission nowhere."""
        if self.is_operator:
            self.passes(self.host.key if self.host is not None else "")
        elif permission != MEMBER and not self.tenant_keys(permission):
            raise PermissionDenied(missing(permission, "any organization here"))

    def passes(self, tenant_key: str) -> None:
        """Write down that an operator looks into a tenant (an empty text: into all)."""
        target = f"{self.request.method} {self.request.path}"
        audit.record_pass(self.request, tenant_key=tenant_key, actor=self.user, target=target)


def allows(rank: int, permission: str) -> bool:
    """Whether a rank has a permission."""
    if permission == OPERATOR:
        return False
    return rank > 0 if permission == MEMBER else rank >= membership.rank_of(membership.PERMISSIONS[permission])


def missing(permission: str, where: str) -> str:
    """Return what to say to a caller without a permission."""
    if permission == OPERATOR:
        return "This takes a platform operator."
    role = membership.PERMISSIONS.get(permission, membership.LEARNER)
    return f"This takes the role {role} or a stronger one in {where}."


def caller_of(request: Request) -> Caller:
    """Return who asks. No query while memory is warm."""
    key = request.auth if isinstance(request.auth, ApiKey) else None
    host = current_tenant()
    user: Any = request.user
    asked = request._request
    if key is None and user.is_superuser and user.is_active:
        return Caller(user, None, host, True, {}, {}, asked)
    contexts: dict[str, TenantContext] = {}
    ranks: dict[str, dict[str, int]] = {}
    for name, rank in _ranks(user, key).items():
        tenant = tenants.owner_of(name)
        if tenant is None or not tenant.is_active:
            continue
        if (host is not None and tenant.key != host.key) or (key is not None and tenant.key != key.tenant.key):
            continue
        contexts[tenant.key] = tenant
        ranks.setdefault(tenant.key, {})[name] = rank
    return Caller(user, key, host, False, contexts, ranks, asked)


def _ranks(user: Any, key: ApiKey | None) -> Mapping[str, int]:
    if key is not None and user.is_superuser:
        with tenants.tenant_context(key.tenant.key) as context:
            names = context.organizations if context is not None else frozenset()
        return {tenants.fold(name): membership.rank_of(membership.OWNER) for name in names}
    return membership.memberships_of(user.pk)
