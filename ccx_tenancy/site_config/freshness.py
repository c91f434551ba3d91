"""Under which revision number the values of a site stand.

Sites share a few numbers, so that one reading covers all of them and a change makes few others be read again.
"""

from __future__ import annotations

from collections.abc import Collection

from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.api import TenantDomain, chunks

_SHARDS = 16

#: The revision of all configurations of sites that belong to no tenant.
PLATFORM = "sites.platform"


def shard_of(site_id: int) -> str:
    """Return the name of the revision that covers a site's values."""
    return f"sites.{site_id % _SHARDS}"


def bump_site(site_id: int) -> None:
    """Say, in the current transaction, that the values of a site have changed."""
    bump_sites([site_id])


def bump_sites(site_ids: Collection[int]) -> None:
    """Say, in the current transaction, that the values of those sites have changed: at a few queries, however many."""
    names = {shard_of(site_id) for site_id in site_ids}
    if any(TenantDomain.objects.filter(site_id__in=some).count() < len(some) for some in chunks(set(site_ids))):
        names.add(PLATFORM)
    if names:
        revisions.bump(*names)
