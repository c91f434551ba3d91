"""The tenant of a task, in a real worker."""

import functools
import os

import pytest
from celery import Celery, chain, chord, group
from celery.contrib.testing.worker import start_worker
from django.conf import settings
from django.db import OperationalError, connection

from ccx_tenancy import api
from ccx_tenancy.celery import HEADER, add_header, connect, enter, leave
from ccx_tenancy.context import _stack
from ccx_tenancy.site_config import helpers
from ccx_tenancy.tenants import revisions

# The database of this process of pytest: those of the others are flushed at any time.
REDIS = getattr(settings, "CELERY_BROKER_URL", None)
BROKERS = [
    pytest.param(("memory://", "cache+memory://"), id="memory"),
    pytest.param(
        # The messages travel through Redis. Results stay in this process: Celery's Redis results open connections of
        # their own when they are garbage-collected, in whatever test that happens, and nobody can close them.
        (REDIS, "cache+memory://"),
        id="redis",
        marks=[pytest.mark.services, pytest.mark.skipif(not REDIS, reason="CCX_TENANCY_REDIS_URL names no Redis")],
    ),
]


def here():
    tenant = api.current_tenant()
    return [tenant.key, helpers.get_value("PLATFORM_NAME"), sorted(tenant.organizations)] if tenant else None


MAXI = ["maxi-academy", "Maxi's Academy", ["maxi-academy"]]
BLUE = ["blue-university", "Blue University", ["Blue2", "blue"]]


@pytest.fixture(params=[2, 1], ids=["protocol2", "protocol1"], scope="module")
def protocol(request):
    return request.param


@pytest.fixture(params=BROKERS, scope="module")
def running(request, protocol):
    """A Celery app whose worker runs in a thread of this process."""
    broker, backend = request.param
    app = Celery("tests", broker=broker, backend=backend, set_as_current=False)
    app.conf.update(
        task_protocol=protocol,
        task_default_queue=f"ccx-tenancy-{os.getpid()}-{protocol}",
        broker_connection_retry_on_startup=True,
        worker_hijack_root_logger=False,
    )
    runs = []

    def closing(function):
        """Close the thread's connection after a task: a test's database is emptied and dropped by others."""

        @functools.wraps(function)
        def run(*args):
            try:
                return function(*args)
            finally:
                connection.close()

        return run

    @app.task(name="where", shared=False)
    @closing
    def where(*args):
        return here()

    @app.task(name="collect", shared=False)
    @closing
    def collect(found=None):
        return [found, here()]

    @app.task(name="failing", shared=False)
    @closing
    def failing():
        runs.append(here())
        raise ZeroDivisionError

    @app.task(name="twice", shared=False, bind=True, max_retries=2, default_retry_delay=0)
    @closing
    def twice(self):
        runs.append(here())
        if len(runs) < 3:
            raise self.retry(countdown=0)
        return here()

    @app.task(name="nested", shared=False)
    @closing
    def nested():
        with api.tenant_context("blue-university"):
            inner = where.apply_async().id
        return [inner, where.apply_async().id, here()]

    app.runs = runs
    with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=120):
        yield app
    app.close()


@pytest.fixture
def app(running, committed_tenants):
    """The app, with the two tenants in the database."""
    running.runs.clear()
    return running


def task(app, name):
    return app.tasks[name]


def result(outcome):
    return outcome.get(timeout=240, disable_sync_subtasks=False)


def test_a_task_has_the_tenant_of_its_publisher_and_none_without(app):
    where = task(app, "where")
    with api.tenant_context("maxi-academy"):
        first = where.delay()
    with api.tenant_context("blue-university"):
        second = where.delay()
    third = where.delay()
    assert [result(one) for one in (first, second, third)] == [MAXI, BLUE, None]


def test_a_failing_task_leaves_no_tenant_to_the_next(app):
    with api.tenant_context("maxi-academy"):
        failed = task(app, "failing").delay()
    with pytest.raises(ZeroDivisionError):
        result(failed)
    assert app.runs == [MAXI]
    assert result(task(app, "where").delay()) is None


def test_retries_keep_the_tenant(app):
    with api.tenant_context("maxi-academy"):
        retried = task(app, "twice").delay()
    assert result(retried) == MAXI
    assert app.runs == [MAXI] * 3


def test_chains_groups_and_chords_keep_the_tenant(app):
    where, collect = task(app, "where"), task(app, "collect")
    with api.tenant_context("maxi-academy"):
        chained = chain(where.s(), collect.s(), collect.s()).apply_async()
    with api.tenant_context("blue-university"):
        grouped = group(where.s() for _ in range(3)).apply_async()
    assert result(chained) == [[MAXI, MAXI], MAXI]
    assert result(grouped) == [BLUE] * 3
    if app.conf.result_backend.startswith("redis"):
        with api.tenant_context("maxi-academy"):
            together = chord((where.s() for _ in range(3)), collect.s()).apply_async()
        assert result(together) == [[MAXI] * 3, MAXI]


def test_a_task_that_publishes_in_another_tenant_keeps_its_own(app):
    with api.tenant_context("maxi-academy"):
        inner, outer, own = result(task(app, "nested").delay())
    assert own == MAXI
    assert result(app.AsyncResult(inner)) == BLUE
    assert result(app.AsyncResult(outer)) == MAXI


def test_links_and_signatures_made_in_one_tenant_run_in_the_one_they_are_published_in(app):
    with api.tenant_context("maxi-academy"):
        signature = task(app, "where").s()
    with api.tenant_context("blue-university"):
        assert result(signature.apply_async()) == BLUE
    assert result(signature.apply_async()) is None


def test_a_beat_job_fans_out(app):
    results = api.for_each_tenant(task(app, "where"))
    assert {key: result(one) for key, one in results.items()} == {"maxi-academy": MAXI, "blue-university": BLUE}


def test_a_tenant_that_is_gone_sees_nothing(app, caplog):
    where = task(app, "where")
    sent = where.apply_async(headers={HEADER: "gone"}) if app.conf.task_protocol == 1 else None
    assert sent is None or result(sent) is None  # The publisher's own context decides, not what it is given.
    with api.tenant_context("maxi-academy"):
        api.get_tenant("maxi-academy").delete()
        lost = where.apply_async()
    assert result(lost) == ["maxi-academy", None, []]
    assert "'maxi-academy', which is gone" in caplog.text


@pytest.mark.parametrize(("failures", "expected"), [(1, MAXI), (100, ["maxi-academy", None, []])])
def test_a_tenant_that_cannot_be_read_is_asked_for_again_and_else_sees_nothing(
    committed_tenants, caplog, failures, expected
):
    class Task:
        name = "where"
        request = type("Request", (), {"is_eager": False, HEADER: "maxi-academy", "headers": None})()

    asked = []

    def refuse(execute, sql, params, many, context):
        asked.append(sql)
        if len(asked) <= failures:
            raise OperationalError("server has gone away")
        return execute(sql, params, many, context)

    revisions.forget()
    with connection.execute_wrapper(refuse):
        enter(task=Task)
    try:
        assert here() == expected
    finally:
        leave(task=Task)
    assert _stack.get() == ()
    assert ("which cannot be read: it sees nothing" in caplog.text) == (failures > 1)


def test_the_header_carries_the_key_and_the_arguments_do_not(app, monkeypatch):
    headers: dict = {"id": "x"}
    with api.tenant_context("maxi-academy"):
        add_header(headers=headers)
        assert headers[HEADER] == "maxi-academy"
    add_header(headers=headers)
    assert HEADER not in headers
    add_header(headers=None)


def test_many_tasks_of_two_tenants_in_turn_see_their_own(app):
    where = task(app, "where")
    sent = []
    for number in range(60):
        with api.tenant_context(("maxi-academy", "blue-university")[number % 2]):
            sent.append(where.delay())
    assert [result(one) for one in sent] == [MAXI, BLUE] * 30


def test_an_eager_task_stays_in_the_tenant_of_its_caller(tenants):
    connect()
    app = Celery("eager", set_as_current=False)
    app.conf.task_always_eager = True
    where = app.task(name="where-eager", shared=False)(here)
    with api.tenant_context("maxi-academy"):
        assert where.delay().get() == MAXI
        assert where.apply().get() == MAXI
        assert api.current_tenant().key == "maxi-academy"
    assert where.delay().get() is None
    assert _stack.get() == ()
