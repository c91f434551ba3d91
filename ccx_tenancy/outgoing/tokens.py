"""Signing in at another server by OAuth 2 client credentials (RFC 6749, section 4.4).

A token is kept in the process's memory until a minute before its end, never in a table or a cache. Threads that need
one at the same time ask for it once. A call that is answered 401 drops the token and is tried once more.
"""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from ccx_tenancy.outgoing import http
from ccx_tenancy.outgoing.errors import CallFailed, TokenRefused

_MARGIN = 60.0
_MOST = 1000

_tokens: dict[tuple[str, ...], tuple[str, float]] = {}
_locks: dict[tuple[str, ...], threading.Lock] = {}
_guard = threading.Lock()


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account at another server: its token address, the client's id and secret, the scopes to ask for."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""

    def bearer(self) -> str:
        """Return a token that is good for a minute or more. Raises TokenRefused, CallFailed, AddressRefused."""
        key = self._key()
        with _guard:
            lock = _locks.setdefault(key, threading.Lock())
        with lock:
            token, end = _tokens.get(key, ("", 0.0))
            if token and end > time.monotonic():
                return token
            token, seconds = self._fetch()
            with _guard:
                if len(_tokens) >= _MOST:
                    _tokens.clear()
                _tokens[key] = (token, time.monotonic() + seconds - _MARGIN)
            return token

    def drop(self, token: str) -> None:
        """Forget a token that was refused, unless another one has taken its place."""
        with _guard:
            if _tokens.get(self._key(), ("", 0.0))[0] == token:
                del _tokens[self._key()]

    def request(self, method: str, url: str, *, headers: dict[str, str] | None = None, **arguments: Any) -> http.Answer:
        """As :func:`ccx_tenancy.outgoing.http.request`, with a token; one that is refused (401) is replaced once."""
        token = self.bearer()
        answer = _with(token, method, url, headers, arguments)
        if answer.status == 401:
            self.drop(token)
            answer = _with(self.bearer(), method, url, headers, arguments)
        return answer

    def _fetch(self) -> tuple[str, float]:
        form = {"grant_type": "client_credentials", "client_id": self.client_id, "client_secret": self.client_secret}
        if self.scope:
            form["scope"] = self.scope
        answer = http.request("POST", self.token_url, form=form, headers={"Accept": "application/json"})
        if not answer.is_success:
            raise TokenRefused(
                f"{self.token_url} gave the client {self.client_id!r} no token: status {answer.status}.",
                status=answer.status,
            )
        found = answer.json()
        token = found.get("access_token") if isinstance(found, dict) else None
        if not isinstance(token, str) or not token:
            raise CallFailed(f"{self.token_url} answered {answer.status} without an access_token.")
        seconds = found.get("expires_in")
        return token, float(seconds) if isinstance(seconds, int | float) else 0.0

    def _key(self) -> tuple[str, ...]:
        secret = hashlib.sha256(self.client_secret.encode()).hexdigest()
        return (self.token_url, self.client_id, secret, self.scope)


def _with(token: str, method: str, url: str, headers: dict[str, str] | None, arguments: dict[str, Any]) -> http.Answer:
    return http.request(method, url, headers={**(headers or {}), "Authorization": f"Bearer {token}"}, **arguments)


def forget_all() -> None:
    """Forget every token."""
    with _guard:
        _tokens.clear()
        _locks.clear()
