"""``manage.py ccxcon``."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from ccx_tenancy.ccxcon.models import Connector, CourseExport
from ccx_tenancy.ports import ConnectorRow
from sandbox.courses.custom_courses import SandboxCourses, publish
from tests.ccxcon.test_exports import send_all

pytestmark = pytest.mark.django_db


def run(*arguments):
    out = io.StringIO()
    call_command("ccxcon", *arguments, stdout=out)
    return out.getvalue()


def test_work_sends_what_is_due(course, hub):
    publish(course)
    assert "1 sent" in run("work", "--once")
    assert len(hub.courses) == 1
    assert "0 sent" in run("work", "--once")


def test_status_shows_what_was_refused_and_retry_sends_it(course, connector, hub):
    publish(course)
    hub.answers = [(400, {}, b"no such image")]
    send_all()
    found = json.loads(run("status", "--format", "json"))
    assert found["exports"]["refused"] == 1
    assert "no such image" in found["troubled"][0]["reason"]
    assert "no such image" in run("status")
    with pytest.raises(CommandError, match="--all"):
        run("retry")
    with pytest.raises(CommandError, match="no connector"):
        run("retry", "--all", "--connector", "nowhere")
    assert run("retry", "--all", "--connector", connector.url).strip() == "1 due now."
    send_all()
    assert CourseExport.objects.get().state == "done"
    assert run("retry", str(course.id)).strip() == "0 due now."


@pytest.fixture
def hosts_rows(monkeypatch):
    """The host has a table of connectors."""
    rows = [
        ConnectorRow("http://127.0.0.1:9/", "Hub", "lms", "old secret"),
        ConnectorRow("ftp://example.com/", "Wrong", "lms", "x"),
    ]
    monkeypatch.setattr(SandboxCourses, "connectors", lambda self: rows)
    return rows


def test_import_takes_the_hosts_connectors_over_and_says_what_it_refused(acme, hosts_rows):
    assert "created http://127.0.0.1:9/" in run("import", "--tenant", "acme", "--dry-run")
    assert not Connector.objects.exists()
    said = run("import", "--tenant", "acme")
    assert "created http://127.0.0.1:9/" in said and "refused ftp://example.com/: " in said
    row = Connector.objects.get()
    assert (row.client_secret.open(), row.serves_platform, list(row.tenants.all())) == ("old secret", True, [acme])
    assert "old secret" not in said
    hosts_rows[0] = ConnectorRow("http://127.0.0.1:9/", "Hub", "lms", "new secret")
    assert "changed http://127.0.0.1:9/" in run("import", "--tenants-only")
    row = Connector.objects.get()
    assert (row.client_secret.open(), row.serves_platform, list(row.tenants.all())) == ("new secret", True, [acme])
    assert "unchanged" in run("import")


def test_import_for_a_tenant_that_is_not_there_changes_nothing(hosts_rows):
    with pytest.raises(CommandError, match="nobody"):
        run("import", "--tenant", "nobody")
    assert not Connector.objects.exists()


def test_a_host_without_connectors_says_so(db):
    assert "no connectors" in run("import")


def test_prune_deletes_what_was_told_of_courses_that_are_gone_and_nothing_else(course, connector, hub):
    old = timezone.now() - timedelta(days=91)
    gone = {"connector": connector, "state": "done", "sent_version": 1}
    keys = {name: f"course-v1:AcmeX+{name}+2026" for name in ("Gone", "Held", "Waits", "Refused", "New")}
    for name, key in keys.items():
        row = CourseExport.objects.create(course_key=key, **gone, told=name == "Held")
        changes = {"Waits": {"state": "waiting"}, "Refused": {"state": "refused"}}.get(name, {})
        CourseExport.objects.filter(pk=row.pk).update(modified=timezone.now() if name == "New" else old, **changes)
    # A course that is there is sent again when its tenant comes back: its row is needed.
    row = CourseExport.objects.create(course_key=str(course.id), **gone)
    CourseExport.objects.filter(pk=row.pk).update(modified=old)
    assert run("prune", "--dry-run").strip() == "Would delete 1 exports."
    assert CourseExport.objects.count() == 6
    assert run("prune").strip() == "Deleted 1 exports."
    assert not CourseExport.objects.filter(course_key=keys["Gone"]).exists()
    assert CourseExport.objects.count() == 5
    with pytest.raises(CommandError, match="no age"):
        run("prune", "--older-than", "0")
