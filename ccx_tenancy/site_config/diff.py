"""The difference between two documents, path by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ADDED = "added"
REMOVED = "removed"
CHANGED = "changed"


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
