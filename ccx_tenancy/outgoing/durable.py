"""A row that stands for something to be sent, until it has been answered.

It is written in the transaction of what caused it, so neither is there without the other. Any number of processes take
rows up: one at a time holds a row's lease, and a lease that is not given back ends, so that what a killed process was
sending is sent again by another. Sending is therefore done *at least* once, and the receiver is told by what to know
it again (a version, an event's id, an idempotency key).

A failure makes the row due again later, a refusal keeps it with its reason until somebody asks for another attempt.
No row is deleted here, whatever happens.
"""

from __future__ import annotations

import logging
import random
import signal
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.db import close_old_connections, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ccx_tenancy.conf import conf
from ccx_tenancy.errors import InvalidInput

if TYPE_CHECKING:
    from ccx_tenancy.outgoing.http import Answer

logger = logging.getLogger(__name__)

#: What `outcome` says of an answer.
DONE, RETRY, REFUSE = "done", "retry", "refuse"

#: For how long nothing is published in this process to a broker that could not be reached.
QUIET_SECONDS = 15.0

_away: dict[str, float] = {}

_RETRIED = {401, 408, 423, 425, 429}


class State(models.TextChoices):
    """What a row is: still to be sent, answered, or refused for good."""

    WAITING = "waiting", _("waiting")
    DONE = "done", _("done")
    REFUSED = "refused", _("refused")


Row = TypeVar("Row", bound="DurableRow")


class DurableQuerySet(models.QuerySet[Row]):
    """Rows that can be asked for what is due."""

    def due(self, now: datetime | None = None) -> DurableQuerySet[Row]:
        """Return the rows whose time has come and that no process holds."""
        now = now or timezone.now()
        free = models.Q(leased_until__isnull=True) | models.Q(leased_until__lte=now)
        return self.filter(free, state=State.WAITING, due_at__lte=now).order_by("due_at", "pk")

    def claim(self, limit: int = 1, seconds: float | None = None) -> list[Row]:
        """Take up to ``limit`` due rows, for ``seconds`` (default: ``OUTGOING_LEASE_SECONDS``), and return them.

        Of many processes that try, one gets a row: each writes its lease on the condition that the one it saw still
        stands there. Call it outside of a transaction, so that others see the lease at once.
        """
        claimed: list[Row] = []
        for pk, seen in self.due().values_list("pk", "lease")[:limit]:
            if (row := self._take(pk, seen, seconds)) is not None:
                claimed.append(row)
        return claimed

    def claim_one(self, pk: Any, seconds: float | None = None) -> Row | None:
        """Take that row if it is due; None where it is not, or another process was faster."""
        seen = self.due().filter(pk=pk).values_list("lease", flat=True).first()
        return None if seen is None else self._take(pk, seen, seconds)

    def _take(self, pk: Any, seen: str, seconds: float | None) -> Row | None:
        now = timezone.now()
        mine = uuid.uuid4().hex
        until = now + timedelta(seconds=conf.outgoing_lease_seconds if seconds is None else seconds)
        taken = (
            self.due(now)
            .order_by()
            .filter(pk=pk, lease=seen)
            .update(lease=mine, leased_until=until, attempts=models.F("attempts") + 1, modified=now)
        )
        return self.filter(pk=pk, lease=mine).first() if taken else None

    def arm(self, **changes: Any) -> int:
        """Make the rows due now, as never tried, with ``changes`` written too; return how many there were.

        A lease stays: what is being sent is answered first, and its holder sees that the row has changed since.
        """
        now = timezone.now()
        return self.update(state=State.WAITING, due_at=now, attempts=0, last_error="", modified=now, **changes)


class DurableRow(models.Model):
    """Abstract row of something to be sent. See the module for what it promises."""

    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING, editable=False)
    attempts = models.PositiveIntegerField(_("attempts"), default=0, editable=False)
    due_at = models.DateTimeField(_("due at"), default=timezone.now, editable=False)
    lease = models.CharField(max_length=32, default="", editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)
    last_status = models.PositiveSmallIntegerField(_("last status"), null=True, editable=False)
    last_error = models.TextField(_("last error"), default="", editable=False)
    done_at = models.DateTimeField(_("done at"), null=True, editable=False)
    created = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    modified = models.DateTimeField(_("modified"), default=timezone.now, editable=False)

    objects: ClassVar[Any] = DurableQuerySet.as_manager()

    class Meta:
        abstract = True
        indexes = [models.Index(fields=["state", "due_at"], name="%(app_label).9s_%(class)s_due")]

    def succeeded(self, *, status: int | None = None, **unchanged: Any) -> bool:
        """Give the lease back with the row done; return whether it is.

        ``unchanged`` are fields and the values that were sent. Where one has changed since, the row is due again at
        once instead: the latest state is still to be sent. A lease that ended in between changes nothing.
        """
        now = timezone.now()
        done = self._held().filter(state=State.WAITING, **unchanged)
        if done.update(
            state=State.DONE, lease="", leased_until=None, done_at=now, last_status=status, last_error="", modified=now
        ):
            return True
        self._held().update(lease="", leased_until=None, due_at=now, attempts=0, last_status=status, modified=now)
        return False

    def failed(self, error: object, *, status: int | None = None, retry_after: float | None = None) -> None:
        """Give the lease back with the row due again later: after a wait that doubles, or what the server asked for.

        After ``OUTGOING_ATTEMPTS`` attempts it is refused instead, with the last error as its reason.
        """
        if self.attempts >= conf.outgoing_attempts:
            self.refuse(f"Given up after {self.attempts} attempts: {error}", status=status)
            return
        wait = max(backoff(self.attempts), retry_after or 0.0)
        self._give_back(state=State.WAITING, due=wait, error=error, status=status)

    def refuse(self, reason: object, *, status: int | None = None) -> None:
        """Give the lease back with the row refused: it stays, with its reason, until somebody asks for a retry."""
        self._give_back(state=State.REFUSED, due=0.0, error=reason, status=status)

    def release(self) -> None:
        """Give the lease back with the row as it was before it was taken: nothing was tried."""
        self._held().update(lease="", leased_until=None, attempts=max(self.attempts - 1, 0), modified=timezone.now())

    def retry_now(self) -> None:
        """Make the row due now, whatever it was; one that is done is sent again."""
        self._rows().filter(pk=self.pk).arm()

    def answered(self, answer: Answer, **unchanged: Any) -> str:
        """Do what an answer asks for, by its status; return :func:`outcome`'s word for it."""
        word = outcome(answer.status)
        if word == DONE:
            self.succeeded(status=answer.status, **unchanged)
        elif word == RETRY:
            self.failed(_said(answer), status=answer.status, retry_after=answer.retry_after())
        else:
            self.refuse(_said(answer), status=answer.status)
        return word

    def _give_back(self, *, state: str, due: float, error: object, status: int | None) -> None:
        now = timezone.now()
        given_back = {"lease": "", "leased_until": None, "last_status": status, "last_error": str(error)[:2000]}
        # What was armed anew while it was being sent has no attempts: it is not this failure's to delay.
        mine = self._held().filter(attempts=self.attempts)
        if not mine.update(state=state, due_at=now + timedelta(seconds=due), modified=now, **given_back):
            self._held().update(modified=now, **given_back)

    def _held(self) -> DurableQuerySet[Any]:
        return self._rows().filter(pk=self.pk, lease=self.lease)

    def _rows(self) -> DurableQuerySet[Any]:
        rows: DurableQuerySet[Any] = DurableQuerySet(type(self), using=self._state.db)
        return rows


def outcome(status: int) -> str:
    """Return what to do after an answer with that status: ``done``, ``retry`` or ``refuse``.

    401 is retried because tokens end and secrets are replaced while something waits.
    """
    if 200 <= status < 300:
        return DONE
    return RETRY if status in _RETRIED or status >= 500 else REFUSE


def backoff(attempts: int) -> float:
    """Return how many seconds to wait after that many attempts: doubling, and up to a half less by chance."""
    doubled = conf.outgoing_retry_seconds * 2.0 ** min(max(attempts - 1, 0), 40)
    return min(doubled, conf.outgoing_retry_most_seconds) * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)


def long_ago(days: int) -> datetime:
    """Return the moment so many days ago, before which rows are old enough to be deleted by those whose they are.

    Raises InvalidInput for fewer than one day, and for more than a hundred years.
    """
    if not 1 <= days <= 36500:
        raise InvalidInput(f"{days} is no age; allowed are 1 to 36500 days.")
    return timezone.now() - timedelta(days=days)


def kick(task: Any, *arguments: Any, countdown: float = 0.0) -> None:
    """Publish a Celery task once the transaction is committed, to be run after ``countdown`` seconds.

    A broker that cannot be reached is logged and no more: the row is there, and the next sweep takes it up. Finding
    that out takes seconds (of somebody's request, usually), so for a while after it no other publish is tried.
    """

    def publish() -> None:
        broker = str(task.app.conf.broker_url)
        if _away.get(broker, 0.0) > time.monotonic():
            return
        try:
            task.apply_async(args=arguments, countdown=countdown or None, retry=False, ignore_result=True)
        except Exception:
            _away[broker] = time.monotonic() + QUIET_SECONDS
            logger.warning(
                "The task %s could not be published; the next sweep does its work.", task.name, exc_info=True
            )

    transaction.on_commit(publish)


def work(step: Callable[[], int], *, once: bool = False, idle_seconds: float = 1.0) -> int:
    """Call ``step`` until it has nothing more to do (``once``), or until the process is told to stop; return the total.

    ``step`` does some of what is due and returns how much. SIGTERM and SIGINT end the loop after the step that runs.
    """
    stop = threading.Event()
    if not once and threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    total = 0
    while not stop.is_set():
        try:
            count = step()
        except Exception:
            if once:
                raise
            # A database that is away for a moment must not end a process that is there to outlast it.
            logger.exception("A step of the work failed; it is tried again.")
            close_old_connections()
            count = 0
        total += count
        if count == 0:
            if once:
                break
            stop.wait(idle_seconds)
    return total


def _said(answer: Answer) -> str:
    return f"The answer was {answer.status}: {answer.text[:500]}"
