"""How ``tenancy apply`` shows a plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ccx_tenancy.management.output import compact, difference_data, difference_line, printable
from ccx_tenancy.provisioning import Change, Failure, Item
from ccx_tenancy.site_config.diff import ADDED, CHANGED, REMOVED

_MARKS = {"create": "+", "change": "~", "nothing": "="}
_KINDS = {ADDED: "+", CHANGED: "~", REMOVED: "-"}


def item_lines(item: Item) -> Iterator[str]:
    """Yield the lines about one tenant or site: what is created, changed, as it is, and kept though not listed."""
    state = {"create": "", "change": "", "nothing": ": nothing to do"}[item.action]
    yield f"{_MARKS[item.action]} {item.kind} {item.name}{state}"
    for change in item.changes:
        yield f"    {_KINDS[change.kind]} {_text(change)}"
        yield from (f"        {difference_line(one)}" for one in change.differences)
    for change in item.kept:
        yield f"    ! {change.what} {printable(change.target)} is not in the document, and kept; --prune removes it"


def item_data(item: Item, failure: Failure | None) -> dict[str, Any]:
    """Return the same as it stands in JSON output."""
    return {
        "kind": item.kind,
        "name": item.name,
        "path": item.path,
        "action": item.action,
        "changes": _changes(item.changes),
        "kept": _changes(item.kept),
        "warnings": [{"path": one.path, "message": one.message} for one in item.warnings],
        "failure": None if failure is None else str(failure.error),
    }


def _changes(changes: Sequence[Change]) -> list[dict[str, Any]]:
    return [
        {
            "what": change.what,
            "kind": change.kind,
            "target": change.target,
            "path": change.path,
            "before": change.before,
            "after": change.after,
            "differences": [difference_data(one) for one in change.differences],
        }
        for change in changes
    ]


def _text(change: Change) -> str:
    target = printable(change.target)
    before, after = compact(change.before), compact(change.after)
    match change.what, change.kind:
        case ("tenant" | "site", "added"):
            return f"named {after}"
        case ("name" | "state", _):
            return f"{change.what}: {before} -> {after}"
        case ("site", _):
            return f"name: {before} -> {after}"
        case ("domain", "added"):
            return f"domain {target} ({_domain(change.after)})"
        case ("domain", _):
            return f"domain {target} ({_domain(change.before)})"
        case ("surface", _):
            return f"domain {target}: {_domain(change.before)} -> {_domain(change.after)}"
        case ("primary", _):
            return f"primary domain: {before} -> {after}"
        case ("organization", "added"):
            return f"organization {target}" + (" (new)" if change.after == "new" else "")
        case ("configuration", "changed") if not change.differences:
            return f"configuration of {target}: the order of its keys"
        case ("enabled", _):
            return f"configuration of {target}: {'enabled' if change.after else 'disabled'}"
        case _:
            return f"{change.what} {target}" if change.what == "organization" else f"{change.what} of {target}"


def _domain(shown: dict[str, Any]) -> str:
    return f"{shown['surface']}, primary" if shown["primary"] else str(shown["surface"])
