"""The memberships of a user in the memory of a process: what every request asks, at no query.

Read on a user's first use and kept while their revision stands, for at most ``MEMBERS_CACHE_SIZE`` users.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ccx_tenancy.conf import conf
from ccx_tenancy.membership.freshness import number_of
from ccx_tenancy.membership.models import OrganizationMembership
from ccx_tenancy.membership.roles import RANKS
from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.api import fold

_CACHE = "membership.memberships"
NOTHING: Mapping[str, int] = MappingProxyType({})


def memberships_of(user_id: int) -> Mapping[str, int]:
    """Return the active memberships of a user in active organizations: rank by folded short name, read-only.

    No query while it is warm and the revisions are fresh; one otherwise. It may be called in an event loop.
    """
    view = revisions.view()
    number = number_of(view, user_id)
    cache = _cache(view)
    found = cache.get(user_id, number)
    if found is None:
        found = revisions.from_any_thread(lambda: _load(user_id))
        cache.put(user_id, number, found)
    return found


def is_warm(user_id: int) -> bool:
    """Whether :func:`memberships_of` would answer without a query."""
    if not revisions.is_fresh():
        return False
    view = revisions.view()
    return _cache(view).get(user_id, number_of(view, user_id)) is not None


def _cache(view: revisions.View) -> revisions.LRU[Mapping[str, int]]:
    cache: revisions.LRU[Mapping[str, int]] | None = view.caches.get(_CACHE)
    return cache or view.caches.setdefault(_CACHE, revisions.LRU(lambda: conf.members_cache_size))


def _load(user_id: int) -> Mapping[str, int]:
    rows = OrganizationMembership.objects.filter(user_id=user_id, active=True, organization__active=True)
    found = {fold(name): RANKS[role] for name, role in rows.values_list("organization__short_name", "role")}
    return MappingProxyType(found) if found else NOTHING
