"""How commands show things: as a table for people, as JSON for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from ccx_tenancy.site_config.diff import ADDED, REMOVED, Difference

# What json leaves as it is and a terminal obeys. It stands in texts alone, where JSON may write it as an escape.
_CONTROL = re.compile("[\x7f-\x9f\u2028\u2029]")


def as_json(value: Any) -> str:
    """Return the value as JSON on several lines. What JSON does not have (a date, a path) is written as text."""
    return _escaped(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def compact(value: Any) -> str:
    """Return the value as JSON on one line."""
    return _escaped(json.dumps(value, ensure_ascii=False, default=str))


def printable(text: str) -> str:
    """Return the text on one line: what would move the cursor or end the line is written as an escape."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows under their headings, in columns as wide as they have to be. Nothing is cut off."""
    cells = [[heading.upper() for heading in headings]]
    cells += [[printable(str("" if cell is None else cell)) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in cells) for place in range(len(headings))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)
    return "\n".join(lines)


def difference_line(change: Difference) -> str:
    """Return a difference on one line: ``~ PLATFORM_NAME: "A" -> "B"``."""
    name = printable(change.name)
    if change.kind == ADDED:
        return f"+ {name}: {compact(change.after)}"
    if change.kind == REMOVED:
        return f"- {name}: {compact(change.before)}"
    return f"~ {name}: {compact(change.before)} -> {compact(change.after)}"


def difference_data(change: Difference) -> dict[str, Any]:
    """Return a difference as it stands in JSON output."""
    return {"path": list(change.path), "kind": change.kind, "before": change.before, "after": change.after}


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
