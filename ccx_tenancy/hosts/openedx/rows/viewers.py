"""For whom rows are read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import crum
from django.http import HttpRequest
from django.utils.functional import LazyObject, empty

from ccx_tenancy.context import TenantContext, current_tenant
from ccx_tenancy.membership.api import memberships_of
from ccx_tenancy.middleware import drf
from ccx_tenancy.partition import policy
from ccx_tenancy.tenants import index

_uncut: ContextVar[bool] = ContextVar("ccx_tenancy_uncut", default=False)


@contextlib.contextmanager
def uncut() -> Iterator[None]:
    """Have the code inside read all rows, the host's functions that it calls too: for our own rooms, which have asked
    already whether it may be done. A request of the seller, for example, makes the buyer's CCX."""
    token = _uncut.set(True)
    try:
        yield
    finally:
        _uncut.reset(token)


def is_uncut() -> bool:
    """Whether all rows are read now, for our own rooms."""
    return _uncut.get()


class Viewer:
    """For whom rows are read: the request, the tenant of the site (None: a host of the platform's own), the user's id.

    ``is_known`` is False while nobody has found out yet who the user is: to do so, an account is looked for.
    """

    __slots__ = ("is_known", "request", "tenant", "user_id")

    def __init__(self, request: HttpRequest, tenant: TenantContext | None, user: Any) -> None:
        self.request = request
        self.tenant = tenant
        self.is_known = user is not None
        self.user_id: int | None = getattr(user, "pk", None)


def viewer() -> Viewer | None:
    """Return for whom a row is read now, or None where nothing is cut. No query."""
    request: HttpRequest | None = crum.get_current_request()
    if request is None or drf.is_finding_out() or is_uncut():
        return None
    surface = getattr(request, "tenancy_surface", policy.STUDIO)
    if surface == policy.STUDIO or not policy.has_tenants():
        return None
    tenant: TenantContext | None = request.tenant  # type: ignore[attr-defined]
    if current_tenant() is not tenant and current_tenant() != tenant:
        return None  # Somebody entered another tenant on purpose.
    user = settled(getattr(request, "user", None))
    if policy.is_operator(user) or (tenant is None and policy.is_service(user)):
        return None
    return Viewer(request, tenant, user)


def settled(user: Any) -> Any:
    """Return the user if somebody has asked for it already, else None: to ask here would never end."""
    while isinstance(user, LazyObject):
        user = None if user._wrapped is empty else user._wrapped
    return user


def tenants_of(who: Viewer) -> list[int]:
    """Return the numbers of the tenants to which the viewer belongs, in order."""
    if who.user_id is None:
        return []
    known = index.index().organizations
    return sorted({known[name].id for name in memberships_of(who.user_id) if name in known})
