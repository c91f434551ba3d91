"""Custom courses that a tenant bought, where the host goes by the organization in a key.

The host shows on a site what the organizations of its ``course_org_filter`` have, and the key of a CCX says the
seller's. What of the seller's is seen on the buyer's site is cut already where rows are read
(:mod:`ccx_tenancy.hosts.openedx.rows`): there only the CCX is left. So where the host goes through rows, the seller's
organization may stand among the site's. Elsewhere, in a search for example, it may not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Any

from ccx_tenancy.conf import conf
from ccx_tenancy.hosts.openedx import rows

#: The patch without which nothing of the seller's would be cut.
CUT = "tenant_rows"

_goes_through_rows: ContextVar[bool] = ContextVar("ccx_tenancy_goes_through_rows", default=False)


@contextlib.contextmanager
def going_through_rows() -> Iterator[None]:
    """Say that the code inside asks for the site's organizations to choose among rows that are cut."""
    token = _goes_through_rows.set(True)
    try:
        yield
    finally:
        _goes_through_rows.reset(token)


def is_going_through_rows() -> bool:
    """Whether the site's organizations are asked for by such code."""
    return _goes_through_rows.get()


def organizations_shown(organizations: Iterable[str] | None) -> Any:
    """Return the site's organizations, as the host has them (None or empty: no filter), with those in whose courses
    CCXs lie that the site's tenant runs. A tenant without a filter shows what is its own.

    Unchanged for platform operators, of whose rows none are cut, and where there is no tenant.
    """
    who = None if CUT in conf.host_patches_off else rows.viewer()
    if who is None or who.tenant is None:
        return organizations
    sellers = rows.sellers_to(who)
    if organizations and not sellers:
        return organizations
    return sorted({*(organizations or who.tenant.organizations), *sellers})
