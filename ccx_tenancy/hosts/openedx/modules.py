"""Modules that the host reads while somebody asks.

The first request of a process has the host read its URLs, and with them all views and serializers; later ones have it
read what a function imports. What such a module asks for when it is read, the queryset of a view, say, it keeps for
everybody: it must not be cut to what the one sees who happened to ask first.
"""

from __future__ import annotations

import _frozen_importlib
from collections.abc import Mapping
from threading import get_ident
from typing import Any

#: The locks of the modules that are being read, by name, each held by the thread that reads it.
_LOCKS: Mapping[str, Any] = getattr(_frozen_importlib, "_module_locks", {})


def is_reading() -> bool:
    """Whether this thread is reading a module."""
    if not _LOCKS:
        return False
    thread = get_ident()
    # Another thread may come to read one meanwhile.
    locks = [lock() for lock in dict(_LOCKS).values()]
    return any(lock is not None and lock.owner == thread for lock in locks)
