"""Our hub at an original edX, over HTTP: it asks for tokens, course blocks and CCXs in the words of the recordings."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client as Browser

from ccx_tenancy.hub import api, lms
from ccx_tenancy.hub.models import BackingInstance, ModulePull
from ccx_tenancy.outgoing.secrets import Sealed
from tests.hub.conftest import course, deliver, make_instance, make_lms, make_receiver
from tests.hub.edx import BLOCKS, CCX, TOKENS, Edx
from tests.hub.recordings import answers, sent
from tests.outgoing.servers import serving

pytestmark = pytest.mark.django_db

CREATE = answers("05-create-ccx.txt")


@pytest.fixture
def edx():
    found = Edx()
    with serving(found.reply) as server:
        found.server = server
        yield found


@pytest.fixture
def instance(edx, db):
    found = make_instance(edx.url, "edx", grant_token="edx-grant-code")
    found.oauth_client_id, found.oauth_client_secret = "ccxcon-at-edx", "ccxcon-at-edx-secret"
    found.save()
    return found


@pytest.fixture
def pushed(instance, inbox, portal):
    make_receiver(f"{inbox.server.url}/hook/", client=portal.client)
    created = make_lms(instance).push(course())
    assert api.pull_due() == 1
    return created


def form(request):
    return parse_qs(request.body.decode())


def test_tokens_are_asked_for_as_in_the_recordings(edx, pushed):
    (first,) = edx.asked(TOKENS)
    recorded = sent(TOKENS)
    assert form(first) == parse_qs(recorded[0]["body"])
    BackingInstance.objects.update(access_token="")
    edx.refresh_token = "edx-refresh-3"
    BackingInstance.objects.update(refresh_token=Sealed.of("edx-refresh-3"))
    lms.blocks(ModulePull.objects.get().course)
    refresh = next(row for row in recorded if "refresh_token=edx-refresh-3" in row["body"])
    assert form(edx.asked(TOKENS)[-1]) == parse_qs(refresh["body"])


def test_course_blocks_are_asked_for_as_in_the_recordings_and_become_modules(edx, pushed, portal):
    (asked,) = edx.asked(BLOCKS, "GET")
    recorded = sent(BLOCKS, method="GET")[0]
    assert parse_qs(urlsplit(asked.path).query) == parse_qs(urlsplit(recorded["path"]).query)
    assert asked.headers["Authorization"] == recorded["headers"]["Authorization"]
    modules = portal.get(f"api/v1/coursexs/{pushed['uuid']}/modules/").json()
    # The third chapter is for the staff only.
    assert [(one["title"], one["subchapters"]) for one in modules] == [
        ("Chapter 1", ["Section 1.1", "Section 1.2"]),
        ("Chapter 2", ["Section 2.1", "Section 2.2"]),
    ]


def test_receivers_are_told_of_modules_that_were_pulled(edx, pushed, inbox):
    deliver()
    assert inbox.told() == [
        ("Course", "update", "Peer Physics"),
        ("Module", "update", "Chapter 1"),
        ("Module", "update", "Chapter 2"),
    ]


@pytest.fixture
def orders(pushed, portal):
    modules = portal.get(f"api/v1/coursexs/{pushed['uuid']}/modules/").json()

    def order(changes=None, **headers):
        body = {
            "master_course_id": pushed["uuid"],
            "user_email": "coach@example.com",
            "total_seats": 25,
            "display_name": "My CCX",
            **(changes or {}),
        }
        return portal.post("api/v1/ccx/", body, **headers)

    order.modules = [one["uuid"] for one in modules]
    return order


def test_ccxs_are_created_as_in_the_recordings(edx, orders):
    first, second = orders.modules
    cases = [("no modules", {}), ("modules m2,m1 (reversed)", {"course_modules": [second, first]})]
    for title, changes in [*cases, ("modules []", {"course_modules": []})]:
        answer = orders(changes)
        assert answer.status_code == CREATE[title].status
        assert answer.json() == CREATE[title].json
        assert answer["Location"].startswith("http://testserver/hub/api/v1/ccx/")
    asked = [json.loads(one.body) for one in edx.asked(CCX)]
    assert asked == [json.loads(row["body"]) for row in sent(CCX)[:3]]


@pytest.mark.parametrize("title", ["modules duplicate m1,m1", "unknown module", "missing all", "unknown course"])
def test_a_wrong_order_is_refused_in_the_originals_words(edx, orders, portal, title):
    first = orders.modules[0]
    nothing = "00000000-0000-0000-0000-000000000000"
    answer = {
        "modules duplicate m1,m1": lambda: orders({"course_modules": [first, first]}),
        "unknown module": lambda: orders({"course_modules": [nothing]}),
        "missing all": lambda: portal.post("api/v1/ccx/", {}),
        "unknown course": lambda: orders({"master_course_id": nothing}),
    }[title]()
    assert answer.status_code == CREATE[title].status
    recorded = CREATE[title].body
    if title == "missing all":  # The order of a set: another one in each version of Python.
        assert sorted(answer.json()["error"].partition(": ")[2].split(",")) == sorted(
            json.loads(recorded)["error"].partition(": ")[2].split(",")
        )
    else:
        assert answer.content.decode() == recorded
    assert edx.ccxs == []


@pytest.mark.parametrize("status", [401, 500, 503])
def test_an_edx_that_fails_is_told_of_in_the_originals_words(edx, orders, status):
    edx.fail(CCX, status, times=2)
    answer = orders()
    assert answer.status_code == 502
    assert answer.content.decode() == CREATE[f'edX answers "status":{status}'].body
    assert int(answer["Retry-After"]) > 0


def test_what_was_asked_for_with_the_collections_verbs_is_refused_still(orders, portal):
    for verb, title in (("GET", "GET"), ("PATCH", "PATCH seats"), ("PUT", "PUT seats")):
        answer = portal.call(verb, "api/v1/ccx/", {"total_seats": 50})
        assert (answer.status_code, answer.content.decode()) == (405, CREATE[title].body)


def test_an_order_by_form_is_taken(edx, orders, portal, pushed):
    body = f"master_course_id={pushed['uuid']}&user_email=c@example.com&total_seats=5&display_name=F"
    answer = Browser().generic(
        "POST",
        "/hub/api/v1/ccx/",
        f"{body}&course_modules={orders.modules[0]}",
        content_type="application/x-www-form-urlencoded",
        HTTP_AUTHORIZATION=f"Bearer {portal.token}",
    )
    assert answer.status_code == 201, answer.content
    assert edx.ccxs[0]["max_students_allowed"] == 5
    assert len(edx.ccxs[0]["course_modules"]) == 1


def test_an_order_whose_answer_was_lost_is_found_again_and_not_doubled(edx, orders):
    def made_and_lost():
        edx.create(json.loads(edx.asked(CCX)[-1].body))

    edx.fails.append((CCX, made_and_lost))
    first = orders(idempotency_key="k1")
    assert first.status_code == 502
    assert len(edx.ccxs) == 1
    again = orders(idempotency_key="k1")
    assert (again.status_code, again.json()["ccx_course_id"]) == (201, "ccx-v1:PeerX+P101+2026+ccx@1")
    # Another order that looks the same is another order.
    assert orders(idempotency_key="k2").json()["ccx_course_id"] == "ccx-v1:PeerX+P101+2026+ccx@2"
    assert len(edx.ccxs) == 2


def test_an_answer_that_is_no_json_is_no_lost_ccx(edx, orders):
    def made_and_garbled():
        edx.create(json.loads(edx.asked(CCX)[-1].body))
        return 201, {}, b"not json"

    edx.fails.append((CCX, made_and_garbled))
    assert orders(idempotency_key="k1").status_code == 502
    assert orders(idempotency_key="k1").status_code == 201
    assert len(edx.ccxs) == 1


def test_seats_are_changed_read_and_a_ccx_is_closed(edx, orders, portal):
    place = orders()["Location"].replace("http://testserver", "")
    answer = portal.call("PATCH", f"http://testserver{place}", {"total_seats": 40, "version": 1})
    assert answer.status_code == 200, answer.content
    assert (answer.json()["total_seats"], answer.json()["version"]) == (40, 1)
    assert edx.ccxs[0]["max_students_allowed"] == 40
    by_key = "api/v1/ccx/ccx-v1:PeerX+P101+2026+ccx@1/"
    assert portal.get(by_key).json()["max_students_allowed"] == 40
    assert portal.call("DELETE", by_key).status_code == 204
    assert edx.ccxs == []
    assert portal.get(by_key).status_code == 404
