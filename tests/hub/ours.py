"""An LMS with our order API on loopback: keeps keys, versions and seats as that does."""

from __future__ import annotations

import json
import threading
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.outgoing.servers import Received, Reply

PATH = "/api/ccxcon/v1/ccx/"
TOKENS = "/oauth2/access_token/"


class Lms:
    """``away`` makes it hang up: "before" it has done what was asked, or "after"."""

    def __init__(self) -> None:
        self.ccxs: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, str] = {}
        self.taken = 0
        self.away = ""
        self.status = 0
        self.server: Any = None
        self._lock = threading.Lock()

    def asked(self, method: str) -> list[Received]:
        return [one for one in self.server.received if one.method == method and one.path.startswith(PATH)]

    def reply(self, request: Received) -> Reply | None:
        path = urlsplit(request.path).path
        if path == TOKENS:
            return _json(200, {"access_token": "T", "token_type": "Bearer", "expires_in": 3600, "scope": ""})
        if self.away == "before":
            return None
        if self.status:
            return _json(self.status, {"error_code": "no_such_coach"})
        with self._lock:
            answer = self._do(request, unquote(path.removeprefix(PATH).strip("/")))
        return None if self.away == "after" else answer

    def _do(self, request: Received, key: str) -> Reply:
        if request.method == "POST":
            order = json.loads(request.body)
            number = request.headers["Idempotency-Key"]
            if number not in self.keys:
                self.keys[number] = f"ccx-v1:PeerX+P101+2026+ccx@{len(self.ccxs) + 1}"
                self.ccxs[self.keys[number]] = {
                    **order,
                    "ccx_course_id": self.keys[number],
                    "seats_taken": 0,
                    "version": 0,
                }
            return _json(201, self.ccxs[self.keys[number]])
        ccx = self.ccxs.get(key)
        if ccx is None:
            return _json(404, {"error_code": "ccx_course_id_does_not_exist"})
        if request.method == "DELETE":
            del self.ccxs[key]
            return 204, {}, b""
        if request.method == "PATCH":
            change = json.loads(request.body)
            if change["max_students_allowed"] < self.taken:
                return _json(409, {"error": "Seats are taken.", "seats_taken": self.taken})
            if change["version"] >= ccx["version"]:
                ccx.update(change)
        return _json(200, {**ccx, "seats_taken": self.taken})


def _json(status: int, value: Any) -> Reply:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()
