"""The values of a site in the memory of a process, and those of the current tenant.

A snapshot is read on a site's first use and kept while its revision stands, for at most ``VALUES_CACHE_SIZE`` sites.
Secrets are open in it. Nobody outside of this room gets a reference into it: see :func:`copied`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ccx_tenancy.conf import conf
from ccx_tenancy.context import TenantContext, _stack
from ccx_tenancy.site_config.freshness import shard_of
from ccx_tenancy.site_config.schema import ORG_FILTER
from ccx_tenancy.site_config.secrets import CannotUnseal, in_the_clear
from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.api import fold

logger = logging.getLogger(__name__)

_CACHE = "site_config.values"
_SCALARS = frozenset((str, int, float, bool, type(None)))


class Snapshot:
    """The values of one site under one revision. ``draft`` tells that they are somebody's preview."""

    __slots__ = ("draft", "enabled", "revision", "site_id", "values")

    def __init__(
        self, site_id: int | None, values: Mapping[str, Any], *, enabled: bool, revision: int, draft: bool = False
    ) -> None:
        self.site_id = site_id
        self.values = values
        self.enabled = enabled
        self.revision = revision
        self.draft = draft


NOTHING = Snapshot(None, {}, enabled=False, revision=0)


def opened(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with their secrets unsealed. One whose key is lost is left out, and said in the log: the site
    goes on without it."""
    found = {}
    for name, value in values.items():
        try:
            found[name] = in_the_clear(value)
        except CannotUnseal as error:
            logger.error("The value of %s is left out: %s", name, error)
    return found


def snapshot_of(site_id: int) -> Snapshot:
    """Return the values of a site: from memory while its revision stands, else read with one query."""
    view = revisions.view()
    number = view.number(shard_of(site_id))
    cache = _cache(view)
    snapshot = cache.get(site_id, number)
    if snapshot is None:
        snapshot = revisions.from_any_thread(lambda: _load(site_id))
        cache.put(site_id, number, snapshot)
    return snapshot


def is_warm(site_id: int) -> bool:
    """Whether :func:`snapshot_of` would answer without a query."""
    if not revisions.is_fresh():
        return False
    view = revisions.view()
    return _cache(view).get(site_id, view.number(shard_of(site_id))) is not None


def _cache(view: revisions.View) -> revisions.LRU[Snapshot]:
    cache: revisions.LRU[Snapshot] | None = view.caches.get(_CACHE)
    return cache or view.caches.setdefault(_CACHE, revisions.LRU(lambda: conf.values_cache_size))


def _load(site_id: int) -> Snapshot:
    stored = conf.host.site_values.load(site_id)
    if stored is None:
        return Snapshot(site_id, {}, enabled=False, revision=0)
    values = opened(stored.values) if stored.enabled else {}
    return Snapshot(site_id, values, enabled=stored.enabled, revision=stored.revision)


def own_organizations_only(snapshot: Snapshot, tenant: TenantContext | None) -> Snapshot:
    """Return the values of a tenant's site without organizations in ``course_org_filter`` that are not the tenant's.

    Writing refuses them, but an organization can move to another tenant, or a site with its values become a tenant's,
    after they were written. A filter that names none of the tenant's own is none.
    """
    wanted = snapshot.values.get(ORG_FILTER)
    if tenant is None or not wanted:
        return snapshot
    own = _own_among(wanted, tenant)
    if len(own) == (len(wanted) if isinstance(wanted, list) else 1):
        return snapshot
    values = {name: value for name, value in snapshot.values.items() if name != ORG_FILTER or own}
    if own:
        values[ORG_FILTER] = list(own)
    return Snapshot(
        snapshot.site_id, values, enabled=snapshot.enabled, revision=snapshot.revision, draft=snapshot.draft
    )


def organizations_shown(wanted: Any, tenant: TenantContext) -> Any:
    """Return what ``course_org_filter`` means on a tenant's site that stores ``wanted``: the tenant's own organizations
    among those that it names, or all of them."""
    own = _own_among(wanted, tenant)
    if not own:
        return sorted(tenant.organizations)
    return wanted if isinstance(wanted, str) else list(own)


def _own_among(wanted: Any, tenant: TenantContext) -> tuple[str, ...]:
    # A host's own table may hold anything.
    names = wanted if isinstance(wanted, list) else [wanted]
    return _own(tuple(name for name in names if isinstance(name, str)), tenant.organizations)


@lru_cache(maxsize=1024)
def _own(names: tuple[str, ...], organizations: frozenset[str]) -> tuple[str, ...]:
    folded = {fold(name) for name in organizations}
    return tuple(name for name in names if fold(name) in folded)


def current() -> Snapshot:
    """Return the values that apply here: those of the current tenant's or host's site, or nothing."""
    stack = _stack.get()
    if not stack:
        return NOTHING
    scope = stack[-1]
    view = revisions.view()
    if scope.view is view and scope.stamp == view.stamp:
        return scope.values  # type: ignore[no-any-return]
    stamp = view.stamp
    if scope.preview is not None:
        values = scope.preview
    elif scope.site_id is None:
        values = NOTHING
    else:
        values = snapshot_of(scope.site_id)
    values = own_organizations_only(values, scope.tenant)
    scope.values, scope.stamp, scope.view = values, stamp, view
    return values


def copied(value: Any) -> Any:
    """Return a JSON value as the caller's own: lists and objects are copied through and through."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, dict):
        return {name: copied(item) for name, item in value.items()}
    return [copied(item) for item in value]
