"""The index of a process: every host name and organization of every tenant, in memory.

One query loads it; it is loaded again when the revision of ``tenants`` has moved. A host name that is not in it is
known to belong to nobody, so an unknown host costs no query, however many of them come.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from django.contrib.sites.models import Site
from organizations.models import Organization

from ccx_tenancy.context import TenantContext
from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.hostnames import normalize_host
from ccx_tenancy.tenants.models import Tenant, fold

_CACHE = "tenants.index"
_SITES = "tenants.sites"
_OWNERS = "tenants.owners_of_sites"
_PLATFORM = "tenants.platform_organizations"


@dataclass(frozen=True, slots=True)
class HostEntry:
    """What answers on a host name: the tenant, on which surface, and where to an alias redirects (else None)."""

    tenant: TenantContext
    surface: str
    redirect_to: str | None = None


class Index:
    """A frozen picture of all tenants under one revision number."""

    __slots__ = ("_special", "hosts", "number", "organizations", "tenants")

    def __init__(
        self,
        number: int,
        tenants: dict[str, TenantContext],
        hosts: dict[str, TenantContext],
        special: dict[str, HostEntry],
        organizations: dict[str, TenantContext],
    ) -> None:
        self.number = number
        self.tenants: Mapping[str, TenantContext] = tenants
        # The host names of LMS sites; those of other surfaces and aliases, fewer, carry more and stand apart.
        self.hosts: Mapping[str, TenantContext] = hosts
        self._special = special
        # Organizations by their folded short name.
        self.organizations: Mapping[str, TenantContext] = organizations

    def by_host(self, host: str) -> TenantContext | None:
        """Return the tenant of a request's ``Host`` in any spelling, or None."""
        tenant = self.hosts.get(host)
        if tenant is not None:
            return tenant
        entry = self.entry(host)
        return entry.tenant if entry else None

    def entry(self, host: str) -> HostEntry | None:
        """Return what answers on a request's ``Host`` in any spelling, or None."""
        for name in (host, normalize_host(host)):
            if name is None:
                return None
            tenant = self.hosts.get(name)
            if tenant is not None:
                return HostEntry(tenant, "lms")
            special = self._special.get(name)
            if special is not None:
                return special
        return None

    def owner_of(self, short_name: str) -> TenantContext | None:
        """Return the tenant that an organization belongs to, or None: the platform's own, or there is none such."""
        return self.organizations.get(fold(short_name))


_loading = threading.Lock()


def index() -> Index:
    """Return the index: from memory while its revision stands, else loaded with one query."""
    view = revisions.view()
    number = view.number(revisions.TENANTS)
    found: Index | None = view.caches.get(_CACHE)
    if found is not None and found.number == number:
        return found
    with _loading:
        found = view.caches.get(_CACHE)
        if found is None or found.number != number:
            found = view.caches[_CACHE] = revisions.from_any_thread(lambda: _load(number))
    return found


def _load(number: int) -> Index:
    rows = Tenant.objects.order_by("pk").values_list(
        "pk",
        "key",
        "state",
        "domains__domain",
        "domains__surface",
        "domains__is_primary",
        "domains__site_id",
        "tenant_organizations__organization__short_name",
    )
    tenants: dict[str, TenantContext] = {}
    hosts: dict[str, TenantContext] = {}
    special: dict[str, HostEntry] = {}
    organizations: dict[str, TenantContext] = {}
    for (pk, key, state), group in groupby(rows.iterator(chunk_size=5000), key=itemgetter(0, 1, 2)):
        domains: dict[str, tuple[str, bool | None, int | None]] = {}
        names: set[str] = set()
        for *_, domain, surface, is_primary, site_id, short_name in group:
            if domain is not None:
                domains[domain] = (surface, is_primary, site_id)
            if short_name is not None:
                names.add(short_name)
        _add(pk, key, state, domains, frozenset(names), tenants, hosts, special, organizations)
    return Index(number, tenants, hosts, special, organizations)


def _add(
    pk: int,
    key: str,
    state: str,
    domains: Mapping[str, tuple[str, bool | None, int | None]],
    names: frozenset[str],
    tenants: dict[str, TenantContext],
    hosts: dict[str, TenantContext],
    special: dict[str, HostEntry],
    organizations: dict[str, TenantContext],
) -> None:
    main = _main_domain(domains)
    home = TenantContext(pk, key, state, domains[main][2] if main else None, names, main)
    tenants[key] = home
    for domain, (surface, _, site_id) in domains.items():
        if surface == "lms":
            hosts[domain] = home if domain == main else TenantContext(pk, key, state, site_id, names, domain)
        else:
            special[domain] = HostEntry(home, surface, main if surface == "alias" else None)
    for name in names:
        folded = fold(name)
        organizations[name if name == folded else folded] = home


def _main_domain(domains: Mapping[str, tuple[str, bool | None, int | None]]) -> str | None:
    lms = [(not is_primary, domain) for domain, (surface, is_primary, _) in domains.items() if surface == "lms"]
    return min(lms)[1] if lms else None


def resolve_host(host: str) -> TenantContext | None:
    """Return the tenant that answers on ``host`` (a ``Host`` header, or a domain in any spelling), or None.

    Suspended and archived tenants are found too: their ``state`` says so. Never raises on what a client can send.
    """
    return index().by_host(host) if isinstance(host, str) else None


def by_key(key: str) -> TenantContext | None:
    """Return the tenant with that key on its primary site, or None."""
    return index().tenants.get(key)


def _platform_sites() -> dict[str, int]:
    view = revisions.view()
    number = view.number(revisions.TENANTS)
    found: tuple[int, dict[str, int]] | None = view.caches.get(_SITES)
    if found is None or found[0] != number:
        rows = revisions.from_any_thread(
            lambda: list(Site.objects.filter(tenant_domain=None).order_by("-pk").values_list("domain", "pk"))
        )
        found = view.caches[_SITES] = (number, {normalize_host(domain) or domain: pk for domain, pk in rows})
    return found[1]


def platform_site_id(host: str) -> int | None:
    """Return the Site of a host name that no tenant has, or None. No query after the first for each revision."""
    name = normalize_host(host)
    return _platform_sites().get(name) if name is not None else None


def platform_site_ids() -> list[int]:
    """Return the Sites that belong to no tenant. No query after the first for each revision."""
    return list(_platform_sites().values())


def owner_of_site(site_id: int) -> TenantContext | None:
    """Return the tenant that has that Site, on that site, or None: it is the platform's own, or there is none such."""
    known = index()
    caches = revisions.view().caches
    found: tuple[Index, dict[int | None, TenantContext]] | None = caches.get(_OWNERS)
    if found is None or found[0] is not known:
        found = caches[_OWNERS] = (known, {one.site_id: one for one in known.hosts.values()})
    return found[1].get(site_id)


def platform_organizations() -> frozenset[str]:
    """Return the short names of the active organizations that no tenant owns. No query after the first."""
    view = revisions.view()
    number = view.number(revisions.TENANTS)
    found: tuple[int, frozenset[str]] | None = view.caches.get(_PLATFORM)
    if found is None or found[0] != number:
        names: Iterable[str] = revisions.from_any_thread(
            lambda: list(
                Organization.objects.filter(tenant_organization=None, active=True).values_list("short_name", flat=True)
            )
        )
        found = view.caches[_PLATFORM] = (number, frozenset(names))
    return found[1]
