"""What the person behind a Studio request sees: asked once a request, and then at each of the host's choke points."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any, NamedTuple

import crum
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Lower
from organizations.models import Organization

from ccx_tenancy.context import TenantContext, current_scope
from ccx_tenancy.hosts.openedx import authz, roles
from ccx_tenancy.hosts.openedx.rows.conditions import InRows
from ccx_tenancy.membership import api as membership
from ccx_tenancy.partition import policy
from ccx_tenancy.partition.courses import counting_in
from ccx_tenancy.tenants import index, revisions
from ccx_tenancy.tenants.api import fold, owner_of

_KEPT = "_ccx_tenancy_sight"
_NAMES = "hosts.openedx.organizations"


class Sight:
    """The organizations, courses and libraries that somebody sees in Studio, where that is not simply all."""

    def __init__(self, user: Any, scope: policy.OrgScope, tenant: TenantContext | None) -> None:
        self.user = user
        self._tenant = tenant
        self._scope = scope

    @cached_property
    def scope(self) -> policy.OrgScope:
        """The organizations: by membership, and the platform's own in which the host gives a role. No query where the
        host asks for roles too."""
        if not self._may_be_given:
            return self._scope
        given = [row.org for row in self._roles if not row.course_id and row.org]
        return policy.with_direct(self._scope, given)

    @property
    def _may_be_given(self) -> bool:
        """Whether a role of the host may add organizations to those by membership."""
        is_all_there = self._scope.hidden is not None or self._tenant is not None
        return not is_all_there and policy.platform_has_organizations()

    @property
    def is_of_tenants(self) -> bool:
        """Whether these are people of tenants, and not of the platform."""
        return self._scope.hidden is None

    def sees(self, organization: Any) -> bool:
        """Whether an organization, by its short name, is in sight."""
        return organization in self._scope or organization in self.scope

    def sees_key(self, key: Any) -> bool:
        """Whether a course or library is: by its organization, or by a role of the host on that very one."""
        return key is not None and (self.sees(getattr(key, "org", None)) or str(key) in self.keys)

    def sees_context(self, key: Any) -> bool:
        """Whether a course or a library of either kind, by its key, is in sight: as above, or by being in its team."""
        return self.sees_key(key) or str(key) in self.granted_libraries

    @property
    def is_of_one_tenant(self) -> bool:
        """Whether one tenant bounds what is seen: that of the Studio, or the one picked."""
        return self._tenant is not None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the organizations by membership, in order."""
        return tuple(sorted(self._scope))

    @cached_property
    def tenants(self) -> tuple[int, ...]:
        """The numbers of the tenants whose organizations are in sight, in order."""
        return tuple(sorted({owner.id for name in self.names if (owner := owner_of(name)) is not None}))

    @cached_property
    def joined(self) -> tuple[TenantContext, ...]:
        """The tenants besides those of which the user is a member, in a weaker role, in order: who is in the team of a
        course there has its people, and its words for content, as the user's own. No query."""
        if self.user is None or self.user.pk is None:
            return ()
        owners = {owner_of(name) for name in membership.memberships_of(self.user.pk)}
        others = [one for one in owners if one is not None and one.is_active and one.id not in self.tenants]
        return tuple(sorted((one for one in others if self._tenant in (None, one)), key=lambda tenant: tenant.id))

    @cached_property
    def worked_in(self) -> frozenset[str]:
        """The folded names of the organizations of those tenants in which the user has a role on a course or library.
        No query for whom there are none."""
        if not self.joined:
            return frozenset()
        joined = frozenset(fold(name) for one in self.joined for name in one.organizations)
        keys = {*self.keys, *self.granted_libraries}
        return joined & {fold(one.organization) for key in keys for one in policy.named_by_key(key)}

    def sees_or_works_in(self, organization: Any) -> bool:
        """Whether an organization is in sight, or the user is in the team of a course or library of it."""
        return self.sees(organization) or fold(str(organization)) in self.worked_in

    @cached_property
    def keys(self) -> frozenset[str]:
        """The courses and old libraries on which the host itself gives a role. No query: the host asks for them too."""
        found = {str(row.course_id) for row in self._roles if row.course_id and row.role in roles.STUDIO_ROLES}
        found.update(key for key in self._of_authz if key.startswith(authz.COURSE_SCOPE))
        return self._counting(found)

    @cached_property
    def granted_libraries(self) -> frozenset[str]:
        """The libraries with a team in which the user is. One query."""
        return self._counting(roles.granted_libraries(self.user)) | self._libraries_of_authz

    def has_role_in(self, organization: str) -> bool:
        """Whether the host gives the user a role on anything of an organization, or on all of it."""
        return any(row.org and fold(row.org) == fold(organization) for row in self._roles)

    def of_organizations(self, prefix: str = "") -> Q:
        """Return the condition for rows whose Organization is found at ``prefix`` (``"org__"``). No query."""
        may_be_given = self._may_be_given and self.user is not None and self.user.is_authenticated
        seen = _Organizations(self.names, not self.is_of_tenants, self.user.pk if may_be_given else None)
        return Q(InRows(F(f"{prefix}pk"), seen))

    def with_grant(self) -> Q:
        """Return the condition for v2 libraries in whose team the user is, where that counts."""
        if not getattr(self.user, "is_authenticated", False):
            return Q(pk__in=[])
        granted = Q(InRows(F("pk"), _Libraries(self.user.pk)))
        for _, organization, slug in (key.split(":") for key in self._libraries_of_authz):
            granted |= Q(org__short_name=organization, slug=slug)
        if self._tenant is not None:
            return granted & Q(org__short_name__in=self._tenant.organizations)
        owners = index.index().tenants.values()
        closed = [name for owner in owners if not owner.is_active for name in owner.organizations]
        return granted & ~Q(org__short_name__in=closed) if closed else granted

    def organizations(self) -> Any:
        """Return the organizations in sight that exist, in the order in which they came to be."""
        return Organization.objects.filter(self.of_organizations(), active=True).order_by("pk")

    def courses(self, rows: Any) -> Any:
        """Return those of the host's rows of courses, with ``org`` and ``id``, that are in sight."""
        rows = rows.alias(_tenancy_org=Lower("org"))
        if self.is_of_tenants:
            seen = Q(_tenancy_org__in=sorted(self.scope.folded))
        else:
            seen = ~Q(_tenancy_org__in=sorted(self.scope.hidden or ()))
        return rows.filter(seen | Q(id__in=self.keys) if self.keys else seen)

    @cached_property
    def _of_authz(self) -> frozenset[str]:
        return authz.granted(self.user, policy.STUDIO)

    @property
    def _libraries_of_authz(self) -> frozenset[str]:
        return self._counting(key for key in self._of_authz if key.startswith(authz.LIBRARY_SCOPE))

    @cached_property
    def _roles(self) -> Iterable[Any]:
        return roles.known_roles(self.user)

    def _counting(self, keys: Iterable[str]) -> frozenset[str]:
        kept = (key for key in keys if _is_open(key))
        return counting_in(self._tenant, frozenset(kept))


class _Organizations(NamedTuple):
    """The organizations of those ``names``, and of the platform's own all, or those on which a user of that number
    holds a role of the host."""

    names: tuple[str, ...]
    with_platform: bool
    user_id: int | None

    def rows(self) -> QuerySet[Any]:
        """Return their ids."""
        seen = Q(short_name__in=self.names)
        nobodys = Q(tenant_organization=None)
        if self.with_platform:
            seen |= nobodys
        elif self.user_id is not None:
            seen |= nobodys & Q(short_name__in=roles.given_organizations(self.user_id))
        found: QuerySet[Any] = Organization._base_manager.filter(seen)
        return found.values("pk")


class _Libraries(NamedTuple):
    """The v2 libraries in whose team the user of that number is."""

    user_id: int

    def rows(self) -> QuerySet[Any]:
        """Return their ids."""
        return roles.library_grants(self.user_id).values("library_id")


def organization_of(row: Any) -> str:
    """Return the short name of the organization that a row has as its ``org``. No query where the process knows it."""
    view = revisions.view()
    number = view.number(revisions.TENANTS)
    found: tuple[int, dict[int, str]] | None = view.caches.get(_NAMES)
    if found is None or found[0] != number:
        names = revisions.from_any_thread(lambda: dict(Organization.objects.values_list("pk", "short_name")))
        found = view.caches[_NAMES] = (number, names)
    return found[1].get(row.org_id) or str(row.org.short_name)


def _is_open(key: str) -> bool:
    owners = [owner_of(named.organization) for named in policy.named_by_key(key)]
    return all(owner is None or owner.is_active for owner in owners)


def sight_of(user: Any) -> Sight | None:
    """Return what the user sees in Studio, or None where nothing is hidden from the user: there is no tenant, or the
    user is a platform operator who has not picked one."""
    if not policy.has_tenants():
        return None
    request = crum.get_current_request()
    mark = getattr(user, "pk", None), current_scope()
    kept: tuple[Any, Sight | None] | None = getattr(request, _KEPT, None)
    if kept is not None and kept[0] == mark:
        return kept[1]
    scope = policy.scope_by_membership(user, policy.STUDIO)
    sight = None if scope.is_unrestricted else Sight(user, scope, policy.deciding_tenant(user, policy.STUDIO))
    if request is not None:
        setattr(request, _KEPT, (mark, sight))
    return sight


def sight_of_request() -> Sight | None:
    """Return what the user of the request sees; None outside of a request, where nobody looks."""
    request = crum.get_current_request()
    return sight_of(getattr(request, "user", None)) if request is not None else None
