"""Processes are killed at any point of export, delivery and fulfilment; nothing is lost and nothing is doubled."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from scripts import services
from tests.marketplace.chain import BUYERS, MASTERS, ROLES, Buyer, Chain, course, running, until

POINTS = int(os.environ.get("CCX_TENANCY_CHAOS_POINTS", "12"))
SEED = int(os.environ.get("CCX_TENANCY_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)

pytestmark = [
    pytest.mark.once,
    pytest.mark.slow,
    pytest.mark.services,
    pytest.mark.skipif(
        services.find_program("redis-server", "valkey-server") is None, reason="redis-server is not installed"
    ),
]
#: Two masters change their chapters and are closed and opened; the others are for sale.
CHANGING, SOLD = MASTERS[:2], MASTERS[2:]
#: How far a process may count before it dies: it should get there while something is going on.
FARTHEST = {"serve": 40, "worker": 16, "sweep": 8}
#: Who dies how often: a sweep has something to do only where a worker or the broker was killed.
OFTEN = {"serve": 3, "worker": 4, "sweep": 2}


class People:
    """Authors who publish and buyers who buy, all the time; what they meant is written down."""

    def __init__(self, chain: Chain, chance: random.Random) -> None:
        self.chain = chain
        self.chance = chance
        self.buyers = [Buyer(chain, email) for email in BUYERS]
        self.seats: Counter[tuple[str, str]] = Counter()
        self.paid = Decimal(0)
        self.purchases = 0
        self.publications = 0
        self.uuids: dict[str, str] = chain.state("portal")["uuids"]

    def publish(self) -> None:
        """Change a course or two, and publish."""
        chance = self.chance
        said = []
        for key in chance.sample(MASTERS, 2):
            title = f"{key[-7:-5]} revision {self.publications}"
            changes = key in CHANGING
            said.append(
                course(key, title, chance.randint(1, 4) if changes else 2, is_open=not changes or chance.random() < 0.7)
            )
        self.publications += len(said)
        self.chain.publish(*said)

    def buy(self, buyer: Buyer, key: str, more: int) -> None:
        """Buy seats, or more of them."""
        before = self.seats[buyer.email, key]
        buyer.buy(self.uuids[key], before + more)
        self.seats[buyer.email, key] = before + more
        self.paid += Decimal("5.00") * more
        self.purchases += 1


def test_every_course_arrives_and_every_paid_order_has_one_ccx_whatever_is_killed(tmp_path):
    kill_at_random(tmp_path, POINTS)


def kill_at_random(directory: Path, points: int, databases: dict[str, str] | None = None) -> None:
    """Kill that many times, while people publish and buy, and look at what came of it."""
    print(f"CCX_TENANCY_CHAOS_SEED={SEED} CCX_TENANCY_CHAOS_POINTS={points}")
    chance = random.Random(SEED)
    places: Counter[str] = Counter()
    began = time.monotonic()
    with running(directory, databases=databases) as chain, ThreadPoolExecutor(len(BUYERS) + 1) as pool:
        people = People(chain, random.Random(SEED + 1))
        for one in people.buyers:
            one.sign_in()
        doing = {}
        for number in range(points):
            role = chance.choices([*ROLES, "broker"], [*(OFTEN[one.partition("-")[2]] for one in ROLES), 3])[0]
            # Who is killed faster than it starts does nothing, and nothing can be learned of it.
            until(lambda role=role: role == "broker" or chain.is_up(role), lambda role=role: chain.log(role))
            # One in five dies at a time that has nothing to do with what it does; so does the broker.
            is_armed = role != "broker" and chance.random() < 0.8
            if is_armed:
                chain.arm(role, chance.randint(1, FARTHEST[role.partition("-")[2]]))
            for who in chance.sample([None, *people.buyers], 4):
                if who not in doing or doing[who].done():
                    if who in doing:
                        doing.pop(who).result()
                    key, more = chance.choice(SOLD), chance.randint(1, 5)
                    doing[who] = pool.submit(people.publish) if who is None else pool.submit(people.buy, who, key, more)
            places[await_death(chain, role, chance.uniform(0.05, 1.2), is_armed)] += 1
            chain.spawn(role)
            if number % 20 == 19:
                print(f"{number + 1} points, {time.monotonic() - began:.0f} s", flush=True)
        for action in doing.values():
            action.result()
        check(chain, people)
    print(f"{sum(places.values())} deaths at {len(places)} kinds of points, {people.publications} publications,")
    print(f"{people.purchases} purchases of {people.paid} in {time.monotonic() - began:.0f} s")
    for place, count in places.most_common():
        print(f"  {count:4} {place}")


def await_death(chain: Chain, role: str, seconds: float, is_armed: bool) -> str:
    """Wait until a process is dead, and say where it died."""
    if is_armed:
        end = time.monotonic() + 3.0
        while time.monotonic() < end:
            if place := chain.died(role):
                return f"{role} {place}"
            time.sleep(0.02)
        chain.disarm(role)
    else:
        time.sleep(seconds)
    if is_armed and (place := chain.died(role)):
        return f"{role} {place}"
    chain.kill(role)
    return f"{role} at some time"


def check(chain: Chain, people: People) -> None:
    """Everything has arrived, once."""
    expected = {pair: seats for pair, seats in people.seats.items() if seats}

    def fulfilled() -> bool:
        found = chain.state("portal")["holdings"]
        return {(one["buyer"], one["course"]): one["sent"] for one in found} == expected

    until(fulfilled, lambda: [one for one in chain.state("portal")["holdings"] if one["sent"] != one["seats"]])
    until(chain.in_step, lambda: {room: chain.state(room) for room in ("lms", "hub", "portal")})
    lms, hub, portal = (chain.state(room) for room in ("lms", "hub", "portal"))
    # One CCX for each buyer and course, with the seats that were paid for, and none that nobody ordered.
    assert sorted((one["coach"], one["master"], one["seats"]) for one in lms["ccxs"]) == sorted(
        (buyer, key, seats) for (buyer, key), seats in expected.items()
    )
    keys = sorted(one["key"] for one in lms["ccxs"])
    assert keys == sorted(lms["orders"])
    assert keys == sorted(one["key"] for one in hub["ccxs"])
    assert keys == sorted(one["key"] for one in portal["holdings"])
    assert {one["key"]: one["seats"] for one in hub["ccxs"]} == {one["key"]: one["seats"] for one in lms["ccxs"]}
    # Every charge is an order that was paid, and the other way round: none was charged twice, none for nothing.
    charges = chain.charges()
    assert len(charges) == people.purchases
    assert sum(Decimal(amount) for _, amount, _ in charges) == people.paid
    assert {key for key, _, _ in charges} == {key for key, result in portal["payments"].items() if result == "paid"}
    assert sum(one["state"] == "paid" for one in portal["orders"].values()) == people.purchases
    assert "paying" not in {one["state"] for one in portal["orders"].values()}
    assert hub["refused"] == []
