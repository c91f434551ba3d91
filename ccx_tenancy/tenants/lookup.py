"""Look-ups over many tenants or names at once: few queries, whatever the number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import islice
from operator import or_
from typing import TypeVar

import idna
from django.contrib.sites.models import Site
from django.db.models import FilteredRelation, Q, QuerySet

from ccx_tenancy.tenants.hostnames import normalize_host
from ccx_tenancy.tenants.models import Tenant, TenantDomain, TenantOrganization

Item = TypeVar("Item")

#: How many values go into one query: every database we run on takes that many parameters.
CHUNK = 500
_PREFIXES = 50


@dataclass(frozen=True, slots=True)
class TenantSummary:
    """A tenant as a listing shows it. ``domain`` is its primary LMS domain, or None where it has none."""

    key: str
    name: str
    state: str
    domain: str | None
    organizations: tuple[str, ...]


def summaries(tenants: QuerySet[Tenant], *, search: str = "") -> list[TenantSummary]:
    """Return the tenants of a query set by key, those only in whose key, name, domains or organizations ``search``
    occurs (in any case of letters). Two queries."""
    if search:
        tenants = tenants.filter(
            Q(key__icontains=search)
            | Q(name__icontains=search)
            | Q(pk__in=TenantDomain.objects.filter(domain__icontains=search).values("tenant"))
            | Q(pk__in=TenantOrganization.objects.filter(organization__short_name__icontains=search).values("tenant"))
        )
    organizations: dict[int, list[str]] = {}
    links = TenantOrganization.objects.filter(tenant__in=tenants.order_by().values("pk"))
    for tenant, short_name in links.values_list("tenant_id", "organization__short_name"):
        organizations.setdefault(tenant, []).append(short_name)
    home = FilteredRelation("domains", condition=Q(domains__surface="lms", domains__is_primary=True))
    rows = tenants.order_by("key").annotate(home=home).values_list("pk", "key", "name", "state", "home__domain")
    return [
        TenantSummary(key, name, state, domain, tuple(organizations.get(pk, ())))
        for pk, key, name, state, domain in rows
    ]


def sites_on(names: Iterable[str]) -> dict[str, Site]:
    """Return the Sites that answer on those host names (each in its one spelling), by name.

    A Site's domain may be stored in another spelling: upper case, with a port, in letters that are not ASCII. The one
    stored exactly so wins, then the oldest. Two queries for a few names.
    """
    wanted = set(names)
    found: dict[str, Site] = {}
    for some in chunks(sorted(wanted)):
        found.update({site.domain: site for site in Site.objects.filter(domain__in=some) if site.domain in wanted})
    prefixes = sorted({prefix for name in wanted.difference(found) for prefix in _first_labels(name)})
    for some in chunks(prefixes, _PREFIXES):
        condition = reduce(or_, (Q(domain__istartswith=prefix) for prefix in some))
        for site in Site.objects.filter(condition).order_by("pk"):
            name = normalize_host(site.domain)
            if name in wanted:
                found.setdefault(name, site)
    return found


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterator[Sequence[Item]]:
    """Yield the items in lists of at most ``size``."""
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some


def _first_labels(name: str) -> set[str]:
    label = name.split(".", 1)[0]
    if not label.startswith("xn--"):
        return {label}
    # LIKE knows the case of ASCII letters alone, on some databases: ask for both.
    letters = idna.decode(label)
    return {label, letters, letters.upper()}
