"""A hub with one LMS, its client, a portal's client and a receiver."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client as Browser

from ccx_tenancy.hub import api
from ccx_tenancy.hub.models import BackingInstance, Client, Delivery, Receiver
from ccx_tenancy.outgoing import tokens
from tests.outgoing.servers import Received, Reply, serving

KEY = "course-v1:PeerX+P101+2026"
SECRET = "0123456789abcdef0123456789abcdef"


def module(number: int, title: str = "", **changes: Any) -> dict[str, Any]:
    locator = f"block-v1:PeerX+P101+2026+type@chapter+block@ch{number}"
    return {
        "locator_id": locator,
        "title": title or f"Chapter {number}",
        "subchapters": [f"Section {number}.1", f"Section {number}.2"],
        "order": number - 1,
        **changes,
    }


def course(**changes: Any) -> dict[str, Any]:
    return {
        "title": "Peer Physics",
        "author_name": "Ada",
        "overview": "OV",
        "description": "DESC",
        "image_url": "/asset/c.jpg",
        "instructors": ["aaaa1111", "bbbb2222"],
        "course_id": KEY,
        **changes,
    }


def full(version: int = 1, **changes: Any) -> dict[str, Any]:
    """What an LMS of ours pushes."""
    return course(**{"version": version, "state": "active", "modules": [module(1), module(2)], **changes})


@dataclass
class Api:
    """A client of the hub, signed in."""

    credentials: api.Credentials
    token: str = ""

    @property
    def client(self) -> Client:
        return self.credentials.client

    def sign_in(self, scope: str = "") -> Api:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.credentials.client_id,
            "client_secret": self.credentials.client_secret,
        }
        answer = Browser().post("/hub/o/token/", {**form, **({"scope": scope} if scope else {})})
        assert answer.status_code == 200, answer.content
        self.token = answer.json()["access_token"]
        return self

    def call(self, method: str, address: str, data: Any = None, **headers: str) -> Any:
        if not address.startswith("http"):
            address = f"/hub/{address}"
        extra = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        if self.token:
            extra["HTTP_AUTHORIZATION"] = f"Bearer {self.token}"
        body = data if isinstance(data, str) else json.dumps(data) if data is not None else ""
        return Browser(raise_request_exception=False).generic(
            method, address, body, content_type="application/json", **extra
        )

    def get(self, address: str) -> Any:
        return self.call("GET", address)

    def post(self, address: str, data: Any, **headers: str) -> Any:
        return self.call("POST", address, data, **headers)

    def push(self, data: Any = None) -> Any:
        answer = self.post("api/v1/coursexs/", full() if data is None else data)
        assert answer.status_code in (200, 201), answer.content
        return answer.json()


@pytest.fixture(autouse=True)
def _loopback(settings):
    settings.ROOT_URLCONF = "tests.hub.urls"
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "OUTGOING_PRIVATE_NETWORKS": ["127.0.0.0/8"]}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.OAUTH2_PROVIDER = {"CLIENT_SECRET_HASHER": "md5"}
    tokens.forget_all()
    yield
    tokens.forget_all()


def make_instance(url: str = "http://127.0.0.1:8078", speaks: str = "ccx_tenancy", **changes: Any) -> BackingInstance:
    return BackingInstance.objects.create(
        instance_url=url,
        speaks=speaks,
        oauth_client_id="hub-at-lms",
        oauth_client_secret="hub-at-lms-secret",
        username="ccxcon_user",
        **changes,
    )


def make_lms(instance: BackingInstance, title: str = "LMS") -> Api:
    scopes = [api.COURSES_WRITE, api.COURSES_READ]
    return Api(api.create_client(title, scopes=scopes, instance=instance)).sign_in()


def make_portal(title: str = "Portal") -> Api:
    return Api(api.create_client(title, scopes=[api.COURSES_READ, api.CCX_WRITE])).sign_in()


def make_receiver(url: str, title: str = "receiver", **changes: Any) -> Receiver:
    return api.create_receiver(title, **{"url": url, "secret": SECRET, "everything": True, **changes})


@pytest.fixture
def instance(db):
    return make_instance()


@pytest.fixture
def lms(instance):
    return make_lms(instance)


@pytest.fixture
def portal(db):
    return make_portal()


class Inbox:
    """A receiver that keeps what it gets and answers as it is told."""

    def __init__(self) -> None:
        self.answer: Any = lambda request: (200, {}, b"")
        self.server: Any = None
        self.receiver: Receiver | None = None

    def reply(self, request: Received) -> Reply | None:
        return self.answer(request)

    @property
    def received(self) -> list[Received]:
        return self.server.received

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(one.body) for one in self.received]

    def told(self) -> list[tuple[str, str, str]]:
        return [(one["type"], one["action"], one["payload"].get("title", "")) for one in self.messages]


@pytest.fixture
def inbox(db):
    found = Inbox()
    with serving(found.reply) as server:
        found.server = server
        yield found


@pytest.fixture
def receiver(inbox, portal):
    found = make_receiver(f"{inbox.server.url}/hook/", client=portal.client)
    inbox.receiver = found
    return found


def deliver() -> int:
    """Send what is due; return how many deliveries were tried."""
    with api.Dispatcher(threads=8) as dispatcher:
        return dispatcher.drain()


def hurry() -> None:
    """Let the time pass that deliveries and receivers wait after a failure."""
    Delivery.objects.filter(state="waiting").arm()
    Receiver.objects.update(resting_until=None)
