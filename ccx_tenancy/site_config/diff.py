"""The difference between two documents, path by path and line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

ADDED = "added"
REMOVED = "removed"
CHANGED = "changed"

#: Above so many lines that differ, comparing them takes too long for a page.
MAX_LINES = 2000


@dataclass(frozen=True, slots=True)
class Difference:
    """One place that differs: ``path`` (names from the top), ``kind`` (added, removed, changed) and both values."""

    path: tuple[str, ...]
    kind: str
    before: Any = None
    after: Any = None

    @property
    def name(self) -> str:
        """The path as people read it: ``MFE_CONFIG.LOGO_URL``."""
        return ".".join(self.path)

    def __str__(self) -> str:
        from ccx_tenancy.site_config.documents import dump

        if self.kind == ADDED:
            return f"+ {self.name}: {dump(self.after)}"
        if self.kind == REMOVED:
            return f"- {self.name}: {dump(self.before)}"
        return f"~ {self.name}: {dump(self.before)} -> {dump(self.after)}"


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Return where two documents differ, in the order of the keys; objects are compared key by key, lists whole."""
    return list(_walk(before, after, ()))


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same. ``1``, ``1.0`` and ``true`` are three values."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(same(left, right) for left, right in zip(one, other, strict=True))
    return bool(one == other)


def _walk(before: Mapping[str, Any], after: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Difference]:
    for name in [*before, *(name for name in after if name not in before)]:
        here = (*path, name)
        if name not in after:
            yield Difference(here, REMOVED, before=before[name])
        elif name not in before:
            yield Difference(here, ADDED, after=after[name])
        elif isinstance(before[name], dict) and isinstance(after[name], dict):
            yield from _walk(before[name], after[name], here)
        elif not same(before[name], after[name]):
            yield Difference(here, CHANGED, before=before[name], after=after[name])


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a comparison: ``kind`` is added, removed, same or gap (lines left out); numbers count from 1."""

    kind: str
    text: str = ""
    before: int | None = None
    after: int | None = None


def lines(before: str, after: str, *, context: int = 3) -> list[Line] | None:
    """Return the comparison of two texts with ``context`` lines around each change; an empty list where none differs,
    and None where more than ``MAX_LINES`` lines would have to be compared."""
    old, new = before.splitlines(), after.splitlines()
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    if len(old) - start - end + len(new) - start - end > MAX_LINES:
        return None
    first, last = max(0, start - context), min(end, context)
    left, right = old[first : len(old) - end + last], new[first : len(new) - end + last]
    shown: list[Line] = []
    for group in SequenceMatcher(None, left, right, autojunk=False).get_grouped_opcodes(context):
        if shown or group[0][1] + first > 0:
            shown.append(Line("gap"))
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                shown += [Line("same", left[i], i + first + 1, i + first + 1 + j1 - i1) for i in range(i1, i2)]
                continue
            shown += [Line(REMOVED, left[i], before=i + first + 1) for i in range(i1, i2)]
            shown += [Line(ADDED, right[j], after=j + first + 1) for j in range(j1, j2)]
    if shown and end > last:
        shown.append(Line("gap"))
    return shown
