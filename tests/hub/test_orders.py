"""Orders of CCXs: one key, one CCX; seats by version; what the LMS refuses is said, and what it did not answer kept."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from ccx_tenancy.hub.models import Ccx
from tests.hub.conftest import full, make_instance, make_lms, make_portal, make_receiver
from tests.hub.ours import Lms
from tests.outgoing.servers import serving

pytestmark = pytest.mark.django_db


@pytest.fixture
def theirs():
    found = Lms()
    with serving(found.reply) as server:
        found.server = server
        yield found


@pytest.fixture
def course(theirs, db, portal):
    instance = make_instance(theirs.server.url)
    make_receiver("http://127.0.0.1:9/hook/", client=portal.client)
    return make_lms(instance).push(full())


@pytest.fixture
def order(course, portal):
    def send(key="", **changes):
        body = {
            "master_course_id": course["uuid"],
            "user_email": "coach@example.com",
            "total_seats": 20,
            "display_name": "My CCX",
            **changes,
        }
        return portal.post("api/v1/ccx/", body, **({"idempotency_key": key} if key else {}))

    return send


@pytest.fixture
def place(order):
    return order()["Location"].removeprefix("http://testserver/hub/")


def test_one_key_makes_one_ccx_and_the_same_answer(order, theirs):
    first, second = order("k1"), order("k1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert first["Location"] == second["Location"]
    assert len(theirs.ccxs) == len(theirs.asked("POST")) == 1
    assert order("k2").json()["ccx_course_id"] != first.json()["ccx_course_id"]
    assert order().json()["ccx_course_id"] != order().json()["ccx_course_id"]


def test_another_order_under_a_key_that_was_used_is_refused(order, theirs):
    order("k1")
    answer = order("k1", total_seats=21)
    assert answer.status_code == 422
    assert "another order" in answer.json()["error"]
    assert order("k1", total_seats="20").status_code == 201
    assert len(theirs.ccxs) == 1


def test_a_key_is_the_clients_own(order, theirs, course):
    order("k1")
    other = make_portal("Other portal")
    make_receiver("http://127.0.0.1:9/other/", "other", client=other.client)
    body = {"master_course_id": course["uuid"], "user_email": "a@example.com", "total_seats": 1, "display_name": "X"}
    assert other.post("api/v1/ccx/", body, idempotency_key="k1").status_code == 201
    assert len(theirs.ccxs) == 2


def test_the_organization_and_the_modules_of_the_buyer_reach_the_lms(order, theirs, course, portal):
    modules = portal.get(f"api/v1/coursexs/{course['uuid']}/modules/").json()
    assert order(organization="Globex", course_modules=[modules[1]["uuid"]]).status_code == 201
    (ccx,) = theirs.ccxs.values()
    assert (ccx["organization"], ccx["max_students_allowed"]) == ("Globex", 20)
    assert ccx["course_modules"] == ["block-v1:PeerX+P101+2026+type@chapter+block@ch2"]


@pytest.mark.parametrize("away", ["before", "after"])
def test_an_order_without_an_answer_is_sent_again_under_the_same_key_and_not_doubled(order, theirs, away):
    theirs.away = away
    answer = order("k1")
    assert answer.status_code == 502
    assert int(answer["Retry-After"]) > 0
    assert Ccx.objects.get().state == "ordered"
    theirs.away = ""
    assert order("k1").status_code == 201
    assert len(theirs.ccxs) == 1
    assert len({one.headers["Idempotency-Key"] for one in theirs.asked("POST")}) == 1


def test_what_the_lms_refuses_is_said_with_its_reason_and_may_be_ordered_again(order, theirs):
    theirs.status = 404
    answer = order("k1")
    assert answer.status_code == 400
    assert answer.json()["upstream"] == {"error_code": "no_such_coach"}
    assert answer.json()["upstream_status"] == 404
    theirs.status = 0
    assert order("k1").status_code == 201


def test_an_order_that_another_process_works_on_is_to_be_asked_again(order, theirs):
    theirs.away = "before"
    order("k1")
    Ccx.objects.update(lease="another", leased_until=timezone.now() + timedelta(minutes=1))
    theirs.away = ""
    answer = order("k1")
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    # What was killed in the middle of it holds its lease no longer than that.
    Ccx.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert order("k1").status_code == 201


@pytest.mark.parametrize("seats", [0, -5, True, 1.5, "lots", "", None, "-3", "1_0", 1_000_001, [1], "٣"])
def test_a_number_of_seats_that_is_none_is_refused(order, theirs, seats):
    answer = order(total_seats=seats)
    assert answer.status_code == 400
    assert "total_seats" in answer.json()["error"]
    assert theirs.asked("POST") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"user_email": "no address"},
        {"user_email": 3},
        {"display_name": ""},
        {"display_name": "x" * 256},
        {"display_name": "nul\0"},
        {"organization": ["a"]},
        {"course_modules": "x"},
        {"course_modules": [{"a": 1}]},
    ],
)
def test_a_field_that_is_not_what_it_should_be_is_refused(order, theirs, changes):
    assert order(**changes).status_code == 400
    assert theirs.asked("POST") == []


def test_a_body_that_is_no_object_is_refused(course, portal):
    for body in ([1], "text", 3, None):
        assert portal.post("api/v1/ccx/", json.dumps(body)).status_code == 400


def test_seats_follow_the_version_and_a_lower_one_changes_nothing(place, portal, theirs):
    assert portal.call("PATCH", place, {"total_seats": 30, "version": 2}).json()["total_seats"] == 30
    late = portal.call("PATCH", place, {"total_seats": 25, "version": 1})
    assert (late.status_code, late.json()["total_seats"], late.json()["version"]) == (200, 30, 2)
    assert portal.call("PATCH", place, {"total_seats": 30, "version": 2}).status_code == 200
    assert portal.call("PATCH", place, {"total_seats": 31, "version": 2}).status_code == 409
    assert len(theirs.asked("PATCH")) == 1
    assert portal.call("PATCH", place, {"total_seats": 35}).json()["version"] == 3
    assert next(iter(theirs.ccxs.values()))["max_students_allowed"] == 35


def test_seats_never_go_below_what_is_taken(place, portal, theirs):
    theirs.taken = 12
    answer = portal.call("PATCH", place, {"total_seats": 11, "version": 1})
    assert answer.status_code == 409
    assert (answer.json()["error"], answer.json()["seats_taken"]) == ("Seats are taken.", 12)
    assert portal.get(place).json()["total_seats"] == 20


def test_a_change_of_seats_without_an_answer_is_sent_again(place, portal, theirs):
    theirs.away = "after"
    assert portal.call("PATCH", place, {"total_seats": 30, "version": 1}).status_code == 502
    theirs.away = ""
    assert portal.call("PATCH", place, {"total_seats": 30, "version": 1}).json()["total_seats"] == 30


def test_a_ccx_is_read_as_it_stands_at_the_lms(place, portal, theirs):
    theirs.taken = 3
    found = portal.get(place).json()
    assert (found["seats_taken"], found["total_seats"], found["ccx_course_id"]) == (
        3,
        20,
        "ccx-v1:PeerX+P101+2026+ccx@1",
    )
    theirs.away = "before"
    assert portal.get(place).status_code == 502


def test_a_ccx_is_closed_once_and_is_gone_then(place, portal, theirs):
    assert portal.call("DELETE", place).status_code == 204
    assert theirs.ccxs == {}
    assert portal.call("DELETE", place).status_code == 404
    assert portal.call("PATCH", place, {"total_seats": 3}).status_code == 404


def test_a_client_sees_its_own_ccxs_only(place, course):
    other = make_portal("Other portal")
    make_receiver("http://127.0.0.1:9/other/", "other", client=other.client)
    key = "api/v1/ccx/ccx-v1:PeerX+P101+2026+ccx@1/"
    for method in ("GET", "PATCH", "DELETE"):
        for where in (place, key, f"api/v1/ccx/{uuid.uuid4()}/"):
            answer = other.call(method, where, {"total_seats": 1})
            assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})


def test_the_master_course_is_one_that_the_client_sees(course):
    other = make_portal("Other portal")
    body = {"master_course_id": course["uuid"], "user_email": "a@example.com", "total_seats": 1, "display_name": "X"}
    assert other.post("api/v1/ccx/", body).status_code == 404


def test_a_withdrawn_course_still_honours_what_was_paid_for(order, theirs, course):
    make_lms_of = make_lms(Ccx._meta.get_field("course").related_model.objects.get().instance, "LMS 2")
    make_lms_of.push(full(2, state="withdrawn"))
    assert order("k1").status_code == 201
