"""Who changes site values now, and why: told to the receiver of the host's history while a save runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Note:
    """What is known of a change being saved. ``history_id`` is filled in when the host has written its history."""

    actor: Any
    reason: str
    history_id: int | None = None


_current: ContextVar[Note | None] = ContextVar("ccx_tenancy_openedx_note", default=None)


def current() -> Note | None:
    """Return the note of the save that runs, or None: somebody else saves."""
    return _current.get()


@contextmanager
def noting(actor: Any, reason: str) -> Iterator[Note]:
    """Give the history rows written inside that actor and reason."""
    note = Note(actor, reason)
    token = _current.set(note)
    try:
        yield note
    finally:
        _current.reset(token)
