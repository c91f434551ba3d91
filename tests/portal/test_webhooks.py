"""The receiver: who may post, what is done, what is dropped, and that nothing is done twice."""

import hashlib
import hmac
import json
import time
import uuid

import pytest
from django.test import Client

from ccx_tenancy.portal import catalogue
from ccx_tenancy.portal.models import Course, Module, ReceivedEvent, Source
from tests.portal import world
from tests.portal.world import course_payload, event, module_payload, post

pytestmark = pytest.mark.django_db


def test_a_signed_course_arrives_and_is_not_offered_yet(source):
    payload = course_payload(version=3)
    assert post(event("Course", payload)).status_code == 200
    course = Course.objects.get(uuid=payload["external_pk"])
    assert (course.title, course.version, course.live, course.state) == ("Peer Physics", 3, False, "active")
    assert [one.uid for one in course.instructors.all()] == [world.TEACHER_UID]
    assert not catalogue.offered().exists()


@pytest.mark.parametrize("secret", ["another", ""])
def test_a_wrong_secret_is_refused(source, secret, client):
    body, headers = world.signed(event("Course", course_payload()), secret or "x")
    if not secret:
        headers["HTTP_X_CCXCON_SIGNATURE_256"] = ""
    answer = client.post("/api/v1/webhooks/ccxcon/", body, content_type="application/json", **headers)
    assert answer.status_code == 403
    assert not Course.objects.exists()


def test_a_hub_without_a_secret_can_send_nothing(source):
    Source.objects.update(webhook_secret="")
    body = json.dumps(event("Course", course_payload())).encode()
    moment = str(int(time.time()))
    digest = hmac.new(b"", f"{moment}.e.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"HTTP_X_CCXCON_EVENT": "e", "HTTP_X_CCXCON_TIMESTAMP": moment}
    headers["HTTP_X_CCXCON_SIGNATURE_256"] = f"sha256={digest}"
    answer = Client().post("/api/v1/webhooks/ccxcon/", body, content_type="application/json", **headers)
    assert answer.status_code == 403
    assert b"no secret" in answer.content


def test_a_stale_webhook_is_refused(source):
    for moment in (time.time() - 400, time.time() + 400):
        assert post(event("Course", course_payload()), timestamp=moment).status_code == 403
    assert not Course.objects.exists()


def test_the_better_signature_cannot_be_taken_off(source, client):
    body, headers = world.signed(event("Course", course_payload()))
    only_original = {"HTTP_X_CCXCON_SIGNATURE": headers["HTTP_X_CCXCON_SIGNATURE"]}
    url = "/api/v1/webhooks/ccxcon/"
    assert client.post(url, body, content_type="application/json", **only_original).status_code == 403
    Source.objects.update(speaks="original")
    assert client.post(url, body, content_type="application/json", **only_original).status_code == 200
    assert client.post(url, body + b" ", content_type="application/json", **only_original).status_code == 403


def test_a_hub_that_is_switched_off_is_not_heard(source):
    Source.objects.update(enabled=False)
    assert post(event("Course", course_payload())).status_code == 403


def test_an_event_is_done_once(source):
    payload = course_payload()
    event_id = str(uuid.uuid4())
    assert post(event("Course", payload), event_id=event_id).status_code == 200
    assert post(event("Course", {**payload, "title": "Again"}), event_id=event_id).status_code == 200
    assert Course.objects.get().title == "Peer Physics"
    assert ReceivedEvent.objects.count() == 1


def test_a_refused_event_is_not_remembered(source):
    event_id = str(uuid.uuid4())
    assert post(event("Course", {"title": "T"}), event_id=event_id).status_code == 400
    assert post(event("Course", course_payload()), event_id=event_id).status_code == 200
    assert Course.objects.count() == 1


def test_a_lower_version_changes_nothing(source):
    payload = course_payload(version=5)
    post(event("Course", payload))
    assert post(event("Course", {**payload, "version": 4, "title": "Old"})).status_code == 200
    assert post(event("Course", {**payload, "version": 4}, "delete")).status_code == 200
    course = Course.objects.get()
    assert (course.title, course.state) == ("Peer Physics", "active")
    post(event("Course", {**payload, "version": 6, "title": "New"}))
    assert Course.objects.get().title == "New"


def test_a_module_before_its_course_is_kept(source):
    pk = str(uuid.uuid4())
    assert post(event("Module", module_payload(pk, title="First"))).status_code == 200
    assert Course.objects.get().state == "awaited"
    assert post(event("Course", course_payload(pk))).status_code == 200
    assert [module.title for module in Course.objects.get(state="active").modules.all()] == ["First"]


def test_a_course_that_is_awaited_is_shown_to_nobody(source, owner):
    post(event("Module", module_payload(str(uuid.uuid4()))))
    Course.objects.update(live=True)
    Module.objects.update(price=1)
    assert not catalogue.visible(owner).exists()


def test_the_modules_order_and_locator_stay_where_an_original_does_not_send_them(source):
    pk = str(uuid.uuid4())
    post(event("Course", course_payload(pk)))
    module = module_payload(pk, order=4, locator_id="block-v1:a+b+c+type@chapter+block@x")
    post(event("Module", module))
    post(event("Module", {name: value for name, value in module.items() if name not in ("order", "locator_id")}))
    found = Module.objects.get()
    assert (found.order, found.locator_id) == (4, "block-v1:a+b+c+type@chapter+block@x")


def test_a_teachers_own_words_and_prices_outlast_every_webhook(source, owner):
    pk = str(uuid.uuid4())
    post(event("Course", course_payload(pk)))
    module = module_payload(pk)
    post(event("Module", module))
    course = Course.objects.get()
    prices, titles = {module["external_pk"]: "9.00"}, {module["external_pk"]: "My chapter"}
    catalogue.change(course, by=owner, title="Mine", description="My words", prices=prices, module_titles=titles)
    post(event("Course", course_payload(pk, title="Theirs", description="Their words")))
    post(event("Module", {**module, "title": "Their chapter"}))
    post(event("Module", module, "delete"))
    post(event("Module", module))
    course, module = Course.objects.get(), Module.objects.get()
    assert (course.title, course.description) == ("Mine", "My words")
    assert (module.title, str(module.price), module.deleted) == ("My chapter", "9.00", False)
    assert course.hub_title == "Theirs"


def test_deletions_arrive_and_may_come_twice(course):
    module = course.modules.first()
    for _ in range(2):
        assert post(event("Module", {"external_pk": module.uuid}, "delete")).status_code == 200
    assert len(catalogue.modules_of(course)) == 1
    for payload in ({"uuid": course.uuid}, {"external_pk": course.uuid}, {"external_pk": "unknown"}):
        assert post(event("Course", payload, "delete")).status_code == 200
    assert not catalogue.offered().exists()


def test_a_withdrawn_course_is_not_offered_and_comes_back(course):
    payload = course_payload(course.uuid)
    post(event("Course", {**payload, "state": "withdrawn"}))
    assert not catalogue.offered().exists()
    post(event("Course", {**payload, "state": "active"}))
    assert catalogue.offered().get() == course


def test_another_hub_cannot_touch_a_course(course):
    other = world.make_source("https://other.example.com", name="other", webhook_secret="other")
    module = course.modules.first()
    for kind, payload in (
        ("Course", course_payload(course.uuid, title="Taken")),
        ("Module", module_payload(course.uuid, module.uuid)),
        ("Module", module_payload(course.uuid)),
    ):
        assert post(event(kind, payload), "other").status_code == 400
    for kind, pk in (("Course", course.uuid), ("Module", module.uuid)):
        assert post(event(kind, {"external_pk": pk}, "delete"), "other").status_code == 200
    assert catalogue.offered().get().title == "Peer Physics"
    assert other.courses.count() == 0


def test_an_instance_cannot_be_changed(course):
    answer = post(event("Course", course_payload(course.uuid, instance="https://evil.example.com")))
    assert (answer.status_code, answer.json()) == (400, ["Instance cannot be changed"])


COURSE = course_payload("11111111-1111-1111-1111-111111111111")


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (event("Course", {"title": "T"}), ["Missing key external_pk"]),
        (event("Course", {**COURSE, "external_pk": ""}), ["Invalid external_pk"]),
        (event("Course", {**COURSE, "external_pk": 5}), ["Invalid external_pk"]),
        (event("Course", {**COURSE, "external_pk": "x" * 65}), ["Invalid external_pk"]),
        (event("Course", {**COURSE, "instance": ""}), ["Instance must be a non-empty string"]),
        (event("Course", {**COURSE, "instructors": "x"}), ["Invalid instructors"]),
        (event("Course", {**COURSE, "instructors": [None]}), ["Invalid instructors"]),
        (event("Course", {**COURSE, "title": ["x"]}), ["Invalid title"]),
        (event("Course", {**COURSE, "title": "a\x00b"}), ["Invalid payload: it has a NUL"]),
        (event("Course", {**COURSE, "version": "4"}), ["Invalid version: it must be a whole number"]),
        (event("Course", {**COURSE, "version": 2**63}), ["Invalid version: it must be a whole number"]),
        (event("Course", {}, "create"), ["Unknown action create"]),
        (event("Course", {}, None), ["Unknown action None"]),
        (event("Widget", {}), ["No handler for type Widget"]),
        (event("module_population", {}), ["No handler for type module_population"]),
        (event("__class__", {}), ["No handler for type __class__"]),
        (event(["Course"], {}), ["No handler for type ['Course']"]),
        ({"action": "update", "payload": {}}, ["Missing key type"]),
        (event("Course", None), ["Invalid payload: it must be an object"]),
        (event("Module", {}), ["Missing key external_pk"]),
        (event("Module", {"external_pk": "m"}), ["Missing key title"]),
        (event("Module", {}, "delete"), ["Missing key external_pk"]),
    ],
)
def test_what_is_wrong_is_refused_by_name_and_changes_nothing(source, message, answer):
    found = post(message)
    assert (found.status_code, found.json()) == (400, answer)
    assert not Course.objects.exists()
    assert not ReceivedEvent.objects.exists()


@pytest.mark.parametrize("body", [b"{", b"[]", b"NaN", b'{"type": NaN}', b'"\\ud800"', b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(source, body):
    assert post(body).status_code == 400


def test_a_null_is_what_the_original_sends_for_nothing(source):
    payload = course_payload(author_name=None, overview=None, description=None, image_url=None, instructors=None)
    assert post(event("Course", payload)).status_code == 200
    assert Course.objects.get().description == ""


def test_only_posts_are_answered(client):
    assert client.get("/api/v1/webhooks/ccxcon/").status_code == 405
