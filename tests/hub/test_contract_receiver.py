"""Our hub at an original Teacher's Portal, over HTTP: the bytes it gets are those that it knows."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from ccx_tenancy.outgoing import signing
from tests.hub.conftest import SECRET, course, deliver, full, make_instance, make_lms, make_receiver, module
from tests.hub.recordings import HERE, sent
from tests.hub.recordings import SECRET as RECORDED_SECRET

pytestmark = pytest.mark.django_db


def recorded():
    """Return what was sent for the second push of the recordings: the first named no instructors."""
    lines = (HERE / "03-webhooks.txt").read_text().partition("##### hooks on update:\n")[2].splitlines()
    return [json.loads(line) for line in lines if line.strip().startswith('{"action"')]


def comparable(message, ids):
    text = json.dumps(message, sort_keys=True)
    for number, one in enumerate(ids):
        text = text.replace(one, f"id-{number}")
    return json.loads(text)


@pytest.fixture
def original(inbox):
    """A Teacher's Portal of 2016: takes nothing without the right signature, a module only after its course."""
    courses: set[str] = set()
    modules: set[str] = set()

    def answer(request):
        given = request.headers["X-CCXCon-Signature"]
        if given != hmac.new(SECRET.encode(), request.body, hashlib.sha1).hexdigest():
            return 403, {}, b""
        message = json.loads(request.body)
        payload, kind = message["payload"], message["type"]
        try:
            number = payload["external_pk"]
            if message["action"] == "delete":
                (courses if kind == "Course" else modules).discard(number)
                return 200, {}, b""
            wanted = "title instance course_id author_name overview description image_url instructors"
            for name in (wanted if kind == "Course" else "title course_external_pk").split():
                payload[name]
        except KeyError as error:
            return 400, {}, json.dumps([f"Missing key {error.args[0]}"]).encode()
        if kind == "Module" and payload["course_external_pk"] not in courses:
            return 400, {}, b'["Invalid course_external_pk"]'
        (courses if kind == "Course" else modules).add(number)
        return 200, {}, b""

    inbox.answer = answer
    inbox.courses, inbox.modules = courses, modules
    make_receiver(f"{inbox.server.url}/hook/", speaks="original")
    return inbox


def test_an_original_gets_the_messages_of_the_recordings(original, lms):
    created = lms.push(full(title="Peer Physics II"))
    deliver()
    ours, theirs = original.messages, recorded()
    their_ids = [theirs[0]["payload"]["external_pk"], *(one["payload"]["external_pk"] for one in theirs[1:])]
    our_ids = [created["uuid"], *(one["payload"]["external_pk"] for one in ours[1:])]
    assert len(ours) == len(theirs) == 3
    assert [comparable(one, our_ids) for one in ours] == [comparable(one, their_ids) for one in theirs]
    assert (len(original.courses), len(original.modules)) == (1, 2)


def test_the_signature_of_the_recordings_is_the_one_that_we_make():
    for row in sent("/hook/"):
        body = row["body"].encode()
        ours = signing.sign(RECORDED_SECRET, body, event_id="any")
        assert ours[signing.ORIGINAL_SIGNATURE] == row["headers"]["X-CCXCon-Signature"]
        assert row["headers"]["Content-Type"] == "application/json"


def test_the_exact_bytes_are_signed_for_old_and_new_receivers(inbox, receiver, lms):
    lms.push(full())
    assert deliver() == 3
    for request in inbox.received:
        assert request.headers["Content-Type"] == "application/json"
        event = signing.verify(SECRET, request.body, request.headers)
        signing.verify_original(SECRET, request.body, request.headers)
        assert event
    sequences = [int(request.headers["X-CCXCon-Sequence"]) for request in inbox.received]
    assert sequences == sorted(set(sequences))


def test_a_withdrawn_course_is_deleted_at_an_original_and_comes_back_whole(original, lms):
    lms.push(full(1))
    deliver()
    lms.push(full(2, state="withdrawn"))
    deliver()
    assert original.courses == set()
    lms.push(full(3))
    deliver()
    assert len(original.courses) == 1
    assert original.told()[-3:] == [
        ("Course", "update", "Peer Physics"),
        ("Module", "update", "Chapter 1"),
        ("Module", "update", "Chapter 2"),
    ]


def test_a_receiver_of_ours_gets_what_the_original_lacked(inbox, receiver, lms):
    created = lms.push(full(7, course_id="course-v1:PeerX+P101+2026"))
    deliver()
    told, first, _second = (one["payload"] for one in inbox.messages)
    assert told["edx_course_id"] == "course-v1:PeerX+P101+2026"
    assert (told["state"], told["external_pk"]) == ("active", created["uuid"])
    assert told["instructors"] == ["aaaa1111", "bbbb2222"]
    assert (first["locator_id"], first["order"]) == (module(1)["locator_id"], 0)
    assert told["version"] < first["version"]


def test_a_receiver_of_some_lms_gets_those_only(inbox, lms, instance):
    other = make_instance("http://127.0.0.1:8079")
    make_receiver(f"{inbox.server.url}/hook/", everything=False, instances=[other])
    lms.push()
    make_lms(other, "Other").push(course(course_id="course-v1:Other+1+1"))
    deliver()
    assert {one["payload"]["instance"] for one in inbox.messages} == {"http://127.0.0.1:8079"}
