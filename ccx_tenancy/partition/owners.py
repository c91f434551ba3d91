"""Custom courses (CCX) that another organization runs than the one their key says.

``ccx-v1:Acme+AX1+2026+ccx@3`` is made of Acme's course, and may have been bought by Globex: then it is Globex's. Who
knows that registers here; the partition itself knows of no orders. What is not registered is whose key it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from ccx_tenancy.partition.keys import Named
from ccx_tenancy.tenants.api import fold

# A key of a CCX or of a block in one: what stands before the number is the master course, perhaps with a branch.
_CCX = re.compile(r"ccx(?:-block)?-v1\$*:(?P<master>[^/]*?)[+ ]ccx@0*(?P<number>[0-9]{1,18})", re.IGNORECASE)


class KeyOwners(Protocol):
    """Knows the CCXs that are somebody else's than their key says."""

    def by_number(self) -> Mapping[int, tuple[str, str]]:
        """Return, by the number in the key, the CCX's key and the folded short name of who runs it. From memory."""

    def is_enrolled(self, user: Any, key: str) -> bool:
        """Whether a signed-in user is enrolled in that CCX. May take a query."""


_registered: list[KeyOwners] = []


def register(owners: KeyOwners) -> None:
    """Ask ``owners`` from now on; registering one twice registers it once."""
    if owners not in _registered:
        _registered.append(owners)


def resolved(named: Iterable[Named]) -> list[Named]:
    """Return what was named, with CCXs under the organization that runs them.

    A key that has the number of such a CCX but names another master course is no key of it: then both organizations
    are named, and only who may see both passes.
    """
    found: list[Named] = []
    for one in named:
        run_by = _run_by(one.key) if "ccx" in one.key or "CCX" in one.key else None
        if run_by is None:
            found.append(one)
            continue
        organization, is_exact = run_by
        found.append(Named(organization, one.key))
        if not is_exact:
            found.append(one)
    return found


def run_by(key: str) -> str | None:
    """Return the folded organization that runs the CCX of a key, where it is another than the key says."""
    found = _run_by(key)
    return found[0] if found is not None and found[1] else None


def is_enrolled(user: Any, key: str) -> bool:
    """Whether a signed-in user is enrolled in the CCX that a key lies in, where the CCX is one of those."""
    found = _find(key)
    return found is not None and found[2] and found[3].is_enrolled(user, found[0])


def all_keys() -> list[tuple[str, str]]:
    """Return the key and the folded organization of each CCX that another organization runs than its key says."""
    return [pair for owners in _registered for pair in owners.by_number().values()]


def has_any() -> bool:
    """Whether there is such a CCX at all."""
    return any(owners.by_number() for owners in _registered)


def _run_by(key: str) -> tuple[str, bool] | None:
    found = _find(key)
    return None if found is None else (found[1], found[2])


def _find(key: str) -> tuple[str, str, bool, KeyOwners] | None:
    match = _CCX.search(key)
    if match is None:
        return None
    for owners in _registered:
        pair = owners.by_number().get(int(match["number"]))
        if pair is not None:
            return (*pair, _master(match["master"]) == _master_of(pair[0]), owners)
    return None


def _master_of(key: str) -> str:
    match = _CCX.search(key)
    return _master(match["master"]) if match is not None else ""


def _master(text: str) -> str:
    return fold("+".join(text.replace(" ", "+").split("+")[:3]))
