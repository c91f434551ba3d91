"""Our LMS against an original CCXCon of 2016: the answers are the bytes that one gave, replayed by a real server.

And the other way round: what an original CCXCon sends to make a CCX is understood by our orders.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from django.test import Client

from ccx_tenancy.ccxcon.models import CourseExport
from sandbox.courses.custom_courses import publish
from sandbox.courses.models import CustomCourse
from tests.ccxcon.conftest import make_connector, make_course
from tests.ccxcon.test_exports import send_all
from tests.outgoing.servers import serving

RECORDINGS = Path(__file__).parent / "recordings"
KEY = "course-v1:PeerX+P101+2026"

pytestmark = pytest.mark.django_db


def answers(file):
    """Return the recorded answers of a file by the title of their request: status, headers, body."""
    found = {}
    text = (RECORDINGS / file).read_text(encoding="utf-8").partition("What came back:\n")[2]
    for part in re.split(r"^### ", text.partition("\n##### ")[0], flags=re.MULTILINE)[1:]:
        title, _, rest = part.partition("\n")
        head, _, body = rest.partition("\n\n")
        status, *headers = head.splitlines()
        fields = dict(line.split(": ", 1) for line in headers)
        found[title] = int(status.split()[1]), fields, body.strip().encode()
    return found


AUTH = answers("01-ccxcon-auth.txt")
PUSH = answers("02-course-push.txt")


@pytest.fixture
def original(acme):
    """Return a replayed original hub: answers to be given to courses, first the token's."""
    script = []

    def reply(request):
        if request.path == "/o/token/":
            return AUTH["token: creds in body"]
        return script.pop(0) if script else PUSH["POST create (JSON)"]

    with serving(reply) as server:
        server.script = script
        yield server


@pytest.fixture
def course(original, acme):
    connector = make_connector(original.url, acme, client_id="edx-client", client_secret="edx-client-secret")
    connector.serves_platform = True
    connector.save()
    return make_course(
        original.url, KEY, display_name="Peer Physics", overview="OV", short_description="DESC", chapters=[]
    )


def test_the_token_is_asked_for_as_the_original_takes_it(course, original):
    publish(course)
    send_all()
    request = original.received[0]
    assert (request.method, request.path) == ("POST", "/o/token/")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert {name: values[0] for name, values in parse_qs(request.body.decode()).items()} == {
        "grant_type": "client_credentials",
        "client_id": "edx-client",
        "client_secret": "edx-client-secret",
    }


def test_a_course_is_posted_with_the_fields_of_the_original_and_its_answer_is_a_success(course, original):
    publish(course)
    send_all()
    request = original.received[1]
    assert (request.method, request.path) == ("POST", "/api/v1/coursexs/")
    assert request.headers["Content-Type"] == "application/json"
    recorded_token = json.loads(AUTH["token: creds in body"][2])["access_token"]
    assert request.headers["Authorization"] == f"Bearer {recorded_token}"
    body = json.loads(request.body)
    row = CourseExport.objects.get()
    assert request.body == (
        b'{"course_id": "course-v1:PeerX+P101+2026", "title": "Peer Physics", "author_name": null, "overview": "OV", '
        b'"description": "DESC", "image_url": "/static/sandbox/course.png", "instructors": [], "modules": [], '
        b'"version": %d, "state": "active"}' % row.version
    )
    # What an original requires, and the kinds that it takes.
    for name in ("course_id", "title", "image_url"):
        assert isinstance(body[name], str) and body[name]
    assert isinstance(body["instructors"], list)
    assert (row.state, row.last_status) == ("done", 201)


def test_an_update_is_answered_200_and_is_a_success_too(course, original):
    original.script += [PUSH["POST create (JSON)"], PUSH["POST again = update"]]
    publish(course)
    send_all()
    course.display_name = "Peer Physics II"
    publish(course)
    send_all()
    assert CourseExport.objects.get().last_status == 200
    assert len(original.received) == 3  # One token for both.


@pytest.mark.parametrize(
    ("title", "reason"),
    [
        ("POST missing title", "This field is required"),
        ("POST missing image_url", "You must specify an image_url"),
        ("POST by a user without edx_instance", "User must have an associated edx_instance"),
        ("POST malformed json", "JSON parse error"),
        ("PUT course", "not allowed"),
    ],
)
def test_what_the_original_refuses_is_kept_with_its_words(course, original, title, reason):
    original.script.append(PUSH[title])
    publish(course)
    send_all()
    row = CourseExport.objects.get()
    assert row.state == "refused"
    assert reason in row.last_error
    row.retry_now()
    send_all()
    assert CourseExport.objects.get().state == "done"


@pytest.mark.parametrize("title", ["POST missing course_id", "POST json list"])
def test_weakness_21_an_original_that_breaks_is_asked_again(course, original, title):
    # 500: what parallel first pushes of one course gave.
    original.script.append(PUSH[title])
    publish(course)
    send_all()
    assert CourseExport.objects.get().state == "waiting"
    send_all()
    assert CourseExport.objects.get().state == "done"


def test_a_token_that_ended_is_replaced_at_once(course, original):
    original.script.append(AUTH["bad bearer"])
    publish(course)
    send_all()
    assert [request.path for request in original.received] == ["/o/token/", "/api/v1/coursexs/"] * 2
    assert CourseExport.objects.get().state == "done"


def test_a_closed_course_still_has_what_the_original_requires(course, original):
    publish(course)
    send_all()
    course.enable_ccx = False
    publish(course)
    send_all()
    body = json.loads(original.received[-1].body)
    assert body["state"] == "withdrawn"
    assert body["title"] and body["image_url"] and body["course_id"] == KEY


def recorded_orders():
    """Return the bodies with which an original CCXCon asked edX for CCXs, as it sent them."""
    text = (RECORDINGS / "05-create-ccx.txt").read_text(encoding="utf-8")
    seen = text.partition("##### stub saw")[2]
    return re.findall(r"^POST /api/ccx/v0/ccx/ .*\n   body: (\{.*\})$", seen, flags=re.MULTILINE)


@pytest.mark.parametrize(("number", "status"), [(0, 201), (1, 201), (2, 201), (3, 400), (4, 400), (5, 400)])
def test_what_an_original_hub_sends_to_make_a_ccx_is_understood(course, make_user, number, status):
    body = recorded_orders()[number]
    chapters = [f"block-v1:PeerX+P101+2026+type@chapter+block@ch{one}" for one in (1, 2)]
    course.chapters = [{"locator": one, "title": one, "subchapters": []} for one in chapters]
    course.save()
    coach = make_user("coach")
    type(coach).objects.filter(pk=coach.pk).update(email=json.loads(body)["coach_email"])
    client = Client()
    client.force_login(make_user("root", is_superuser=True), backend="ccx_tenancy.backends.DefaultSiteBackend")
    answer = client.post(
        "/api/ccxcon/v1/ccx/", body, content_type="application/json", HTTP_IDEMPOTENCY_KEY=f"order {number}"
    )
    assert answer.status_code == status, answer.content
    # Below the status: weakness 11, seats of -5, "lots" and "5" as a text, made CCXs in 2016.
    assert CustomCourse.objects.count() == (1 if status == 201 else 0)
    if status == 201:
        assert set(answer.json()) >= {
            *("ccx_course_id", "display_name", "coach_email", "start", "due"),
            *("max_students_allowed", "course_modules", "master_course_id"),
        }


def test_every_recording_is_used():
    assert len(recorded_orders()) >= 6
    assert len(PUSH) > 20 and len(AUTH) > 10
