"""Deliveries: in order for each course and receiver, the latest state only, and nobody waits for anybody else."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from ccx_tenancy.hub import api, events
from ccx_tenancy.hub.dispatch import CALLS_EACH, Dispatcher
from ccx_tenancy.hub.models import Course, Delivery, Receiver
from tests.hub.conftest import SECRET, course, deliver, full, hurry, make_receiver, module
from tests.outgoing.servers import serving

pytestmark = pytest.mark.django_db


def test_news_of_a_course_come_one_after_the_other_and_a_failure_holds_the_rest_back(inbox, receiver, lms):
    inbox.answer = lambda request: (503, {}, b"")
    lms.push(full())
    assert deliver() == 1
    inbox.answer = lambda request: (200, {}, b"")
    hurry()
    assert deliver() == 3
    sequences = [int(one.headers["X-CCXCon-Sequence"]) for one in inbox.received]
    assert sequences == [1, 1, 2, 3]


def test_what_was_refused_does_not_hold_the_rest_back(inbox, receiver, lms):
    inbox.answer = lambda request: (400 if b'"Course"' in request.body else 200, {}, b"")
    lms.push(full())
    assert deliver() == 3
    assert Delivery.objects.filter(state="refused").count() == 1


def test_what_was_refused_is_told_with_the_next_change(inbox, receiver, lms):
    inbox.answer = lambda request: (400 if b'"Course"' in request.body else 200, {}, b"")
    lms.push(full(1))
    deliver()
    inbox.answer = lambda request: (200, {}, b"")
    lms.push(full(2, modules=[module(1, "New"), module(2)]))
    assert deliver() == 2
    assert inbox.told()[-2:] == [("Course", "update", "Peer Physics"), ("Module", "update", "New")]
    assert not Delivery.objects.filter(state="refused", superseded=False)


def test_a_burst_of_changes_is_told_once_as_it_ends(inbox, receiver, lms):
    for version in range(1, 31):
        lms.push(full(version, title=f"Title {version}", modules=[module(1), module(2, f"Chapter {version}")]))
    assert deliver() == 3
    assert inbox.told() == [
        ("Course", "update", "Title 30"),
        ("Module", "update", "Chapter 1"),
        ("Module", "update", "Chapter 30"),
    ]


def test_what_is_being_sent_while_a_change_comes_is_followed_by_the_change(inbox, receiver, lms):
    lms.push(course(modules=[]))
    held = Delivery.objects.claim_one(Delivery.objects.get().pk)
    lms.push(course(title="II", modules=[]))
    assert deliver() == 0, "the second waits for the first"
    held.succeeded(status=200)
    assert deliver() == 1
    assert inbox.told() == [("Course", "update", "II")]


def test_what_a_killed_process_was_sending_is_sent_again_with_the_same_id(inbox, receiver, lms):
    lms.push(course(modules=[]))
    row = Delivery.objects.claim_one(Delivery.objects.get().pk)
    assert deliver() == 0
    Delivery.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert deliver() == 1
    assert inbox.received[0].headers["X-CCXCon-Event"] == str(row.event.uuid)


def test_a_receiver_that_hangs_or_refuses_slows_no_other(lms, settings):
    patient = {"HUB_THREADS": 16, "OUTGOING_TIMEOUT": 300, "OUTGOING_LEASE_SECONDS": 600}
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, **patient}
    over = threading.Event()
    lock = threading.Lock()
    received: dict[str, int] = {}
    done = threading.Event()

    def reply(request):
        name = request.path.strip("/")
        if name.startswith("hang"):
            over.wait(300)
            return None
        if name.startswith("refuse"):
            return 500, {}, b""
        with lock:
            received[name] = received.get(name, 0) + 1
            if len(received) == 40 and all(count == 3 for count in received.values()):
                done.set()
        return 200, {}, b""

    with serving(reply) as server:
        for number in range(50):
            kind = "hang" if number < 5 else "refuse" if number < 10 else "good"
            make_receiver(f"{server.url}/{kind}-{number}/", f"receiver {number}")
        lms.push(full())
        with Dispatcher() as dispatcher:
            for _ in range(2000):
                if done.is_set():
                    break
                dispatcher.turn(patience=0.05)
            # All of the good ones have everything, while not one of those that hang has come back.
            assert done.is_set()
            hung = Delivery.objects.filter(receiver__url__contains="hang")
            assert not over.is_set()
            assert hung.exclude(lease="").count() == 5
            over.set()
    assert sum(received.values()) == 120
    assert Delivery.objects.filter(receiver__url__contains="refuse", attempts__gt=0, state="waiting").count() == 5


def test_a_receiver_has_a_few_calls_at_a_time(lms):
    over, peak, running = threading.Event(), [0], [0]
    lock = threading.Lock()

    def reply(request):
        with lock:
            running[0] += 1
            peak[0] = max(peak[0], running[0])
        over.wait(0.05)
        with lock:
            running[0] -= 1
        return 200, {}, b""

    with serving(reply) as server:
        make_receiver(f"{server.url}/hook/")
        for number in range(12):
            lms.push(course(course_id=f"course-v1:A+{number}+1", modules=[]))
        assert deliver() == 12
    assert peak[0] <= CALLS_EACH


def test_a_receiver_that_fails_rests_longer_each_time_and_not_after_it_answers(inbox, receiver, lms):
    inbox.answer = lambda request: (500, {}, b"")
    lms.push(course(modules=[]))
    deliver()
    assert deliver() == 0
    receiver.refresh_from_db()
    assert receiver.failures == 1
    assert receiver.resting_until > timezone.now() - timedelta(seconds=1)
    inbox.answer = lambda request: (200, {}, b"")
    hurry()
    deliver()
    receiver.refresh_from_db()
    assert (receiver.failures, receiver.resting_until) == (0, None)


def test_a_receiver_that_is_switched_off_gets_nothing(inbox, receiver, lms):
    lms.push(course(modules=[]))
    Receiver.objects.update(enabled=False)
    assert deliver() == 0
    lms.push(course(title="II", modules=[]))
    assert Delivery.objects.count() == 1


def test_a_new_receiver_is_told_of_all_that_is_there(inbox, lms):
    lms.push(full())
    lms.push(course(course_id="course-v1:B+1+1", modules=[]))
    make_receiver(f"{inbox.server.url}/hook/")
    assert deliver() == 4


def test_a_replay_tells_how_things_are_now_under_a_new_id(inbox, receiver, lms):
    lms.push(course(modules=[]))
    deliver()
    first = Delivery.objects.get()
    lms.push(course(title="II", modules=[]))
    deliver()
    assert events.replay(first) == 1
    deliver()
    assert [one[2] for one in inbox.told()] == ["Peer Physics", "II", "II"]
    assert len({one.headers["X-CCXCon-Event"] for one in inbox.received}) == 3


def test_an_address_in_a_private_network_is_never_called(inbox, receiver, lms, settings):
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "OUTGOING_PRIVATE_NETWORKS": []}
    lms.push(course(modules=[]))
    deliver()
    assert inbox.received == []
    assert Delivery.objects.get().state == "refused"
    assert "not public" in Delivery.objects.get().last_error


def test_a_redirect_is_not_followed(inbox, receiver, lms):
    inbox.answer = lambda request: (302, {"Location": "/elsewhere/"}, b"")
    lms.push(course(modules=[]))
    deliver()
    assert [one.path for one in inbox.received] == ["/hook/"]
    assert Delivery.objects.get().state == "refused"


def test_everything_is_one_piece_of_work(inbox, receiver, lms):
    lms.push(full())
    assert api.work_once() == 3
    assert api.work_once() == 0
    assert SECRET not in str(Receiver.objects.get().secret)
    assert Course.objects.get().sequence == 3
