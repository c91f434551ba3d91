"""One call to another server: guarded, bounded in time and size, and never following a redirect.

The network code is that of *requests* and *urllib3*. Of the environment nothing is used (no proxies, no ``.netrc``): a
proxy would be asked for the very addresses that the guard refuses.
"""

from __future__ import annotations

import json as json_text
import socket
import threading
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from django.utils import timezone
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.poolmanager import PoolManager

from ccx_tenancy import __version__
from ccx_tenancy.conf import conf
from ccx_tenancy.outgoing.addresses import check_url, resolve
from ccx_tenancy.outgoing.errors import CallFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A server that asks for more patience than this is asked again all the same, in seconds.
LONGEST_PATIENCE = 24 * 3600.0

_CHUNK = 16 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: ``status``, ``headers`` (names in any case) and the ``body``'s bytes."""

    status: int
    headers: Mapping[str, str] = field(default_factory=CaseInsensitiveDict)
    body: bytes = b""

    @property
    def is_success(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 in it is replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body's JSON value. Raises CallFailed where it is none."""
        try:
            return json_text.loads(self.body)
        except ValueError:
            raise CallFailed(f"The answer (status {self.status}) is not JSON: {self.text[:100]!r}.") from None

    def retry_after(self) -> float | None:
        """Return how many seconds the server asks to wait, at most a day; None where it does not ask."""
        asked = self.headers.get("Retry-After", "").strip()
        if asked.isascii() and asked.isdigit():
            return min(float(asked[:12]), LONGEST_PATIENCE)
        try:
            moment: datetime = parsedate_to_datetime(asked)
        except (TypeError, ValueError):
            return None
        if timezone.is_naive(moment):
            moment = timezone.make_aware(moment, timezone.get_fixed_timezone(0))
        return min(max((moment - timezone.now()).total_seconds(), 0.0), LONGEST_PATIENCE)


def request(
    method: str,
    url: str,
    *,
    params: Mapping[str, Any] | None = None,
    json: Any = None,
    form: Mapping[str, Any] | None = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> Answer:
    """Make one call and return its answer, whatever its status.

    At most one of ``json``, ``form`` and ``body`` (the exact bytes) is sent. ``timeout`` bounds the whole call, in
    seconds (default: ``OUTGOING_TIMEOUT``); a body above ``OUTGOING_BODY_LIMIT`` is a failure. Raises AddressRefused
    where the address may not be called, CallFailed where no whole answer came.
    """
    check_url(url)
    seconds = conf.outgoing_timeout if timeout is None else timeout
    data: Any = form
    sent = {"User-Agent": f"ccx-tenancy/{__version__}", "Accept-Encoding": "identity", **(headers or {})}
    if json is not None:
        data = json_text.dumps(json).encode()
        sent.setdefault("Content-Type", "application/json")
    elif body is not None:
        data = body
    where = f"{method} {urlsplit(url).scheme}://{urlsplit(url).netloc}{urlsplit(url).path}"
    watch = _Watch(seconds)
    with requests.Session() as session, watch.running():
        session.trust_env = False
        session.verify = conf.outgoing_ca_bundle or True
        adapter = _GuardedAdapter(watch)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        try:
            response = session.request(
                method,
                url,
                params=params,
                data=data,
                headers=sent,
                timeout=seconds,
                allow_redirects=False,
                stream=True,
            )
            with response:
                content = _read(response, conf.outgoing_body_limit)
        except (requests.RequestException, HTTPError, OSError) as error:
            cause = _innermost(error)
            # The watch or the socket, whichever comes first; a time-out of the system's own has a text of its own.
            is_late = watch.expired or (isinstance(cause, TimeoutError) and not cause.strerror)
            reason = f"no answer within {seconds:g} s" if is_late else _reason(cause)
            raise CallFailed(f"{where}: {reason}.") from None
        except _TooLarge:
            raise CallFailed(f"{where}: the answer is larger than {conf.outgoing_body_limit} bytes.") from None
        if watch.expired:
            raise CallFailed(f"{where}: no answer within {seconds:g} s.")
    return Answer(response.status_code, CaseInsensitiveDict(response.headers), content)


class _TooLarge(Exception):
    pass


def _read(response: requests.Response, limit: int) -> bytes:
    # Undecoded: nothing compressed was asked for, and a small compressed body can be a very large one.
    content = bytearray()
    while chunk := response.raw.read(_CHUNK, decode_content=False):
        content += chunk
        if len(content) > limit:
            raise _TooLarge
    return bytes(content)


def _innermost(error: BaseException) -> BaseException:
    """Return the innermost cause of an error: the texts of the outer ones hold addresses with queries."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        inner = getattr(error, "reason", None) or error.__cause__ or error.__context__
        if isinstance(inner, BaseException):
            error = inner
    return error


def _reason(cause: BaseException) -> str:
    """Return what failed, in words that hold no address."""
    name = type(cause).__name__
    return f"{name} {cause.strerror}" if isinstance(cause, OSError) and cause.strerror else name


class _Watch:
    """Ends a call that takes too long, also one that sends a byte now and then.

    The time-outs of a socket begin anew with each byte. So a thread waits for the end of the time, and shuts the
    connection's socket down.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.expired = False
        self.connections: list[HTTPConnection] = []
        self._over = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._watch, name="ccx-tenancy-call-watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        if self._over.wait(self.seconds):
            return
        self.expired = True
        while True:  # A socket in the middle of its TLS handshake is not there yet, so once is not enough.
            for connection in list(self.connections):
                try:
                    connection.sock.shutdown(socket.SHUT_RDWR)
                except (AttributeError, OSError):
                    continue
            if self._over.wait(0.1):
                return


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, watch: _Watch) -> None:
        self._watch = watch
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        watch = self._watch

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return _connect(self, "http", watch)

        class Tls(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return _connect(self, "https", watch)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls: Any = Plain

        class TlsPool(HTTPSConnectionPool):
            ConnectionCls: Any = Tls

        self.poolmanager = PoolManager(num_pools=1, maxsize=1)
        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": TlsPool}


def _connect(connection: HTTPConnection, scheme: str, watch: _Watch) -> socket.socket:
    """Connect to an address that the guard has let through, and to nothing else."""
    watch.connections.append(connection)
    host, port = connection._dns_host, connection.port or 0
    failure: OSError | None = None
    for address in resolve(host, port, scheme):
        try:
            connected = socket.create_connection((str(address), port), timeout=watch.seconds)
        except OSError as error:
            failure = error
            if watch.expired:
                break
        else:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connected
    raise failure or OSError(f"{host} has no address")
