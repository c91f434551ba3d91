"""A tenant as an entry of a document."""

from __future__ import annotations

from typing import Any

from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.tenants import api as tenants


def describe_tenant(key: str) -> dict[str, Any]:
    """Return a tenant in the form of an entry of ``tenants`` in a document, secrets masked.

    Applied to the same platform it changes nothing: a masked secret stands for the one stored. Raises UnknownTenant.
    """
    tenant = tenants.get_tenant(key)
    rows = sorted(
        tenant.domains.select_related("site"),
        key=lambda row: (tenants.SURFACES.index(row.surface), not row.is_primary, row.domain),
    )
    entry: dict[str, Any] = {
        "key": tenant.key,
        "name": tenant.name,
        "state": tenant.state,
        "domains": [
            {"domain": row.domain, "surface": row.surface, **({"primary": True} if row.is_primary else {})}
            for row in rows
        ],
        "organizations": [
            link.organization.short_name for link in tenant.tenant_organizations.select_related("organization")
        ],
    }
    others: dict[str, Any] = {}
    for row in rows:
        stored = site_config.current_values(row.site) if row.site is not None else None
        if stored is None or not (stored.revision or stored.values):
            continue
        if row.is_primary:
            entry["configuration"] = stored.values
            entry["enabled"] = stored.enabled
        else:
            others[row.domain] = stored.values
    if others:
        entry["configurations"] = others
    return entry
