"""What was weak in the CCXCon of 2016 and is not here: a test for each weakness that is the hub's, by its number."""

from __future__ import annotations

import json
import logging
import threading

import pytest
from django.db import connection
from oauth2_provider.models import AccessToken, Application

from ccx_tenancy.hub import api, edx_tokens, events
from ccx_tenancy.hub.models import BackingInstance, Course, Delivery, Module, ModulePull, Receiver
from ccx_tenancy.outgoing import signing
from tests.hub.conftest import (
    KEY,
    SECRET,
    course,
    deliver,
    full,
    hurry,
    make_instance,
    make_lms,
    make_portal,
    make_receiver,
    module,
)
from tests.hub.edx import BLOCKS, CCX, TOKENS, Edx
from tests.hub.ours import Lms
from tests.outgoing.servers import serving

pytestmark = pytest.mark.django_db


@pytest.fixture
def edx():
    found = Edx()
    with serving(found.reply) as server:
        found.server = server
        yield found


@pytest.fixture
def old_lms(edx):
    return make_lms(make_instance(edx.url, "edx", grant_token="edx-grant-code"), "Old LMS")


def test_01_a_webhook_that_fails_is_kept_logged_and_sent_until_it_arrives(inbox, receiver, lms):
    answers = [(500, {}, b"broken"), None, (429, {"Retry-After": "0"}, b"")]
    inbox.answer = lambda request: answers.pop(0) if answers else (200, {}, b"")
    lms.push(course(modules=[]))
    for _ in range(4):
        deliver()
        hurry()
    row = Delivery.objects.get()
    assert row.state == "done"
    assert [one.status for one in row.log.all()] == [500, None, 429, 200]
    assert len({request.headers["X-CCXCon-Event"] for request in inbox.received}) == 1


def test_01_what_a_receiver_refuses_is_a_dead_letter_that_can_be_sent_again(inbox, receiver, lms):
    inbox.answer = lambda request: (400, {}, b'["Instance cannot be changed"]')
    lms.push(course(modules=[]))
    deliver()
    dead = Delivery.objects.get()
    assert (dead.state, dead.last_status) == ("refused", 400)
    assert "Instance cannot be changed" in dead.last_error
    inbox.answer = lambda request: (200, {}, b"")
    assert deliver() == 0
    assert events.replay(dead) == 1
    assert deliver() == 1
    dead.refresh_from_db()
    assert dead.superseded
    assert Delivery.objects.filter(state="refused", superseded=False).count() == 0


def test_02_a_chapter_that_is_removed_and_a_course_that_is_deleted_are_told(inbox, receiver, lms):
    created = lms.push(full(1))
    deliver()
    lms.push(full(2, modules=[module(2, order=0)]))
    deliver()
    assert inbox.told()[3:] == [("Module", "update", "Chapter 2"), ("Module", "delete", "")]
    gone = inbox.messages[-1]["payload"]
    assert gone["uuid"] == gone["external_pk"] == str(Module.objects.get(removed=True).uuid)
    api.delete_course(Course.objects.get())
    deliver()
    last = inbox.messages[-1]
    assert (last["type"], last["action"], last["payload"]["external_pk"]) == ("Course", "delete", created["uuid"])
    assert lms.get(f"api/v1/coursexs/{created['uuid']}/").status_code == 404


def test_03_the_first_news_of_a_course_name_its_instructors(inbox, receiver, lms):
    lms.push(full())
    deliver()
    assert inbox.messages[0]["payload"]["instructors"] == ["aaaa1111", "bbbb2222"]


def test_04_a_receiver_that_never_answers_is_given_up_in_time(inbox, receiver, lms, settings):
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "OUTGOING_TIMEOUT": 0.2}
    over = threading.Event()
    inbox.answer = lambda request: over.wait(30) and None
    lms.push(course(modules=[]))
    assert deliver() == 1
    over.set()
    row = Delivery.objects.get()
    assert row.state == "waiting"
    assert "no answer within 0.2 s" in row.last_error


def test_05_news_carry_the_keys_that_the_lms_knows(inbox, receiver, lms):
    lms.push(full())
    deliver()
    told, first, second = (one["payload"] for one in inbox.messages)
    assert told["edx_course_id"] == KEY
    assert [first["locator_id"], second["locator_id"]] == [module(1)["locator_id"], module(2)["locator_id"]]


def test_06_news_of_modules_carry_their_order_and_a_uuid(inbox, receiver, lms):
    lms.push(full(1))
    lms.push(full(2, modules=[module(2, order=0), module(1, order=1)]))
    deliver()
    modules = [one["payload"] for one in inbox.messages if one["type"] == "Module"]
    assert [(one["title"], one["order"]) for one in modules] == [("Chapter 2", 0), ("Chapter 1", 1)]
    assert len({one["external_pk"] for one in modules} - {""}) == 2


@pytest.fixture
def ours():
    found = Lms()
    with serving(found.reply) as server:
        found.server = server
        yield found


@pytest.fixture
def ordering(ours, portal):
    make_receiver("http://127.0.0.1:9/hook/", client=portal.client)
    created = make_lms(make_instance(ours.server.url), "Our LMS").push(full())

    def order(key="", **changes):
        body = {"master_course_id": created["uuid"], "user_email": "a@example.com", "total_seats": 2}
        headers = {"idempotency_key": key} if key else {}
        return portal.post("api/v1/ccx/", {**body, "display_name": "D", **changes}, **headers)

    return order


def test_10_an_order_that_is_sent_twice_is_one_ccx(ordering, ours):
    assert ordering("k").content == ordering("k").content
    assert len(ours.ccxs) == 1


def test_11_seats_are_a_positive_whole_number(ordering, ours):
    for seats in (-5, "lots", True, 0, 2.5, 10**9):
        assert ordering(total_seats=seats).status_code == 400
    assert ours.ccxs == {}


def test_12_a_ccx_is_kept_read_changed_and_closed(ordering, ours, portal):
    place = ordering()["Location"].removeprefix("http://testserver/hub/")
    assert portal.call("PATCH", place, {"total_seats": 9, "version": 1}).status_code == 200
    assert portal.get(place).json()["max_students_allowed"] == 9
    assert portal.call("DELETE", place).status_code == 204
    assert ours.ccxs == {}


def test_14_a_client_does_what_its_scopes_say_and_no_password_opens_the_api(lms, portal, instance):
    order = {"master_course_id": "x", "user_email": "a@example.com", "total_seats": 1, "display_name": "D"}
    answer = lms.post("api/v1/ccx/", order)
    assert (answer.status_code, answer.json()["detail"]) == (403, "This token lacks the scope ccx:write.")
    assert portal.post("api/v1/coursexs/", course()).status_code == 403
    lms.sign_in("courses:read")
    assert lms.get("api/v1/coursexs/").status_code == 200
    assert lms.post("api/v1/coursexs/", course()).status_code == 403
    lms.token = ""
    basic = {"authorization": "Basic YWRtaW46YWRtaW4="}
    assert lms.call("GET", "api/v1/coursexs/", None, **basic).status_code == 401


def test_15_an_lms_cannot_take_a_course_of_another_lms(lms, inbox, receiver):
    mine = lms.push(course(modules=[]))
    other = make_lms(make_instance("http://127.0.0.1:8079"), "Other")
    theirs = other.push(course(title="Mine now", modules=[]))
    assert mine["uuid"] != theirs["uuid"]
    assert lms.get(f"api/v1/coursexs/{mine['uuid']}/").json()["title"] == "Peer Physics"
    assert other.get(f"api/v1/coursexs/{mine['uuid']}/").status_code == 404
    assert [one["uuid"] for one in lms.get("api/v1/coursexs/").json()] == [mine["uuid"]]
    assert other.get("api/v1/user_exists/?uid=aaaa1111").json() == {"exists": True}
    assert Course.objects.count() == 2


def test_16_the_bytes_that_are_sent_are_signed_with_a_time_and_no_signature_is_logged(inbox, receiver, lms, caplog):
    caplog.set_level(logging.DEBUG)
    lms.push(full())
    deliver()
    for request in inbox.received:
        signing.verify(SECRET, request.body, request.headers)
        stale = int(request.headers["X-CCXCon-Timestamp"]) + 301
        with pytest.raises(signing.BadSignature, match="stale"):
            signing.verify(SECRET, request.body, request.headers, now=stale)
        for name in (signing.SIGNATURE, signing.ORIGINAL_SIGNATURE):
            assert request.headers[name] not in caplog.text
    assert SECRET not in caplog.text


def test_16_a_receiver_without_a_secret_gets_nothing(inbox, receiver, lms):
    Receiver.objects.update(secret="")
    lms.push(course(modules=[]))
    deliver()
    assert inbox.received == []
    assert (Delivery.objects.get().state, Delivery.objects.get().log.count()) == ("refused", 1)


def test_17_no_secret_and_no_token_stands_readable_in_a_table(lms, receiver, edx, old_lms):
    old_lms.push(course(course_id="course-v1:Old+1+1"))
    api.pull_due()
    kept = []
    with connection.cursor() as cursor:
        for table in (one._meta.db_table for one in (BackingInstance, Receiver, Application, AccessToken)):
            cursor.execute(f"SELECT * FROM {table}")
            kept.append(repr(cursor.fetchall()))
    secrets = [lms.token, lms.credentials.client_secret, lms.credentials.link_secret, SECRET, "edx-grant-code"]
    for secret in [*secrets, "edx-access-1", "edx-refresh-1", "hub-at-lms-secret"]:
        assert secret
        assert secret not in "".join(kept)
    assert AccessToken.objects.filter(token="").count() == AccessToken.objects.count() > 0
    assert lms.credentials.client_secret not in repr(lms.credentials)


def test_17_a_client_secret_that_is_wrong_is_not_logged(lms, caplog, client):
    caplog.set_level(logging.DEBUG)
    form = {"grant_type": "client_credentials", "client_id": lms.credentials.client_id, "client_secret": "typo-of-it"}
    assert client.post("/hub/o/token/", form).status_code == 401
    assert "typo-of-it" not in caplog.text


def test_18_a_token_that_is_refused_is_dropped_and_a_refused_refresh_is_not_the_end(edx, old_lms):
    old_lms.push(course())
    assert api.pull_due() == 1
    edx.good.clear()  # The token is revoked.
    edx.refresh_token = "another one"  # And so is the refresh token; the grant is good still.
    old_lms.push(course(title="II"))
    assert api.pull_due() == 1
    assert ModulePull.objects.get().state == "done"
    grants = [one.body.decode().partition("grant_type=")[2].partition("&")[0] for one in edx.asked(TOKENS)]
    assert grants == ["authorization_code", "refresh_token", "authorization_code"]
    # An Open edX of today knows none of these.
    edx.good.clear()
    edx.grants = {"client_credentials"}
    assert edx_tokens.request(BackingInstance.objects.get(), "GET", f"{BLOCKS}?x").status == 200


def test_18_a_token_address_that_is_down_is_a_reason_to_try_later(edx, old_lms):
    edx.fail(TOKENS, 503)
    old_lms.push(course())
    assert api.pull_due() == 1
    row = ModulePull.objects.get()
    assert (row.state, row.attempts) == ("waiting", 1)
    row.retry_now()
    assert api.pull_due() == 1
    assert ModulePull.objects.get().state == "done"


@pytest.mark.parametrize(
    "body",
    [
        {"image_url": "/x", "title": "t", "instructors": []},
        {"image_url": "/x", "title": "t", "course_id": None, "instructors": []},
        {"image_url": "/x", "title": "t", "course_id": ["a"], "instructors": []},
        {"image_url": "javascript:alert(1)", "title": "t", "course_id": "c", "instructors": []},
        {"image_url": "/x", "title": "t\0", "course_id": "c", "instructors": []},
        {"image_url": "/x", "title": "t" * 300, "course_id": "c", "instructors": []},
        {"image_url": "/x", "title": "t", "course_id": "c", "instructors": [1]},
        {"image_url": "/x", "title": "t", "course_id": "c", "instructors": {"a": 1}},
        course(version="new"),
        course(version=-1),
        course(version=True),
        course(version=2**64),
        course(state="gone"),
        course(modules="many"),
        course(modules=[1]),
        course(modules=[{"title": "no locator"}]),
        course(modules=[module(1), module(1)]),
        course(modules=[module(1, subchapters="x")]),
        course(modules=[module(1, order=-1)]),
        [1],
        "text",
        None,
    ],
)
def test_20_bad_input_is_answered_400_and_changes_nothing(lms, body):
    answer = lms.post("api/v1/coursexs/", json.dumps(body))
    assert answer.status_code == 400, answer.content
    assert Course.objects.count() == 0


def test_20_ids_that_are_none_are_not_found(portal, ordering):
    for address in ("coursexs/x/", "coursexs/x/modules/", "coursexs/x/modules/y/"):
        assert portal.get(f"api/v1/{address}").status_code == 404
    assert ordering(master_course_id="abc").status_code == 404
    assert ordering(master_course_id=[1]).status_code == 404
    assert ordering(course_modules=["x"]).status_code == 400


def test_20_the_reason_of_the_lms_is_passed_on(edx, old_lms, portal):
    make_receiver("http://127.0.0.1:9/hook/", client=portal.client)
    created = old_lms.push(course())
    edx.fail(CCX, 400, {"error_code": "max_students_allowed_invalid"})
    body = {"master_course_id": created["uuid"], "user_email": "a@example.com", "total_seats": 2, "display_name": "D"}
    answer = portal.post("api/v1/ccx/", body)
    assert answer.status_code == 400
    assert answer.json()["upstream"] == {"error_code": "max_students_allowed_invalid"}


def test_20_a_chapter_without_children_is_a_module_without_subchapters(edx, old_lms):
    chapter = edx.blocks["blocks"]["block-v1:PeerX+P101+2026+type@chapter+block@ch1"]
    edx.blocks = {**edx.blocks, "blocks": {**edx.blocks["blocks"], chapter["id"]: {**chapter, "children": None}}}
    old_lms.push(course())
    assert api.pull_due() == 1
    assert Module.objects.order_by("order").first().subchapters == []


@pytest.mark.parametrize("found", [[], {}, {"root": "a"}, {"root": "a", "blocks": {}}, {"root": [], "blocks": []}])
def test_20_course_blocks_that_make_no_sense_change_nothing(edx, old_lms, found):
    old_lms.push(course())
    api.pull_due()
    edx.blocks = found
    old_lms.push(course())
    api.pull_due()
    row = ModulePull.objects.get()
    assert row.state in ("refused", "waiting")
    assert row.last_error
    assert Module.objects.filter(removed=False).count() == 2


def test_22_lists_are_bounded_and_say_where_they_go_on(lms):
    for number in range(5):
        lms.push(course(course_id=f"course-v1:A+{number}+1", modules=[module(1), module(2), module(3)]))
    first = lms.get("api/v1/coursexs/?page_size=2")
    assert len(first.json()) == 2
    assert first["Link"] == '<http://testserver/hub/api/v1/coursexs/?page_size=2&page=2>; rel="next"'
    last = lms.get("api/v1/coursexs/?page_size=2&page=3")
    assert len(last.json()) == 1
    assert last["Link"].endswith('page=2>; rel="prev"')
    assert "Link" not in lms.get("api/v1/coursexs/")
    assert lms.get("api/v1/coursexs/?page=0").status_code == 404
    uuid = first.json()[0]["uuid"]
    assert len(lms.get(f"api/v1/coursexs/{uuid}/modules/?page_size=2").json()) == 2


def test_22_a_module_is_found_below_its_own_course_only(lms):
    one, other = lms.push(full()), lms.push(full(course_id="course-v1:B+1+1"))
    mine = lms.get(f"api/v1/coursexs/{one['uuid']}/modules/").json()[0]["uuid"]
    assert lms.get(f"api/v1/coursexs/{other['uuid']}/modules/{mine}/").status_code == 404
    nothing = "00000000-0000-0000-0000-000000000000"
    assert lms.get(f"api/v1/coursexs/{nothing}/modules/").status_code == 404


def test_22_a_list_asks_no_question_for_each_course(lms, django_assert_max_num_queries):
    for number in range(6):
        lms.push(course(course_id=f"course-v1:A+{number}+1", modules=[]))
    with django_assert_max_num_queries(8):
        assert len(lms.get("api/v1/coursexs/").json()) == 6


def test_23_only_what_has_changed_is_told(inbox, receiver, lms):
    lms.push(full(1))
    assert deliver() == 3
    lms.push(full(2))
    assert deliver() == 0
    lms.push(full(3, modules=[module(1), module(2, "Chapter two")]))
    assert deliver() == 1
    assert inbox.told()[-1] == ("Module", "update", "Chapter two")


def test_23_a_module_that_comes_back_has_its_uuid_again(inbox, receiver, lms):
    created = lms.push(full(1))
    address = f"api/v1/coursexs/{created['uuid']}/modules/"
    before = {one["title"]: one["uuid"] for one in lms.get(address).json()}
    lms.push(full(2, modules=[module(1)]))
    assert len(lms.get(address).json()) == 1
    lms.push(full(3))
    assert {one["title"]: one["uuid"] for one in lms.get(address).json()} == before


def test_23_a_pull_of_modules_that_fails_is_retried_for_longer_than_an_hour(edx, old_lms):
    edx.fail(BLOCKS, 500, times=8)
    old_lms.push(course())
    for _ in range(9):
        assert api.pull_due() == 1
        ModulePull.objects.filter(state="waiting").update(due_at=ModulePull.objects.get().created)
    assert ModulePull.objects.get().state == "done"
    assert Module.objects.count() == 2


def test_23_a_lower_version_changes_nothing(lms):
    lms.push(full(5, title="New"))
    answer = lms.post("api/v1/coursexs/", full(4, title="Old", modules=[]))
    assert (answer.status_code, answer.json()["title"]) == (200, "New")
    assert Module.objects.filter(removed=False).count() == 2


def test_a_portal_without_a_receiver_sees_nothing(lms):
    created = lms.push()
    stranger = make_portal("Stranger")
    assert stranger.get("api/v1/coursexs/").json() == []
    assert stranger.get(f"api/v1/coursexs/{created['uuid']}/").status_code == 404
    assert stranger.get("api/v1/user_exists/?uid=aaaa1111").json() == {"exists": False}
