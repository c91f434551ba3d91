"""Tells the partition who runs a CCX that was ordered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ccx_tenancy.ccxcon.models import CcxOrder
from ccx_tenancy.conf import conf
from ccx_tenancy.partition import owners as registry
from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.api import fold

_REVISION = "ccxcon.owners"


class OrderedCcxs:
    """The CCXs that another organization runs than their master course's, from memory."""

    def by_number(self) -> Mapping[int, tuple[str, str]]:
        """Return them. One query where one was added since it was asked last; none otherwise."""
        view = revisions.view()
        number = view.number(_REVISION)
        found: tuple[int, dict[int, tuple[str, str]]] | None = view.caches.get(_REVISION)
        if found is None or found[0] != number:
            found = view.caches[_REVISION] = (number, revisions.from_any_thread(_load))
        return found[1]

    def is_enrolled(self, user: Any, key: str) -> bool:
        """Ask the host."""
        return conf.host.custom_courses.is_enrolled(user, key)


_OWNERS = OrderedCcxs()


def connect() -> None:
    """Register with the partition. Doing it twice registers once."""
    registry.register(_OWNERS)


def changed() -> None:
    """Say, in the current transaction, that a CCX has another owner now."""
    revisions.bump(_REVISION)


def _load() -> dict[int, tuple[str, str]]:
    rows = CcxOrder.objects.exclude(ccx_number=None).exclude(run_by_master=True)
    return {
        number: (key, fold(organization))
        for number, key, organization in rows.values_list("ccx_number", "ccx_key", "organization")
        if number is not None and key is not None
    }
