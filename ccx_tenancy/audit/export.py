"""The record on its way out: line by line, in the order in which it was written, read a thousand entries at a time.

What was secret was masked when the entry was written: the record holds no secret that could leave it here.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from ccx_tenancy.audit.models import AuditEntry

COLUMNS = ("id", "created", "tenant", "actor", "action", "target", "before", "after", "request_id")
FORMATS = ("table", "json", "csv")
_BATCH = 1000
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
#: The widths of a table whose rows are not known beforehand; what is longer stands out.
_WIDTHS = {"created": 25, "tenant": 16, "actor": 16, "action": 22}
_SHOWN = (*_WIDTHS, "target")


def lines(rows: QuerySet[AuditEntry], form: str) -> Iterator[str]:
    """Yield entries, oldest first, as lines of one of ``FORMATS``, each with its end. JSON is one array, an entry to a
    line. The rows are read as the lines are taken."""
    return {"table": _table, "json": _json, "csv": _csv}[form](_entries(rows))


def guarded(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: an apostrophe in front keeps it text."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _entries(rows: QuerySet[AuditEntry]) -> Iterator[dict[str, Any]]:
    # In steps of our own: not every database driver reads a result as it is taken.
    after = 0
    while batch := list(rows.order_by("pk").filter(pk__gt=after)[:_BATCH]):
        for entry in batch:
            yield {
                "id": entry.pk,
                "created": entry.created.isoformat(timespec="seconds"),
                "tenant": entry.tenant_key,
                **{name: getattr(entry, name) for name in COLUMNS[3:]},
            }
        after = batch[-1].pk


def _json(entries: Iterator[dict[str, Any]]) -> Iterator[str]:
    ending = "["
    for entry in entries:
        yield f"{ending}\n{_compact(entry)}"
        ending = ","
    yield "[]\n" if ending == "[" else "\n]\n"


def _csv(entries: Iterator[dict[str, Any]]) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        yield _taken(text)
        writer.writerow([_cell(entry[name]) for name in COLUMNS])
    yield _taken(text)


def _table(entries: Iterator[dict[str, Any]]) -> Iterator[str]:
    yield _row({name: name.upper() for name in _SHOWN})
    for entry in entries:
        yield _row(entry)


def _row(entry: dict[str, Any]) -> str:
    cells = [_printable(entry[name]).ljust(_WIDTHS.get(name, 0)) for name in _SHOWN]
    return f"{'  '.join(cells).rstrip()}\n"


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return guarded(value) if isinstance(value, str) else guarded(_compact(value))


def _compact(value: Any) -> str:
    # ASCII alone, so that no character moves a terminal's cursor or ends the line.
    return json.dumps(value, default=str)


def _taken(text: io.StringIO) -> str:
    found = text.getvalue()
    text.seek(0)
    text.truncate()
    return found
