"""Sending what is due: deliveries to receivers, and the pulls of modules.

The database is asked by one thread, and only calls to other servers are made in a pool of threads. Of one receiver a
few calls are out at a time, and one that fails rests for a while; so however long some hang, the others get theirs.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from ccx_tenancy.conf import conf
from ccx_tenancy.hub import catalogue, events, lms
from ccx_tenancy.hub.models import Attempt, Delivery, ModulePull, Receiver
from ccx_tenancy.outgoing import durable, http, signing
from ccx_tenancy.outgoing.durable import DONE, RETRY, State
from ccx_tenancy.outgoing.errors import AddressRefused, BadSignature, CallFailed
from ccx_tenancy.sealing import CannotUnseal

SEQUENCE = "X-CCXCon-Sequence"

#: How many calls to one receiver may be out at a time, in one process.
CALLS_EACH = 2
#: The longest rest of a receiver that fails, in seconds.
LONGEST_REST = 300.0
_BATCH = 100


@dataclass(slots=True)
class _Call:
    delivery: Delivery
    started: float
    seconds: float = 0.0


class Dispatcher:
    """Sends deliveries until it is told to stop. Use it as a context manager, from one thread."""

    def __init__(self, threads: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(threads or conf.hub_threads, thread_name_prefix="ccx-hub")
        self._most = threads or conf.hub_threads
        self._calls: dict[Future[http.Answer], _Call] = {}
        self.sent = 0

    def __enter__(self) -> Dispatcher:
        return self

    def __exit__(self, *exception: object) -> None:
        """Wait for what is out, and write down how it ended."""
        while self._calls:
            self._collect(patience=1.0)
        self._pool.shutdown()

    def turn(self, patience: float = 0.2) -> int:
        """Start what is due and write down what has ended; return how much of it is going on.

        It waits up to ``patience`` seconds for a call to end, where nothing new could be started.
        """
        started = self._start()
        ended = self._collect(patience=0.0 if started else patience)
        return started + ended + len(self._calls)

    def drain(self) -> int:
        """Send until nothing is due, and return how many deliveries were tried."""
        before = self.sent
        while self.turn():
            pass
        return self.sent - before

    def _start(self) -> int:
        room = min(self._most - len(self._calls), _BATCH)
        if room <= 0:
            return 0
        out: dict[int, int] = {}
        for call in self._calls.values():
            out[call.delivery.receiver_id] = out.get(call.delivery.receiver_id, 0) + 1
        full = [receiver for receiver, count in out.items() if count >= CALLS_EACH]
        started = 0
        for pk, receiver in heads(full).values_list("pk", "receiver_id")[:_BATCH]:
            if started >= room:
                break
            if out.get(receiver, 0) >= CALLS_EACH:
                continue
            delivery = Delivery.objects.select_related("receiver", "event").claim_one(pk)
            if delivery is None:
                continue
            started += 1
            if self._send(delivery):
                out[receiver] = out.get(receiver, 0) + 1
        return started

    def _send(self, delivery: Delivery) -> bool:
        """Give a delivery to the pool. Whether it went out: a receiver without a secret gets nothing."""
        content = events.body(delivery)
        try:
            secret = delivery.receiver.secret.open()
            headers = signing.sign(secret, content, event_id=str(delivery.event.uuid))
        except (BadSignature, CannotUnseal) as error:
            self._note(delivery, None, error, 0.0)
            delivery.refuse(error)
            return False
        headers |= {"Content-Type": "application/json", SEQUENCE: str(delivery.sequence)}
        call = _Call(delivery, time.monotonic())
        url = delivery.receiver.url

        def post() -> http.Answer:
            try:
                return http.request("POST", url, body=content, headers=headers)
            finally:
                call.seconds = time.monotonic() - call.started

        self._calls[self._pool.submit(post)] = call
        return True

    def _collect(self, patience: float) -> int:
        if not self._calls:
            return 0
        ended, _ = wait(self._calls, timeout=patience, return_when=FIRST_COMPLETED)
        for future in ended:
            call = self._calls.pop(future)
            self._finish(call.delivery, future, call.seconds)
        return len(ended)

    def _finish(self, delivery: Delivery, future: Future[http.Answer], seconds: float) -> None:
        """Write down how a call ended: in the attempt's log, the delivery and the receiver."""
        self.sent += 1
        try:
            answer = future.result()
        except AddressRefused as error:
            self._note(delivery, None, error, seconds)
            delivery.refuse(error)
        except CallFailed as error:
            self._note(delivery, None, error, seconds)
            delivery.failed(error)
            _rest(delivery.receiver_id)
        else:
            word = durable.outcome(answer.status)
            said = "" if word == DONE else f"The answer was {answer.status}: {answer.text[:500]}"
            self._note(delivery, answer.status, said, seconds)
            delivery.answered(answer)
            if word == RETRY:
                _rest(delivery.receiver_id)
                return
            if word == DONE:
                _outdate(delivery)
            if delivery.receiver.failures:
                Receiver.objects.filter(pk=delivery.receiver_id).update(failures=0, resting_until=None)

    def _note(self, delivery: Delivery, status: int | None, error: object, seconds: float) -> None:
        Attempt.objects.create(
            delivery=delivery, status=status, error=str(error)[:2000], milliseconds=max(round(seconds * 1000), 0)
        )


def heads(full: Collection[int] = ()) -> Any:
    """Return the deliveries that may be sent now: the first of each course and receiver, of receivers that are up.

    ``full`` are receivers that have enough. They, and those that rest, are left out by name: however much waits for
    them, it is not looked at.
    """
    now = timezone.now()
    is_up = Q(resting_until__isnull=True) | Q(resting_until__lte=now)
    up = list(Receiver.objects.filter(is_up, enabled=True).exclude(pk__in=full).values_list("pk", flat=True))
    earlier = Delivery.objects.filter(
        receiver=OuterRef("receiver"),
        course_uuid=OuterRef("course_uuid"),
        state=State.WAITING,
        sequence__lt=OuterRef("sequence"),
    )
    return Delivery.objects.due(now).filter(~Exists(earlier), receiver__in=up)


def _rest(receiver: int) -> None:
    """Leave a receiver alone for a while: longer with each failure in a row."""
    Receiver.objects.filter(pk=receiver).update(failures=F("failures") + 1)
    failures = Receiver.objects.filter(pk=receiver).values_list("failures", flat=True).first() or 1
    pause = min(durable.backoff(failures), LONGEST_REST)
    Receiver.objects.filter(pk=receiver).update(resting_until=timezone.now() + timedelta(seconds=pause))


def _outdate(delivery: Delivery) -> None:
    """What was refused before about the same thing is told now."""
    same = Delivery.objects.filter(
        receiver=delivery.receiver_id, course_uuid=delivery.course_uuid, state=State.REFUSED, superseded=False
    )
    same.filter(subject=delivery.subject, sequence__lt=delivery.sequence).update(superseded=True)


def pull_due(limit: int = 10) -> int:
    """Read the modules of courses whose LMS does not send them, where that is due; return of how many."""
    rows = ModulePull.objects.select_related("course__instance").claim(limit)
    for row in rows:
        _pull(row)
    return len(rows)


def _pull(row: ModulePull) -> None:
    try:
        answer = lms.blocks(row.course)
        if durable.outcome(answer.status) != DONE:
            row.answered(answer)
            return
        modules = lms.read_blocks(answer.json())
    except CallFailed as error:
        row.failed(error, status=getattr(error, "status", None))
    except (AddressRefused, CannotUnseal, lms.NotUnderstood) as error:
        row.refuse(error)
    else:
        catalogue.receive_modules(row.course, modules)
        row.succeeded(status=answer.status, wanted=row.wanted)


def work_once() -> int:
    """Do what is due now, all of it; return how much that was."""
    total = 0
    with Dispatcher() as dispatcher:
        while done := pull_due() + dispatcher.drain():
            total += done
    return total
