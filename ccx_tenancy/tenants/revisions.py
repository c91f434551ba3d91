"""Freshness: how a process learns that what it has read is no longer true.

Every change bumps a numbered :class:`Revision` row in its own transaction. A process reads all numbers in one query,
at most once each ``FRESHNESS_SECONDS``, and whatever it had cached under an older number is read again. The row's lock
makes numbers appear in the order in which transactions commit; a transaction that is rolled back leaves no trace.

A thread that has changed something and not yet committed must see its own change, and nobody else may: its reads go to
a :class:`View` of its own until the transaction ends. Whether it has ended is asked of Django, which drops a pending
commit hook exactly when the transaction or savepoint it belongs to is gone.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic
from typing import Any, Generic, TypeVar

from asgiref.sync import sync_to_async
from django.db import connections, router, transaction
from django.db.models import F

from ccx_tenancy.conf import conf

TENANTS = "tenants"

Result = TypeVar("Result")
Item = TypeVar("Item")


class View:
    """Revision numbers, and the caches filled under them.

    ``stamp`` changes whenever a number does, so that a reader who kept a reference knows it from one comparison.
    """

    __slots__ = ("caches", "numbers", "stamp", "valid_until")

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.caches: dict[str, Any] = {}
        self.valid_until = 0.0
        self.stamp = 0

    def number(self, name: str) -> int:
        """Return the revision number known for ``name`` (0: nothing was ever changed under it)."""
        return self.numbers.get(name, 0)

    def take(self, found: dict[str, int]) -> None:
        """Adopt the numbers just read. A lower one is an older snapshot of another transaction, and is ignored; a
        missing one says that the table was emptied."""
        merged = {name: max(number, self.numbers.get(name, 0)) for name, number in found.items()}
        if merged != self.numbers:
            self.numbers = merged
            self.stamp += 1


class LRU(Generic[Item]):
    """A bounded mapping whose entries carry the revision number they were read under."""

    def __init__(self, size: Callable[[], int]) -> None:
        self._size = size
        self._entries: OrderedDict[Hashable, tuple[int, Item]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def __bool__(self) -> bool:
        return True

    def get(self, key: Hashable, number: int) -> Item | None:
        """Return what was kept under that key and number, or None."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or entry[0] != number:
                return None
            self._entries.move_to_end(key)
            return entry[1]

    def put(self, key: Hashable, number: int, item: Item) -> None:
        """Keep ``item``; the entry longest unused goes where there is no room."""
        with self._lock:
            self._entries[key] = (number, item)
            self._entries.move_to_end(key)
            while len(self._entries) > self._size():
                self._entries.popitem(last=False)


class _Pending:
    """The uncommitted changes of one connection, and the view that only its thread sees."""

    def __init__(self, using: str) -> None:
        self.using = using
        self.hooks: list[Callable[[], None]] = []
        self.view = View()

    def note(self, names: Iterable[str]) -> None:
        def committed() -> None:
            # A test may run the hooks while its transaction goes on: nothing is committed then.
            if not connections[self.using].in_atomic_block:
                _forget(self)
                expire()

        self.hooks.append(committed)
        transaction.on_commit(committed, using=self.using)
        # No commit hook is pending any more where the connection is in autocommit mode: it ran at once.
        for name in names:
            self.view.numbers[name] = self.view.numbers.get(name, 0) + 1
        self.view.stamp += 1

    def is_open(self) -> bool:
        waiting = {hook for _, hook, *_ in connections[self.using].run_on_commit}
        alive = [hook for hook in self.hooks if hook in waiting]
        if len(alive) != len(self.hooks):
            # A savepoint was rolled back: what was read under it is no longer true.
            self.hooks = alive
            self.view = View()
        return bool(alive)


class _Local(threading.local):
    pending: _Pending | None = None
    collected: set[str] | None = None


_local = _Local()
_shared = View()
_lock = threading.Lock()
_expired = 0


def view() -> View:
    """Return the view that this thread may trust now, after reading the numbers where they are too old.

    No query while the last reading is younger than ``FRESHNESS_SECONDS``; one otherwise.
    """
    if _local.pending is not None:
        if _local.pending.is_open():
            return _local.pending.view
        _local.pending = None
        expire()
    if monotonic() >= _shared.valid_until:
        _refresh()
    return _shared


def is_fresh() -> bool:
    """Whether :func:`view` would answer without a query."""
    return _local.pending is not None or monotonic() < _shared.valid_until


def expire() -> None:
    """Read the numbers again before the next answer, however young the last reading is."""
    global _expired
    _expired += 1
    _shared.valid_until = 0.0


def forget() -> None:
    """Drop everything this process has cached. For the moment after the tables were emptied or copied over."""
    _shared.numbers = {}
    _shared.caches = {}
    _shared.stamp += 1
    expire()


def _forget(pending: _Pending) -> None:
    if _local.pending is pending:
        _local.pending = None


def _refresh() -> None:
    from ccx_tenancy.tenants.models import Revision

    with _lock:
        started = monotonic()
        if started < _shared.valid_until:
            return  # Another thread was faster.
        using = router.db_for_read(Revision)
        if connections[using].in_atomic_block and connections[using].needs_rollback:
            return  # The database answers nothing before the rollback: go on with what is known.
        before = _expired
        _shared.take(dict(from_any_thread(lambda: list(Revision.objects.values_list("name", "number")))))
        _shared.valid_until = started + conf.freshness_seconds if _expired == before else 0.0


def bump(*names: str) -> None:
    """Say that something changed under those names: part of the change's transaction, undone with it.

    The rows are locked until the transaction ends. A change that takes locks of its own does so within
    :func:`together`, so that these come last.
    """
    using = _write_alias()
    with transaction.atomic(using=using):
        if _local.collected is None:
            _increment_all(names, using)
        else:
            _local.collected.update(names)
        pending = _local.pending
        if pending is None or pending.using != using or not pending.is_open():
            pending = _local.pending = _Pending(using)
        pending.note(names)


@contextmanager
def together() -> Iterator[None]:
    """One transaction, whose bumps come at its end and in one order: two writers cannot wait for each other.

    The thread itself sees what it has changed at once. Inside another ``together`` it is a savepoint of that one.
    """
    using = _write_alias()
    with transaction.atomic(using=using):
        if _local.collected is not None:
            yield
            return
        _local.collected = set()
        try:
            yield
            _increment_all(_local.collected, using)
        finally:
            _local.collected = None


def _write_alias() -> str:
    from ccx_tenancy.tenants.models import Revision

    return router.db_for_write(Revision)


def _increment_all(names: Iterable[str], using: str) -> None:
    for name in sorted(set(names)):
        _increment(name, using)


def _increment(name: str, using: str) -> None:
    from ccx_tenancy.tenants.models import Revision, first_number

    rows = Revision.objects.using(using).filter(name=name)
    if rows.update(number=F("number") + 1):
        return
    # The first change ever, or since the table was emptied, and perhaps several writers at once. An upsert takes the
    # row's exclusive lock; an insert that fails would keep a shared one, and MariaDB's writers would wait in a circle.
    target = ["name"] if connections[using].features.supports_update_conflicts_with_target else None
    rows.model.objects.using(using).bulk_create(
        [Revision(name=name)], update_conflicts=True, update_fields=["number"], unique_fields=target
    )
    # Under the lock, and so above what whoever was first has written.
    rows.update(number=first_number())


def from_any_thread(read: Callable[[], Result]) -> Result:
    """Return ``read()``, in a thread and on a connection of its own where this one's will not do.

    That is where it runs an event loop, and Django would refuse the query; and where it is inside a transaction that
    goes on seeing what was true when it began, which must not reach a cache that all threads share. The caller waits:
    a short read that is rare (once a second at most, or a site seen for the first time).
    """
    if not _runs_a_loop() and not _sees_the_past():
        return read()

    def apart() -> Result:
        try:
            return read()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(apart).result()


def _runs_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _sees_the_past() -> bool:
    from ccx_tenancy.tenants.models import Revision

    connection: Any = connections[router.db_for_read(Revision)]
    if not connection.in_atomic_block or _local.pending is not None:
        return False
    if connection.vendor == "mysql":  # None leaves it to the server, whose default is repeatable read.
        return bool(connection.isolation_level != "read committed")
    if connection.vendor == "postgresql":
        return getattr(connection.isolation_level, "name", "READ_COMMITTED") != "READ_COMMITTED"
    return False


async def arefresh() -> None:
    """Like :func:`view` for asynchronous code: the query, where one is due, does not block the loop."""
    if not is_fresh():
        await sync_to_async(view)()


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
