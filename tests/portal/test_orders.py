"""From the cart to a CCX: prices are ours, money is taken once, and what is paid arrives."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from ccx_tenancy.audit import api as audit
from ccx_tenancy.errors import Conflict, InvalidInput, InvalidState
from ccx_tenancy.outgoing.durable import State
from ccx_tenancy.portal import api, catalogue, fulfilment, orders, payments
from ccx_tenancy.portal.gateways import NoGateway
from ccx_tenancy.portal.gateways.pretend import BAD, GOOD, LOST
from ccx_tenancy.portal.models import (
    CartLine,
    Course,
    Holding,
    Module,
    Order,
    OrderLine,
    Payment,
    PretendCharge,
    Profile,
    Refund,
)
from tests.portal import world
from tests.portal.world import client_of, order_by_pages

pytestmark = pytest.mark.django_db


def work():
    """Do what is due, and what will be: nobody waits here."""
    for _ in range(5):
        api.step()
        Holding.objects.filter(state=State.WAITING).update(due_at=timezone.now())
    assert api.step() == 0


def bought(buyer, course, seats, token=GOOD, key="k"):
    """Order that many seats in all modules, by the Python API."""
    orders.put_in_cart(buyer, course, course.modules.all(), seats)
    total, _currency = orders.total_of(quote for _line, quote, _reason in orders.cart(buyer))
    order, _is_new = orders.place(buyer, key, total)
    payments.pay(order, token)
    order.refresh_from_db()
    return order


def test_twenty_seats_are_paid_and_the_hub_makes_one_ccx(hub, course, buyer):
    order = bought(buyer, course, 20)
    assert (order.state, order.total, order.currency) == ("paid", Decimal("400.00"), "USD")
    assert api.status()["lines paid and not yet fulfilled"] == 1
    work()
    assert hub.seats == [20]
    sent = next(iter(hub.created.values()))["body"]
    assert sent == {
        "master_course_id": course.uuid,
        "user_email": "buyer@example.com",
        "total_seats": 20,
        "display_name": "Peer Physics",
        "course_modules": [module.uuid for module in course.modules.all()],
    }
    line = order.lines.get()
    assert line.fulfilled_at is not None
    assert (line.holding.ccx_id, line.holding.state) == ("ccx-v1:A+B+C+ccx@1", State.DONE)
    assert api.status()["lines paid and fulfilled"] == 1
    assert [entry.action for entry in audit.entries()] == ["portal.order"]


def test_ten_more_are_charged_and_patched(hub, course, buyer):
    bought(buyer, course, 20)
    work()
    order = bought(buyer, course, 30, key="k2")
    assert order.total == Decimal("200.00")
    work()
    assert hub.seats == [30]
    assert Holding.objects.get().seats_sent == 30
    assert not OrderLine.objects.filter(fulfilled_at=None).exists()


@pytest.mark.parametrize("seats", [20, 19, 1, 0, -5, True, "30", 10_001])
def test_seats_cannot_go_lower_nor_above_the_bound(course, buyer, seats):
    bought(buyer, course, 20)
    with pytest.raises(InvalidInput):
        orders.put_in_cart(buyer, course, course.modules.all(), seats)
    assert not CartLine.objects.exists()


def test_more_seats_bought_before_the_ccx_is_there_make_one_ccx(hub, course, buyer):
    hub.fail("POST", 503)
    hub.refusals[0] = ("/api/v1/ccx/", 503, {}, {})
    bought(buyer, course, 20)
    assert fulfilment.work() == 1
    bought(buyer, course, 25, key="k2")
    work()
    assert hub.seats == [25]
    assert [len(hub.created), Holding.objects.get().seats_sent] == [1, 25]


def test_an_answer_of_the_hub_that_was_lost_makes_no_second_ccx(hub, course, buyer):
    hub.refusals.append(("/api/v1/ccx/", None, {}, {}))
    bought(buyer, course, 3)
    work()
    assert hub.seats == [3]
    orders_sent = [one for one in hub.server.received if one.path == "/api/v1/ccx/"]
    assert len(orders_sent) == 2
    assert len({one.headers["Idempotency-Key"] for one in orders_sent}) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 429, 401, 408])
def test_a_hub_that_cannot_now_is_asked_again(hub, course, buyer, status):
    hub.refusals += [("/api/v1/ccx/", status, {"Retry-After": "0"}, {}), ("/o/token/", 500, {}, {})]
    bought(buyer, course, 2)
    work()
    assert hub.seats == [2]


def test_what_the_hub_refuses_is_kept_shown_and_tried_again_on_request(hub, course, buyer):
    hub.refusals.append(("/api/v1/ccx/", 404, {}, {"error_code": "coach_user_does_not_exist"}))
    order = bought(buyer, course, 2)
    work()
    holding = Holding.objects.get()
    assert holding.state == State.REFUSED
    assert "coach_user_does_not_exist" in holding.last_error
    assert api.status()["seats refused by the hub"] == 1
    page = client_of(buyer).get(f"/orders/{order.number}/").content.decode()
    assert "our staff looks into it" in page
    fulfilment.retry(holding, by=None)
    work()
    assert hub.seats == [2]
    assert "portal.retry" in [entry.action for entry in audit.entries()]


def test_a_declined_card_leaves_the_cart_as_it_was(hub, course, buyer):
    order = bought(buyer, course, 4, BAD)
    assert order.state == "declined"
    assert CartLine.objects.get().seats == 4
    assert not Holding.objects.exists()
    work()
    assert hub.seats == []
    assert bought(buyer, course, 4, key="k2").state == "paid"


def test_a_charge_whose_answer_was_lost_is_looked_up_and_not_repeated(course, buyer):
    order = bought(buyer, course, 2, LOST)
    assert order.state == "paid"
    assert PretendCharge.objects.count() == 1


def test_an_order_whose_process_died_before_the_charge_is_given_up_after_the_lease(course, buyer):
    orders.put_in_cart(buyer, course, course.modules.all(), 2)
    order, _is_new = orders.place(buyer, "k", Decimal("40.00"))
    work()
    order.refresh_from_db()
    assert order.state == "paying"
    age(order, 121)
    work()
    order.refresh_from_db()
    assert order.state == "cancelled"
    assert CartLine.objects.get().seats == 2
    assert bought(buyer, course, 2, key="k2").state == "paid"


def test_an_order_whose_process_died_after_the_charge_is_delivered(hub, course, buyer):
    orders.put_in_cart(buyer, course, course.modules.all(), 2)
    order, _is_new = orders.place(buyer, "k", Decimal("40.00"))
    PretendCharge.objects.create(key=order.payment.key, amount=40, currency="USD", paid=True)
    age(order, 121)
    work()
    assert hub.seats == [2]


def given_up(buyer, course):
    """An order whose process died before it charged, given up since."""
    orders.put_in_cart(buyer, course, course.modules.all(), 2)
    order, _is_new = orders.place(buyer, "k", Decimal("40.00"))
    age(order, 121)
    work()
    order.refresh_from_db()
    assert order.state == "cancelled"
    return order


def test_a_charge_that_comes_after_the_order_was_given_up_is_refused(hub, course, buyer):
    order = given_up(buyer, course)
    # The process had not died, it was slow: now it charges.
    for _ in range(2):
        assert payments.pay(order, GOOD).result == "cancelled"
    assert not PretendCharge.objects.filter(paid=True).exists()
    work()
    assert hub.seats == []
    assert bought(buyer, course, 2, key="k2").state == "paid"


@pytest.mark.parametrize("news", ["a webhook", "reconcile", "the process itself"])
def test_money_that_came_all_the_same_goes_back_and_nothing_is_sold_twice(hub, course, buyer, capsys, news):
    order = given_up(buyer, course)
    again = bought(buyer, course, 2, key="k2")
    PretendCharge.objects.filter(key=order.payment.key).update(paid=True, closed=False)
    if news == "a webhook":
        payments.notified(order.payment.key)
    elif news == "reconcile":
        call_command("portal", "reconcile")
        assert "was cancelled, and the gateway was paid; the money goes back." in capsys.readouterr().out
    else:
        payments.pay(order, GOOD)
    payments.notified(order.payment.key)
    work()
    assert hub.seats == [2]
    refunds = dict(PretendCharge.objects.values_list("key", "refunded"))
    assert refunds == {order.payment.key: Decimal("40.00"), again.payment.key: Decimal("0.00")}
    order.refresh_from_db()
    assert (order.state, Payment.objects.get(order=order).result) == ("cancelled", "paid")
    page = client_of(buyer).get(f"/orders/{order.number}/").content.decode()
    assert "before your payment came in: the money goes back" in page
    assert "portal.late_payment" in [entry.action for entry in audit.entries()]
    call_command("portal", "reconcile")
    assert "0 payments and 0 CCXs differed." in capsys.readouterr().out


def test_a_gateway_that_was_taken_out_of_the_settings_breaks_no_page(course, buyer, settings):
    orders.put_in_cart(buyer, course, course.modules.all(), 2)
    order, _is_new = orders.place(buyer, "k", Decimal("40.00"))
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "PORTAL_GATEWAY": ""}
    assert client_of(buyer).get(f"/orders/{order.number}/").status_code == 200


def no_organization(status=400, code="coach_not_in_organization"):
    """What our hub answers where the LMS has refused an order."""
    upstream = {"error": "The coach belongs to several; name the organization that runs the CCX.", "error_code": code}
    return "/api/v1/ccx/", status, {}, {"error": "Invalid status code", "upstream_status": 400, "upstream": upstream}


def test_a_buyer_of_several_organizations_is_told_why_and_names_one(hub, course, buyer):
    hub.refusals.append(no_organization())
    order = bought(buyer, course, 2)
    work()
    first = Holding.objects.get()
    assert (first.state, first.way_forward) == (State.REFUSED, "organization")
    client, path = client_of(buyer), f"/orders/{order.number}/"
    page = client.get(path).content.decode()
    assert "name the organization that runs the CCX" in page
    assert "Set it up for this organization" in page
    assert "could not be set up: see the order" in client.get("/orders/").content.decode()
    line = order.lines.get()
    stranger = client_of(world.make_user("other@example.com"))
    assert stranger.post(f"{path}set-up/", {"line": line.pk, "organization": "Mine"}).status_code == 404
    for wrong in ({"line": line.pk, "organization": "no name!"}, {"line": line.pk}, {"line": "x"}, {"line": 0}):
        client.post(f"{path}set-up/", wrong)
        assert Holding.objects.get().key == first.key
    answer = client.post(f"{path}set-up/", {"line": line.pk, "organization": "GlobexX"})
    assert answer["Location"] == path
    work()
    assert hub.seats == [2]
    (made,) = hub.created.values()
    assert made["body"]["organization"] == "GlobexX"
    keys = [one.headers["Idempotency-Key"] for one in hub.server.received if one.path == "/api/v1/ccx/"]
    assert len(set(keys)) == 2
    assert Profile.objects.get(user=buyer).short_name == "GlobexX"
    assert "portal.organization" in [entry.action for entry in audit.entries()]
    # What is there is ordered for nobody else.
    assert "look again" not in client.get(path).content.decode()
    with pytest.raises(InvalidState):
        fulfilment.order_for(first, "InitechX", by=buyer)


def test_staff_orders_for_the_organization_of_the_buyers_profile_or_pays_back(hub, course, buyer):
    hub.refusals += [no_organization(), no_organization()]
    order = bought(buyer, course, 2)
    work()
    fulfilment.retry(Holding.objects.get(), by=None)  # Nothing is known that was not: the same again.
    work()
    assert Holding.objects.get().state == State.REFUSED
    Profile.objects.update(short_name="GlobexX")
    fulfilment.retry(Holding.objects.get(), by=None)
    work()
    (made,) = hub.created.values()
    assert (made["body"]["organization"], hub.seats) == ("GlobexX", [2])
    assert order.lines.get().fulfilled_at


def test_a_buyer_without_an_account_there_tries_again_and_a_doubt_is_left_to_staff(hub, course, buyer):
    hub.refusals.append(no_organization(code="coach_user_does_not_exist"))
    order = bought(buyer, course, 2)
    work()
    client, path, line = client_of(buyer), f"/orders/{order.number}/", order.lines.get()
    assert "Try again" in client.get(path).content.decode()
    key = Holding.objects.get().key
    # Given up while nobody knew whether it was made: a buyer may not order that anew.
    Holding.objects.update(refusal="")
    client.post(f"{path}set-up/", {"line": line.pk, "organization": "GlobexX"})
    assert (Holding.objects.get().state, Holding.objects.get().key) == (State.REFUSED, key)
    Holding.objects.update(refusal="coach_user_does_not_exist")
    client.post(f"{path}set-up/", {"line": line.pk})
    work()
    assert (hub.seats, list(hub.created)) == ([2], [key])


def age(order, seconds):
    """Make a payment that old."""
    payment = Payment.objects.get(order=order)
    past = timedelta(seconds=seconds)
    Payment.objects.filter(pk=payment.pk).update(created=payment.created - past, due_at=payment.due_at - past)


def test_seats_that_differ_at_the_hub_are_put_right_by_reconcile(hub, course, buyer, capsys):
    bought(buyer, course, 5)
    work()
    next(iter(hub.ccxs.values()))["max_students_allowed"] = 3
    call_command("portal", "reconcile")
    assert "paid for are 5 seats, the hub (status 200) has 3" in capsys.readouterr().out
    work()
    assert hub.seats == [5]


def test_the_same_key_is_the_same_order(course, buyer):
    first = bought(buyer, course, 2)
    orders.put_in_cart(buyer, course, course.modules.all(), 9)
    again, is_new = orders.place(buyer, "k", Decimal("999.00"))
    assert (again, is_new) == (first, False)
    assert CartLine.objects.get().seats == 9


def test_a_total_that_the_buyer_did_not_see_is_not_charged(course, buyer):
    orders.put_in_cart(buyer, course, course.modules.all(), 2)
    Module.objects.update(price=Decimal("50.00"))
    with pytest.raises(orders.CartChanged):
        orders.place(buyer, "k", Decimal("40.00"))
    assert not Order.objects.exists()
    assert CartLine.objects.exists()


def test_while_an_order_is_being_paid_there_is_no_other_of_that_course(course, buyer):
    orders.put_in_cart(buyer, course, course.modules.all(), 2)
    orders.place(buyer, "k", Decimal("40.00"))
    orders.put_in_cart(buyer, course, course.modules.all(), 3)
    with pytest.raises(Conflict):
        orders.place(buyer, "k2", Decimal("60.00"))


def test_what_is_free_needs_no_gateway(hub, source, buyer, settings):
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "PORTAL_GATEWAY": ""}
    course = world.make_course(source, prices=("0.00",))
    order = bought(buyer, course, 3)
    assert (order.state, order.total) == ("paid", Decimal("0.00"))
    work()
    assert hub.seats == [3]


def test_without_a_gateway_nothing_that_costs_is_ordered(course, buyer, settings):
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "PORTAL_GATEWAY": ""}
    with pytest.raises(NoGateway):
        bought(buyer, course, 3)
    assert not Order.objects.exists()


def test_an_owner_buys_nothing_of_the_own(course, owner):
    with pytest.raises(InvalidInput, match="cannot purchase"):
        orders.put_in_cart(owner, course, course.modules.all(), 1)


def test_one_order_has_one_currency(source, buyer, settings):
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "PORTAL_CURRENCIES": ["USD", "EUR"]}
    for currency in ("USD", "EUR"):
        course = world.make_course(source)
        Course.objects.filter(pk=course.pk).update(currency=currency)
        course.refresh_from_db()
        orders.put_in_cart(buyer, course, course.modules.all(), 1)
    with pytest.raises(InvalidInput, match="one currency"):
        orders.place(buyer, "k", Decimal("40.00"))


def test_further_seats_are_of_the_same_modules(course, buyer):
    orders.put_in_cart(buyer, course, list(course.modules.all())[:1], 2)
    order, _is_new = orders.place(buyer, "k", Decimal("25.00"))
    payments.pay(order, GOOD)
    line = orders.put_in_cart(buyer, course, course.modules.all(), 5)
    assert line.modules.count() == 1
    wanted = [orders.Wanted(course.uuid, [module.uuid for module in course.modules.all()], 1)]
    with pytest.raises(InvalidInput, match="same modules"):
        orders.place(buyer, "k2", Decimal("20.00"), wanted)


def test_the_buyers_organization_goes_along_where_it_has_a_short_name(hub, course, buyer):
    Profile.objects.update(short_name="GlobexX")
    bought(buyer, course, 1)
    work()
    assert next(iter(hub.created.values()))["body"]["organization"] == "GlobexX"


def refused(hub, buyer, course, seats=2):
    hub.refusals.append(("/api/v1/ccx/", 404, {}, {}))
    order = bought(buyer, course, seats)
    work()
    return order


def test_what_is_refused_for_good_is_paid_back_once(hub, course, buyer, admin_user):
    order = refused(hub, buyer, course)
    line = order.lines.get()
    orders.give_money_back(line, by=admin_user)
    with pytest.raises(InvalidState):
        orders.give_money_back(line, by=admin_user)
    work()
    assert [row.refunded for row in PretendCharge.objects.all()] == [Decimal("40.00")]
    assert Refund.objects.get().state == State.DONE
    Refund.objects.get().retry_now()
    work()
    assert [row.refunded for row in PretendCharge.objects.all()] == [Decimal("40.00")]
    assert hub.seats == []
    page = client_of(buyer).get(f"/orders/{order.number}/").content.decode()
    assert "cancelled; the money goes back" in page
    assert "40.00 USD go back" in client_of(buyer).get(f"/orders/{order.number}/invoice/").content.decode()
    again = bought(buyer, course, 1, key="k2")
    work()
    assert again.lines.get().fulfilled_at
    assert hub.seats == [1]


def test_what_is_fulfilled_or_still_tried_is_not_paid_back(hub, course, buyer):
    order = bought(buyer, course, 1)
    with pytest.raises(InvalidState, match="still being tried"):
        orders.give_money_back(order.lines.get(), by=None)
    work()
    with pytest.raises(InvalidState, match="already"):
        orders.give_money_back(order.lines.get(), by=None)
    assert not Refund.objects.exists()


def test_further_seats_that_are_refused_leave_the_first_ones(hub, course, buyer):
    bought(buyer, course, 20)
    work()
    hub.refusals.append(("PATCH", 400, {}, {}))
    order = bought(buyer, course, 30, key="k2")
    work()
    assert Holding.objects.get().state == State.REFUSED
    orders.give_money_back(order.lines.get(), by=None)
    work()
    holding = Holding.objects.get()
    assert (holding.seats, holding.seats_sent, holding.state) == (20, 20, State.DONE)
    assert hub.seats == [20]
    assert sum(row.refunded for row in PretendCharge.objects.all()) == Decimal("200.00")


def test_an_open_order_can_be_cancelled_once_nobody_charges_it(course, buyer):
    orders.put_in_cart(buyer, course, course.modules.all(), 2)
    order, _is_new = orders.place(buyer, "k", Decimal("40.00"))
    with pytest.raises(InvalidState, match="at this moment"):
        payments.cancel(order, by=buyer)
    age(order, 121)
    payments.cancel(order, by=buyer)
    order.refresh_from_db()
    assert order.state == "cancelled"
    with pytest.raises(InvalidState):
        payments.cancel(order, by=buyer)


def test_a_form_that_is_sent_twice_orders_once(hub, course, buyer):
    client = client_of(buyer)
    answer = order_by_pages(client, course, 20)
    order = Order.objects.get()
    assert answer["Location"] == f"/orders/{order.number}/"
    form = {"key": order.key, "total": "400.00", "token": GOOD}
    assert client.post("/checkout/", form)["Location"] == f"/orders/{order.number}/"
    assert PretendCharge.objects.count() == 1
    page = client.get(f"/orders/{order.number}/").content.decode()
    assert "your order is paid" in page
    assert "400.00 USD" in page
    assert "paid; being set up" in page
    work()
    assert "ccx-v1:A+B+C+ccx@1" in client.get(f"/orders/{order.number}/").content.decode()


def test_an_order_is_its_buyers_alone(course, buyer):
    order_by_pages(client_of(buyer), course, 1)
    number = Order.objects.get().number
    other = client_of(world.make_user("other@example.com"))
    for path in (f"/orders/{number}/", f"/orders/{number}/invoice/"):
        assert other.get(path).status_code == 404
        assert client_of(buyer).get(path).status_code == 200


def test_the_next_visit_starts_from_the_seats_bought(course, buyer):
    client = client_of(buyer)
    order_by_pages(client, course, 20)
    page = client.get(f"/courses/{course.uuid}/").content.decode()
    assert 'value="20"' in page
    assert 'min="20"' in page
    answer = client.post(f"/courses/{course.uuid}/", {"seats": 19})
    assert answer.status_code == 200
    assert not CartLine.objects.exists()


def test_the_command_shows_retries_and_works(hub, course, buyer, capsys):
    refused(hub, buyer, course)
    call_command("portal", "status")
    shown = capsys.readouterr().out
    key = Holding.objects.get().key
    assert key in shown
    assert "seats refused by the hub" in shown
    with pytest.raises(CommandError, match="no key of a refused row"):
        call_command("portal", "retry", "nothing")
    call_command("portal", "retry", key)
    call_command("portal", "work", "--once")
    assert "1 done." in capsys.readouterr().out
    assert hub.seats == [2]
    call_command("portal", "status", "--format", "json")
    assert '"refused": []' in capsys.readouterr().out


def test_an_offered_course_has_modules_and_all_of_them_are_priced(source):
    for prices, live in (((), True), (("1.00", None), True), (("1.00",), False)):
        world.make_course(source, prices=prices, live=live)
    assert catalogue.offered().count() == 0
    assert catalogue.offered().get_or_create  # nosec
    world.make_course(source, prices=("1.00",))
    assert catalogue.offered().count() == 1
