"""Which organizations may this actor see? Everything that shows or hides a course asks here.

Two questions are answered. *What is visible* decides what a list shows; it names the organizations one by one and
leaves out whatever it does not know. *What may a request name* is the gate's: it refuses keys of organizations that
are known to be somebody else's, and lets pass what belongs to nobody, so that a word that looks like a key does no
harm. Where an organization itself is asked for, nobody's is answered as somebody else's: the difference would tell
which there are.

With no tenant nothing is hidden from anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from organizations.models import Organization

from ccx_tenancy.conf import conf
from ccx_tenancy.context import TenantContext, current_scope, current_tenant
from ccx_tenancy.errors import InvalidInput
from ccx_tenancy.membership import api as membership
from ccx_tenancy.partition import owners
from ccx_tenancy.partition.keys import WILDCARD, Named, comparable, named_in
from ccx_tenancy.ports import DirectRoles
from ccx_tenancy.tenants import index as tenant_index
from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.api import fold

LMS = "lms"
STUDIO = "studio"

_PLATFORM = "partition.platform"
_NONE: Mapping[str, int] = MappingProxyType({})
_MOST_WILDCARDS = 20
_AUTHOR = membership.RANKS[membership.AUTHOR]


class OrgScope:
    """The organizations that somebody sees: iterable as short names, ``in`` without regard to case.

    ``is_all`` is true for a platform operator, who sees whatever there is. ``hidden`` is None where the scope is
    exactly the names it lists; else it lists what is known, and holds everything but ``hidden`` (folded names): that is
    the platform's own scope, which has no list of what else the host holds.
    """

    __slots__ = ("_folded", "_names", "hidden", "is_all")

    def __init__(
        self, names: Iterable[str] = (), *, hidden: Mapping[str, Any] | None = None, is_all: bool = False
    ) -> None:
        self._names = names if isinstance(names, frozenset) else frozenset(names)
        self._folded = frozenset(map(fold, self._names))
        self.hidden = hidden
        self.is_all = is_all

    @property
    def is_unrestricted(self) -> bool:
        """Whether nothing at all is outside of it: all, or all but nothing."""
        return self.is_all or (self.hidden is not None and not self.hidden)

    @property
    def folded(self) -> frozenset[str]:
        """The names that it lists, folded."""
        return _all_known() if self.is_all else self._folded

    def __contains__(self, organization: object) -> bool:
        if not isinstance(organization, str) or not organization:
            return False
        if self.is_all or fold(organization) in self._folded:
            return True
        hidden = self.hidden
        return hidden is not None and not any(name in hidden for name in comparable(organization))

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(_all_names() if self.is_all else self._names))

    def __len__(self) -> int:
        return len(_all_names() if self.is_all else self._names)

    def __bool__(self) -> bool:
        return self.is_all or self.hidden is not None or bool(self._names)

    def __repr__(self) -> str:
        if self.is_all:
            return "OrgScope(is_all=True)"
        more = "" if self.hidden is None else f", and all but {len(self.hidden)} hidden"
        return f"OrgScope({sorted(self._names)}{more})"


def visible_organizations(user: Any, surface: str) -> OrgScope:
    """Return the organizations whose courses and libraries ``user`` (None: nobody signed in) sees on ``surface``.

    A platform operator sees all.

    ``"lms"``: the organizations of the current tenant, whoever asks. With no current tenant the platform's own, which
    a tenant's member does not see as such, but where the host itself gives a role.

    ``"studio"``: the organizations where the user is author or above, of the current tenant where there is one;
    people who belong to no tenant see the platform's own, under the host's rules. ``is_staff`` gives nothing unless
    ``PARTITION_GLOBAL_STAFF`` is False. Organizations of a tenant that is not active are left out. Who has picked one
    of several tenants (:func:`picked`) sees that one's, an operator too.

    Raises InvalidInput for another surface. No query while the process is warm.
    """
    scope = scope_by_membership(user, surface)
    if scope.is_all or scope.hidden is not None or deciding_tenant(user, surface) is not None:
        return scope
    return with_direct(scope, direct_roles(user, surface).organizations)


def scope_by_membership(user: Any, surface: str) -> OrgScope:
    """Return :func:`visible_organizations` without what the host itself gives, which may take a query."""
    _check_surface(surface)
    tenant = deciding_tenant(user, surface)
    if sees_everything(user, surface):
        if tenant is None or current_tenant() is not None:
            return OrgScope(is_all=True)
        return OrgScope(tenant.organizations)
    if surface == LMS and tenant is not None:
        return OrgScope(tenant.organizations)
    owned = tenant_index.index().organizations
    memberships = _memberships(user)
    if surface == LMS:
        names: list[str] = []
    else:
        names = [
            name
            for name, rank in memberships.items()
            if rank >= _AUTHOR and _counts(owned.get(name), tenant) and (tenant is None or name in owned)
        ]
    if tenant is not None:
        return OrgScope(_spelled(names))
    if not _belongs_to_a_tenant(memberships, owned):
        return OrgScope({*_platform_names(), *_spelled(names)}, hidden=_without(owned, names))
    return OrgScope(_spelled(names))


def with_direct(scope: OrgScope, organizations: Iterable[str]) -> OrgScope:
    """Return the scope with those of ``organizations`` (in which the host gives a role) that are the platform's own.

    In a tenant's organization only a membership counts. Not to be called where a tenant decides.
    """
    owned = tenant_index.index().organizations
    more = [name for name in map(fold, organizations) if name not in owned]
    return OrgScope({*scope, *_spelled(more)}) if more else scope


def can_see(user: Any, key: Any, surface: str) -> bool:
    """Whether ``user`` may see what ``key`` (any opaque key, or its text) names on ``surface``.

    False for what is no key, unless the user sees everything. Outside of an LMS site a direct role that the host gives
    on that very key counts too. Raises InvalidInput for another surface.
    """
    scope = scope_by_membership(user, surface)
    if key is None:
        return False
    if scope.is_unrestricted:
        return True
    named = named_by_key(key)
    return bool(named) and all(_is_visible(scope, one, user, surface) for one in named)


def named_by_key(key: Any) -> list[Named]:
    """Return the organizations that a key, as an object or as a text, names."""
    text = str(key)
    named = list(named_in(text, prose=False))
    if not named and isinstance(organization := getattr(key, "org", None), str):
        named = [Named(name, text) for name in comparable(organization)]
    return owners.resolved(named)


def _is_visible(scope: OrgScope, named: Named, user: Any, surface: str) -> bool:
    if named.organization.endswith(WILDCARD):
        prefix = named.organization[: -len(WILDCARD)]
        return all(name in scope for name in _all_known() if name.startswith(prefix))
    if named.organization in scope or has_direct_role(user, named, surface):
        return True
    return surface == LMS and current_tenant() is None and _is_enrolled(user, named)


def has_direct_role(user: Any, named: Named, surface: str) -> bool:
    """Whether the host itself gives the user a role on what was named, where that counts: not on a tenant's LMS site,
    and within a tenant only for the tenant's own organizations. Who has one in Studio on anything of an organization
    may say its name too, as the settings of a course and the lists of its tags do."""
    tenant = deciding_tenant(user, surface)
    owner = tenant_index.index().organizations.get(named.organization)
    if tenant is not None and (surface == LMS or owner is None or owner.id != tenant.id):
        return False
    if owner is not None and not (owner.is_active and (named.key or surface == STUDIO)):
        return False
    if not _is_signed_in(user):
        return False
    return conf.host.has_direct_role(user, named.organization, named.key, surface)


# What a request may name


def has_tenants() -> bool:
    """Whether there is a tenant: without one there is nothing to keep apart."""
    return bool(tenant_index.index().tenants)


def platform_has_organizations() -> bool:
    """Whether there is an organization that no tenant owns."""
    return bool(_platform())


def known(named: Iterable[Named]) -> list[Named]:
    """Return those whose organization somebody has, a tenant or the platform, each once, wildcards spelled out; and
    those that were asked for and nobody has, which are answered as if somebody had them."""
    found: dict[Named, None] = {}
    prefixes: set[str] = set()
    owned = tenant_index.index().organizations
    for one in owners.resolved(named):
        name = one.organization
        if name in owned:
            found[one] = None
        elif name[-1:] == WILDCARD:
            prefixes.add(name[:-1])
            if one.forms and not any(whole.startswith(name[:-1]) for whole in _all_known()):
                found[one] = None
        elif name in _platform() or (one.forms and not any(form in owned or form in _platform() for form in one.forms)):
            found[one] = None
    if prefixes:
        # As many as nobody needs are as good as one that names all.
        beginnings = tuple(prefixes) if len(prefixes) <= _MOST_WILDCARDS else ""
        found.update((Named(name, WILDCARD), None) for name in _all_known() if name.startswith(beginnings))
    return list(found)


def foreign_to(tenant: TenantContext, named: Iterable[Named]) -> list[Named]:
    """Return those that somebody has and ``tenant`` has not, another tenant's and the platform's own; and those that
    were asked for and nobody has. Files that a CCX shows which the tenant runs are not among them."""
    owned = tenant_index.index().organizations
    others = []
    for one in owners.resolved(named):
        owner = owned.get(one.organization)
        if (owner is None or owner.id != tenant.id) and not _is_file_of(tenant, one, owned):
            others.append(one)
    if not others:
        return others
    return [one for one in known(others) if (owner := owned.get(one.organization)) is None or owner.id != tenant.id]


def may_name(user: Any, named: Iterable[Named], surface: str, tenant: TenantContext | None = None) -> bool:
    """Whether ``user`` may name all of those (of :func:`known`) where no LMS site decides.

    A tenant's key answers to its authors and above in Studio, to its members in the LMS; the platform's own to people
    of no tenant. A direct role of the host on the key counts. In a tenant's own Studio (``tenant``) nothing but that
    tenant's, and where somebody has picked a tenant nothing but that one's. A platform operator may.
    """
    chosen = picked(user) if surface == STUDIO and tenant is None else None
    if sees_everything(user, surface):
        return chosen is None or not foreign_to(chosen, named)
    tenant = tenant or chosen
    owned = tenant_index.index().organizations
    memberships = _memberships(user)
    opened: set[tuple[str, str]] = set()
    for one in named:
        owner = owned.get(one.organization)
        if _counts(owner, tenant):
            rank = memberships.get(one.organization, 0)
            if surface == STUDIO:
                if rank >= _AUTHOR:
                    continue
            elif rank or (owner is not None and _is_member(memberships, owner, owned)):
                continue
            if owner is None and tenant is None and not _belongs_to_a_tenant(memberships, owned):
                continue
            if surface == LMS and tenant is None and _reaches_file(memberships, one, owned):
                continue
            context = one.organization, _context_of(one.key)
            enrolled = surface == LMS and tenant is None and _is_enrolled(user, one)
            if context in opened or enrolled or has_direct_role(user, one, surface):
                opened.add(context)
                continue
        return False
    return True


def deciding_tenant(user: Any, surface: str) -> TenantContext | None:
    """Return the tenant that bounds what is seen on the surface: the current one, in Studio else the one picked."""
    tenant = current_tenant()
    return picked(user) if tenant is None and surface == STUDIO else tenant


def picked(user: Any) -> TenantContext | None:
    """Return the tenant that the user has picked in a Studio that serves all tenants, or None.

    A pick only ever narrows: it counts for the one who made it, and only where that one sees the tenant anyway.
    """
    scope = current_scope()
    if scope is None or scope.pick is None or not _is_signed_in(user):
        return None
    chosen_by, tenant = scope.pick
    if chosen_by != str(user.pk) or not may_pick(user, tenant):
        return None
    return tenant


def may_pick(user: Any, tenant: TenantContext) -> bool:
    """Whether the user may see that tenant alone in Studio: its authors and above, and who sees everything."""
    if not tenant.is_active or not _is_signed_in(user):
        return False
    memberships = _memberships(user)
    return sees_everything(user, STUDIO) or any(
        memberships.get(fold(name), 0) >= _AUTHOR for name in tenant.organizations
    )


def tenants_to_pick(user: Any) -> list[TenantContext]:
    """Return the active tenants that :func:`may_pick` allows the user, by key."""
    tenants = tenant_index.index().tenants.values()
    return sorted((one for one in tenants if may_pick(user, one)), key=lambda tenant: tenant.key)


def _context_of(key: str) -> str:
    """Return the part of a key's text that says the course or library: asked once for all blocks in it."""
    if key.startswith(("lb:", "lct:", "lib-collection:")):
        return ":".join(key.split(":")[:3])
    return key.partition("+type@")[0]


def is_operator(user: Any) -> bool:
    """Whether the user is a platform operator: an active superuser."""
    return user is not None and bool(getattr(user, "is_superuser", False)) and bool(getattr(user, "is_active", False))


def is_service(user: Any) -> bool:
    """Whether the user is one of the platform's own services, by ``CCX_TENANCY["SERVICE_USERS"]``."""
    names = conf.service_users
    return bool(names) and _is_signed_in(user) and bool(user.is_active) and user.get_username() in names


def sees_everything(user: Any, surface: str) -> bool:
    """Whether nothing is hidden from the user: an operator; a service of the platform where there is no tenant; in
    Studio global staff too, where the setting says so."""
    if is_operator(user) or (current_tenant() is None and is_service(user)):
        return True
    if surface != STUDIO or not getattr(user, "is_staff", False) or not getattr(user, "is_active", False):
        return False
    return not conf.partition_global_staff


# Inside


def _check_surface(surface: str) -> None:
    if surface not in (LMS, STUDIO):
        raise InvalidInput(f"There is no surface {surface!r}; allowed are {LMS!r} and {STUDIO!r}.")


def _is_signed_in(user: Any) -> bool:
    return user is not None and bool(getattr(user, "is_authenticated", False)) and user.pk is not None


def _is_enrolled(user: Any, named: Named) -> bool:
    """Whether the user learns in the CCX that was named and that another organization runs than its key says."""
    owner = tenant_index.index().organizations.get(named.organization)
    if not _is_signed_in(user) or (owner is not None and not owner.is_active):
        return False
    return owners.run_by(named.key) == named.organization and owners.is_enrolled(user, named.key)


def _is_file_of(tenant: TenantContext, named: Named, owned: Mapping[str, TenantContext]) -> bool:
    """Whether a file was named that a CCX shows which the tenant runs, though it lies in another one's course."""
    runners = owners.runners_of_file(named.key)
    return any((owner := owned.get(name)) is not None and owner.id == tenant.id for name in runners)


def _reaches_file(memberships: Mapping[str, int], named: Named, owned: Mapping[str, TenantContext]) -> bool:
    """Whether a file was named that a CCX shows which is run by a tenant of which somebody is a member."""
    runners = (owned.get(name) for name in owners.runners_of_file(named.key))
    return any(one is not None and one.is_active and _is_member(memberships, one, owned) for one in runners)


def _memberships(user: Any) -> Mapping[str, int]:
    return membership.memberships_of(user.pk) if _is_signed_in(user) else _NONE


def _counts(owner: TenantContext | None, tenant: TenantContext | None) -> bool:
    """Whether a membership in an organization of ``owner`` opens anything, within ``tenant`` where there is one."""
    if owner is None:
        return tenant is None
    return owner.is_active and (tenant is None or owner.id == tenant.id)


def _is_member(memberships: Mapping[str, int], owner: TenantContext, owned: Mapping[str, TenantContext]) -> bool:
    return any((one := owned.get(name)) is not None and one.id == owner.id for name in memberships)


def _belongs_to_a_tenant(memberships: Mapping[str, int], owned: Mapping[str, TenantContext]) -> bool:
    return any(name in owned for name in memberships)


def direct_roles(user: Any, surface: str) -> DirectRoles:
    """Return what the host itself gives the user, where that counts: nothing on a tenant's LMS site."""
    if not _is_signed_in(user) or (surface == LMS and current_tenant() is not None):
        return DirectRoles()
    return conf.host.direct_roles(user, surface)


def _without(owned: Mapping[str, TenantContext], names: Iterable[str]) -> Mapping[str, Any]:
    seen = [name for name in names if name in owned]
    return {name: owner for name, owner in owned.items() if name not in seen} if seen else owned


def _platform() -> Mapping[str, tuple[str, bool]]:
    """Return the organizations that no tenant owns: spelling and whether it is active, by folded name."""
    view = revisions.view()
    number = view.number(revisions.TENANTS)
    found: tuple[int, dict[str, tuple[str, bool]]] | None = view.caches.get(_PLATFORM)
    if found is None or found[0] != number:
        rows = revisions.from_any_thread(
            lambda: list(Organization.objects.filter(tenant_organization=None).values_list("short_name", "active"))
        )
        found = view.caches[_PLATFORM] = (number, {fold(name): (name, active) for name, active in rows})
    return found[1]


def _platform_names() -> list[str]:
    return [name for name, active in _platform().values() if active]


def _spelled(folded: Iterable[str]) -> frozenset[str]:
    """Return the names in the spelling of their organizations."""
    owned = tenant_index.index().organizations
    names: set[str] = set()
    for wanted in folded:
        owner = owned.get(wanted)
        if owner is not None:
            names.update(name for name in owner.organizations if fold(name) == wanted)
        else:
            names.add(_platform().get(wanted, (wanted, True))[0])
    return frozenset(names)


def _all_known() -> frozenset[str]:
    return frozenset((*tenant_index.index().organizations, *_platform()))


def _all_names() -> frozenset[str]:
    tenants = tenant_index.index().tenants.values()
    return frozenset((*(name for tenant in tenants for name in tenant.organizations), *_platform_names()))
