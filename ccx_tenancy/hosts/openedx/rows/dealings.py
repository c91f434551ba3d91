"""CCXs that were bought: whose they are, where their keys say otherwise."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from django.db.models import F, Q
from django.http import HttpRequest

from ccx_tenancy.hosts.openedx.rows.conditions import MOST_KEPT, Equals
from ccx_tenancy.hosts.openedx.rows.viewers import Viewer, tenants_of
from ccx_tenancy.middleware import course_partition
from ccx_tenancy.partition import owners
from ccx_tenancy.tenants import index, revisions

#: Where they are kept.
_CACHE = "openedx.dealings"


class Dealings(NamedTuple):
    """What a viewer has to do with CCXs that are run by somebody else than their keys say: those that are the viewer's
    though their keys say otherwise, and those of the viewer's courses that are somebody else's."""

    own: tuple[str, ...]
    own_numbers: tuple[int, ...]
    masters: tuple[str, ...]
    sold: tuple[str, ...]
    sold_numbers: tuple[int, ...]


def dealings_of(who: Viewer) -> Dealings | None:
    """Return the viewer's, None where there are none. No query while the process is warm."""
    found = owners.bought()
    if not found:
        return None
    view = revisions.view()
    number = view.number(revisions.TENANTS)
    kept: tuple[tuple[owners.Bought, ...], int, revisions.LRU[Dealings]] | None = view.caches.get(_CACHE)
    if kept is None or kept[0] is not found or kept[1] != number:
        kept = view.caches[_CACHE] = (found, number, revisions.LRU(lambda: MOST_KEPT))
    mine = frozenset((who.tenant.id,)) if who.tenant is not None else frozenset(tenants_of(who))
    viewer_key = who.tenant is None, mine
    dealings = kept[2].get(viewer_key, number)
    if dealings is None:
        dealings = _dealings_in(found, mine, sees_platform=who.tenant is None)
        kept[2].put(viewer_key, number, dealings)
    return dealings if dealings.own or dealings.sold else None


def _dealings_in(found: Collection[owners.Bought], mine: frozenset[int], *, sees_platform: bool) -> Dealings:
    known = index.index().organizations

    def is_mine(organization: str) -> bool:
        tenant = known.get(organization)
        return tenant.id in mine if tenant is not None else sees_platform

    sides = [(one, is_mine(one.runner), is_mine(one.seller)) for one in found]
    own = [one for one, runs, sells in sides if runs and not sells]
    sold = [one for one, runs, sells in sides if sells and not runs]
    return Dealings(
        own=tuple(one.key for one in own),
        own_numbers=tuple(one.number for one in own),
        masters=tuple(sorted({master_of(one.key) for one in own})),
        sold=tuple(one.key for one in sold),
        sold_numbers=tuple(one.number for one in sold),
    )


def as_dealt(seen: Q, column: str, dealings: Dealings | None, *, by_masters: bool = False) -> Q:
    """Return a condition with CCXs counted as those of who runs them: by their own keys, or by their masters'."""
    if dealings is None:
        return seen
    if own := dealings.masters if by_masters else dealings.own:
        seen |= Q(Equals(F(column), own))
    if dealings.sold:
        seen &= Q(Equals(F(column), dealings.sold, is_negated=True))
    return seen


def sellers_to(who: Viewer) -> frozenset[str]:
    """Return the organizations, spelled as in their keys, in whose courses the CCXs lie that are the viewer's."""
    dealings = dealings_of(who)
    own = () if dealings is None else dealings.masters
    return frozenset(map(organization_of, own))


def masters_named(request: HttpRequest) -> tuple[str, ...]:
    """Return the keys of the courses in which those CCXs lie that a request names and that somebody else runs."""
    named = course_partition.named_in(request)
    masters = owners.masters_of(named) if named else ()
    return tuple(sorted({master_of(one.key) for one in owners.bought() if one.master in masters})) if masters else ()


def master_of(key: str) -> str:
    """Return the key of the course in which a CCX lies."""
    return "course-v1:" + key.removeprefix("ccx-v1:").rpartition("+ccx@")[0]


def organization_of(key: str) -> str:
    """Return the organization in the key of a course."""
    return key.removeprefix("course-v1:").partition("+")[0]
