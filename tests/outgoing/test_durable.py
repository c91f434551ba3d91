"""The row that stands for something to be sent."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

import pytest
from celery import Celery, Task
from django.db import connection, connections, transaction
from django.utils import timezone

from ccx_tenancy.outgoing import durable
from ccx_tenancy.outgoing.http import Answer
from tests.outgoing.standin.models import Parcel

rows = Parcel.objects


@pytest.fixture
def parcel(db):
    return rows.create(content="first")


def again(parcel):
    return rows.get(pk=parcel.pk)


def test_a_row_is_taken_by_one_and_given_back_done(parcel):
    (taken,) = rows.claim(10)
    assert taken.attempts == 1
    assert rows.claim(10) == []
    assert taken.succeeded(status=200)
    assert (again(parcel).state, again(parcel).last_status) == ("done", 200)
    assert again(parcel).done_at is not None
    assert rows.claim(10) == []


def test_what_a_killed_process_was_sending_is_due_again_when_its_lease_ends(parcel):
    (first,) = rows.claim(1, seconds=60)
    rows.update(leased_until=timezone.now() - timedelta(seconds=1))
    (second,) = rows.claim(1)
    assert second.attempts == 2
    # The first was only slow: what it says now changes nothing.
    first.refuse("late")
    first.failed("late")
    assert not first.succeeded()
    assert (again(parcel).state, again(parcel).lease) == ("waiting", second.lease)
    assert second.succeeded()


def test_a_failure_waits_longer_each_time_and_at_least_what_the_server_asks_for(parcel, settings):
    settings.CCX_TENANCY = {"OUTGOING_RETRY_SECONDS": 100, "OUTGOING_RETRY_MOST_SECONDS": 350}
    waits = []
    for _ in range(4):
        (taken,) = rows.claim(1)
        before = timezone.now()
        taken.failed("no answer", status=503)
        waits.append((again(parcel).due_at - before).total_seconds())
        rows.update(due_at=timezone.now())
    for wait, full in zip(waits, [100, 200, 350, 350], strict=True):
        assert full / 2 <= wait < full + 60
    assert (again(parcel).last_error, again(parcel).last_status) == ("no answer", 503)
    (taken,) = rows.claim(1)
    before = timezone.now()
    taken.failed("busy", retry_after=5000)
    assert (again(parcel).due_at - before).total_seconds() >= 5000


def test_after_the_last_attempt_it_is_kept_with_its_reason_and_sent_again_when_asked(parcel, settings):
    settings.CCX_TENANCY = {"OUTGOING_ATTEMPTS": 2, "OUTGOING_RETRY_SECONDS": 0.01}
    for _ in range(2):
        (taken,) = rows.claim(1)
        taken.failed("no answer")
        rows.update(due_at=timezone.now())
    assert again(parcel).state == "refused"
    assert again(parcel).last_error == "Given up after 2 attempts: no answer"
    assert rows.claim(1) == []
    again(parcel).retry_now()
    (taken,) = rows.claim(1)
    assert taken.attempts == 1


@pytest.mark.parametrize(
    ("status", "state"),
    [(200, "done"), (204, "done"), (400, "refused"), (403, "refused"), (404, "refused"), (301, "refused")]
    + [(status, "waiting") for status in (401, 408, 423, 425, 429, 500, 502, 503, 504)],
)
def test_an_answer_says_what_becomes_of_the_row(parcel, status, state):
    (taken,) = rows.claim(1)
    taken.answered(Answer(status, {"Retry-After": "60"}, b"because"))
    assert again(parcel).state == state
    assert ("because" in again(parcel).last_error) is (state != "done")
    assert rows.claim(1) == []


def test_what_changed_while_it_was_sent_is_sent_again(parcel):
    (taken,) = rows.claim(1)
    rows.filter(pk=parcel.pk).arm(content="second", version=2)
    assert rows.claim(1) == []  # One at a time.
    assert not taken.succeeded(version=taken.version)
    (taken,) = rows.claim(1)
    assert (taken.content, taken.version, taken.attempts) == ("second", 2, 1)
    assert taken.succeeded(version=2)


def test_a_failure_of_an_older_state_does_not_delay_the_new_one(parcel):
    for ending in ("failed", "refuse"):
        (taken,) = rows.claim(1)
        rows.filter(pk=parcel.pk).arm(version=2)
        getattr(taken, ending)("no answer")
        assert [row.pk for row in rows.due()] == [parcel.pk]


def test_a_row_given_back_untried_is_due_as_before(parcel):
    (taken,) = rows.claim(1)
    taken.release()
    assert again(parcel).attempts == 0
    assert rows.claim_one(parcel.pk).attempts == 1
    assert rows.claim_one(parcel.pk) is None


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_of_many_that_take_at_the_same_time_each_row_goes_to_one():
    if connection.vendor == "sqlite":
        pytest.skip("SQLite locks the whole database: nothing is concurrent")
    rows.bulk_create(Parcel(content=str(number)) for number in range(60))
    barrier = threading.Barrier(8)
    taken: list[int] = []

    def take() -> None:
        try:
            barrier.wait(timeout=60)
            while claimed := rows.claim(5):
                taken.extend(row.pk for row in claimed)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Somebody whose candidates were all taken by others stops early, so some may be left; none is taken twice.
    assert max(Counter(taken).values()) == 1
    assert len(taken) + rows.due().count() == 60


class Counted(Task):
    """Counts how often somebody tried to publish it."""

    tries = 0

    def apply_async(self, *args, **options):
        Counted.tries += 1
        return super().apply_async(*args, **options)


app = Celery("no broker", broker="redis://127.0.0.1:1/0", set_as_current=False)


@app.task(base=Counted)
def unreachable() -> None:
    """Never runs: its broker is not there."""


@pytest.fixture
def no_broker():
    """Nobody has noticed yet that the broker is not there."""
    durable._away.clear()
    Counted.tries = 0
    yield
    durable._away.clear()


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_down_disturbs_nobody(no_broker):
    with transaction.atomic():
        rows.create(content="kept")
        durable.kick(unreachable)
    assert Counted.tries == 1
    assert list(durable._away) == [app.conf.broker_url]
    assert rows.due().count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_down_is_not_waited_for_each_time(no_broker):
    for _ in range(3):
        durable.kick(unreachable)
    assert Counted.tries == 1
    durable._away.update(dict.fromkeys(durable._away, 0.0))  # Its time is over.
    durable.kick(unreachable)
    assert Counted.tries == 2


def test_nothing_is_published_when_the_transaction_is_rolled_back(db, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        try:
            with transaction.atomic():
                durable.kick(unreachable)
                raise LookupError
        except LookupError:
            pass
    assert callbacks == []


@pytest.mark.once
def test_the_work_ends_when_there_is_nothing_more_to_do():
    left = [3, 2, 0, 7]
    assert durable.work(lambda: left.pop(0), once=True) == 5
    with pytest.raises(ZeroDivisionError):
        durable.work(lambda: 1 // 0, once=True)
