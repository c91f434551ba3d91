"""A course from the LMS to the portal, an owner by a mail's link, seats bought and more of them: in real processes.

Everything is logged as loudly as it can be, and in all that was said and stored no secret stands.
"""

from __future__ import annotations

import email
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from scripts import services
from tests.marketplace.chain import BUYERS, MASTERS, Buyer, course, running, until

pytestmark = [
    pytest.mark.once,
    pytest.mark.slow,
    pytest.mark.services,
    pytest.mark.xdist_group("marketplace"),
    pytest.mark.skipif(
        services.find_program("redis-server", "valkey-server") is None, reason="redis-server is not installed"
    ),
]


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """The chain, in which the story has happened."""
    with running(tmp_path_factory.mktemp("chain")) as found:
        uuids = found.state("portal")["uuids"]
        author = Buyer(found, "author@example.com")
        author.sign_in()
        found.link = link_in_the_mail(found)
        assert author.call("GET", found.link).status_code == 302
        found.owned = author.call("POST", "/link/", {})
        buyer = Buyer(found, BUYERS[0])
        buyer.sign_in()
        buyer.buy(uuids[MASTERS[0]], 20)
        buyer.buy(uuids[MASTERS[0]], 30)
        yield found


def link_in_the_mail(chain):
    """Return the path of the login link in the one mail that the instructor got."""
    files = until(lambda: list((chain.directory / "mails").glob("*.log")))
    until(lambda: "/link/?token=" in files[0].read_text())
    message = email.message_from_string(files[0].read_text())
    text = "".join(part.get_payload(decode=True).decode() for part in message.walk() if not part.is_multipart())
    return "/link/" + re.search(r"/link/(\?token=[\w.%-]+)", text)[1]


def ccxs(chain, buyer):
    """Return the seats of a buyer's CCXs at the LMS, by master."""
    return {one["master"]: one["seats"] for one in chain.state("lms")["ccxs"] if one["coach"] == buyer}


def test_the_link_in_the_mail_makes_an_owner_and_the_order_becomes_a_ccx_with_its_seats(chain):
    assert chain.owned.headers["Location"] == "/teach/"
    until(lambda: ccxs(chain, BUYERS[0]) == {MASTERS[0]: 30}, lambda: chain.state("portal")["holdings"])
    assert len(list((chain.directory / "mails").glob("*.log"))) == 1
    paid = [amount for _, amount, who in chain.charges() if who == BUYERS[0]]
    assert paid == ["100.00", "50.00"]


def test_08_a_cart_with_two_courses_gives_each_its_own_modules(chain):
    uuids = chain.state("portal")["uuids"]
    buyer = Buyer(chain, BUYERS[1])
    buyer.sign_in()
    for key, seats in ((MASTERS[1], 3), (MASTERS[2], 4)):
        page = buyer.call("GET", f"/courses/{uuids[key]}/").text
        modules = re.findall(r'name="modules" value="(\d+)"', page)
        buyer.call("POST", f"/courses/{uuids[key]}/", {"seats": seats, "modules": modules})
    assert buyer.ends(buyer.check_out()) == "paid"
    until(lambda: ccxs(chain, BUYERS[1]) == {MASTERS[1]: 3, MASTERS[2]: 4}, lambda: chain.state("portal")["holdings"])
    assert [amount for _, amount, who in chain.charges() if who == BUYERS[1]] == ["35.00"]


def test_17_no_secret_stands_in_a_log_or_a_table_of_any_room(chain):
    said = json.loads((chain.directory / "credentials.json").read_text())
    form = {"grant_type": "client_credentials", "client_id": said["lms id"], "client_secret": said["lms secret"]}
    wrong = {**form, "client_secret": "known-wrong-secret-of-a-client"}
    token = requests.post(f"{chain.urls['hub']}/o/token/", form, timeout=120).json()["access_token"]
    assert requests.post(f"{chain.urls['hub']}/o/token/", wrong, timeout=120).status_code == 401
    url = f"{chain.urls['hub']}/api/v1/coursexs/"
    assert requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=120).status_code == 200
    known = {
        **chain.secrets,
        **{name: value for name, value in said.items() if name.endswith("secret")},
        "a token of the hub": token,
        "a wrong secret": wrong["client_secret"],
    }
    link = chain.link.partition("token=")[2]
    found = []
    for file in sorted(chain.directory.glob("logs/*")):
        text = file.read_bytes()
        found += [
            (file.name, name) for name, secret in {**known, "the login link": link}.items() if secret.encode() in text
        ]
    for file in sorted(chain.directory.glob("*.sqlite3*")):
        text = file.read_bytes()
        found += [(file.name, name) for name, secret in known.items() if secret.encode() in text]
    assert found == []
    assert sum(file.stat().st_size for file in chain.directory.glob("logs/*.log")) > 10_000


def test_after_a_burst_of_publications_the_last_state_of_each_course_is_everywhere(chain):
    keys = [f"course-v1:AcmeX+Burst{number}+2026" for number in range(10)]
    before = sends(chain)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda place: chain.publish(course(keys[place % 10], f"state {place // 10}")), range(100)))
    # What must arrive is what the LMS holds: the last of each that was sent need not be the last that was taken.
    until(chain.in_step, lambda: [chain.state(room)["courses"] for room in ("lms", "hub", "portal")])
    assert set(chain.state("portal")["courses"]) >= set(keys)
    assert 10 <= sends(chain) - before <= 100


def sends(chain):
    """Return how often the LMS has sent a course to the hub."""
    return sum(
        file.read_text().count('"POST /api/v1/coursexs/ HTTP') for file in chain.directory.glob("logs/lms-*.log")
    )
