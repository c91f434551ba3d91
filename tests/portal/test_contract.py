"""The recorded bytes of the originals, over real HTTP: their hub posts to our portal, our portal calls their hub."""

import http.client
import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import call_command

from ccx_tenancy.outgoing.durable import State
from ccx_tenancy.portal import fulfilment, orders, payments
from ccx_tenancy.portal.fulfilment import UNKNOWN
from ccx_tenancy.portal.models import Course, Holding, Source
from tests.conftest import ROOT
from tests.outgoing.servers import serving
from tests.portal import world

FOLDER = ROOT / "tests" / "portal" / "recordings"
# What all recordings were signed with.
ORIGINAL_SECRET = "0123456789abcdef0123456789abcdef"
WEBHOOK = re.compile(r"^POST (\{.*\})\n   (\{.*\})$", re.MULTILINE)


def recorded_webhooks():
    """The original hub's webhooks: their headers and their exact bytes."""
    text = (FOLDER / "03-webhooks.txt").read_text(encoding="utf-8")
    return [(json.loads(headers), body.encode()) for headers, body in WEBHOOK.findall(text)]


def send(live_server, headers, body):
    """Send bytes as they were recorded, and return the status and the body of the answer."""
    connection = http.client.HTTPConnection(urlsplit(live_server.url).netloc, timeout=30)
    kept = {name: value for name, value in headers.items() if name not in ("Host", "Connection", "Accept-Encoding")}
    connection.request("POST", "/api/v1/webhooks/ccxcon/", body, kept)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


@pytest.mark.django_db(transaction=True)
def test_an_original_hub_fills_our_catalogue(live_server):
    world.make_source(speaks=Source.Speaks.ORIGINAL, webhook_secret=ORIGINAL_SECRET)
    hooks = recorded_webhooks()
    assert len(hooks) == 3
    for headers, body in [*hooks[1:], hooks[0], *hooks]:
        assert send(live_server, headers, body) == (200, b"")
    course = Course.objects.get()
    assert (course.title, course.uuid) == ("Peer Physics", "dbd9e3b1-130c-4e32-ae5b-40945f69a5cb")
    assert sorted(module.title for module in course.modules.all()) == ["Chapter 1", "Chapter 2"]
    headers, body = hooks[0]
    assert send(live_server, headers, body.replace(b"Peer", b"Poor"))[0] == 403
    assert send(live_server, {**headers, "X-CCXCon-Signature": ""}, body)[0] == 403
    Source.objects.update(speaks=Source.Speaks.CCX_TENANCY)
    assert send(live_server, headers, body)[0] == 403


def answer_of(name, title):
    """The recorded answer to a request, by its title: status, headers and body."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    found = re.search(rf"### {re.escape(title)}\nHTTP/1.0 (\d+)[^\n]*\n(.*?)\n\n(.*?)\n\n", text, re.DOTALL)
    headers = dict(line.split(": ", 1) for line in found[2].splitlines())
    return int(found[1]), headers, found[3].encode()


@pytest.fixture
def original():
    """An original hub that answers what it answered then; ``answers`` come first, one by one."""
    answers = []

    def reply(request):
        if request.path == "/o/token/":
            return answer_of("01-ccxcon-auth.txt", "token: creds in body")
        return answers.pop(0) if answers else answer_of("05-create-ccx.txt", "no modules")

    with serving(reply) as server:
        server.answers = answers
        yield server


@pytest.fixture
def order(original, db):
    """A paid order of a course that the original hub has sent."""
    source = world.make_source(original.url, speaks=Source.Speaks.ORIGINAL, webhook_secret=ORIGINAL_SECRET)
    course = world.make_course(source, prices=("5.00",))
    buyer = world.make_user("coach@example.com")
    orders.put_in_cart(buyer, course, course.modules.all(), 25)
    placed, _is_new = orders.place(buyer, "k", 125)
    payments.pay(placed, "pretend_good")
    return placed


def test_our_orders_are_what_an_original_hub_takes(order, original):
    fulfilment.work()
    token, create = original.received
    recorded = (FOLDER / "16-tp-to-ccxcon-bytes.txt").read_text(encoding="utf-8")
    form = parse_qs(re.search(r"body: (client_secret=\S+)", recorded)[1])
    assert set(parse_qs(token.body.decode())) == set(form)
    assert (token.path, token.headers["Content-Type"]) == ("/o/token/", "application/x-www-form-urlencoded")
    wanted = json.loads(re.search(r'body: (\{"master_course_id".*\})', recorded)[1])
    sent = json.loads(create.body)
    assert {name: type(value) for name, value in sent.items()} == {name: type(value) for name, value in wanted.items()}
    assert (create.path, create.headers["Content-Type"]) == ("/api/v1/ccx/", "application/json")
    assert create.headers["Authorization"] == "Bearer dhEPI1Opo2ZCZ1yv9qSLO8Z5508OKF"
    holding = Holding.objects.get()
    assert (holding.ccx_id, holding.state) == ("ccx-v1:PeerX+P101+2026+ccx@1", State.DONE)


def test_what_edx_refused_through_an_original_hub_is_tried_again(order, original):
    original.answers.append(answer_of("05-create-ccx.txt", 'edX answers "status":503'))
    fulfilment.work()
    assert Holding.objects.get().state == State.WAITING
    Holding.objects.get().retry_now()
    fulfilment.work()
    assert Holding.objects.get().ccx_id


@pytest.mark.parametrize("answer", ["broke down", "lost", "no JSON"])
def test_where_nobody_knows_whether_an_original_made_a_ccx_a_person_decides(order, original, answer, capsys):
    lost = {
        "broke down": answer_of("05-create-ccx.txt", "edX 201 non-JSON"),
        "lost": None,
        "no JSON": (201, {"Content-Type": "application/json"}, b"{"),
    }
    original.answers.append(lost[answer])
    fulfilment.work()
    holding = Holding.objects.get()
    assert (holding.state, UNKNOWN in holding.last_error) == (State.REFUSED, True)
    call_command("portal", "work", "--once")
    assert len([one for one in original.received if one.path == "/api/v1/ccx/"]) == 1
    call_command("portal", "status")
    assert "would make another one" in capsys.readouterr().out


def test_an_original_hub_is_asked_for_no_seats_it_cannot_change(order, original):
    fulfilment.work()
    course = Course.objects.get()
    with pytest.raises(Exception, match="original CCXCon"):
        orders.put_in_cart(order.purchaser, course, course.modules.all(), 30)
