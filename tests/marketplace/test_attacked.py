"""What strangers, clients and buyers send who mean harm, over real HTTP: refused by name, and nothing breaks or stays.

Django's own test client leaves out what a server does with a body and with CSRF; these requests do not.
"""

from __future__ import annotations

import http.client
import json
from decimal import Decimal
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
import requests
from django.contrib.auth.models import User

from ccx_tenancy.hub import api as hub_api
from ccx_tenancy.hub import events
from ccx_tenancy.hub.models import Course as HubCourse
from ccx_tenancy.hub.models import Delivery
from ccx_tenancy.json_bodies import LIMIT
from ccx_tenancy.portal.models import CartLine, Course, Module, Order, PretendCharge, Registration
from tests.hub import conftest as hub_world
from tests.outgoing.conftest import loopback  # noqa: F401 - a fixture
from tests.portal import world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _world(settings, monkeypatch, loopback):  # noqa: F811
    monkeypatch.setattr("ccx_tenancy.outgoing.durable.kick", lambda *_, **__: None)
    settings.ROOT_URLCONF = "tests.portal.urls"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.OAUTH2_PROVIDER = {"CLIENT_SECRET_HASHER": "md5"}


class Browser:
    """A browser or a program at a server, with its cookies and the CSRF token in them."""

    def __init__(self, server):
        self.url = server.url
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path):
        return self.ask("GET", path)

    def form(self, path, fields, **headers):
        body = {"csrfmiddlewaretoken": self.session.cookies.get("csrftoken", ""), **fields}
        return self.ask("POST", path, body, headers)

    def json(self, method, path, body, **headers):
        given = {"Content-Type": "application/json", "X-CSRFToken": self.session.cookies.get("csrftoken", "")}
        return self.ask(method, path, body if isinstance(body, str | bytes) else json.dumps(body), {**given, **headers})

    def ask(self, method, path, data=None, headers=None):
        answer = self.session.request(
            method, self.url + path, data=data, headers=headers, timeout=60, allow_redirects=False
        )
        # A thread of the server that waits for another request would outlive the test.
        self.session.close()
        return answer

    def sign_in(self, email):
        self.get("/sign-in/")
        assert self.form("/sign-in/", {"email": email, "password": world.PASSWORD}).status_code == 302
        self.get("/cart/")
        return self


@pytest.fixture
def course(db):
    return world.make_course(world.make_source())


@pytest.fixture
def buyer(live_server, course):
    world.make_user("buyer@example.com")
    return Browser(live_server).sign_in("buyer@example.com")


def ordered(course, seats=3, total="60.00", **fields):
    """What a program sends to the API's checkout."""
    cart = [{"course_uuid": course.uuid, "seats": seats, "uuids": [one.uuid for one in course.modules.all()]}]
    return {"token": "tok_visa", "total": total, "cart": cart, **fields}


def shown(browser, course, seats=2):
    """Put seats into the cart as a person does, and return what the page of the checkout would send."""
    modules = [one.pk for one in course.modules.all()]
    assert browser.form(f"/courses/{course.uuid}/", {"seats": seats, "modules": modules}).status_code == 302
    return {**world.hidden(browser.get("/checkout/").text), "token": "pretend_good"}


# The portal


def test_a_signed_in_program_checks_out_with_its_csrf_token(buyer, course):
    answer = buyer.json("POST", "/api/v1/checkout/", ordered(course))
    assert (answer.status_code, answer.json()["state"]) == (200, "paid")
    assert PretendCharge.objects.get().amount == Decimal("60.00")


def test_without_the_csrf_token_or_from_another_site_nothing_is_bought(buyer, course):
    form = shown(buyer, course)
    answers = [
        buyer.json("POST", "/api/v1/checkout/", ordered(course), **{"X-CSRFToken": ""}),
        buyer.json("POST", "/api/v1/checkout/", ordered(course), Origin="https://evil.example"),
        buyer.form("/checkout/", {**form, "csrfmiddlewaretoken": ""}),
        buyer.form("/checkout/", form, Origin="https://evil.example"),
        buyer.form("/checkout/", form, Origin="null"),
    ]
    assert [answer.status_code for answer in answers] == [403] * 5
    plain = buyer.json("POST", "/api/v1/checkout/", ordered(course), **{"Content-Type": "text/plain"})
    assert plain.status_code == 415
    assert not Order.objects.exists()


HOSTILE = {
    "deep": "[" * 100_000,
    "no number": '{"total": NaN}',
    "a number without an end": '{"total": ' + "9" * 5000 + "}",
    "half a character": '{"token": "\\ud800"}',
    "not UTF-8": b'{"token": "\xff"}',
    "nothing": "",
    "a list": "[]",
}


def test_a_hostile_body_is_no_order(buyer):
    for what, body in HOSTILE.items():
        answer = buyer.json("POST", "/api/v1/checkout/", body)
        assert answer.status_code == 400, (what, answer.text)
    assert not Order.objects.exists()


def test_seats_totals_and_keys_that_are_none_order_nothing(buyer, course):
    modules = [one.pk for one in course.modules.all()]
    for seats in ("-1", "0", "1.5", "1e5", "9" * 20, "9" * 5000, "", "\0", "10001"):
        answer = buyer.form(f"/courses/{course.uuid}/", {"seats": seats, "modules": modules})
        assert answer.status_code == 200, seats[:20]
    assert not CartLine.objects.exists()
    form = shown(buyer, course)
    for total in ("sNaN", "NaN", "-40.00", "1E+999999", "", "\0", "0", "40.001"):
        assert buyer.form("/checkout/", {**form, "total": total}).headers["Location"] == "/cart/", total
    for key in ("", "\0", "a\nb", "ü", "k" * 65):
        assert buyer.form("/checkout/", {**form, "key": key}).headers["Location"] == "/cart/", key
    assert (Order.objects.count(), CartLine.objects.count()) == (0, 1)


def test_a_currency_that_changed_since_the_page_was_shown_is_not_charged(buyer, course, settings):
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "PORTAL_CURRENCIES": ["USD", "GBP"]}
    form = shown(buyer, course)
    assert form["currency"] == "USD"
    Course.objects.update(currency="GBP")
    assert buyer.form("/checkout/", form).headers["Location"] == "/cart/"
    assert buyer.json("POST", "/api/v1/checkout/", ordered(course)).json() == [
        "Cart total doesn't match expected value"
    ]
    assert not Order.objects.exists()
    assert buyer.json("POST", "/api/v1/checkout/", ordered(course, currency="GBP")).status_code == 200
    assert PretendCharge.objects.get().currency == "GBP"


def test_an_order_of_more_than_a_gateway_charges_is_refused_before_it_is_one(buyer, course):
    Module.objects.update(price=Decimal("9999999.99"))
    modules = [one.pk for one in course.modules.all()]
    buyer.form(f"/courses/{course.uuid}/", {"seats": 10_000, "modules": modules})
    assert "One order is for at most 999,999.99 USD" in buyer.get("/cart/").text
    assert buyer.get("/checkout/").headers["Location"] == "/cart/"
    answer = buyer.json("POST", "/api/v1/checkout/", ordered(course, seats=10_000, total="199999999800.00"))
    assert answer.status_code == 400
    assert not Order.objects.exists()


PATHS = ("/courses/{}/", "/teach/{}/", "/orders/{}/", "/orders/{}/invoice/", "/password/{}/x/", "/api/v1/courses/{}/")


def test_a_name_that_is_none_is_not_found(buyer):
    for name in ("%00", "x%00", "%ff", "..%2f", "%F0%9F%98%80", "a" * 3000):
        for path in (*PATHS, "/api/v1/course_permissions/{}/"):
            assert buyer.get(path.format(name)).status_code in (403, 404), (path, name)
        for query in ("/?q=", "/?page=", "/link/?token=", "/activate/?token=", "/sign-in/?next="):
            assert buyer.get(query + name).status_code < 500, (query, name)
    assert buyer.form("/cart/", {"course": "\0"}).status_code == 302


def test_nothing_of_another_buyer_is_reached_by_its_name(buyer, live_server, course):
    form = shown(buyer, course)
    path = buyer.form("/checkout/", form).headers["Location"]
    assert buyer.get(path).status_code == 200
    world.make_user("other@example.com")
    other = Browser(live_server).sign_in("other@example.com")
    assert [other.get(path + rest).status_code for rest in ("", "invoice/")] == [404, 404]
    assert other.form(path, {}).status_code == 404
    assert other.get(f"/teach/{course.uuid}/").status_code == 404
    patched = other.json("PATCH", f"/api/v1/courses/{course.uuid}/", {"live": False})
    assert "permission" in patched.json()[0]
    # The key of somebody else's order is a key like any other.
    assert other.form("/checkout/", form).headers["Location"] == "/cart/"
    assert Order.objects.count() == 1


def test_what_a_hub_sends_is_shown_as_text_and_never_run(buyer, course):
    hostile = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7|add:7 }}"
    names = ("hub_title", "hub_description", "overview", "author_name", "image_url", "own_title", "own_description")
    Course.objects.update(**dict.fromkeys(names, hostile))
    Module.objects.update(hub_title=hostile, own_title=hostile, subchapters=[hostile])
    form = shown(buyer, course)
    pages = {path: buyer.get(path).text for path in ("/", f"/courses/{course.uuid}/", "/cart/", "/checkout/")}
    order = buyer.form("/checkout/", form).headers["Location"]
    pages |= {path: buyer.get(path).text for path in ("/orders/", order, f"{order}invoice/")}
    for path, text in pages.items():
        assert "alert(1)" in text and "add:7" in text, path
        tags = Tags()
        tags.feed(text)
        # No tag of it is a tag, and its quotation marks end no attribute.
        assert not [one for one in tags.found if one[0] == "script" or one[1].startswith("on")], path


class Tags(HTMLParser):
    """The tags and attributes of a page, as a browser finds them."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [(tag, ""), *((tag, name) for name, _ in attrs)]


def test_a_registration_writes_no_letter_of_its_own_to_anybody(live_server, mailoutbox):
    names = {"organization": "School", "email": "victim@example.com", "password": world.PASSWORD, "redirect": ""}
    program = Browser(live_server)
    letter = {**names, "full_name": "Win!\nhttps://evil.example\n"}
    assert program.json("POST", "/api/v1/register/", letter).status_code == 400
    assert not Registration.objects.exists()
    assert (
        program.json("POST", "/api/v1/register/", {**names, "full_name": "Win https://evil.example"}).status_code == 200
    )
    (mail,) = mailoutbox
    assert "evil" not in mail.body + mail.subject


def test_a_host_that_is_not_ours_is_in_no_mail(live_server, mailoutbox):
    world.make_user("buyer@example.com")
    program = Browser(live_server)
    program.get("/password/")
    program.session.headers["X-Forwarded-Host"] = "evil.example"
    assert program.form("/password/", {"email": "buyer@example.com"}).status_code == 200
    assert "evil.example" not in mailoutbox[0].body


# The hub


@pytest.fixture
def lms(settings, live_server):
    """A client that publishes, over HTTP."""
    settings.ROOT_URLCONF = "tests.hub.urls"
    hub_world.make_receiver("http://127.0.0.1:9/", everything=True)
    return signed_in(live_server, hub_world.make_lms(hub_world.make_instance()))


def signed_in(server, client):
    found = Browser(server)
    found.session.headers["Authorization"] = f"Bearer {client.token}"
    return found


PUSHES = {
    **{name: body for name, body in HOSTILE.items() if name != "nothing"},
    "half a title": hub_world.full(title="\ud800"),
    "half a key": hub_world.full(course_id="course-v1:a+b+\udfff"),
    "half an instructor": hub_world.full(instructors=["\ud800"]),
    "half a module": hub_world.full(modules=[hub_world.module(1, title="\ud800")]),
    "half a subchapter": hub_world.full(modules=[hub_world.module(1, subchapters=["\ud800"])]),
    "an image nowhere": hub_world.full(image_url="http://[::1"),
    "an image that runs": hub_world.full(image_url="javascript:alert(1)"),
    "too long": hub_world.full(overview="x" * 200_001),
    "too long a subchapter": hub_world.full(modules=[hub_world.module(1, subchapters=["x" * 256])]),
    "a NUL": hub_world.full(title="a\0b"),
}


def test_a_hostile_push_is_refused_and_told_to_nobody(lms):
    for what, body in PUSHES.items():
        answer = lms.json("POST", "/hub/api/v1/coursexs/", body)
        assert answer.status_code == 400, (what, answer.text)
    assert (HubCourse.objects.count(), Delivery.objects.count()) == (0, 0)


def test_a_push_of_any_size_is_not_read(lms):
    for kind in ("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        # Nothing but the head is sent: the answer comes without the body.
        connection = http.client.HTTPConnection(urlsplit(lms.url).netloc, timeout=60)
        headers = {"Content-Type": kind, "Content-Length": str(LIMIT + 1)}
        connection.request("POST", "/hub/api/v1/coursexs/", headers={**lms.session.headers, **headers})
        assert connection.getresponse().status == 413, kind
        connection.close()


def test_the_largest_course_that_the_hub_takes_is_taken_by_the_portal(lms, live_server, settings):
    letter = "\u0416"  # Six bytes in JSON.
    texts = dict.fromkeys(("overview", "description", "author_name"), letter * 200_000)
    modules = [hub_world.module(1, letter * 255, subchapters=[letter * 255] * 1000)]
    body = hub_world.full(
        title=letter * 255, instructors=[f"{letter * 250}{one}" for one in range(1000)], modules=modules
    )
    text = json.dumps({**body, **texts}, ensure_ascii=False).encode()
    answer = lms.json("POST", "/hub/api/v1/coursexs/", text)
    assert answer.status_code == 201, answer.text
    world.make_source()
    for delivery in Delivery.objects.order_by("sequence"):
        message, headers = world.signed(events.body(delivery))
        settings.ROOT_URLCONF = "tests.portal.urls"
        plain = {name.removeprefix("HTTP_").replace("_", "-"): value for name, value in headers.items()}
        found = requests.post(f"{live_server.url}/api/v1/webhooks/ccxcon/", message, headers=plain, timeout=60)
        assert found.status_code == 200, found.text
    assert Course.objects.get().overview == texts["overview"]
    assert Module.objects.get().subchapters == modules[0]["subchapters"]


def test_a_client_reaches_nothing_of_another(lms, live_server):
    assert lms.json("POST", "/hub/api/v1/coursexs/", hub_world.full()).status_code == 201
    course = HubCourse.objects.get()
    stranger = signed_in(live_server, hub_world.make_portal("stranger"))
    for path in (f"coursexs/{course.uuid}/", f"coursexs/{course.uuid}/modules/"):
        assert stranger.get(f"/hub/api/v1/{path}").status_code == 404
    assert stranger.get("/hub/api/v1/coursexs/").json() == []
    order = {"master_course_id": str(course.uuid), "user_email": "a@example.com", "total_seats": 1, "display_name": "x"}
    assert stranger.json("POST", "/hub/api/v1/ccx/", order).status_code == 404
    assert stranger.json("POST", "/hub/api/v1/coursexs/", hub_world.full()).status_code == 403
    assert lms.json("POST", "/hub/api/v1/ccx/", order).status_code == 403


ORDERS = {
    "half a name": {"display_name": "\ud800"},
    "half an organization": {"organization": "\ud800"},
    "a NUL": {"organization": "a\0b"},
    "fewer than none": {"total_seats": -1},
    "none": {"total_seats": 0},
    "a fraction": {"total_seats": 1.5},
    "yes": {"total_seats": True},
    "very many": {"total_seats": 10**30},
    "no module": {"course_modules": [None]},
    "modules by name": {"course_modules": {"a": 1}},
    "a second mail": {"user_email": "a@example.com\r\nBcc: b@example.com"},
}


def test_a_hostile_order_is_refused_before_the_lms_is_asked(lms, live_server):
    lms.json("POST", "/hub/api/v1/coursexs/", hub_world.full())
    portal = hub_world.make_portal()
    hub_api.Receiver.objects.update(client=portal.client)
    order = {
        "master_course_id": str(HubCourse.objects.get().uuid),
        "user_email": "a@example.com",
        "total_seats": 1,
        "display_name": "x",
    }
    client = signed_in(live_server, portal)
    for what, changes in ORDERS.items():
        answer = client.json("POST", "/hub/api/v1/ccx/", {**order, **changes})
        assert answer.status_code == 400, (what, answer.text)
    assert not portal.client.ccxs.exists()


def test_the_pages_of_errors_tell_no_secret(lms, live_server, settings):
    for path in ("/hub/api/v1/nothing/", "/hub/o/token/", "/hub/status/"):
        answer = lms.get(path)
        assert answer.status_code in (404, 405)
        for secret in (settings.SECRET_KEY, lms.session.headers["Authorization"], "Traceback", "settings"):
            assert secret not in answer.text
    assert not User.objects.exists()
