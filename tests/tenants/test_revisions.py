"""What a process sees of changes: its own, those of others, and those that never happened."""

import threading
import time

import pytest
from django.db import connection, transaction
from django.test import override_settings

from ccx_tenancy import api
from ccx_tenancy.site_config import helpers
from ccx_tenancy.site_config.api import set_site_values
from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.index import index, platform_organizations, platform_site_id
from ccx_tenancy.tenants.models import Revision

NAME = "PLATFORM_NAME"


def platform_name(key="maxi-academy"):
    with api.tenant_context(key):
        return helpers.get_value(NAME)


class RolledBack(Exception):
    pass


def test_a_warm_process_asks_nothing(tenants, django_assert_num_queries):
    platform_name()
    helpers.get_value_for_org("BLUE", NAME)
    helpers.get_value_for_org("nobody", NAME)
    platform_site_id("unknown.localhost")
    platform_organizations()
    with django_assert_num_queries(0):
        assert platform_name() == "Maxi's Academy"
        assert helpers.get_value_for_org("BLUE", NAME) == "Blue University"
        assert helpers.get_value_for_org("nobody", NAME) is None
        for number in range(50):
            assert api.resolve_tenant(f"host-{number}.localhost") is None
            assert platform_site_id(f"host-{number}.localhost") is None
        assert platform_organizations() == frozenset()


def test_a_cold_process_enters_with_two_queries(committed_tenants, django_assert_num_queries):
    revisions.forget()
    with django_assert_num_queries(2):
        assert api.resolve_tenant("maxi-academy.localhost").key == "maxi-academy"
    with django_assert_num_queries(0):
        assert api.resolve_tenant("nobody.localhost") is None


def test_numbers_are_read_once_in_a_while_and_not_more_often(committed_tenants, monkeypatch, django_assert_num_queries):
    now = 1000.0
    monkeypatch.setattr(revisions, "monotonic", lambda: now)
    with override_settings(CCX_TENANCY={"FRESHNESS_SECONDS": 0.2}):
        revisions.forget()
        platform_name()
        with django_assert_num_queries(0):
            for _ in range(100):
                platform_name()
        now += 0.21
        with django_assert_num_queries(1):
            for _ in range(100):
                platform_name()


def test_a_transaction_sees_its_own_change_and_nobody_else_does(committed_tenants):
    def elsewhere():
        found = []

        def look():
            found.append(platform_name())
            connection.close()

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        return found[0]

    with transaction.atomic():
        set_site_values("maxi-academy.localhost", {NAME: "Changed"})
        assert platform_name() == "Changed"
        if connection.vendor != "sqlite":  # whose shared memory locks the other thread out
            assert elsewhere() == "Maxi's Academy"
    assert platform_name() == "Changed"
    assert elsewhere() == "Changed"


def test_what_is_rolled_back_was_never_seen(committed_tenants):
    with pytest.raises(RolledBack), transaction.atomic():
        set_site_values("maxi-academy.localhost", {NAME: "Never"})
        api.create_tenant("never", name="Never", domain="never.localhost", organizations=["never"])
        assert platform_name() == "Never"
        assert api.resolve_tenant("never.localhost")
        raise RolledBack
    assert platform_name() == "Maxi's Academy"
    assert api.resolve_tenant("never.localhost") is None


def test_a_savepoint_rolled_back_takes_its_changes_along(committed_tenants):
    with transaction.atomic():
        set_site_values("maxi-academy.localhost", {NAME: "Outer"})
        with pytest.raises(RolledBack), transaction.atomic():
            set_site_values("maxi-academy.localhost", {NAME: "Inner"})
            assert platform_name() == "Inner"
            raise RolledBack
        assert platform_name() == "Outer"
    assert platform_name() == "Outer"


def test_hooks_that_a_test_runs_early_commit_nothing(committed_tenants, django_capture_on_commit_callbacks):
    with pytest.raises(RolledBack), transaction.atomic():
        with django_capture_on_commit_callbacks(execute=True):
            set_site_values("maxi-academy.localhost", {NAME: "Never"})
        assert platform_name() == "Never"
        raise RolledBack
    assert platform_name() == "Maxi's Academy"


def test_a_broken_transaction_goes_on_with_what_is_known(committed_tenants):
    assert platform_name() == "Maxi's Academy"
    with transaction.atomic():
        transaction.set_rollback(True)
        revisions.expire()
        assert platform_name() == "Maxi's Academy"
        transaction.set_rollback(False)


def test_an_older_snapshot_of_another_transaction_changes_nothing():
    view = revisions.View()
    view.take({"a": 5, "b": 1})
    stamp = view.stamp
    view.take({"a": 4, "b": 1})
    assert (view.numbers, view.stamp) == ({"a": 5, "b": 1}, stamp)
    view.take({"a": 6, "b": 1})
    assert (view.number("a"), view.stamp) == (6, stamp + 1)
    view.take({})
    assert view.number("a") == 0


def test_an_emptied_table_starts_above_what_it_held(committed_tenants):
    before = Revision.objects.get(name=revisions.TENANTS).number
    Revision.objects.all().delete()
    time.sleep(0.05)
    revisions.bump(revisions.TENANTS)
    assert Revision.objects.get(name=revisions.TENANTS).number > before


def test_a_cache_of_values_is_bounded_and_keeps_what_is_used():
    cache = revisions.LRU(lambda: 2)
    cache.put("a", 1, "A")
    cache.put("b", 1, "B")
    assert cache.get("a", 1) == "A"
    cache.put("c", 1, "C")
    assert (cache.get("a", 1), cache.get("b", 1), cache.get("c", 1)) == ("A", None, "C")
    assert cache.get("a", 2) is None
    assert len(cache) == 2


async def test_code_in_an_event_loop_may_ask_too(committed_tenants):
    revisions.forget()
    with api.tenant_context("maxi-academy"):
        assert helpers.get_value(NAME) == "Maxi's Academy"
    revisions.expire()
    async with api.tenant_context("blue-university"):
        assert helpers.get_value(NAME) == "Blue University"


LOOK = """
from ccx_tenancy import api
from ccx_tenancy.site_config import helpers
tenant = api.resolve_tenant("maxi-academy.localhost")
if tenant:
    with api.tenant_context(tenant):
        result = [tenant.state, sorted(tenant.organizations), helpers.get_value("PLATFORM_NAME")]
"""


def looked(reader):
    """What another process sees when it looks a second after now; a busy machine may make that later, never earlier."""
    time.sleep(1)
    return reader.run(LOOK)


def test_another_process_sees_every_change_within_a_second(processes):
    writer, reader = processes
    assert reader.run(LOOK) is None
    writer.run("from tests.conftest import make_tenants; make_tenants()")
    assert looked(reader) == ["active", ["maxi-academy"], "Maxi's Academy"]
    for number in range(3):
        writer.run(
            "from ccx_tenancy.site_config.api import set_site_values;"
            f"set_site_values('maxi-academy.localhost', {{'PLATFORM_NAME': 'Name {number}'}})"
        )
        assert looked(reader) == ["active", ["maxi-academy"], f"Name {number}"]
    writer.run("api = __import__('ccx_tenancy.api').api; api.suspend_tenant('maxi-academy')")
    assert looked(reader) == ["suspended", ["maxi-academy"], "Name 2"]


def test_another_process_never_sees_what_was_rolled_back(processes):
    writer, reader = processes
    writer.run("from tests.conftest import make_tenants; make_tenants()")
    expected = ["active", ["maxi-academy"], "Maxi's Academy"]
    assert looked(reader) == expected
    writer.run(
        "from django.db import transaction\n"
        "from ccx_tenancy.site_config.api import set_site_values\n"
        "atomic = transaction.atomic(); atomic.__enter__()\n"
        "set_site_values('maxi-academy.localhost', {'PLATFORM_NAME': 'Never'})"
    )
    assert reader.run(LOOK) == expected
    assert looked(reader) == expected
    writer.run("transaction.set_rollback(True); atomic.__exit__(None, None, None)")
    assert reader.run(LOOK) == expected
    assert looked(reader) == expected


def test_the_index_is_one_object_until_something_changes(tenants):
    first = index()
    assert index() is first
    api.suspend_tenant("maxi-academy")
    assert index() is not first


def test_bumps_of_one_change_come_at_its_end_and_in_order(tenants):
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries, revisions.together():
        revisions.bump("b", "a")
        with revisions.together():
            revisions.bump("b")
        assert revisions.view().number("b") > 0
    written = [query["sql"] for query in queries if "revision" in query["sql"] and "SAVEPOINT" not in query["sql"]]
    assert next("'a'" in sql for sql in written if "UPDATE" in sql)
    assert set(Revision.objects.values_list("name", flat=True)) >= {"a", "b"}


def test_a_change_that_fails_bumps_nothing_and_the_next_one_does(committed_tenants):
    before = dict(Revision.objects.values_list("name", "number"))
    with pytest.raises(RolledBack), revisions.together():
        revisions.bump(revisions.TENANTS)
        raise RolledBack
    assert dict(Revision.objects.values_list("name", "number")) == before
    revisions.bump(revisions.TENANTS)
    assert Revision.objects.get(name=revisions.TENANTS).number == before[revisions.TENANTS] + 1


@pytest.mark.parametrize("level", ["repeatable read", None])
def test_a_transaction_that_sees_the_past_reads_for_others_on_another_connection(committed_tenants, monkeypatch, level):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has no levels of isolation")
    here = threading.get_ident()
    with transaction.atomic():
        platform_name()
        assert revisions.from_any_thread(threading.get_ident) == here
        if connection.vendor == "postgresql":
            level = type(connection.isolation_level).REPEATABLE_READ
        monkeypatch.setattr(connection, "isolation_level", level)
        assert revisions.from_any_thread(threading.get_ident) != here
        set_site_values("maxi-academy.localhost", {NAME: "Own"})
        # What it has changed itself is in its own view, which nobody shares.
        assert revisions.from_any_thread(threading.get_ident) == here
        assert platform_name() == "Own"
