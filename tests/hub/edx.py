"""An Open edX of 2016 on loopback, made of what it answered in the recordings."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub.recordings import sent
from tests.outgoing.servers import Received, Reply

TOKENS = "/oauth2/access_token/"
BLOCKS = "/api/courses/v1/blocks/"
CCX = "/api/ccx/v0/ccx/"


class Edx:
    """Its tokens, course blocks and CCXs. ``fails`` has answers that are given first, by path."""

    def __init__(self) -> None:
        self.blocks = next(row for row in sent(BLOCKS, method="GET") if row["resp_status"] == 200)["resp"]
        self.ccxs: list[dict[str, Any]] = []
        self.refreshes = 0
        self.good: set[str] = set()
        self.refresh_token = ""
        self.rotates = False
        self.grants = {"authorization_code", "refresh_token"}
        self.fails: list[tuple[str, Callable[[], Reply | None]]] = []
        self.server: Any = None

    @property
    def url(self) -> str:
        return str(self.server.url)

    def asked(self, path: str, method: str = "POST") -> list[Received]:
        return [one for one in self.server.received if urlsplit(one.path).path == path and one.method == method]

    def fail(self, path: str, status: int, body: Any = None, *, times: int = 1) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body or {"detail": "stub failure"}).encode()
        self.fails += [(path, lambda: (status, {}, content))] * times

    def reply(self, request: Received) -> Reply | None:
        path = urlsplit(request.path).path
        for number, (where, answer) in enumerate(self.fails):
            if where == path:
                del self.fails[number]
                return answer()
        if path == TOKENS:
            return self._token(parse_qs(request.body.decode()))
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.good:
            return 401, {}, b'{"detail": "Invalid token"}'
        if path == BLOCKS:
            return _json(200, self.blocks)
        if path == CCX and request.method == "POST":
            return self.create(json.loads(request.body))
        if path == CCX:
            master = parse_qs(urlsplit(request.path).query)["master_course_id"][0]
            found = [one for one in self.ccxs if one["master_course_id"] == master]
            return _json(200, {"count": len(found), "next": None, "results": found})
        return self._one(request, path.removeprefix(CCX).strip("/"))

    def create(self, order: dict[str, Any]) -> Reply:
        ccx = {
            "ccx_course_id": f"ccx-v1:PeerX+P101+2026+ccx@{len(self.ccxs) + 1}",
            "master_course_id": order["master_course_id"],
            "display_name": order["display_name"],
            "coach_email": order["coach_email"],
            "start": "2030-01-01 00:00:00+00:00",
            "due": None,
            "max_students_allowed": order["max_students_allowed"],
            "course_modules": order.get("course_modules"),
        }
        self.ccxs.append(ccx)
        return _json(201, {name: value for name, value in ccx.items() if name != "master_course_id"})

    def _token(self, form: dict[str, list[str]]) -> Reply:
        grant = form["grant_type"][0]
        if grant not in self.grants:
            return 400, {}, b'{"error": "unsupported_grant_type"}'
        if grant == "refresh_token" and form["refresh_token"][0] != self.refresh_token:
            return 401, {}, b'{"error": "invalid_grant"}'
        self.refreshes += 1
        token = f"edx-access-{self.refreshes}"
        if self.rotates or not self.refresh_token:
            self.refresh_token = f"edx-refresh-{self.refreshes}"
        self.good.add(token)
        found = {"access_token": token, "token_type": "Bearer", "expires_in": 31535999, "scope": ""}
        return _json(200, {**found, "refresh_token": self.refresh_token})

    def _one(self, request: Received, key: str) -> Reply:
        found = next((one for one in self.ccxs if one["ccx_course_id"] == unquote(key)), None)
        if found is None:
            return _json(404, {"error_code": "ccx_course_id_does_not_exist"})
        if request.method == "PATCH":
            found.update(json.loads(request.body))
            return 204, {}, b""
        if request.method == "DELETE":
            self.ccxs.remove(found)
            return 204, {}, b""
        return _json(200, found)


def _json(status: int, value: Any) -> Reply:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()
