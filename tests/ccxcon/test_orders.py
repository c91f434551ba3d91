"""CCXs by order, over HTTP."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from ccx_tenancy import api as tenancy
from ccx_tenancy.audit import api as audit
from ccx_tenancy.ccxcon.models import CcxOrder, SeatsChange
from ccx_tenancy.errors import CourseClosed
from sandbox.courses.custom_courses import enroll
from sandbox.courses.models import CustomCourse
from tests.ccxcon.conftest import CHAPTERS, KEY

URL = "/api/ccxcon/v1/ccx/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(seller, course):
    client = Client()
    client.force_login(seller, backend="ccx_tenancy.backends.DefaultSiteBackend")
    return client


@pytest.fixture
def wanted(teacher):
    return {
        "master_course_id": KEY,
        "coach_email": teacher.email,
        "max_students_allowed": 25,
        "display_name": "My CCX",
        "organization": "GlobexX",
    }


def post(client, body, key="key 1"):
    headers = {"HTTP_IDEMPOTENCY_KEY": key} if key else {}
    return client.post(URL, json.dumps(body), content_type="application/json", **headers)


def patch(client, ccx, body, key=None):
    headers = {"HTTP_IDEMPOTENCY_KEY": key} if key else {}
    return client.patch(f"{URL}{ccx}/", json.dumps(body), content_type="application/json", **headers)


@pytest.fixture
def ccx(client, wanted):
    """Return the key of a CCX with 25 seats that Globex bought of Acme."""
    return post(client, wanted).json()["ccx_course_id"]


def fill(make_user, ccx, count):
    for number in range(count):
        enroll(make_user(f"learner{number}"), ccx)


def test_an_order_makes_a_ccx_with_the_words_of_the_hosts_api(client, wanted, teacher):
    answer = post(client, {**wanted, "course_modules": [CHAPTERS[1]["locator"]]})
    assert answer.status_code == 201
    (made,) = CustomCourse.objects.all()
    body = dict(answer.json())
    assert body.pop("start")
    assert body == {
        "ccx_course_id": f"ccx-v1:AcmeX+AX1+2026+ccx@{made.pk}",
        "master_course_id": KEY,
        "display_name": "My CCX",
        "coach_email": teacher.email,
        "due": None,
        "max_students_allowed": 25,
        "course_modules": [CHAPTERS[1]["locator"]],
        "seats_taken": 0,
        "version": 0,
        "organization": "GlobexX",
        "state": "open",
    }
    assert answer["Location"] == f"http://testserver{URL}{made.key}/"
    assert client.get(answer["Location"]).json() == answer.json()
    entry = audit.entries(tenant_key="globex").get(action="ccx.create")
    assert (entry.actor, entry.target, entry.after["seats"]) == ("hub", made.key, 25)


def test_the_same_key_is_the_same_order_and_gets_the_same_answer(client, wanted):
    first = post(client, wanted)
    patch(client, first.json()["ccx_course_id"], {"max_students_allowed": 30})
    again = post(client, wanted)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again["Idempotency-Replayed"] == "true"
    assert again["Location"] == first["Location"]
    assert CustomCourse.objects.count() == 1
    post(client, wanted, key="key 2")
    assert CustomCourse.objects.count() == 2


def test_a_key_that_comes_with_another_order_is_refused(client, wanted):
    post(client, wanted)
    answer = post(client, {**wanted, "max_students_allowed": 26})
    assert (answer.status_code, answer.json()["error_code"]) == (422, "idempotency_key_reused")
    assert CustomCourse.objects.count() == 1


def test_a_key_is_one_callers(client, wanted, make_user):
    post(client, wanted)
    other = make_user("other_hub")
    tenancy.add_member(other, "AcmeX", "admin")
    client.force_login(other, backend="ccx_tenancy.backends.DefaultSiteBackend")
    assert post(client, wanted).status_code == 201
    assert CustomCourse.objects.count() == 2


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_an_order_without_a_key_is_refused(client, wanted, key):
    answer = post(client, wanted, key=key)
    assert answer.status_code == 400
    assert answer.json()["error_code"].startswith("idempotency_key_")
    assert not CcxOrder.objects.exists()


@pytest.mark.parametrize("seats", [-5, 0, True, "lots", "25", 2.5, 1_000_001, None, [25]])
def test_weakness_11_seats_are_a_whole_number_above_zero(client, wanted, ccx, seats):
    answer = post(client, {**wanted, "max_students_allowed": seats}, key="key 2")
    assert answer.status_code == 400
    assert "max_students_allowed" in answer.json()["field_errors"]
    assert patch(client, ccx, {"max_students_allowed": seats}).status_code == 400
    assert list(CustomCourse.objects.values_list("seats", flat=True)) == [25]


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        ({"master_course_id": None}, 400, "master_course_id_not_provided"),
        ({"master_course_id": "x"}, 400, "course_id_not_valid"),
        ({"master_course_id": 7}, 400, "course_id_not_valid"),
        ({"master_course_id": "ccx-v1:AcmeX+AX1+2026+ccx@1"}, 400, "course_id_not_valid"),
        ({"master_course_id": "course-v1:AcmeX+NONE+2026"}, 404, "course_id_does_not_exist"),
        ({"master_course_id": "course-v1:GlobexX+GX1+2026"}, 404, "course_id_does_not_exist"),
        ({"coach_email": "nobody@example.com"}, 404, "coach_user_does_not_exist"),
        ({"coach_email": "teacher"}, 400, "invalid_coach_email"),
        ({"coach_email": 7}, 400, "invalid_coach_email"),
        ({"coach_email": None}, 400, "null_field_coach_email"),
        ({"display_name": ""}, 400, "invalid_display_name"),
        ({"display_name": ["x"]}, 400, "invalid_display_name"),
        ({"course_modules": "x"}, 400, "invalid_course_module_list"),
        ({"course_modules": [7]}, 400, "invalid_course_module_keys"),
        ({"course_modules": ["block-v1:X+Y+Z+type@chapter+block@1"]}, 400, "course_module_list_not_belonging"),
        ({"organization": "AcmeX"}, 400, "coach_not_in_organization"),
        ({"organization": "Nobody"}, 400, "coach_not_in_organization"),
        ({"organization": 7}, 400, "coach_not_in_organization"),
    ],
)
def test_weakness_20_bad_input_is_refused_by_name_and_changes_nothing(client, wanted, change, status, word):
    answer = post(client, {**wanted, **change})
    assert answer.status_code == status
    assert word in answer.content.decode()
    assert not CustomCourse.objects.exists()
    assert not CcxOrder.objects.exists()


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"x"', b"\xff"])
def test_weakness_20_a_body_that_is_no_object_is_refused(client, ccx, body):
    assert client.post(URL, body, content_type="application/json", HTTP_IDEMPOTENCY_KEY="k").status_code == 400
    assert client.patch(f"{URL}{ccx}/", body, content_type="application/json").status_code == 400


def test_a_course_that_is_not_open_for_ccxs_makes_none(client, wanted, course):
    course.enable_ccx = False
    course.save()
    answer = post(client, wanted)
    assert (answer.status_code, answer.json()["error_code"]) == (403, "ccx_not_enabled_for_master_course")


@pytest.mark.parametrize("role", [None, "learner", "staff", "author"])
def test_weakness_14_who_is_no_administrator_of_the_selling_organization_orders_nothing(
    wanted, course, make_user, role
):
    user = make_user("someone")
    if role:
        tenancy.add_member(user, "AcmeX", role)
    client = Client()
    client.force_login(user, backend="ccx_tenancy.backends.DefaultSiteBackend")
    answer = post(client, wanted)
    assert (answer.status_code, answer.json()["error_code"]) == (404, "course_id_does_not_exist")
    assert not CustomCourse.objects.exists()


def test_nobody_who_is_not_signed_in_orders_anything(wanted, course):
    assert post(Client(), wanted).status_code in (401, 403)


def test_with_no_authentication_named_nobody_is_known(client, wanted, settings):
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "CCXCON_AUTHENTICATION": []}
    answer = post(client, wanted)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


def test_a_platform_operator_orders_for_every_tenant(wanted, course, make_user):
    client = Client()
    client.force_login(make_user("root", is_superuser=True), backend="ccx_tenancy.backends.DefaultSiteBackend")
    assert post(client, wanted).status_code == 201


def test_what_another_seller_ordered_is_not_there(client, ccx, make_user):
    other = make_user("other")
    tenancy.add_member(other, "GlobexX", "owner")
    stranger = Client()
    stranger.force_login(other, backend="ccx_tenancy.backends.DefaultSiteBackend")
    unknown = "ccx-v1:AcmeX+AX1+2026+ccx@999"
    for call in (stranger.get, stranger.delete):
        answer, none = call(f"{URL}{ccx}/"), call(f"{URL}{unknown}/")
        assert (answer.status_code, answer.json()["error_code"]) == (404, "ccx_course_id_does_not_exist")
        assert answer.content.replace(ccx.encode(), b"") == none.content.replace(unknown.encode(), b"")
    assert patch(stranger, ccx, {"max_students_allowed": 1}).status_code == 404
    assert CustomCourse.objects.get().seats == 25


def test_weakness_12_seats_change_and_the_change_is_kept(client, ccx):
    answer = patch(client, ccx, {"max_students_allowed": 35})
    assert (answer.status_code, answer.json()["max_students_allowed"], answer.json()["version"]) == (200, 35, 1)
    assert CustomCourse.objects.get().seats == 35
    change = SeatsChange.objects.get()
    assert (change.seats_before, change.seats) == (25, 35)
    assert audit.entries().filter(action="ccx.seats").count() == 1


def test_seats_never_go_below_what_is_taken(client, ccx, make_user):
    fill(make_user, ccx, 3)
    answer = patch(client, ccx, {"max_students_allowed": 2})
    assert (answer.status_code, answer.json()["error_code"], answer.json()["seats_taken"]) == (409, "seats_taken", 3)
    assert CustomCourse.objects.get().seats == CcxOrder.objects.get().seats == 25
    assert patch(client, ccx, {"max_students_allowed": 3}).json()["seats_taken"] == 3


def test_a_change_that_arrives_late_or_twice_changes_nothing(client, ccx):
    patch(client, ccx, {"max_students_allowed": 30, "version": 2})
    for late in ({"max_students_allowed": 28, "version": 1}, {"max_students_allowed": 99, "version": 2}):
        answer = patch(client, ccx, late)
        assert (answer.status_code, answer.json()["max_students_allowed"], answer.json()["version"]) == (200, 30, 2)
    assert patch(client, ccx, {"max_students_allowed": 40, "version": 3}).json()["max_students_allowed"] == 40


@pytest.mark.parametrize("version", ["1", -1, True, 1.5])
def test_a_version_is_a_whole_number(client, ccx, version):
    answer = patch(client, ccx, {"max_students_allowed": 30, "version": version})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "invalid_version")


def test_a_change_is_known_again_by_its_key(client, ccx):
    patch(client, ccx, {"max_students_allowed": 30}, key="a")
    patch(client, ccx, {"max_students_allowed": 40}, key="b")
    assert patch(client, ccx, {"max_students_allowed": 30}, key="a").json()["max_students_allowed"] == 40
    assert patch(client, ccx, {"max_students_allowed": 50}, key="a").status_code == 422
    assert CustomCourse.objects.get().seats == 40


def test_a_closed_ccx_takes_nobody_and_no_more_seats_and_stays_closed(client, ccx, make_user):
    fill(make_user, ccx, 1)
    assert client.delete(f"{URL}{ccx}/").status_code == 204
    assert client.delete(f"{URL}{ccx}/").status_code == 204
    answer = patch(client, ccx, {"max_students_allowed": 50})
    assert (answer.status_code, answer.json()["error_code"]) == (409, "ccx_closed")
    body = client.get(f"{URL}{ccx}/").json()
    assert (body["state"], body["seats_taken"]) == ("closed", 1)
    with pytest.raises(CourseClosed):
        enroll(make_user("late"), ccx)


def test_a_failure_while_the_ccx_is_made_leaves_no_order(client, wanted, monkeypatch):
    from sandbox.courses.custom_courses import SandboxCourses

    made = SandboxCourses.create

    def broken(self, *args, **kwargs):
        made(self, *args, **kwargs)
        raise LookupError("the host failed")

    monkeypatch.setattr(SandboxCourses, "create", broken)
    client.raise_request_exception = False
    assert post(client, wanted).status_code == 500
    assert not CcxOrder.objects.exists()
    assert not CustomCourse.objects.exists()
    monkeypatch.undo()
    assert post(client, wanted).status_code == 201


def test_on_a_tenants_site_another_tenants_courses_are_not_there(client, wanted, ccx, seller):
    tenancy.add_member(seller, "GlobexX", "admin")
    answer = client.post(
        URL,
        json.dumps(wanted),
        content_type="application/json",
        HTTP_IDEMPOTENCY_KEY="key 2",
        HTTP_HOST="globex.example.com",
    )
    assert (answer.status_code, answer.json()["error_code"]) == (404, "course_id_does_not_exist")
    # What Globex bought is Globex's, and may be read there by who ordered it.
    assert client.get(f"{URL}{ccx}/", HTTP_HOST="globex.example.com").status_code == 200


def test_without_an_organization_the_coachs_own_runs_the_ccx(client, wanted):
    del wanted["organization"]
    assert post(client, wanted).json()["organization"] == "GlobexX"


def test_of_two_organizations_of_one_tenant_the_one_with_the_better_role_runs_it(client, wanted, teacher):
    tenancy.create_tenant(
        "initech", name="Initech", domain="initech.example.com", organizations=["InitechA", "InitechB"]
    )
    tenancy.remove_member(teacher, "GlobexX")
    tenancy.add_member(teacher, "InitechA", "learner")
    tenancy.add_member(teacher, "InitechB", "staff")
    del wanted["organization"]
    assert post(client, wanted).json()["organization"] == "InitechB"
    tenancy.add_member(teacher, "GlobexX", "staff")
    assert post(client, wanted, key="key 2").json()["error_code"] == "coach_not_in_organization"


def test_a_coach_of_no_organization_runs_none(client, wanted, make_user):
    del wanted["organization"]
    wanted["coach_email"] = make_user("freelancer").email
    answer = post(client, wanted)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "coach_not_in_organization")
