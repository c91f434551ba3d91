"""The few site values this room reads, straight from the host's table: it does not lean on the room of site values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ccx_tenancy.conf import conf
from ccx_tenancy.context import TenantContext


def values_of(tenant: TenantContext | None) -> Mapping[str, Any]:
    """Return what the tenant's site stores, secrets still sealed; nothing where its configuration is disabled.

    One query: it is asked when somebody joins or is invited, not at each request.
    """
    if tenant is None or tenant.site_id is None:
        return {}
    stored = conf.host.site_values.load(tenant.site_id)
    return stored.values if stored is not None and stored.enabled else {}
