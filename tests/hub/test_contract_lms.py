"""An original LMS at our hub: it is answered as in 2016, byte for byte but for ids and hosts."""

from __future__ import annotations

import base64
import re

import pytest
from django.test import Client as Browser

from tests.hub.conftest import course, make_portal, module
from tests.hub.recordings import answers

pytestmark = pytest.mark.django_db

AUTH = answers("01-ccxcon-auth.txt")
PUSH = answers("02-course-push.txt")
FORM = "course_id={}&title=Form+Title&author_name=F&overview=o&description=d&image_url=/x.png&instructors={}"


def alike(text):
    """Put the same names for the ids and hosts that differ from run to run, in the order in which they appear."""
    text = text.replace("http://127.0.0.1:8077/", "http://testserver/hub/")
    known: dict[str, str] = {}
    pattern = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    return re.sub(pattern, lambda match: known.setdefault(match[0], f"id-{len(known)}"), text)


def same(answer, recorded, *, status=None):
    assert answer.status_code == (status or recorded.status), answer.content
    assert alike(answer.content.decode()) == alike(recorded.body)
    if recorded.headers.get("Content-Type") == "application/json":
        assert answer["Content-Type"] == "application/json"


@pytest.fixture
def lms(lms, instance):
    instance.speaks = "edx"
    instance.save()
    return lms


def test_a_token_is_given_for_credentials_in_the_body_and_by_basic(lms):
    form = {"grant_type": "client_credentials"}
    account = {"client_id": lms.credentials.client_id, "client_secret": lms.credentials.client_secret}
    basic = base64.b64encode(":".join(account.values()).encode()).decode()
    recorded = AUTH["token: creds in body"].json
    for answer in (
        Browser().post("/hub/o/token/", {**form, **account}),
        Browser().post("/hub/o/token/", form, HTTP_AUTHORIZATION=f"Basic {basic}"),
    ):
        found = answer.json()
        assert answer.status_code == 200
        assert found.keys() == recorded.keys()
        assert (found["token_type"], found["expires_in"]) == (recorded["token_type"], recorded["expires_in"])
        assert len(found["access_token"]) == len(recorded["access_token"])
        assert found["scope"] == "courses:write courses:read"


@pytest.mark.parametrize(
    ("title", "form"),
    [
        ("token: scope bogus", {"grant_type": "client_credentials", "scope": "bogus"}),
        ("token: wrong secret", {"grant_type": "client_credentials", "client_secret": "nope"}),
        ("token: no grant", {}),
    ],
)
def test_a_token_is_refused_in_the_originals_words(lms, title, form):
    account = {"client_id": lms.credentials.client_id, "client_secret": lms.credentials.client_secret}
    answer = Browser().post("/hub/o/token/", {**account, **form})
    assert answer.status_code == AUTH[title].status
    assert answer.json()["error"] == AUTH[title].json["error"]


def test_the_token_address_takes_posts_only_and_redirects_without_its_slash():
    assert Browser().get("/hub/o/token/").status_code == AUTH["token: GET"].status
    assert Browser().post("/hub/o/token").status_code == AUTH["token: no trailing slash"].status


def test_who_is_not_signed_in_is_told_so(lms):
    for token, title in (("", "no auth list"), ("nope", "bad bearer")):
        lms.token = token
        answer = lms.get("api/v1/coursexs/")
        same(answer, AUTH[title])
        # The original invited to send a password; that is not taken any more.
        assert answer["WWW-Authenticate"].startswith('Bearer realm="api"')
    lms.token = ""
    same(lms.get("api/v1/user_exists/?uid=zzz"), PUSH["user_exists anon"])


def test_the_root_says_where_the_courses_are(lms):
    same(lms.get("api/v1/"), AUTH["root"])
    same(lms.get("api/v1/coursexs/"), AUTH["basic ok"])


def test_a_course_is_created_updated_and_read(lms):
    created = lms.post("api/v1/coursexs/", course())
    same(created, PUSH["POST create (JSON)"])
    assert alike(created["Location"]) == alike(PUSH["POST create (JSON)"].headers["Location"])
    same(lms.post("api/v1/coursexs/", course(title="Peer Physics II")), PUSH["POST again = update"])
    form = FORM.format("course-v1%3APeerX%2BP101%2B2026", "aaaa1111&instructors=cccc3333")
    headers = {"HTTP_AUTHORIZATION": f"Bearer {lms.token}"}
    kind = "application/x-www-form-urlencoded"
    answer = Browser().generic("POST", "/hub/api/v1/coursexs/", form, content_type=kind, **headers)
    same(answer, PUSH["POST form-encoded (edX historically: form)"])
    same(lms.get("api/v1/coursexs/"), PUSH["list"])
    number = created.json()["uuid"]
    same(lms.get(f"api/v1/coursexs/{number}/"), PUSH["detail"])
    same(lms.get(f"api/v1/coursexs/{number.replace('-', '')}/"), PUSH["detail nodash"])


@pytest.mark.parametrize("title", ["detail unknown", "detail garbage"])
def test_an_unknown_course_is_not_found(lms, title):
    number = "xyz" if title == "detail garbage" else "00000000-0000-0000-0000-000000000000"
    same(lms.get(f"api/v1/coursexs/{number}/"), PUSH[title])


@pytest.mark.parametrize(
    ("title", "data"),
    [
        ("POST missing title", {"image_url": "/x", "course_id": "c2", "instructors": []}),
        ("POST missing image_url", {"title": "t", "course_id": "c2", "instructors": []}),
        ("POST missing instructors", {"title": "t", "course_id": "c2", "image_url": "/x"}),
        ("POST instructors null", {"title": "t", "course_id": "c2", "image_url": "/x", "instructors": None}),
    ],
)
def test_a_push_that_lacks_something_is_refused_in_the_originals_words(lms, title, data):
    same(lms.post("api/v1/coursexs/", data), PUSH[title])


def test_a_push_that_is_no_json_is_refused_with_its_place(lms):
    answer = lms.post("api/v1/coursexs/", "{")
    assert answer.status_code == PUSH["POST malformed json"].status
    assert answer.json()["detail"].startswith("JSON parse error - Expecting")


def test_a_client_without_an_lms_publishes_nothing(db):
    portal = make_portal()
    portal.client.scopes = "courses:write"
    portal.client.save()
    answer = portal.sign_in().post("api/v1/coursexs/", course())
    same(answer, PUSH["POST by a user without edx_instance"])


def test_other_verbs_are_refused_and_a_module_is_read(lms):
    created = lms.push(course(modules=[module(1), module(2)]))
    base = f"api/v1/coursexs/{created['uuid']}/"
    modules = lms.get(f"{base}modules/")
    same(modules, PUSH["modules"])
    one = modules.json()[0]["uuid"]
    same(lms.get(f"{base}modules/{one}/"), PUSH["module detail"])
    same(lms.post(f"{base}modules/", {"title": "x", "subchapters": []}), PUSH["POST a module"])
    for verb in ("PUT", "PATCH", "DELETE"):
        same(lms.call(verb, base, {}), PUSH[f"{verb} course"])
        same(lms.call(verb, f"{base}modules/{one}/", {}), PUSH[f"{verb} module"])


def test_a_user_is_asked_for(lms):
    lms.push(course())
    same(lms.get("api/v1/user_exists/?uid=aaaa1111"), PUSH["user_exists y"])
    same(lms.get("api/v1/user_exists/?uid=zzz"), PUSH["user_exists n"])
    same(lms.get("api/v1/user_exists/"), PUSH["user_exists missing"])
