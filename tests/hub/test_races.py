"""Many at once: one course, one CCX for a key, the highest version of seats, one refresh, each delivery once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections

from ccx_tenancy.hub import api, edx_tokens
from ccx_tenancy.hub.models import BackingInstance, Ccx, Course, Delivery
from tests.hub.conftest import course, full, make_instance, make_lms, make_portal, make_receiver
from tests.hub.edx import TOKENS, Edx
from tests.hub.ours import Lms
from tests.outgoing.servers import serving

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        "connection.vendor == 'sqlite'", reason="SQLite in memory has one writer, which does not wait for another"
    ),
]
assert connection is not None

THREADS = 16


def at_once(work, count=THREADS):
    """Run ``work(number)`` in as many threads, all from the same moment on; return the results."""
    barrier = threading.Barrier(count)

    def run(number):
        try:
            barrier.wait(60)
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def until_done(ask):
    """Ask again while the answer is that another process is at it; return the answer that is not."""
    for _ in range(2000):
        answer = ask()
        if answer.status_code != 503:
            return answer
    raise AssertionError("still 503")


def test_21_parallel_first_pushes_make_one_course():
    lms = make_lms(make_instance())
    answers = at_once(lambda number: lms.post("api/v1/coursexs/", full(number, title=f"Title {number}")))
    assert sorted(answer.status_code for answer in answers) == [200] * (THREADS - 1) + [201]
    one = Course.objects.get()
    assert (one.version, one.title) == (THREADS - 1, f"Title {THREADS - 1}")
    assert one.modules.count() == 2


def ordering(server):
    portal = make_portal()
    receiver = make_receiver("http://127.0.0.1:9/hook/", client=portal.client)
    created = make_lms(make_instance(server.url)).push(course(modules=[]))
    receiver.enabled = True
    body = {"master_course_id": created["uuid"], "user_email": "a@example.com", "total_seats": 2, "display_name": "D"}
    return portal, body


@pytest.fixture(autouse=True)
def _no_broker():
    from celery import current_app

    before = current_app.conf.task_always_eager
    current_app.conf.task_always_eager = True
    yield
    current_app.conf.task_always_eager = before


def test_one_idempotency_key_from_many_threads_makes_one_ccx():
    theirs = Lms()
    with serving(theirs.reply) as server:
        theirs.server = server
        portal, body = ordering(server)
        answers = at_once(
            lambda number: until_done(lambda: portal.post("api/v1/ccx/", body, idempotency_key="one key"))
        )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len(theirs.ccxs) == Ccx.objects.count() == 1


def test_of_many_changes_of_seats_the_highest_version_stays():
    theirs = Lms()
    with serving(theirs.reply) as server:
        theirs.server = server
        portal, body = ordering(server)
        place = portal.post("api/v1/ccx/", body)["Location"].removeprefix("http://testserver/hub/")

        def change(number):
            seats = {"total_seats": 100 + number, "version": number + 1}
            return until_done(lambda: portal.call("PATCH", place, seats))

        answers = at_once(change)
    assert {answer.status_code for answer in answers} == {200}
    held = Ccx.objects.get()
    assert (held.seats, held.version) == (100 + THREADS - 1, THREADS)
    assert next(iter(theirs.ccxs.values()))["max_students_allowed"] == 100 + THREADS - 1


def test_18_many_that_need_a_token_ask_for_one():
    edx = Edx()
    edx.rotates = True
    with serving(edx.reply) as server:
        edx.server = server
        instance = make_instance(server.url, "edx", grant_token="edx-grant-code")
        assert len(set(at_once(lambda number: edx_tokens.bearer(instance)))) == 1
        assert len(edx.asked(TOKENS)) == 1
        edx.good.clear()
        BackingInstance.objects.update(access_token="")
        assert len(set(at_once(lambda number: edx_tokens.bearer(instance)))) == 1
    assert len(edx.asked(TOKENS)) == 2


def test_of_many_workers_one_sends_each_delivery_in_its_order():
    lms = make_lms(make_instance())
    with serving(lambda request: (200, {}, b"")) as server:
        make_receiver(f"{server.url}/hook/", client=None)
        from celery import current_app

        current_app.conf.task_always_eager = False
        for number in range(6):
            told = api.CourseState(
                course_id=f"course-v1:A+{number}+1",
                title="T",
                image_url="http://127.0.0.1/x",
                instructors=(),
                modules=(api.ModuleState("m1", "One", (), 0), api.ModuleState("m2", "Two", (), 1)),
            )
            _receive_quietly(lms, told)

        def work(number):
            with api.Dispatcher(threads=4) as dispatcher:
                return dispatcher.drain()

        at_once(work, 4)
        ids = [one.headers["X-CCXCon-Event"] for one in server.received]
        order: dict[str, list[int]] = {}
        for one in server.received:
            key = one.body.split(b'external_pk": "')[2 if b'"Module"' in one.body else 1][:36].decode()
            order.setdefault(key, []).append(int(one.headers["X-CCXCon-Sequence"]))
    assert Delivery.objects.filter(state="done").count() == len(ids) == len(set(ids)) == 18
    assert all(numbers == [1, 2, 3] for numbers in order.values()), order


def _receive_quietly(lms, told):
    """Receive a course without a task being published: the workers of the test are to find it."""
    from django.db import transaction

    with transaction.atomic():
        api.receive(lms.client.instance, told)
        transaction.get_connection().run_on_commit.clear()
