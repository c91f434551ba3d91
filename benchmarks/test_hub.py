"""The hub's news to 40 receivers, without and with 5 more that hang and 5 that refuse: until the 40 have all of it."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest

from ccx_tenancy.hub import api
from tests.outgoing.servers import serving

COURSES, RECEIVERS, BAD = 4, 50, 10
#: A course and its five modules.
NEWS = COURSES * 6


class Receivers:
    """Receivers on one server; ``done`` once each of the good ones has everything."""

    def __init__(self, bad: int) -> None:
        self.bad = bad
        self.done, self.over = threading.Event(), threading.Event()
        self._count, self._lock = 0, threading.Lock()

    def reply(self, request):
        number = int(request.path.strip("/"))
        if number < self.bad // 2:
            self.over.wait(600)
            return None
        if number < self.bad:
            return 500, {}, b""
        with self._lock:
            self._count += 1
            if self._count == (RECEIVERS - self.bad) * NEWS:
                self.done.set()
        return 200, {}, b""


def told(number: int, version: int) -> api.CourseState:
    modules = tuple(api.ModuleState(f"m{one}", f"Chapter {one} {version}", ("a", "b"), one) for one in range(5))
    title = f"Course {number} {version}"
    return api.CourseState(f"course-v1:A+{number}+1", title, "http://127.0.0.1/i", ("u1",), modules=modules)


@contextmanager
def hub(bad: int, good: int = RECEIVERS):
    receivers = Receivers(bad)
    with serving(receivers.reply) as server:
        for number in range(RECEIVERS - good, RECEIVERS):
            api.create_receiver(f"receiver {number}", url=f"{server.url}/{number}/", everything=True)
        yield receivers


@pytest.fixture
def instance(db, settings):
    patient = {"OUTGOING_PRIVATE_NETWORKS": ["127.0.0.0/8"], "OUTGOING_TIMEOUT": 500, "OUTGOING_LEASE_SECONDS": 600}
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, **patient}
    return api.BackingInstance.objects.create(instance_url="http://127.0.0.1:9")


@pytest.mark.benchmark(group="24 news to each receiver")
@pytest.mark.parametrize("bad", [0, BAD], ids=["40 good", "40 good, 5 hang, 5 refuse"])
def test_fan_out(benchmark, instance, bad):
    with hub(bad, good=RECEIVERS if bad else RECEIVERS - BAD) as receivers:
        if not bad:
            receivers.bad = 0
            receivers._count = BAD * NEWS
        for number in range(COURSES):
            api.receive(instance, told(number, 1))
        with api.Dispatcher() as dispatcher:

            def until_done():
                while not receivers.done.is_set():
                    dispatcher.turn(patience=0.01)

            benchmark.pedantic(until_done, rounds=1)
            receivers.over.set()


@pytest.mark.benchmark(group="a push that changes a course and five modules")
@pytest.mark.parametrize("count", [1, 50])
def test_push(benchmark, instance, count):
    for number in range(count):
        api.create_receiver(f"receiver {number}", url=f"http://127.0.0.1:9/{number}/", everything=True)
    versions = iter(range(100_000))
    benchmark.pedantic(lambda: api.receive(instance, told(1, next(versions))), rounds=20, warmup_rounds=2)
