"""Courses on their way to a connector."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from ccx_tenancy import api as tenancy
from ccx_tenancy.ccxcon import api, exports
from ccx_tenancy.ccxcon.models import CourseExport
from sandbox.courses.custom_courses import delete, publish
from tests.ccxcon.conftest import KEY, make_connector, make_course

rows = CourseExport.objects

pytestmark = pytest.mark.django_db


def send_all():
    """Send what is due, without the waits between attempts."""
    rows.filter(state="waiting").update(due_at=timezone.now())
    return api.send_due()


def test_a_published_course_is_one_row_that_is_sent_once(course, hub, export):
    publish(course)
    publish(course)
    assert rows.count() == 1
    assert send_all() == 1
    assert send_all() == 0
    (sent,) = hub.courses
    assert list(sent) == [
        *("course_id", "title", "author_name", "overview", "description", "image_url", "instructors"),
        *("modules", "version", "state"),
    ]
    assert (sent["course_id"], sent["title"], sent["state"]) == (KEY, "Peer Physics", "active")
    assert [(one["title"], one["order"]) for one in sent["modules"]] == [("Chapter 1", 0), ("Chapter 2", 1)]
    row = export()
    assert (row.state, row.sent_version, row.version, row.told) == ("done", sent["version"], sent["version"], True)
    assert row.sent == sent


def test_only_the_latest_state_is_sent_and_versions_rise(course, hub):
    for number in range(5):
        course.display_name = f"Physics {number}"
        publish(course)
    send_all()
    course.display_name = "Physics, the end"
    publish(course)
    send_all()
    assert [one["title"] for one in hub.courses] == ["Physics 4", "Physics, the end"]
    assert hub.courses[0]["version"] < hub.courses[1]["version"]


def test_a_publication_that_is_rolled_back_leaves_nothing(course):
    with pytest.raises(LookupError), transaction.atomic():
        publish(course)
        raise LookupError
    assert not rows.exists()


def test_what_is_published_while_it_is_sent_is_sent_after_it(course, hub, export):
    publish(course)
    (taken,) = exports._claimable().claim(1)
    course.display_name = "Changed meanwhile"
    publish(course)
    assert send_all() == 0  # One at a time.
    exports.send(taken)
    assert export().state == "waiting"
    send_all()
    assert export().state == "done"
    first, second = hub.courses
    assert second["title"] == "Changed meanwhile"
    assert second["version"] > first["version"] == taken.version


@pytest.mark.django_db(transaction=True)
def test_a_task_sends_it_after_the_commit_and_what_changed_meanwhile_too(course, hub, celery_eager):
    publish(course)
    assert [one["title"] for one in hub.courses] == ["Peer Physics"]
    assert rows.get().state == "done"


def test_publications_in_a_burst_wait_for_each_other(course, hub, settings, export):
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "CCXCON_COALESCE_SECONDS": 60}
    before = timezone.now()
    publish(course)
    due = export().due_at
    assert due >= before + timedelta(seconds=60)
    publish(course)
    # The second publication does not put the first one off.
    assert export().due_at == due
    assert api.send_due() == 0
    send_all()
    publish(course)
    assert export().due_at > due


def test_the_version_rises_also_where_the_rows_come_back_from_an_old_backup(course, export):
    publish(course)
    before = exports.first_version()
    rows.update(version=1)
    publish(course)
    assert export().version >= before


@pytest.mark.parametrize(
    "failure",
    [(500, {}, b"broken"), (503, {}, b""), (429, {"Retry-After": "100"}, b""), (401, {}, b""), None],
    ids=["500", "503", "429", "401", "no answer"],
)
def test_a_failure_is_tried_again_later(course, hub, export, failure):
    publish(course)
    hub.answers = [failure] * (2 if failure and failure[0] == 401 else 1)
    before = timezone.now()
    send_all()
    row = export()
    assert (row.state, row.attempts) == ("waiting", 1)
    assert row.last_error
    assert row.due_at > before
    if failure and failure[0] == 429:
        assert row.due_at >= before + timedelta(seconds=100)
    send_all()
    assert (export().state, len(hub.courses)) == ("done", 1)


def test_a_token_that_is_refused_is_asked_for_again_later(acme, export):
    from tests.outgoing.servers import serving

    with serving(lambda request: (401, {}, b'{"error": "invalid_client"}')) as server:
        publish(make_course(make_connector(server.url, acme).url))
        send_all()
    assert (export().state, export().last_status) == ("waiting", 401)
    assert "lms secret" not in export().last_error


def test_a_refusal_is_kept_with_its_reason_and_sent_again_when_asked(course, hub, export):
    publish(course)
    hub.answers = [(400, {}, b'{"title":["This field is required."]}')]
    send_all()
    row = export()
    assert (row.state, row.last_status) == ("refused", 400)
    assert "This field is required" in row.last_error
    assert send_all() == 0
    row.retry_now()
    send_all()
    assert export().state == "done"


def test_an_address_that_may_not_be_called_is_refused_with_its_reason(course, export, settings):
    publish(course)
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "OUTGOING_PRIVATE_NETWORKS": []}
    send_all()
    assert export().state == "refused"
    assert "not public" in export().last_error


def test_a_new_publication_makes_a_refused_row_due_again(course, hub, export):
    publish(course)
    hub.answers = [(400, {}, b"no")]
    send_all()
    publish(course)
    send_all()
    assert export().state == "done"


@pytest.mark.parametrize("key", ["ccx-v1:AcmeX+AX1+2026+ccx@3", "library-v1:AcmeX+L1", "no key at all"])
def test_a_ccx_is_never_exported_as_a_master_course(connector, key):
    assert api.course_changed(key) == 0
    assert not rows.exists()


def test_a_course_that_is_not_open_for_ccxs_is_told_to_nobody(connector, hub, export):
    publish(make_course(connector.url, enable_ccx=False))
    publish(make_course("https://other.example.com", "course-v1:AcmeX+AX2+2026"))
    send_all()
    assert hub.courses == []
    assert set(rows.values_list("state", "told")) == {("done", False)}


def test_disabling_is_told_once(course, hub, export):
    publish(course)
    send_all()
    course.enable_ccx = False
    publish(course)
    send_all()
    publish(course)
    send_all()
    assert [one["state"] for one in hub.courses] == ["active", "withdrawn"]
    course.enable_ccx = True
    publish(course)
    send_all()
    assert [one["state"] for one in hub.courses] == ["active", "withdrawn", "active"]


def test_a_deleted_course_is_withdrawn_with_what_was_sent_last(course, hub):
    publish(course)
    send_all()
    delete(course)
    send_all()
    first, second = hub.courses
    assert second == {**first, "version": second["version"], "state": "withdrawn"}
    assert second["version"] > first["version"]


def test_a_course_that_names_another_connector_is_withdrawn_from_the_first(course, hub, acme):
    publish(course)
    send_all()
    other = make_connector(f"{hub.url}/other/", acme)
    course.ccx_connector = other.url
    publish(course)
    send_all()
    assert sorted((one["state"]) for one in hub.courses) == ["active", "active", "withdrawn"]


def test_a_course_that_was_closed_before_an_unknown_answer_is_withdrawn_all_the_same(course, hub):
    # The hub may have taken it although no answer came.
    publish(course)
    hub.answers = [None]
    send_all()
    course.enable_ccx = False
    publish(course)
    send_all()
    assert [one["state"] for one in hub.courses] == ["withdrawn"]


def test_a_connector_gets_the_courses_of_the_tenants_it_serves_and_no_others(connector, hub, acme, globex):
    publish(make_course(connector.url, "course-v1:GlobexX+GX1+2026"))
    publish(make_course(connector.url, "course-v1:Nobody+NX1+2026"))
    send_all()
    assert hub.courses == []
    connector.serves_platform = True
    connector.save()
    connector.tenants.add(globex)
    api.course_changed("course-v1:GlobexX+GX1+2026")
    api.course_changed("course-v1:Nobody+NX1+2026")
    send_all()
    assert {one["course_id"] for one in hub.courses} == {"course-v1:GlobexX+GX1+2026", "course-v1:Nobody+NX1+2026"}


def test_the_courses_of_a_suspended_tenant_are_withdrawn_and_come_back(course, hub, acme):
    publish(course)
    send_all()
    tenancy.suspend_tenant("acme")
    send_all()
    tenancy.resume_tenant("acme")
    send_all()
    assert [one["state"] for one in hub.courses] == ["active", "withdrawn", "active"]


def test_nothing_is_sent_to_a_connector_that_is_not_enabled_and_all_of_it_later(course, connector, hub):
    connector.enabled = False
    connector.save()
    publish(course)
    assert send_all() == 0
    connector.enabled = True
    connector.save()
    send_all()
    assert len(hub.courses) == 1


def test_a_process_that_is_killed_while_it_sends_is_followed_by_another(course, hub, export):
    publish(course)
    (taken,) = exports._claimable().claim(1)
    assert send_all() == 0
    rows.update(leased_until=timezone.now() - timedelta(seconds=1))
    send_all()
    assert (export().state, len(hub.courses)) == ("done", 1)
    taken.succeeded()
    assert export().lease == ""


def test_a_course_that_cannot_be_read_is_tried_again_with_the_reason(course, export, monkeypatch):
    from sandbox.courses.custom_courses import SandboxCourses

    publish(course)
    monkeypatch.setattr(SandboxCourses, "course", lambda self, key: 1 // 0)
    send_all()
    assert export().state == "waiting"
    assert "ZeroDivisionError" in export().last_error
    monkeypatch.undo()
    send_all()
    assert export().state == "done"


def test_instructors_of_the_whole_organization_go_along_by_anonymous_ids(course, hub, acme, make_user):
    for name, role in (("ada", "owner"), ("bob", "admin"), ("eve", "author")):
        tenancy.add_member(make_user(name), "AcmeX", role)
    publish(course)
    send_all()
    found = hub.courses[0]["instructors"]
    assert len(set(found)) == 2
    assert all(len(one) == 32 and one.isalnum() for one in found)
