"""Make tenants from the sites that a platform has already.

A site whose configuration names organizations in ``course_org_filter`` is a tenant in all but name. Its Site, its
values and its organizations stay as they are: a tenant is made around them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.contrib.sites.models import Site
from django.db import transaction
from organizations.models import Organization

from ccx_tenancy.conf import conf
from ccx_tenancy.errors import Conflict, InvalidInput, UnknownDomain
from ccx_tenancy.ports import StoredValues
from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.site_config.schema import ORG_FILTER
from ccx_tenancy.tenants import api as tenants

_NOT_IN_KEYS = re.compile("[^a-z0-9_-]+")
_NAMES = ("PLATFORM_NAME", "platform_name")


@dataclass(frozen=True, slots=True)
class Adoption:
    """What would become of one site: a tenant of that key, name and organizations.

    ``missing`` names those of the organizations that do not exist yet, and would be made.
    ``conflicts`` say why it cannot, ``skipped`` why it is no candidate at all (empty: it is), ``warnings`` what of its
    values could not be set today, although they stay.
    """

    site: Site
    domain: str
    key: str
    name: str
    organizations: tuple[str, ...]
    skipped: str = ""
    conflicts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=(), compare=False)
    missing: tuple[str, ...] = field(default=(), compare=False)


def plan_adoption(domains: Iterable[str] | None = None) -> list[Adoption]:
    """Return what would become of each site that belongs to no tenant, by domain, or of those domains only. Changes
    nothing. Raises UnknownDomain for one that no such site has."""
    free = list(Site.objects.filter(tenant_domain=None).order_by("domain"))
    values = {stored.site_id: stored for stored in conf.host.site_values.load_many([site.pk for site in free])}
    spellings = {tenants.fold(name): name for name in Organization.objects.values_list("short_name", flat=True)}
    planned = _without_clashes([_adoption(site, values.get(site.pk), spellings) for site in free])
    if domains is None:
        return planned
    by_domain = {one.site.domain: one for one in planned} | {one.domain: one for one in planned}
    missing = [domain for domain in domains if domain not in by_domain]
    if missing:
        raise UnknownDomain(
            f"No site that belongs to no tenant has the domain {', '.join(map(repr, missing))}; there are"
            f" {', '.join(sorted(one.site.domain for one in planned)) or 'none'}."
        )
    # The same site may be named twice, by two spellings of its domain.
    return list({by_domain[domain].site.pk: by_domain[domain] for domain in domains}.values())


def check_adoption(domains: Iterable[str] | None = None) -> list[Adoption]:
    """Return what :func:`adopt_sites` would make, and raise what it would."""
    wanted = [one for one in plan_adoption(domains) if domains is not None or not one.skipped]
    reasons = [f"{one.domain}: {reason}" for one in wanted for reason in (one.skipped, *one.conflicts) if reason]
    if reasons:
        raise Conflict("; ".join(reasons))
    return wanted


def adopt_sites(domains: Iterable[str] | None = None, *, actor: Any = None) -> list[Adoption]:
    """Make the planned tenants, all or none, and return them. Raises Conflict, with every reason, where one cannot be
    made; name the ``domains`` to adopt the others."""
    with transaction.atomic():
        wanted = check_adoption(domains)
        for one in wanted:
            tenants.create_rows(
                one.key,
                name=one.name,
                domain=one.domain,
                organizations=one.organizations,
                studio_domain=None,
                actor=actor,
            )
    return wanted


def _adoption(site: Site, stored: StoredValues | None, spellings: Mapping[str, str]) -> Adoption:
    domain = tenants.normalize_host(site.domain) or site.domain
    values: Mapping[str, Any] = stored.values if stored is not None else {}
    wanted = values.get(ORG_FILTER)
    listed = [wanted] if isinstance(wanted, str) else wanted if isinstance(wanted, list) else []
    names = tuple(dict.fromkeys(name for name in listed if isinstance(name, str) and name))
    title = next((values[name] for name in _NAMES if isinstance(values.get(name), str) and values[name]), site.name)
    found = Adoption(site, domain, "", title, names)
    if site.pk == getattr(settings, "SITE_ID", None):
        return replace(found, skipped="it is the platform's default site (SITE_ID)")
    if stored is None or not stored.enabled:
        return replace(found, skipped="it has no configuration that is enabled")
    if not names:
        # A text or a list may be empty on purpose; what is neither was meant to say something.
        is_known = wanted is None or wanted in ("", [])
        said = "names no organization" if is_known else f"is {wanted!r}; allowed is a short name, or a list of them"
        return replace(found, skipped=f"its {ORG_FILTER} {said}")
    warnings = tuple(str(problem) for problem in site_config.check_values(values))
    conflicts = tuple(_conflicts(domain, names, spellings))
    missing = tuple(name for name in names if tenants.fold(name) not in spellings)
    return replace(found, conflicts=conflicts, warnings=warnings, missing=missing)


def _conflicts(domain: str, names: Sequence[str], spellings: Mapping[str, str]) -> Iterable[str]:
    try:
        tenants.normalize_domain(domain)
        tenants.checked_organizations(names)
    except InvalidInput as error:
        yield str(error)
        return
    for name in names:
        owner = tenants.owner_of(name)
        spelling = spellings.get(tenants.fold(name), name)
        if owner is not None:
            yield f"the organization {name!r} belongs to the tenant {owner.key!r}"
        elif spelling != name:
            yield f"{ORG_FILTER} says {name!r}, and the organization exists as {spelling!r}"


def _without_clashes(planned: Sequence[Adoption]) -> list[Adoption]:
    """Give each candidate a key of its own, and name the candidates that want the same organization or domain."""
    taken = set(tenants.list_tenants().values_list("key", flat=True))
    by_organization: dict[str, list[Adoption]] = {}
    by_domain: dict[str, list[Adoption]] = {}
    for one in planned:
        if not one.skipped:
            by_domain.setdefault(one.domain, []).append(one)
            for folded in dict.fromkeys(map(tenants.fold, one.organizations)):
                by_organization.setdefault(folded, []).append(one)
    made: list[Adoption] = []
    for one in planned:
        if one.skipped:
            made.append(one)
            continue
        conflicts = list(one.conflicts)
        for name in one.organizations:
            rivals = [other.domain for other in by_organization[tenants.fold(name)] if other is not one]
            if rivals:
                conflicts.append(f"the organization {name!r} is named by {', '.join(rivals)} too")
        twins = [other.site.domain for other in by_domain[one.domain] if other is not one]
        if twins:
            conflicts.append(f"the site {', '.join(twins)} answers on the same host name")
        key = next((key for key in _keys(one.domain) if key not in taken), "")
        taken.add(key)
        if not key:
            conflicts.append(f"no key can be made of the domain {one.domain!r}; make the tenant with its key by hand")
        made.append(replace(one, key=key, conflicts=tuple(conflicts)))
    return made


def _keys(domain: str) -> Iterable[str]:
    """Yield keys for a domain, the shortest first: its first label, then all of it."""
    for text in (domain.split(".", 1)[0], domain):
        key = _NOT_IN_KEYS.sub("-", text.lower()).strip("-_")[:100].strip("-_")
        if key:
            yield key
