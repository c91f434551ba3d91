"""Compare what a document wants with what there is: what would be made, changed and removed.

A few queries for a document of any length, and nothing is written. What the document cannot have, because others have
it, is found here, each with its place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.sites.models import Site
from django.db.models import Q
from django.db.models.functions import Lower
from organizations.models import Organization

from ccx_tenancy.conf import conf
from ccx_tenancy.errors import Problem
from ccx_tenancy.ports import StoredValues
from ccx_tenancy.provisioning.documents import WantedDomain, WantedSite, WantedTenant, WantedValues
from ccx_tenancy.provisioning.sites import LONGEST_NAME
from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.site_config.diff import ADDED, CHANGED, REMOVED, Difference
from ccx_tenancy.site_config.schema import ORG_FILTER, unknown_warning
from ccx_tenancy.tenants import api as tenants

CREATE = "create"
CHANGE = "change"
NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Change:
    """One step. ``what`` is ``tenant``, ``name``, ``state``, ``domain``, ``surface``, ``primary``, ``organization``,
    ``site``, ``configuration`` or ``enabled``; ``kind`` is ``added``, ``changed`` or ``removed``; ``target`` names the
    thing, ``path`` its place in the document; ``differences`` are those of a configuration, secrets masked.
    """

    what: str
    kind: str
    target: str
    path: str
    before: Any = None
    after: Any = None
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """What happens to one tenant or one platform site.

    ``kind`` is ``tenant`` or ``site``, ``name`` its key or domain, ``action`` is ``create``, ``change`` or
    ``nothing``. ``changes`` stand in the order in which they are made. ``kept`` is what there is, is not in the
    document, and would go with ``prune``. ``warnings`` name configuration keys that nothing is known of.
    """

    kind: str
    name: str
    path: str
    action: str
    changes: tuple[Change, ...] = ()
    kept: tuple[Change, ...] = ()
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying a document would do, in the order of the document."""

    source: str
    tenants: tuple[Item, ...]
    sites: tuple[Item, ...]

    @property
    def items(self) -> tuple[Item, ...]:
        """Everything: tenants, then sites."""
        return self.tenants + self.sites

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return all(item.action == NOTHING for item in self.items)


@dataclass
class Planner:
    """Plans entries of a document against what was read for them all at once. ``problems`` collects what is taken."""

    prune: bool
    problems: list[Problem] = field(default_factory=list)
    _tenants: dict[str, tenants.Tenant] = field(default_factory=dict)
    _domains: dict[str, tenants.TenantDomain] = field(default_factory=dict)
    _domains_of: dict[int, dict[str, tenants.TenantDomain]] = field(default_factory=dict)
    _links: dict[str, tenants.TenantOrganization] = field(default_factory=dict)
    _links_of: dict[int, list[tenants.TenantOrganization]] = field(default_factory=dict)
    _organizations: dict[str, Organization] = field(default_factory=dict)
    _sites: dict[str, Site] = field(default_factory=dict)
    _stored: dict[int, StoredValues] = field(default_factory=dict)

    def load(self, wanted: Collection[WantedTenant], sites: Collection[WantedSite]) -> None:
        """Read everything that the plans of those entries depend on."""
        keys = [one.key for one in wanted]
        self._tenants = {row.key: row for row in _each(keys, lambda some: tenants.Tenant.objects.filter(key__in=some))}
        names = {domain.domain for one in wanted for domain in one.domains} | {site.domain for site in sites}
        domains = tenants.TenantDomain.objects.select_related("tenant", "site")
        self._domains = {row.domain: row for row in _each(names, lambda some: domains.filter(domain__in=some))}
        own = _each(keys, lambda some: domains.filter(tenant__key__in=some))
        for row in own:
            self._domains[row.domain] = row
            self._domains_of.setdefault(row.tenant_id, {})[row.domain] = row
        self._load_organizations(wanted, keys)
        self._sites = tenants.sites_on(names.difference(self._domains))
        self._sites.update({row.domain: row.site for row in self._domains.values() if row.site is not None})
        store = conf.host.site_values
        pks = sorted({site.pk for site in self._sites.values()})
        self._stored = {one.site_id: one for one in _each(pks, store.load_many)}

    def _load_organizations(self, wanted: Collection[WantedTenant], keys: list[str]) -> None:
        short_names = {one.short_name for tenant in wanted for one in tenant.organizations or ()}
        folded = {tenants.fold(name) for name in short_names}
        links = tenants.TenantOrganization.objects.select_related("tenant", "organization")
        self._links = {row.folded: row for row in _each(folded, lambda some: links.filter(folded__in=some))}
        own = _each(keys, lambda some: links.filter(tenant__key__in=some))
        for row in own:
            self._links[row.folded] = row
            self._links_of.setdefault(row.tenant_id, []).append(row)
        rows = Organization.objects.annotate(lowered=Lower("short_name")).order_by("-pk")
        for some in tenants.chunks(sorted(short_names | folded)):
            for row in rows.filter(Q(lowered__in=some) | Q(short_name__in=some)):
                self._organizations[tenants.fold(row.short_name)] = row

    # Tenants

    def tenant(self, wanted: WantedTenant) -> Item:
        """Return the plan of one tenant; what is taken is added to ``problems``."""
        tenant = self._tenants.get(wanted.key)
        own = self._domains_of.get(tenant.pk, {}) if tenant is not None else {}
        return _TenantPlan(self, wanted, tenant, own).make()

    def owner_of_domain(self, domain: str) -> tenants.Tenant | None:
        """Return the tenant that has a domain, or None."""
        row = self._domains.get(domain)
        return row.tenant if row is not None else None

    def link(self, folded: str) -> tenants.TenantOrganization | None:
        """Return the link of an organization to its tenant, or None."""
        return self._links.get(folded)

    def links_of(self, tenant: tenants.Tenant) -> list[tenants.TenantOrganization]:
        """Return a tenant's organizations."""
        return self._links_of.get(tenant.pk, [])

    def organization(self, folded: str) -> Organization | None:
        """Return the organization of that name in whatever case, or None."""
        return self._organizations.get(folded)

    def site(self, domain: str) -> Site | None:
        """Return the Site of a domain, or None."""
        return self._sites.get(domain)

    def stored(self, domain: str) -> StoredValues | None:
        """Return what the Site of a domain stores, or None."""
        site = self._sites.get(domain)
        return self._stored.get(site.pk) if site is not None else None

    def is_default_site(self, domain: str) -> bool:
        """Whether a domain is that of the platform's default site, which can belong to no tenant."""
        site = self._sites.get(domain)
        return site is not None and site.pk == getattr(settings, "SITE_ID", None)

    def problem(self, path: str, message: str) -> None:
        """Note what cannot be had."""
        self.problems.append(Problem(path, message))

    # Values

    def values(
        self, domain: str, wanted: WantedValues, key: str = "", organizations: Collection[str] | None = None
    ) -> Iterator[Change]:
        """Yield what storing the values of a site changes."""
        stored = self.stored(domain)
        preview = site_config.preview_values(
            stored, wanted.values, enabled=wanted.enabled, tenant_key=key, organizations=organizations
        )
        for problem in preview.problems:
            self.problem(f"{wanted.path}.{problem.path}" if problem.path else wanted.path, problem.message)
        if not preview.makes_revision:
            return
        before = stored.enabled if stored is not None else None
        after = wanted.enabled if wanted.enabled is not None else (True if stored is None else before)
        kind = CHANGED if stored is not None else ADDED
        if wanted.values is not None and (preview.changes or stored is None or before == after):
            yield Change("configuration", kind, domain, wanted.path, differences=preview.changes)
        if before != after and (before is not None or not after or wanted.values is None):
            yield Change("enabled", CHANGED, domain, wanted.path, before=before, after=after)

    # Platform sites

    def platform_site(self, wanted: WantedSite) -> Item:
        """Return the plan of one site of no tenant."""
        owner = self.owner_of_domain(wanted.domain)
        if owner is not None:
            self.problem(
                f"{wanted.path}.domain",
                f"the domain {wanted.domain!r} belongs to the tenant {owner.key!r}; sites are those of no tenant.",
            )
        site = self.site(wanted.domain)
        changes: list[Change] = []
        if site is None:
            name = wanted.name or wanted.domain[:LONGEST_NAME]
            changes.append(Change("site", ADDED, wanted.domain, wanted.path, after=name))
        elif wanted.name is not None and wanted.name != site.name:
            changes.append(
                Change("site", CHANGED, wanted.domain, f"{wanted.path}.name", before=site.name, after=wanted.name)
            )
        if wanted.configuration is not None:
            changes.extend(self.values(wanted.domain, wanted.configuration))
        action = CREATE if site is None else CHANGE if changes else NOTHING
        values = [wanted.configuration] if wanted.configuration is not None else []
        return Item("site", wanted.domain, wanted.path, action, tuple(changes), (), tuple(_warnings(values)))


@dataclass
class _TenantPlan:
    planner: Planner
    wanted: WantedTenant
    tenant: tenants.Tenant | None
    own: Mapping[str, tenants.TenantDomain]
    changes: list[Change] = field(default_factory=list)
    extra: list[Change] = field(default_factory=list)

    def make(self) -> Item:
        wanted = self.wanted
        if self.tenant is None:
            self._add("tenant", ADDED, wanted.key, wanted.path, after=wanted.name)
        elif self.tenant.name != wanted.name:
            self._add("name", CHANGED, wanted.key, f"{wanted.path}.name", before=self.tenant.name, after=wanted.name)
        self._domains()
        final = self._organizations()
        for domain, values in wanted.configurations.items():
            self.changes.extend(self.planner.values(domain, values, wanted.key, final))
        self._left_alone(final)
        state = tenants.Tenant.State.ACTIVE.value if self.tenant is None else self.tenant.state
        if wanted.state is not None and wanted.state != state:
            self._add("state", CHANGED, wanted.key, f"{wanted.path}.state", before=state, after=wanted.state)
        removed = tuple(self.extra)
        if self.planner.prune:
            self.changes.extend(removed)
            removed = ()
        action = CREATE if self.tenant is None else CHANGE if self.changes else NOTHING
        warnings = tuple(_warnings(wanted.configurations.values()))
        return Item("tenant", wanted.key, wanted.path, action, tuple(self.changes), removed, warnings)

    def _add(self, what: str, kind: str, target: str, path: str, **values: Any) -> None:
        self.changes.append(Change(what, kind, target, path, **values))

    def _domains(self) -> None:
        new: list[WantedDomain] = []
        other_surface: list[WantedDomain] = []
        for wanted in self.wanted.domains:
            row = self.own.get(wanted.domain)
            if row is None:
                self._check_free(wanted)
                new.append(wanted)
            elif row.surface != wanted.surface:
                other_surface.append(wanted)
        # The primary first: the first domain of a surface becomes its primary anyway.
        for wanted in sorted(new, key=lambda one: not one.primary):
            self._add("domain", ADDED, wanted.domain, wanted.path, after=_shown(wanted.surface, wanted.primary))
        # What becomes an LMS domain first: the tenant is never without a primary one.
        for wanted in sorted(other_surface, key=lambda one: (one.surface != "lms", not one.primary)):
            row = self.own[wanted.domain]
            self._add(
                "surface",
                CHANGED,
                wanted.domain,
                wanted.path,
                before=_shown(row.surface, bool(row.is_primary)),
                after=_shown(wanted.surface, wanted.primary),
            )
        for wanted in self.wanted.domains:
            row = self.own.get(wanted.domain)
            if wanted.primary and row is not None and row.surface == wanted.surface and not row.is_primary:
                before = next(
                    (one.domain for one in self.own.values() if one.surface == row.surface and one.is_primary), None
                )
                self._add("primary", CHANGED, wanted.domain, wanted.path, before=before, after=wanted.domain)
        listed = {wanted.domain for wanted in self.wanted.domains}
        for domain, row in sorted(self.own.items()):
            if domain not in listed:
                gone = _shown(row.surface, bool(row.is_primary))
                self.extra.append(Change("domain", REMOVED, domain, f"{self.wanted.path}.domains", before=gone))

    def _check_free(self, wanted: WantedDomain) -> None:
        owner = self.planner.owner_of_domain(wanted.domain)
        if owner is not None:
            message = (
                f"the domain {wanted.domain!r} belongs to the tenant {owner.key!r} already; take it from there first."
            )
            self.planner.problem(wanted.path, message)
        elif self.planner.is_default_site(wanted.domain):
            message = (
                f"the domain {wanted.domain!r} is that of the platform's default site, which can belong to no tenant."
            )
            self.planner.problem(wanted.path, message)

    def _organizations(self) -> list[str]:
        """Plan the organizations, and return the short names of those that the tenant will have."""
        links = self.planner.links_of(self.tenant) if self.tenant is not None else []
        if self.wanted.organizations is None:
            return [link.organization.short_name for link in links]
        for wanted in self.wanted.organizations:
            folded = tenants.fold(wanted.short_name)
            link = self.planner.link(folded)
            existing = self.planner.organization(folded) if link is None else link.organization
            if existing is not None and existing.short_name != wanted.short_name:
                self.planner.problem(
                    wanted.path,
                    f"the organization {wanted.short_name!r} exists as {existing.short_name!r}; short names compare"
                    " without regard to case, so only that spelling is allowed.",
                )
            elif link is None:
                after = "exists" if existing is not None else "new"
                self._add("organization", ADDED, wanted.short_name, wanted.path, after=after)
            elif self.tenant is None or link.tenant_id != self.tenant.pk:
                self.planner.problem(
                    wanted.path,
                    f"the organization {wanted.short_name!r} belongs to the tenant {link.tenant.key!r} already; an"
                    " organization belongs to at most one tenant.",
                )
        final = {tenants.fold(one.short_name): one.short_name for one in self.wanted.organizations}
        path = f"{self.wanted.path}.organizations"
        for link in sorted(links, key=lambda one: one.folded):
            if link.folded not in final:
                self.extra.append(Change("organization", REMOVED, link.organization.short_name, path))
                if not self.planner.prune:
                    final[link.folded] = link.organization.short_name
        return list(final.values())

    def _left_alone(self, final: list[str]) -> None:
        """A configuration that the document leaves alone may name organizations that are not the tenant's by then."""
        loses = self.planner.prune and any(change.what == "organization" for change in self.extra)
        for wanted in self.wanted.domains:
            said = self.wanted.configurations.get(wanted.domain)
            comes = wanted.domain not in self.own
            if wanted.surface != "lms" or not (loses or comes) or (said is not None and said.values is not None):
                continue
            stored = self.planner.stored(wanted.domain)
            names = stored.values.get(ORG_FILTER) if stored is not None else None
            own = {tenants.fold(name) for name in final}
            for name in [names] if isinstance(names, str) else names or []:
                if isinstance(name, str) and tenants.fold(name) not in own:
                    self.planner.problem(
                        wanted.path,
                        f"{ORG_FILTER} of {wanted.domain!r} names the organization {name!r}, which will not be the"
                        " tenant's: say the configuration of that domain in the document.",
                    )


def _each(values: Iterable[Any], read: Callable[[Any], Iterable[Any]]) -> Iterator[Any]:
    for some in tenants.chunks(sorted(values)):
        yield from read(some)


def _shown(surface: str, primary: bool) -> dict[str, Any]:
    return {"surface": surface, "primary": primary}


def _warnings(wanted: Iterable[WantedValues]) -> Iterator[Problem]:
    for one in wanted:
        for name in one.values or {}:
            if (warning := unknown_warning(name)) is not None:
                yield Problem(f"{one.path}.{name}", warning.removeprefix(f"{name}: "))
