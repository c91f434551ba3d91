"""Points at which a process can be made to die: before and after every write, commit and call to another server.

A test writes a number into the file ``arm/ROLE``; the process takes the file away, counts down with each point, and
ends itself by SIGKILL at zero, having said in ``arm/ROLE.died`` where that was.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from ccx_tenancy.outgoing import http
from tests.marketplace.rooms.common import DIRECTORY, ROLE

_FILE = DIRECTORY / "arm" / ROLE
_lock = threading.Lock()
_left: int | None = None


def point(name: str) -> None:
    """Die here, if it is our turn."""
    global _left
    with _lock:
        if _left is None:
            try:
                _left = int(_FILE.read_text())
                _FILE.unlink()
            except (OSError, ValueError):
                return
        _left -= 1
        if _left > 0:
            return
        _FILE.with_suffix(".died").write_text(name)
        os.kill(os.getpid(), signal.SIGKILL)


def install() -> None:
    """Put the points in."""
    connection_created.connect(_watch, dispatch_uid="points")
    call, commit = http.request, BaseDatabaseWrapper._commit

    def request(method: str, url: str, **arguments: Any) -> http.Answer:
        place = url.partition("://")[2].partition("/")[2].partition("?")[0]
        point(f"before {method} /{place}")
        answer = call(method, url, **arguments)
        point(f"after {method} /{place}")
        return answer

    def committing(self: BaseDatabaseWrapper) -> None:
        point("before COMMIT")
        commit(self)
        point("after COMMIT")

    http.request = request
    BaseDatabaseWrapper._commit = committing  # type: ignore[method-assign]


def _watch(connection: Any, **kwargs: Any) -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode=WAL")
            # A process that is killed loses nothing that way; only a machine would.
            cursor.execute("PRAGMA synchronous=OFF")

    def around(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(("INSERT", "UPDATE", "DELETE")):
            return execute(sql, params, many, context)
        name = " ".join(sql.split()[: 2 if sql.startswith("UPDATE") else 3])
        point(f"before {name}")
        found = execute(sql, params, many, context)
        point(f"after {name}")
        return found

    connection.execute_wrappers.append(around)
