"""Custom courses (CCX) that another organization runs than the one their key says.

``ccx-v1:Acme+AX1+2026+ccx@3`` is made of Acme's course, and may have been bought by Globex: then it is Globex's. Who
knows that registers here; the partition itself knows of no orders. What is not registered is whose key it is.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ccx_tenancy.partition.keys import Named
from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.api import fold

# A key of a CCX or of a block in one: what stands before the number is the master course, perhaps with a branch.
_CCX = re.compile(r"ccx(?:-block)?-v1\$*:(?P<master>[^/]*?)[+ ]ccx@0*(?P<number>[0-9]{1,18})", re.IGNORECASE)
# A file and a block of a course, each with what stands before its kind.
_FILE = re.compile(r"asset-v1:(?P<course>[^/@]*)\+type@", re.IGNORECASE)
_BLOCK = re.compile(r"block-v1:(?P<course>[^/]*?)\+type@", re.IGNORECASE)
_BOUGHT = "partition.bought"


class KeyOwners(Protocol):
    """Knows the CCXs that are somebody else's than their key says."""

    def by_number(self) -> Mapping[int, tuple[str, str]]:
        """Return, by the number in the key, the CCX's key and the folded short name of who runs it. From memory."""

    def is_enrolled(self, user: Any, key: str) -> bool:
        """Whether a signed-in user is enrolled in that CCX. May take a query."""


class Bought(NamedTuple):
    """A CCX that another organization runs than its key says. ``runner``, ``seller`` and ``master`` (organization,
    course and run, joined by ``+``) are folded."""

    key: str
    number: int
    runner: str
    seller: str
    master: str


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


def bought() -> tuple[Bought, ...]:
    """Return all such CCXs. The same object while nothing has changed; no query while the process is warm."""
    known = [owners.by_number() for owners in _registered]
    if not any(known):
        return ()
    caches = revisions.view().caches
    kept: tuple[list[Mapping[int, tuple[str, str]]], tuple[Bought, ...]] | None = caches.get(_BOUGHT)
    if (
        kept is None
        or len(kept[0]) != len(known)
        or any(one is not two for one, two in zip(kept[0], known, strict=True))
    ):
        found = tuple(
            Bought(key, number, runner, _master_of(key).partition("+")[0], _master_of(key))
            for pairs in known
            for number, (key, runner) in pairs.items()
        )
        kept = caches[_BOUGHT] = (known, found)
    return kept[1]


def runners_of_file(key: str) -> frozenset[str]:
    """Return the folded organizations that run CCXs of the course in which a file lies (``asset-v1:...``).

    A CCX has no files of its own: its pages name those of the master course.
    """
    match = _FILE.match(key)
    if match is None or not has_any():
        return _NOBODY
    return _runners_by_master().get(_master(match["course"]), _NOBODY)


def masters_of(named: Iterable[Named]) -> frozenset[str]:
    """Return the master courses of those CCXs among the named."""
    found = [_find(one.key) for one in named if "ccx" in one.key or "CCX" in one.key]
    return frozenset(_master_of(one[0]) for one in found if one is not None and one[2])


def without_blocks_of(masters: Container[str], named: Iterable[Named]) -> list[Named]:
    """Return the named without blocks of those courses. The courses themselves stay, and so does all else."""
    matches = ((one, _BLOCK.match(one.key)) for one in named)
    return [one for one, match in matches if match is None or _master(match["course"]) not in masters]


def has_any() -> bool:
    """Whether there is such a CCX at all."""
    return any(owners.by_number() for owners in _registered)


_NOBODY: frozenset[str] = frozenset()
_RUNNERS = "partition.bought.runners"


def _runners_by_master() -> Mapping[str, frozenset[str]]:
    found = bought()
    caches = revisions.view().caches
    kept: tuple[Sequence[Bought], dict[str, frozenset[str]]] | None = caches.get(_RUNNERS)
    if kept is None or kept[0] is not found:
        runners: dict[str, set[str]] = {}
        for one in found:
            runners.setdefault(one.master, set()).add(one.runner)
        kept = caches[_RUNNERS] = (found, {master: frozenset(names) for master, names in runners.items()})
    return kept[1]


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
