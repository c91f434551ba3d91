"""Many at the same moment: one order, one charge, no lost seat."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connection, connections

from ccx_tenancy.errors import TenancyError
from ccx_tenancy.portal import api, fulfilment, links, orders, payments
from ccx_tenancy.portal.gateways.pretend import GOOD
from ccx_tenancy.portal.models import CartLine, Holding, Identity, Order, OrderLine, PretendCharge
from tests.portal import world

pytestmark = pytest.mark.django_db(transaction=True)

MANY, THREADS = 100, 12


@pytest.fixture(autouse=True)
def _rows_are_locked():
    if connection.vendor == "sqlite":
        pytest.skip("SQLite locks the whole database: nothing is concurrent")


@pytest.fixture(autouse=True)
def _no_tasks(monkeypatch):
    """What is due is done by the workers of the test."""
    monkeypatch.setattr("ccx_tenancy.outgoing.durable.kick", lambda *_: None)


def at_once(function, count=MANY):
    """Call ``function`` that often from many threads at the same moment; return what came back, refusals as None."""
    start = threading.Barrier(THREADS)
    waited = threading.local()

    def call(number):
        if not getattr(waited, "done", False):
            waited.done = True
            start.wait(60)
        try:
            return function(number)
        except TenancyError:
            return None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(call, range(count)))


def checkout(buyer, key, total):
    order, is_new = orders.place(buyer, key, total)
    if is_new:
        payments.pay(order, GOOD)
    return order.number


def test_a_hundred_checkouts_of_one_cart_charge_once(course, buyer, hub):
    orders.put_in_cart(buyer, course, course.modules.all(), 20)
    found = at_once(lambda number: checkout(buyer, f"key-{number}", Decimal("400.00")))
    assert len([one for one in found if one]) == 1
    assert (Order.objects.count(), PretendCharge.objects.count()) == (1, 1)
    assert Holding.objects.get().seats == 20


def test_a_hundred_sendings_of_one_form_are_one_order(course, buyer, hub):
    orders.put_in_cart(buyer, course, course.modules.all(), 20)
    found = at_once(lambda number: checkout(buyer, "the key", Decimal("400.00")))
    assert len(set(found)) == 1
    assert (Order.objects.count(), PretendCharge.objects.count()) == (1, 1)


def test_seat_changes_fulfilment_and_checkouts_at_once_lose_nothing(course, buyer, hub):
    orders.put_in_cart(buyer, course, course.modules.all(), 5)
    checkout(buyer, "first", Decimal("100.00"))

    def one_more(number):
        if number % 4 == 0:
            return fulfilment.work() and None
        held = Holding.objects.get()
        orders.put_in_cart(buyer, course, course.modules.all(), held.seats + 1)
        return checkout(buyer, f"key-{number}", Decimal("20.00"))

    found = [one for one in at_once(one_more) if one]
    paid = sum(charge.amount for charge in PretendCharge.objects.filter(paid=True))
    holding = Holding.objects.get()
    assert holding.seats == 5 + len(set(found))
    assert paid == Decimal("20.00") * holding.seats
    assert sum(line.seats for line in OrderLine.objects.filter(order__state="paid")) == holding.seats
    Holding.objects.arm()
    while api.step():
        Holding.objects.filter(state="waiting").update(leased_until=None)
        Holding.objects.filter(state="waiting").arm()
    assert hub.seats == [holding.seats]
    assert not OrderLine.objects.filter(order__state="paid", fulfilled_at=None).exists()
    assert CartLine.objects.count() <= 1


def test_many_who_settle_one_payment_deliver_once(course, buyer, hub):
    orders.put_in_cart(buyer, course, course.modules.all(), 3)
    order, _is_new = orders.place(buyer, "k", Decimal("60.00"))
    PretendCharge.objects.create(key=order.payment.key, amount=60, currency="USD", paid=True)
    at_once(lambda number: payments.notified(order.payment.key), 40)
    assert Holding.objects.get().seats == 3


def test_one_webhook_that_comes_many_times_at_once_is_done_once(source, hub):
    payload = world.course_payload(version=1)
    found = at_once(lambda number: world.receive(source, "Course", payload, event_id="one"), 40)
    assert sorted(map(bool, found)) == [False] * 39 + [True]


def test_one_login_link_that_is_used_many_times_at_once_links_one_account(source, hub):
    hub.links["a.b"] = {"uid": world.TEACHER_UID, "instance": world.INSTANCE, "nonce": "n", "expires": 1}
    users = [world.make_user(f"u{number}@example.com") for number in range(24)]
    found = at_once(lambda number: links.use("a.b", users[number]), 24)
    assert len([one for one in found if one]) == 1
    assert Identity.objects.count() == 1
