"""The marketplace in the admin."""

from __future__ import annotations

import pytest
from django.test import Client

from ccx_tenancy.audit import api as audit
from ccx_tenancy.ccxcon import api
from ccx_tenancy.ccxcon.models import Connector, CourseExport, LoginLink
from sandbox.courses.custom_courses import publish
from tests.ccxcon.conftest import KEY
from tests.ccxcon.test_exports import send_all

pytestmark = pytest.mark.django_db
ADMIN = "/admin/ccx_ccxcon/"


@pytest.fixture
def client(make_user):
    client = Client()
    client.force_login(
        make_user("root", is_superuser=True, is_staff=True), backend="ccx_tenancy.backends.DefaultSiteBackend"
    )
    return client


def act(client, model, action, rows):
    return client.post(
        f"{ADMIN}{model}/", {"action": action, "_selected_action": [row.pk for row in rows]}, follow=True
    )


@pytest.mark.parametrize("model", ["connector", "courseexport", "loginlink", "ccxorder"])
def test_every_list_opens_empty_and_exports_are_not_made_by_hand(client, model):
    assert client.get(f"{ADMIN}{model}/").status_code == 200
    assert client.get(f"{ADMIN}{model}/add/").status_code == (200 if model == "connector" else 403)


def test_a_connector_is_made_with_secrets_that_are_never_shown(client, acme, settings):
    form = {
        "title": "Hub",
        "url": "http://127.0.0.1:9/",
        "enabled": "on",
        "client_id": "lms",
        "client_secret": "very secret",
        "link_secret": "link secret",
        "portal_url": "http://127.0.0.1:9/portal/",
        "tenants": [acme.pk],
    }
    assert client.post(f"{ADMIN}connector/add/", form).status_code == 302
    row = Connector.objects.get()
    assert (row.client_secret.open(), row.link_secret.open()) == ("very secret", "link secret")
    assert row.exports.count() == 0
    page = client.get(f"{ADMIN}connector/{row.pk}/change/").content.decode()
    assert "very secret" not in page and "link secret" not in page
    # Left empty, a secret stays.
    changed = {**form, "title": "Hub 2", "client_secret": "", "link_secret": ""}
    assert client.post(f"{ADMIN}connector/{row.pk}/change/", changed).status_code == 302
    row.refresh_from_db()
    assert (row.title, row.client_secret.open()) == ("Hub 2", "very secret")
    assert "very secret" not in str(list(audit.entries().values("before", "after")))
    assert {"connector.created", "connector.changed"} <= set(audit.entries().values_list("action", flat=True))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"url": "https://10.0.0.1/"}, "not public"),
        ({"url": "http://user:pass@127.0.0.1/"}, "user name or password"),
        ({"portal_url": "http://127.0.0.1/"}, "go together"),
        ({"link_secret": "x"}, "go together"),
    ],
)
def test_security_a_connector_that_may_not_be_called_is_refused_with_the_reason(client, change, reason):
    form = {"title": "Hub", "url": "http://127.0.0.1:9/", "client_id": "lms", "client_secret": "x", **change}
    page = client.post(f"{ADMIN}connector/add/", form).content.decode()
    assert reason in page
    assert not Connector.objects.exists()


def test_a_refused_export_shows_its_reason_and_is_tried_again(client, course, hub):
    publish(course)
    hub.answers = [(400, {}, b"no <such> course")]
    send_all()
    row = CourseExport.objects.get()
    page = client.get(f"{ADMIN}courseexport/?state__exact=refused").content.decode()
    assert KEY in page and "no &lt;such&gt; course" in page
    assert "tried again now" in act(client, "courseexport", "retry", [row]).content.decode()
    send_all()
    row.refresh_from_db()
    assert row.state == "done"
    assert client.get(f"{ADMIN}courseexport/{row.pk}/change/").status_code == 200
    act(client, "courseexport", "send_present_state", [row])
    send_all()
    assert len(hub.courses) == 2
    assert hub.courses[0]["version"] < hub.courses[1]["version"]
    assert {"export.retried", "export.resent"} <= set(audit.entries().values_list("action", flat=True))


def test_who_may_only_look_tries_nothing_again(course, hub, make_user):
    from django.contrib.auth.models import Permission

    publish(course)
    viewer = make_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_courseexport"))
    client = Client()
    client.force_login(viewer, backend="ccx_tenancy.backends.DefaultSiteBackend")
    page = client.get(f"{ADMIN}courseexport/").content.decode()
    assert KEY in page and 'value="retry"' not in page


def test_a_login_link_is_sent_again_and_never_shown(client, course, connector, make_user):
    link = LoginLink.objects.create(
        connector=connector, user=make_user("ada"), anonymous_id="a" * 32, course_key=KEY, nonce="n0nce", state="done"
    )
    page = client.get(f"{ADMIN}loginlink/{link.pk}/change/").content.decode()
    assert "n0nce" not in page
    act(client, "loginlink", "retry", [link])
    link.refresh_from_db()
    assert (link.state, link.nonce) == ("waiting", "")


def test_an_order_is_shown_with_its_changes(client, course, seller, teacher):
    order = {
        "master_course_id": KEY,
        "coach_email": teacher.email,
        "max_students_allowed": 5,
        "display_name": "My CCX",
        "organization": "GlobexX",
    }
    made = api.order_ccx(order, caller=seller, key="1")
    api.set_seats(made.answer["ccx_course_id"], 7, caller=seller)
    page = client.get(f"{ADMIN}ccxorder/{made.order.pk}/change/").content.decode()
    assert made.answer["ccx_course_id"] in page and "GlobexX" in page
    assert client.get(f"{ADMIN}ccxorder/?q=My+CCX").content.decode().count("My CCX") >= 1
