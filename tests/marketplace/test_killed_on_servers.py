"""The same deaths where the rooms' databases are servers, as in production; and seats taken while they change."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from django.db import connection

from scripts import services
from tests.marketplace import databases
from tests.marketplace.chain import BUYERS, MASTERS, Buyer, running, until
from tests.marketplace.test_killed_anywhere import kill_at_random

POINTS = int(os.environ.get("CCX_TENANCY_CHAOS_POINTS", "4"))
LEARNERS = 12

pytestmark = [
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite is the test of all points; nothing is concurrent"),
    pytest.mark.slow,
    pytest.mark.services,
    pytest.mark.xdist_group("marketplace"),
    pytest.mark.skipif(
        services.find_program("redis-server", "valkey-server") is None, reason="redis-server is not installed"
    ),
]


@pytest.fixture
def addresses(transactional_db):
    """Where the rooms' databases are."""
    with databases.of_the_rooms() as found:
        yield found


def test_whatever_is_killed_nothing_is_lost_or_doubled_on_a_server(addresses, tmp_path):
    kill_at_random(tmp_path, POINTS, addresses)


def test_seats_never_go_below_those_taken_while_learners_take_them(addresses, tmp_path):
    with running(tmp_path, databases=addresses) as chain:
        buyer = Buyer(chain, BUYERS[0])
        buyer.sign_in()
        buyer.buy(chain.state("portal")["uuids"][MASTERS[0]], LEARNERS)
        (ccx,) = until(lambda: chain.state("lms")["ccxs"])
        hub = signed_in(chain)
        start = threading.Barrier(2 * LEARNERS)

        def enroll(number):
            start.wait(60)
            said = {"ccx": ccx["key"], "username": f"learner{number}"}
            return requests.post(f"{chain.urls['lms']}/test/enroll/", json=said, timeout=120).status_code

        def change(number):
            start.wait(60)
            # Up and down, also far below what is taken.
            body = {"total_seats": 1 + number * 7 % LEARNERS, "version": 100 + number}
            url = f"{chain.urls['hub']}/api/v1/ccx/{ccx['key']}/"
            for _ in range(200):
                answer = requests.patch(url, json=body, headers=hub, timeout=120)
                if answer.status_code not in (502, 503):
                    return answer.status_code
            return answer.status_code

        with ThreadPoolExecutor(2 * LEARNERS) as pool:
            taking = [pool.submit(enroll, number) for number in range(LEARNERS)]
            changing = [pool.submit(change, number) for number in range(LEARNERS)]
        took = Counter(one.result() for one in taking)
        changed = Counter(one.result() for one in changing)
        assert set(took) <= {200, 409}, took
        assert set(changed) <= {200, 409}, changed
        (found,) = chain.state("lms")["ccxs"]
        assert found["taken"] == took[200] >= 1
        assert found["seats"] >= found["taken"]
        # And one by one: below what is taken is refused, with how many that is; what is taken is allowed.
        url = f"{chain.urls['hub']}/api/v1/ccx/{ccx['key']}/"
        taken = found["taken"]
        if taken > 1:
            below = requests.patch(url, json={"total_seats": taken - 1, "version": 1000}, headers=hub, timeout=60)
            assert (below.status_code, below.json()["seats_taken"]) == (409, taken)
        exactly = requests.patch(url, json={"total_seats": taken, "version": 1001}, headers=hub, timeout=60)
        assert (exactly.status_code, exactly.json()["total_seats"]) == (200, taken)
        full = requests.post(
            f"{chain.urls['lms']}/test/enroll/", json={"ccx": ccx["key"], "username": "one-more"}, timeout=60
        )
        assert full.status_code == 409
        assert chain.state("hub")["ccxs"][0]["seats"] == chain.state("lms")["ccxs"][0]["seats"] == taken


def signed_in(chain):
    """The headers of the portal's client at the hub."""
    said = json.loads((chain.directory / "credentials.json").read_text())
    form = {"grant_type": "client_credentials", "client_id": said["portal id"], "client_secret": said["portal secret"]}
    token = requests.post(f"{chain.urls['hub']}/o/token/", form, timeout=60).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}
