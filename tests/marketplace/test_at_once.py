"""Many clicks of one buyer at the same moment, through the portal's own HTTP front, on each database in turn."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
import requests
from django.db import connection

from scripts import services
from tests.conftest import database_url
from tests.marketplace.chain import BUYERS, MASTERS, Buyer, running, until

CLICKS = 100

pytestmark = [
    pytest.mark.slow,
    pytest.mark.services,
    pytest.mark.xdist_group("marketplace"),
    pytest.mark.skipif(
        services.find_program("redis-server", "valkey-server") is None, reason="redis-server is not installed"
    ),
]


@pytest.fixture
def chain(transactional_db, tmp_path):
    """The chain, the portal on the database of the test run."""
    databases = {} if connection.vendor == "sqlite" else {"portal": database_url(tmp_path / "none")}
    with running(tmp_path, databases=databases) as found:
        yield found


def at_once(actions):
    """Do all of them in threads that begin at the same moment; return what came of each."""
    barrier = threading.Barrier(len(actions))

    def do(action):
        barrier.wait()
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(do, actions))


def post(chain, buyer, path, data):
    """Send a form as the buyer's browser does, from any thread."""
    cookies = dict(buyer.session.cookies)
    body = {**data, "csrfmiddlewaretoken": cookies["csrftoken"]}
    answer = requests.post(chain.urls["portal"] + path, body, cookies=cookies, timeout=600, allow_redirects=False)
    assert answer.status_code < 500, answer.text[:500]
    return answer


def form_of(buyer):
    """Return what the checkout page that is shown now would send."""
    return dict(re.findall(r'name="(key|total)" value="([^"]*)"', buyer.call("GET", "/checkout/").text))


def test_a_hundred_clicks_at_once_are_one_order_and_one_charge(chain):
    uuid = chain.state("portal")["uuids"][MASTERS[0]]
    buyer = Buyer(chain, BUYERS[0])
    buyer.sign_in()
    modules = re.findall(r'name="modules" value="(\d+)"', buyer.call("GET", f"/courses/{uuid}/").text)
    buyer.call("POST", f"/courses/{uuid}/", {"seats": 20, "modules": modules})
    # Half of the clicks are those of one page, half those of a page each, as in fifty windows.
    one = form_of(buyer)
    forms = [one] * (CLICKS // 2) + [form_of(buyer) for _ in range(CLICKS // 2)]
    at_once([lambda form=form: post(chain, buyer, "/checkout/", {**form, "token": "card"}) for form in forms])
    settled(chain)
    assert [amount for _, amount, _ in chain.charges()] == ["100.00"]
    until(lambda: seats(chain) == [20], lambda: chain.state("portal")["holdings"])

    # Now everybody wants another number of seats, at the same moment.
    def change(wanted):
        post(chain, buyer, f"/courses/{uuid}/", {"seats": wanted})
        page = requests.get(f"{chain.urls['portal']}/checkout/", cookies=dict(buyer.session.cookies), timeout=600).text
        form = dict(re.findall(r'name="(key|total)" value="([^"]*)"', page))
        if form:
            post(chain, buyer, "/checkout/", {**form, "token": "card"})

    at_once([lambda wanted=wanted: change(wanted) for wanted in range(21, 21 + CLICKS)])
    settled(chain)
    state = chain.state("portal")
    charges = chain.charges()
    paid = [order for order in state["orders"].values() if order["state"] == "paid"]
    (holding,) = state["holdings"]
    assert len(charges) == len(paid) >= 2
    assert sum(Decimal(amount) for _, amount, _ in charges) == Decimal("5.00") * holding["seats"]
    assert {key for key, _, _ in charges} == {key for key, result in state["payments"].items() if result == "paid"}
    assert 21 <= holding["seats"] <= 20 + CLICKS
    until(lambda: seats(chain) == [holding["seats"]], lambda: chain.state("portal")["holdings"])


def settled(chain):
    """Wait until no order is being paid."""
    until(lambda: "paying" not in {one["state"] for one in chain.state("portal")["orders"].values()})


def seats(chain):
    """Return the seats of every CCX there is at the LMS."""
    return [one["seats"] for one in chain.state("lms")["ccxs"]]
