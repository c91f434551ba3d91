"""The audit record in the admin: read by those who may, changed by nobody."""

from datetime import datetime
from html import unescape

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from ccx_tenancy.admin_support import BoundedPaginator
from ccx_tenancy.audit import api as audit
from ccx_tenancy.audit.admin import AuditEntryAdmin
from ccx_tenancy.audit.models import AuditEntry
from tests.counting import counted

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    client = Client()
    client.force_login(User.objects.create_superuser("boss", "boss@example.com", "secret"))
    return client


def url(page, *args):
    return reverse(f"admin:ccx_audit_auditentry_{page}", args=args)


def many(count):
    entries = (AuditEntry(action=f"config.{n % 5}", tenant_key=f"t{n:05}", target=f"{n}") for n in range(count))
    AuditEntry.objects.bulk_create(entries, batch_size=2000)


def test_the_list_shows_who_did_what_newest_first(client):
    audit.record("tenant.create", tenant_key="maxi", target="maxi")
    audit.record("tenant.suspend", tenant_key="maxi", target="maxi", actor=User.objects.get())
    page = client.get(url("changelist"))
    assert [entry.action for entry in page.context["cl"].result_list] == ["tenant.suspend", "tenant.create"]
    assert "the system" in page.content.decode() and "boss" in page.content.decode()


def test_the_detail_shows_before_and_after_name_by_name_and_escaped(client):
    entry = audit.record(
        "config.set",
        target="maxi.example.com",
        before={"values": {"A": 1}, "same": 0},
        after={"values": {"A": "<b>"}, "same": 0, "reason": "why"},
    )
    page = client.get(url("change", entry.pk)).content.decode()
    assert '<tr class="ccx-changed"><th scope="row">values</th>' in page
    assert '<tr class="ccx-same"><th scope="row">same</th>' in page
    assert '"A": "<b>"' in unescape(page) and "<b>" not in page
    assert "Save" not in page


@pytest.mark.parametrize(("before", "after"), [(None, None), ({}, None), ([1], "text"), (None, {"a": None})])
def test_an_entry_of_any_shape_is_shown(client, before, after):
    entry = audit.record("odd", before=before, after=after)
    assert client.get(url("change", entry.pk)).status_code == 200


def test_nobody_adds_changes_or_deletes_an_entry(client):
    entry = audit.record("tenant.create", tenant_key="maxi")
    assert client.get(url("add")).status_code == 403
    assert client.post(url("change", entry.pk), {"action": "x"}).status_code == 403
    assert client.post(url("delete", entry.pk), {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": entry.pk, "post": "yes"}
    client.post(url("changelist"), chosen)
    assert AuditEntry.objects.get().action == "tenant.create"
    page = client.get(url("changelist")).content.decode()
    assert "delete_selected" not in page and "Add audit entry" not in page


def test_only_those_with_the_permission_read_it(client):
    audit.record("tenant.create")
    user = User.objects.create_user("helper", is_staff=True)
    reader = Client()
    reader.force_login(user)
    assert reader.get(url("changelist")).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_auditentry"))
    assert reader.get(url("changelist")).status_code == 200


def test_entries_are_found_by_the_beginning_of_a_name_and_filtered_by_action(client):
    many(20)
    for search, found in (
        ({"q": "t00007"}, 1),
        ({"q": "t0001"}, 10),
        ({"q": "CONFIG.3"}, 4),
        ({"action": "config.2"}, 4),
    ):
        assert client.get(url("changelist"), search).context["cl"].result_count == found
    page = client.get(url("changelist")).content.decode()
    assert "?action=config.4" in page


def test_entries_are_found_by_their_date(client):
    audit.record("tenant.create")
    year = AuditEntry.objects.get().created.year
    assert client.get(url("changelist"), {"created__year": year}).context["cl"].result_count == 1
    assert client.get(url("changelist"), {"created__year": year - 1}).context["cl"].result_count == 0


@pytest.mark.parametrize("zone", ["UTC", "America/Chicago", "Asia/Kathmandu"])
def test_years_months_and_days_are_offered_in_the_current_time_zone(client, zone):
    with timezone.override(zone):
        here = timezone.get_current_timezone()
        moments = [(2023, 12, 31, 23), (2024, 1, 1, 0), (2024, 2, 29, 12), (2024, 12, 31, 23), (2025, 3, 9, 1)]
        AuditEntry.objects.bulk_create(
            AuditEntry(action="a", created=datetime(*moment, 30, tzinfo=here)) for moment in moments
        )

        def found(kind, **limits):
            rows = AuditEntryAdmin(AuditEntry, admin.site).get_queryset(None).filter(**limits)
            return [(one.year, one.month, one.day, one.hour) for one in rows.datetimes("created", kind)]

        assert found("year") == [(2023, 1, 1, 0), (2024, 1, 1, 0), (2025, 1, 1, 0)]
        assert found("month", created__year=2024) == [(2024, 1, 1, 0), (2024, 2, 1, 0), (2024, 12, 1, 0)]
        assert found("day", created__year=2024) == [(2024, 1, 1, 0), (2024, 2, 29, 0), (2024, 12, 31, 0)]
    page = client.get(url("changelist"), {"created__year": 2024}).content.decode()
    assert "February" in page
    assert "2025" in client.get(url("changelist")).content.decode()


def test_no_date_of_many_entries_is_cut_to_find_the_years(client):
    many(10)
    with CaptureQueriesContext(connection) as context:
        client.get(url("changelist"))
    assert not any("DISTINCT" in query["sql"] for query in context)


def test_the_list_asks_the_same_of_10_and_of_20000_entries_and_never_counts_them_all(client):
    def queries():
        return counted(lambda: client.get(url("changelist")))

    many(10)
    few = queries()
    many(20_000)
    found = queries()
    assert len(found) == len(few)
    assert not any("COUNT(" in sql and "LIMIT" not in sql for sql in found)
    assert client.get(url("changelist")).context["cl"].result_count == BoundedPaginator.MOST
    assert client.get(url("changelist"), {"p": "200"}).status_code == 200
