"""What readers, owners and strangers see, on the pages and in the API."""

import json
import re

import pytest
from django.core.management import call_command
from django.test import Client

from ccx_tenancy.audit import api as audit
from ccx_tenancy.portal.checks import check_portal
from ccx_tenancy.portal.models import Course, Holding, Module, Order, PretendCharge
from tests.portal import world
from tests.portal.world import api, client_of

pytestmark = pytest.mark.django_db


def test_anonymous_readers_get_four_fields_in_the_list_as_in_the_detail(course, client):
    listed = client.get("/api/v1/courses/").json()
    detail = client.get(f"/api/v1/courses/{course.uuid}/").json()
    assert listed == [detail]
    assert sorted(detail) == ["description", "image_url", "title", "uuid"]


def test_buyers_see_prices_and_owners_everything(course, buyer, owner):
    seen = client_of(buyer).get(f"/api/v1/courses/{course.uuid}/").json()
    assert [module["price_without_tax"] for module in seen["modules"]] == [12.5, 7.5]
    assert [module["price"] for module in seen["modules"]] == ["12.50", "7.50"]
    assert "instructors" not in seen
    own = client_of(owner).get("/api/v1/courses/").json()[0]
    assert own["instructors"] == [world.TEACHER_UID]
    assert own["edx_instance"] == world.INSTANCE


def test_what_is_not_offered_is_there_for_its_owner_alone(source, buyer, owner):
    course = world.make_course(source, live=False)
    for path in (f"/api/v1/courses/{course.uuid}/", f"/courses/{course.uuid}/"):
        assert Client().get(path).status_code == 404
        assert client_of(buyer).get(path).status_code == 404
        assert client_of(owner).get(path).status_code == 200
    assert client_of(buyer).get("/api/v1/courses/").json() == []
    assert len(client_of(owner).get("/api/v1/courses/").json()) == 1
    assert client_of(buyer).get(f"/teach/{course.uuid}/").status_code == 404


def test_lists_have_pages(source, client, monkeypatch):
    monkeypatch.setattr("ccx_tenancy.portal.rest._PAGE_SIZE", 2)
    for _ in range(3):
        world.make_course(source)
    first = client.get("/api/v1/courses/")
    assert len(first.json()) == 2
    assert first["Link"] == '<https://portal.example.com/api/v1/courses/?page=2>; rel="next"'
    second = client.get("/api/v1/courses/?page=2")
    assert [len(second.json()), second.has_header("Link")] == [1, False]
    for wrong in ("0", "x", "-1", "9" * 9):
        assert client.get(f"/api/v1/courses/?page={wrong}").status_code == 404


def test_a_list_asks_no_question_for_each_course(source, owner, django_assert_max_num_queries):
    for _ in range(5):
        world.make_course(source)
    client = client_of(owner)
    client.get("/api/v1/courses/")
    with django_assert_max_num_queries(12):
        assert len(client.get("/api/v1/courses/").json()) == 5


def test_permissions_are_the_owners(course, buyer, owner):
    path = f"/api/v1/course_permissions/{course.uuid}/"
    assert Client().get(path).status_code == 403
    assert set(client_of(buyer).get(path).json().values()) == {False}
    assert set(client_of(owner).get(path).json().values()) == {True}


def test_an_owner_changes_title_visibility_and_prices(course, owner):
    client = client_of(owner)
    first, second = course.modules.all()
    body = {
        "title": "Mine",
        "live": False,
        "modules": [{"uuid": first.uuid, "price_without_tax": "10.00", "title": "One"}, {"uuid": second.uuid}],
    }
    assert api(client, "patch", f"/api/v1/courses/{course.uuid}/", body).status_code == 200
    course.refresh_from_db()
    first.refresh_from_db()
    assert (course.title, course.live, str(first.price), first.title) == ("Mine", False, "10.00", "One")
    entry = audit.entries().first()
    assert (entry.action, entry.after["prices"][first.uuid]) == ("portal.course", "10.00")


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"modules": [{"uuid": "MODULE", "price_without_tax": 10}]}, "price_without_tax must be a string"),
        ({"modules": [{"uuid": "MODULE", "price_without_tax": "-1"}]}, "'-1' is no price"),
        ({"modules": [{"uuid": "MODULE", "price_without_tax": "NaN"}]}, "'NaN' is no price"),
        ({"modules": [{"uuid": "MODULE", "price_without_tax": "1.005"}]}, "too many decimals"),
        ({"modules": [{"uuid": "MODULE", "price_without_tax": "1e20"}]}, "is no price"),
        ({"modules": [{"uuid": "nope", "price_without_tax": "1"}]}, "Unable to find module"),
        ({"modules": [{"price_without_tax": "1"}]}, "Missing key uuid"),
        ({"modules": "x"}, "modules must be a list of objects"),
        ({"live": "yes"}, "live must be a boolean"),
        ({"title": 5}, "title must be a string"),
        ({"title": "x" * 256}, "255 characters"),
        ({"currency": "XXX"}, "is no currency of this portal"),
        ([], "Invalid data"),
    ],
)
def test_a_wrong_change_is_refused_by_name_and_changes_nothing(course, owner, body, answer):
    module = course.modules.first()
    text = json.loads(json.dumps(body).replace("MODULE", module.uuid))
    found = api(client_of(owner), "patch", f"/api/v1/courses/{course.uuid}/", text)
    assert found.status_code == 400
    assert answer in found.json()[0]
    assert str(Module.objects.get(pk=module.pk).price) == "12.50"


def test_only_owners_change_a_course(course, buyer, admin_user):
    path = f"/api/v1/courses/{course.uuid}/"
    assert api(Client(), "patch", path, {"title": "hax"}).status_code == 403
    for user in (buyer, admin_user):
        answer = api(client_of(user), "patch", path, {"title": "hax"})
        assert answer.json() == ["User doesn't have permission to edit course descriptions or titles"]
    course.refresh_from_db()
    assert course.title == "Peer Physics"
    assert client_of(buyer).put(path).status_code == 405


def checkout(client, course, seats=3, total=60.0, **fields):
    cart = [{"course_uuid": course.uuid, "seats": seats, "uuids": [module.uuid for module in course.modules.all()]}]
    return api(client, "post", "/api/v1/checkout/", {"token": "tok_visa", "total": total, "cart": cart, **fields})


def test_a_checkout_of_the_api_orders_once_for_each_body(course, buyer):
    client = client_of(buyer)
    for _ in range(3):
        answer = checkout(client, course)
        assert (answer.status_code, answer.json()["state"]) == (200, "paid")
    assert [Order.objects.count(), PretendCharge.objects.count(), Holding.objects.get().seats] == [1, 1, 3]
    assert checkout(client, course, token="tok_other").status_code == 200
    assert Holding.objects.get().seats == 6


def test_a_declined_card_is_an_answer_and_not_an_error(course, buyer):
    answer = checkout(client_of(buyer), course, token="pretend_declined")
    assert (answer.status_code, answer.json()) == (400, ["The card was declined."])


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"total": 1}, "Cart total doesn't match expected value"),
        ({"total": "abc"}, "Invalid float"),
        ({"total": "nan"}, "Invalid float"),
        ({"total": True}, "Invalid float"),
        ({"total": "1e999999999"}, "Cart total doesn't match expected value"),
        ({"seats": 0}, "Number of seats is zero"),
        ({"seats": -2, "total": -40}, "cannot be bought"),
        ({"seats": True}, "Seats must be an integer"),
        ({"seats": "3"}, "Seats must be an integer"),
        ({"seats": 1_000_000}, "cannot be bought"),
        ({"cart": []}, "Cannot checkout an empty cart"),
        ({"cart": "x"}, "Cart must be a list of items"),
        ({"cart": [5]}, "Each item must be an object"),
        ({"cart": [{"course_uuid": "nope", "seats": 1, "uuids": ["x"]}]}, "One or more courses are unavailable"),
        ({"cart": [{"course_uuid": "nope", "seats": 1, "uuids": []}]}, "uuids must not be empty"),
        ({"cart": [{"seats": 1, "uuids": []}]}, "Missing key course_uuid"),
        ({"token": ""}, "Invalid token"),
    ],
)
def test_a_wrong_checkout_is_refused_by_name_and_charges_nothing(course, buyer, fields, answer):
    found = checkout(client_of(buyer), course, **fields)
    assert found.status_code == 400
    assert answer in found.json()[0]
    assert not Order.objects.exists()


def test_foreign_and_double_modules_are_refused(source, course, buyer):
    other = world.make_course(source)
    mine, theirs = course.modules.first().uuid, other.modules.first().uuid
    client = client_of(buyer)
    for uuids, answer in (
        ([mine, mine], "Duplicate module in cart"),
        ([mine, theirs], "One or more modules are unavailable"),
        (["nope"], "One or more modules are unavailable"),
    ):
        cart = [{"course_uuid": course.uuid, "seats": 1, "uuids": uuids}]
        assert checkout(client, course, cart=cart, total=20).json() == [answer]
    one = {"course_uuid": course.uuid, "seats": 1, "uuids": [mine]}
    assert checkout(client, course, cart=[one, one], total=25).json() == ["Duplicate course in cart"]


def test_the_checkout_is_for_who_is_signed_in(course):
    assert checkout(Client(), course).status_code == 403


PUBLIC = ("/", "/sign-in/", "/register/", "/password/", "/link/")
PRIVATE = ("/cart/", "/orders/", "/account/", "/teach/")


def test_no_page_lets_foreign_code_in_or_is_kept_by_a_cache(course, buyer):
    client = client_of(buyer)
    client.post(f"/courses/{course.uuid}/", {"seats": 2, "modules": [one.pk for one in course.modules.all()]})
    for path in (*PUBLIC, *PRIVATE, f"/courses/{course.uuid}/", "/checkout/"):
        answer = client.get(path)
        text = answer.content.decode()
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe" not in policy
        assert "no-store" in answer["Cache-Control"], path
        assert not re.search(r"<script|<style|\son\w+=|style=|javascript:", text), path
        assert text.count("<h1") == 1, path
        assert '<html lang="en' in text
        assert 'id="main"' in text


def test_every_input_has_a_label(course, buyer, owner):
    pages = [client_of(buyer).get(path) for path in (*PUBLIC[1:4], "/account/", f"/courses/{course.uuid}/")]
    pages.append(client_of(owner).get(f"/teach/{course.uuid}/"))
    for answer in pages:
        text = answer.content.decode()
        wrapped = "".join(re.findall(r"<label[^>]*>.*?</label>", text, re.DOTALL))
        for tag in re.findall(r"<(?:input|select|textarea)[^>]*>", text):
            if 'type="hidden"' in tag:
                continue
            name = re.search(r'id="([^"]+)"', tag)
            assert tag in wrapped or (name and f'for="{name[1]}"' in text), tag


def test_private_pages_ask_to_sign_in_and_come_back(client):
    for path in (*PRIVATE, "/checkout/"):
        assert client.get(path)["Location"] == f"/sign-in/?next={path.replace('/', '%2F')}"


def test_what_somebody_writes_is_shown_as_text(source, owner, buyer):
    course = world.make_course(source, title="<script>alert(1)</script>", overview="<img src=x onerror=alert(1)>")
    for path in ("/", f"/courses/{course.uuid}/"):
        text = client_of(buyer).get(path).content.decode()
        assert "<script>" not in text
        assert "onerror" not in text


def test_an_owners_form_refuses_a_price_that_is_none(course, owner):
    module = course.modules.first()
    client = client_of(owner)
    answer = client.post(f"/teach/{course.uuid}/", {"currency": "USD", f"price_{module.pk}": "free"})
    assert answer.status_code == 200
    assert "is no price" in answer.content.decode()
    answer = client.post(f"/teach/{course.uuid}/", {"currency": "USD", f"price_{module.pk}": "9,50"})
    assert answer.status_code == 302
    module.refresh_from_db()
    assert str(module.price) == "9.50"


def test_the_admin_shows_everything_and_no_secret(course, buyer, admin_user, hub):
    world.order_by_pages(client_of(buyer), course, 2)
    client = Client()
    client.force_login(admin_user, backend="ccx_tenancy.backends.DefaultSiteBackend")
    for model in ("source", "course", "order", "holding", "payment", "refund", "identity", "profile"):
        answer = client.get(f"/admin/ccx_portal/{model}/")
        assert answer.status_code == 200, model
    for model, row in (("source", course.source), ("course", course), ("order", Order.objects.get())):
        answer = client.get(f"/admin/ccx_portal/{model}/{row.pk}/change/")
        assert answer.status_code == 200, model
        assert world.SECRET not in answer.content.decode()
    assert client.post("/admin/ccx_portal/order/add/").status_code == 403


def test_the_admin_tries_again_and_pays_back(course, buyer, admin_user, hub):
    hub.refusals.append(("/api/v1/ccx/", 404, {}, {}))
    world.order_by_pages(client_of(buyer), course, 2)
    call_command("portal", "work", "--once")
    client = Client()
    client.force_login(admin_user, backend="ccx_tenancy.backends.DefaultSiteBackend")
    form = {"action": "give_money_back", "_selected_action": [Holding.objects.get().pk]}
    answer = client.post("/admin/ccx_portal/holding/", form, follow=True)
    assert "is cancelled" in answer.content.decode()
    call_command("portal", "work", "--once")
    assert str(PretendCharge.objects.get().refunded) == "40.00"
    form["action"] = "try_again"
    assert "They are due now" in client.post("/admin/ccx_portal/holding/", form, follow=True).content.decode()


def test_the_checks_name_what_a_project_lacks(settings):
    assert check_portal() == []
    settings.CCX_TENANCY = {}
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
    assert [one.id for one in check_portal()] == ["ccx_portal.E001", "ccx_portal.E003", "ccx_portal.W001"]
    settings.CCX_TENANCY = {"PORTAL_URL": "https://x.example.com", "PORTAL_GATEWAY": "no.such.Thing"}
    assert [one.id for one in check_portal()] == ["ccx_portal.E003", "ccx_portal.E004"]


def test_a_gateway_without_webhooks_takes_none(client):
    assert client.post("/gateway/notify/", b"{}", content_type="application/json").status_code == 403


def test_a_course_of_no_owner_is_changed_in_the_admin(source, buyer):
    course = world.make_course(source, instructors=[])
    course.owners.add(buyer)
    assert api(client_of(buyer), "patch", f"/api/v1/courses/{course.uuid}/", {"title": "Mine"}).status_code == 200
    assert Course.objects.get(pk=course.pk).title == "Mine"
