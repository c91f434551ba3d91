"""What the tests of the portal act with: a hub that is a real server, courses in the portal, people with browsers."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import uuid
from decimal import Decimal

from django.contrib.auth.models import User
from django.test import Client

from ccx_tenancy.outgoing import signing
from ccx_tenancy.portal import webhooks
from ccx_tenancy.portal.models import Course, Identity, Module, Profile, Source
from tests.outgoing.servers import Received

SECRET = "a webhook secret of the tests"
PASSWORD = "a long secret 1"
INSTANCE = "https://lms.example.com"
TEACHER_UID = "ab" * 16


class HubStandin:
    """A hub as its contract says: one CCX for each key, seats by version, links that it knows.

    ``refusals`` are answers that come first; None hangs up *after* the work is done, as a lost answer does.
    """

    def __init__(self) -> None:
        self.refusals: list[tuple[str, int | None, dict[str, str], object]] = []
        self.created: dict[str, dict] = {}
        self.ccxs: dict[str, dict] = {}
        self.links: dict[str, dict] = {}
        self.lock = threading.Lock()

    def fail(self, method, status, body=None, headers=None):
        self.refusals.append((method, status, headers or {}, {"error": "no"} if body is None else body))

    def __call__(self, request: Received):
        with self.lock:
            refusal = next((one for one in self.refusals if one[0] in (request.method, request.path)), None)
            if refusal is not None:
                self.refusals.remove(refusal)
                if refusal[1] is not None:
                    return self._answer(refusal[1], refusal[3], refusal[2])
            answer = self._do(request)
            return None if refusal is not None else answer

    def _do(self, request: Received):
        if request.path == "/o/token/":
            return self._answer(200, {"access_token": "T", "token_type": "Bearer", "expires_in": 36000})
        if request.headers.get("Authorization") != "Bearer T":
            return self._answer(401, {"detail": "no"})
        body = json.loads(request.body) if request.body else {}
        if request.path == "/api/v1/login_links/":
            found = self.links.get(body["token"])
            return self._answer(200, found) if found else self._answer(400, {"error": "The link has expired."})
        if request.path == "/api/v1/ccx/" and request.method == "POST":
            key = request.headers["Idempotency-Key"]
            known = self.created.get(key)
            if known is not None and known["body"] != body:
                return self._answer(422, {"error": "another body"})
            if known is None:
                hub_id = str(uuid.uuid4())
                ccx = {"ccx_course_id": f"ccx-v1:A+B+C+ccx@{len(self.ccxs) + 1}", "max_students_allowed": None}
                self.ccxs[hub_id] = {**ccx, "max_students_allowed": body["total_seats"], "version": 0}
                self.created[key] = known = {"body": body, "id": hub_id}
            location = {"Location": f"http://hub/api/v1/ccx/{known['id']}/"}
            return self._answer(201, self.ccxs[known["id"]], location)
        ccx = self.ccxs.get(request.path.rstrip("/").rpartition("/")[2])
        if ccx is None:
            return self._answer(404, {"detail": "Not found."})
        if request.method == "PATCH" and body["version"] >= ccx["version"]:
            ccx.update(max_students_allowed=body["total_seats"], version=body["version"])
        return self._answer(200, ccx)

    @staticmethod
    def _answer(status, body, headers=None):
        return status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(body).encode()

    @property
    def seats(self) -> list[int]:
        """The seats of every CCX that was made."""
        return [ccx["max_students_allowed"] for ccx in self.ccxs.values()]


def make_source(url="https://hub.example.com", **fields):
    values = {"name": "hub", "client_id": "portal", "client_secret": "s", "webhook_secret": SECRET, **fields}
    return Source.objects.create(url=url, **values)


def course_payload(pk=None, **fields):
    return {
        "title": "Peer Physics",
        "external_pk": pk or str(uuid.uuid4()),
        "instance": INSTANCE,
        "course_id": "course-v1:PeerX+P101+2026",
        "author_name": "Ada",
        "overview": "OV",
        "description": "DESC",
        "image_url": "",
        "instructors": [TEACHER_UID],
        **fields,
    }


def module_payload(course, pk=None, **fields):
    values = {"title": "Chapter 1", "subchapters": ["Section 1.1"], "instance": INSTANCE}
    return {**values, "external_pk": pk or str(uuid.uuid4()), "course_external_pk": course, **fields}


def event(kind, payload, action="update"):
    return {"type": kind, "action": action, "payload": payload}


def receive(source, kind, payload, action="update", event_id=None):
    """A webhook of a hub whose signature was good."""
    return webhooks.receive(source, event_id or uuid.uuid4().hex, json.dumps(event(kind, payload, action)).encode())


def signed(message, secret=SECRET, **arguments):
    """The body of a webhook, and its headers as Django's test client takes them."""
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    headers = signing.sign(secret, body, **{"event_id": str(uuid.uuid4()), **arguments})
    return body, {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}


def post(message, secret=SECRET, client=None, **arguments):
    """Post a signed webhook and return the answer."""
    body, headers = signed(message, secret, **arguments)
    client = client or Client()
    return client.post("/api/v1/webhooks/ccxcon/", body, content_type="application/json", **headers)


def make_course(source, prices=("12.50", "7.50"), live=True, **fields):
    """A course as the hub sends it, with a module for each price."""
    pk = str(uuid.uuid4())
    receive(source, "Course", course_payload(pk, **fields))
    for number, price in enumerate(prices):
        receive(source, "Module", module_payload(pk, title=f"Chapter {number + 1}", order=number))
        Module.objects.filter(course__uuid=pk, order=number).update(price=None if price is None else Decimal(price))
    Course.objects.filter(uuid=pk).update(live=live)
    return Course.objects.get(uuid=pk)


def make_user(email, **fields):
    user = User.objects.create_user(email, email, PASSWORD, **fields)
    Profile.objects.create(user=user, full_name="Teacher", organization="School")
    return user


def make_owner(source, email="owner@example.com", uid=TEACHER_UID, instance=INSTANCE):
    user = make_user(email)
    digest = hashlib.sha256(f"{source.pk}\n{instance}\n{uid}".encode()).hexdigest()
    Identity.objects.create(source=source, instance=instance, uid=uid, user=user, digest=digest)
    return user


def client_of(user):
    client = Client()
    client.force_login(user, backend="ccx_tenancy.portal.backends.PortalBackend")
    return client


def api(client, method, path, body=None, **headers):
    return getattr(client, method)(path, json.dumps(body), content_type="application/json", **headers)


def order_by_pages(client, course, seats, token="pretend_good", **fields):
    """Put seats into the cart and order them as a person does; return the answer of the checkout's form."""
    answer = client.post(
        f"/courses/{course.uuid}/", {"seats": seats, "modules": [module.pk for module in course.modules.all()]}
    )
    assert answer.status_code == 302, answer.content.decode()
    page = client.get("/checkout/").content.decode()
    return client.post("/checkout/", {**hidden(page), "token": token, **fields})


def hidden(page):
    return dict(re.findall(r'<input type="hidden" name="(key|total|currency)" value="([^"]*)"', page))
