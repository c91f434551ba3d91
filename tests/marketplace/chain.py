"""Starts the chain, kills parts of it, and acts upon it as people do: by HTTP alone."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

from scripts import services

ROOT = Path(__file__).resolve().parent.parent.parent
ROOMS = ("lms", "hub", "portal")
ROLES = tuple(f"{room}-{what}" for room in ROOMS for what in ("serve", "worker", "sweep"))
COURSES = 6
MASTERS = [f"course-v1:AcmeX+C{number}+2026" for number in range(COURSES)]
BUYERS = [f"buyer{number}@example.com" for number in range(6)]
PATIENCE = 240.0
Away = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on, below those that the system gives to outgoing connections.

    A process that is killed needs its port again: no connection may have taken it in between.
    """
    found: list[int] = []
    while len(found) < count:
        port = 10_000 + secrets.randbelow(20_000)
        with socket.socket() as one, suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", port))
            found.append(port)
    return found


def until(what: Callable[[], Any], why: Callable[[], object] = lambda: "", seconds: float = PATIENCE) -> Any:
    """Ask until the answer is true, and return it; fail after that time."""
    end = time.monotonic() + seconds
    while True:
        with suppress(*Away):
            if found := what():
                return found
        assert time.monotonic() < end, f"not within {seconds:g} s: {why()}"
        time.sleep(0.05)


def whole(answer: requests.Response) -> requests.Response:
    """Return an answer, unless its server died before it had sent all of it: every one of ours says its length."""
    if "Content-Length" not in answer.headers:
        raise requests.ConnectionError(f"{answer.url}: the server died in the middle of its answer")
    return answer


class Chain:
    """LMS, hub, portal, gateway and broker, each in processes of its own."""

    def __init__(self, directory: Path, *, databases: dict[str, str] | None = None, coalesce: float = 0.2) -> None:
        self.directory = directory
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        ports = free_ports(5)
        names = ("lms", "hub", "portal", "gateway")
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in zip(names, ports, strict=False)}
        self.broker_port = ports[4]
        self.secrets = {
            name: f"known-{name.replace(' ', '-')}-{secrets.token_hex(12)}"
            for name in ("lms key", "hub key", "portal key", "hub at lms", "webhook", "buyers password")
        }
        plan = {
            "directory": str(directory),
            "urls": self.urls,
            "broker": f"redis://127.0.0.1:{self.broker_port}",
            "databases": databases or {},
            "secrets": self.secrets,
            "coalesce": coalesce,
        }
        for name in ("logs", "mails", "arm"):
            (directory / name).mkdir()
        (directory / "plan.json").write_text(json.dumps(plan))

    # Processes

    def start(self, *roles: str) -> None:
        """Prepare the databases, and start every process (or those that are named)."""
        rooms = [room for room in ROOMS if not roles or any(role.startswith(room) for role in roles)]
        self.spawn("broker")
        self.spawn("gateway")
        for room in rooms:
            self.spawn(f"{room}-prepare")
        for room in rooms:
            assert self.processes.pop(f"{room}-prepare").wait(timeout=300) == 0, self.log(f"{room}-prepare")
        for role in roles or ROLES:
            self.spawn(role)
        for room in rooms:
            until(lambda room=room: self.get(room, "test/state/"), lambda room=room: self.log(f"{room}-serve"))

    def spawn(self, role: str) -> None:
        """Start a process."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")},
            "CCX_ROOMS": str(self.directory / "plan.json"),
            "CCX_ROLE": role,
            "PYTHONPATH": str(ROOT),
        }
        (self.directory / "arm" / f"{role}.up").unlink(missing_ok=True)
        if role == "broker":
            program = services.need_program("redis-server", "valkey-server")
            command = [program, "--port", str(self.broker_port), "--bind", "127.0.0.1", "--save", "", "--dir"]
            command += [str(self.directory), "--appendonly", "no"]
        elif role == "gateway":
            ledger = Path(__file__).parent / "rooms" / "ledger.py"
            command = [sys.executable, str(ledger), self.urls["gateway"].rpartition(":")[2], str(self.ledger)]
        else:
            command = [sys.executable, "-m", "tests.marketplace.rooms", *role.split("-")]
        with (self.directory / "logs" / f"{role}.out").open("ab") as out:
            self.processes[role] = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    def is_up(self, role: str) -> bool:
        """Whether a process of a room has come so far that it does its work."""
        return (self.directory / "arm" / f"{role}.up").exists()

    def kill(self, role: str) -> None:
        """End a process by SIGKILL."""
        process = self.processes.pop(role)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def arm(self, role: str, countdown: int) -> None:
        """Have a process end itself after that many points (see :mod:`tests.marketplace.rooms.points`)."""
        file = self.directory / "arm" / role
        file.with_suffix(".died").unlink(missing_ok=True)
        file.with_suffix(".new").write_text(str(countdown))
        file.with_suffix(".new").rename(file)

    def died(self, role: str) -> str | None:
        """Return at which point an armed process has died, None while it lives."""
        if self.processes[role].poll() is None:
            return None
        with suppress(FileNotFoundError):
            return (self.directory / "arm" / f"{role}.died").read_text()
        raise AssertionError(f"{role} ended by itself: {self.log(role)}")

    def disarm(self, role: str) -> None:
        """Take back what was not reached."""
        (self.directory / "arm" / role).unlink(missing_ok=True)

    def stop(self) -> None:
        """End everything."""
        for process in self.processes.values():
            process.send_signal(signal.SIGKILL)
        for process in self.processes.values():
            process.wait()

    def log(self, role: str) -> str:
        """Return the last of what a process said."""
        return "\n".join(
            file.read_text(errors="replace")[-3000:] for file in self.directory.glob(f"logs/{role}.*") if file.exists()
        )

    # What is there

    @property
    def ledger(self) -> Path:
        """The gateway's books."""
        return self.directory / "ledger.sqlite3"

    def charges(self) -> list[tuple[str, str, str]]:
        """Return what was charged: key, amount, e-mail address."""
        with closing(sqlite3.connect(self.ledger)) as books:
            return books.execute("SELECT key, amount, email FROM charge WHERE result = 'paid'").fetchall()

    def get(self, room: str, path: str) -> Any:
        """Return a JSON page of a room; None where it did not answer one."""
        answer = whole(requests.get(f"{self.urls[room]}/{path}", timeout=120))
        return answer.json() if answer.ok else None

    def state(self, room: str) -> Any:
        """Return what a room holds, once it answers."""
        return until(lambda: self.get(room, "test/state/"), lambda: self.log(f"{room}-serve"))

    # What people do

    def publish(self, *courses: dict[str, Any]) -> None:
        """Publish courses on the LMS, until it says that they are."""

        def tried() -> bool:
            return requests.post(f"{self.urls['lms']}/test/publish/", json=courses, timeout=120).ok

        until(tried, lambda: self.log("lms-serve"))

    def offer(self) -> None:
        """Give everything a price."""
        until(lambda: requests.post(f"{self.urls['portal']}/test/price/", timeout=120).ok)

    def in_step(self) -> bool:
        """Whether hub and portal hold every course as the LMS does, and nothing waits."""
        lms, hub, portal = (self.state(room) for room in ROOMS)
        for key, course in lms["courses"].items():
            for room in (hub, portal):
                held = room["courses"].get(key)
                if held is None and not course["open"]:
                    continue  # It was never open for long enough to be told.
                if held is None or held["open"] != course["open"]:
                    return False
                if course["open"] and held != course:
                    return False
        return not lms["waiting"] and not hub["waiting"]


def course(key: str, title: str, chapters: int = 2, *, is_open: bool = True) -> dict[str, Any]:
    """What a publication says."""
    return {"key": key, "title": title, "chapters": [f"ch{number}" for number in range(chapters)], "open": is_open}


class Buyer:
    """A person with a browser at the portal, who presses *reload* where the portal does not answer."""

    def __init__(self, chain: Chain, email: str) -> None:
        self.chain = chain
        self.email = email
        self.session = requests.Session()
        self.orders: list[str] = []

    def call(self, method: str, path: str, data: dict[str, Any] | None = None) -> requests.Response:
        """Ask until there is an answer that is no breakdown."""
        url = self.chain.urls["portal"] + path

        def tried() -> requests.Response | None:
            body = data
            if data is not None:
                body = {**data, "csrfmiddlewaretoken": self.session.cookies.get("csrftoken", "")}
            answer = whole(self.session.request(method, url, data=body, timeout=120, allow_redirects=False))
            return answer if answer.status_code < 500 else None

        # A response is false where its status is 400 and more: those are answers, too.
        found = until(lambda: [one] if (one := tried()) is not None else None, lambda: self.chain.log("portal-serve"))
        answer: requests.Response = found[0]
        return answer

    def sign_in(self) -> None:
        """Sign in."""
        self.call("GET", "/sign-in/")
        password = self.chain.secrets["buyers password"]
        answer = self.call("POST", "/sign-in/", {"email": self.email, "password": password})
        assert answer.status_code == 302, answer.text

    def buy(self, uuid: str, seats: int) -> str:
        """Have that many seats in a course, and return the number of the order: press until it is paid."""
        while True:
            page = self.call("GET", f"/courses/{uuid}/").text
            bought = re.search(r"You have (\d+) seats", page)
            if bought and int(bought[1]) >= seats:
                return self.orders[-1]  # An order that seemed given up was paid after all.
            modules = re.findall(r'name="modules" value="(\d+)"', page)
            self.call("POST", f"/courses/{uuid}/", {"seats": seats, "modules": modules})
            number = self.check_out()
            if number and self.ends(number) == "paid":
                return number

    def check_out(self) -> str:
        """Order what is in the cart, once; return the order's number, or nothing where it was refused."""
        page = self.call("GET", "/checkout/")
        hidden = dict(re.findall(r'name="(key|total|currency)" value="([^"]*)"', page.text))
        if not hidden:
            return ""
        answer = self.call("POST", "/checkout/", {**hidden, "token": "card"})
        found = re.search(r"/orders/([^/]+)/$", answer.headers.get("Location", ""))
        if found:
            self.orders.append(found[1])
        return found[1] if found else ""

    def ends(self, number: str) -> str:
        """Return what became of an order, once that is known."""

        def tried() -> str:
            state: str = (self.chain.get("portal", f"test/orders/{number}/") or {}).get("state", "paying")
            return "" if state == "paying" else state

        found: str = until(tried, lambda: f"order {number} of {self.email} is still being paid")
        return found


@contextmanager
def running(directory: Path, **arguments: Any) -> Iterator[Chain]:
    """The whole chain, with courses that have arrived and have their prices."""
    chain = Chain(directory, **arguments)
    try:
        chain.start()
        chain.publish(*(course(key, f"{key[-7:-5]} first") for key in MASTERS))
        until(chain.in_step, lambda: [chain.state(room) for room in ROOMS])
        chain.offer()
        yield chain
    finally:
        chain.stop()
