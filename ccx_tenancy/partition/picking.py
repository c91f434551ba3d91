"""The cookie with which somebody sees one tenant of several in a Studio that serves all of them.

It names the user and the tenant, and is not signed: it only ever narrows what its owner sees, and for nobody else it
counts (:func:`ccx_tenancy.partition.policy.picked`).
"""

from __future__ import annotations

from typing import Any

from ccx_tenancy.context import TenantContext
from ccx_tenancy.tenants.index import index

PICK_COOKIE = "ccx_tenancy_pick"


def cookie_of(user: Any, tenant: TenantContext) -> str:
    """Return the value of the cookie: the user's id, a point, the tenant's key."""
    return f"{user.pk}.{tenant.key}"


def pick_of(value: str) -> tuple[str, TenantContext] | None:
    """Return whose pick a cookie's value is, and of which tenant; None for what names no tenant."""
    chosen_by, _, key = value.partition(".")
    tenant = index().tenants.get(key)
    return (chosen_by, tenant) if tenant is not None else None
