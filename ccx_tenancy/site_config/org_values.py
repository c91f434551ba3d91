"""Values by organization: which site speaks for an organization, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ccx_tenancy.conf import conf
from ccx_tenancy.site_config.freshness import PLATFORM
from ccx_tenancy.site_config.schema import ORG_FILTER
from ccx_tenancy.site_config.snapshots import snapshot_of
from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.api import fold
from ccx_tenancy.tenants.index import index, platform_site_ids

_CACHE = "site_config.platform_claims"
_NO_VALUES: Mapping[str, Any] = {}


def values_for(org: str | None) -> Mapping[str, Any]:
    """Return the values of the site that speaks for an organization: its tenant's primary site, or the platform's
    site whose ``course_org_filter`` names it; nothing where there is neither."""
    site_id, _ = speaker_of(org)
    return snapshot_of(site_id).values if site_id is not None else _NO_VALUES


def speaker_of(org: str | None) -> tuple[int | None, str | None]:
    """Return the site that speaks for an organization, and the spelling under which a platform's site claims it.

    The spelling is None where the organization is a tenant's, the site where the tenant has none or nobody claims it:
    nobody claims what is no text, such as the None of a course without an organization. No query while the process is
    warm.
    """
    if not isinstance(org, str):
        return None, ""
    folded = fold(org)
    tenant = index().organizations.get(folded)
    if tenant is not None:
        return tenant.site_id, None
    return _platform_claims().get(folded, (None, ""))


def claimed_organizations() -> set[str]:
    """Return the short names that tenants own or platform sites name, each in its own spelling."""
    owned = {name for tenant in index().tenants.values() for name in tenant.organizations}
    return owned | {name for _, name in _platform_claims().values()}


def _platform_claims() -> Mapping[str, tuple[int, str]]:
    """Return site and spelling by folded organization, for the sites that belong to no tenant."""
    view = revisions.view()
    number = view.number(PLATFORM)
    tenants = view.number(revisions.TENANTS)
    found: tuple[int, int, Mapping[str, tuple[int, str]]] | None = view.caches.get(_CACHE)
    if found is None or found[:2] != (number, tenants):
        found = view.caches[_CACHE] = (number, tenants, revisions.from_any_thread(_load_claims))
    return found[2]


def _load_claims() -> Mapping[str, tuple[int, str]]:
    claims: dict[str, tuple[int, str]] = {}
    for stored in conf.host.site_values.load_many(platform_site_ids()):
        wanted = stored.values.get(ORG_FILTER) if stored.enabled else None
        for name in [wanted] if isinstance(wanted, str) else wanted or []:
            if name:
                claims.setdefault(fold(name), (stored.site_id, name))
    return claims
