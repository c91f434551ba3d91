"""One call, against real servers."""

import gzip
import socket
import threading
import time

import pytest

from ccx_tenancy.outgoing import http
from ccx_tenancy.outgoing.errors import AddressRefused, CallFailed
from tests.outgoing.servers import serving

pytestmark = pytest.mark.once


def test_the_exact_bytes_arrive_with_their_headers(loopback):
    with serving(lambda request: (201, {"X-One": "1"}, b'{"a": 1}')) as server:
        answer = http.request("POST", f"{server.url}/a?b=c", body=b'{"z":  1}', headers={"Content-Type": "text/x"})
    assert (answer.status, answer.json(), answer.headers["x-one"], answer.is_success) == (201, {"a": 1}, "1", True)
    (request,) = server.received
    assert (request.method, request.path, request.body) == ("POST", "/a?b=c", b'{"z":  1}')
    assert request.headers["Content-Type"] == "text/x"
    assert request.headers["User-Agent"].startswith("ccx-tenancy/")


def test_json_and_forms_are_encoded(loopback):
    with serving(lambda request: (200, {}, b"")) as server:
        http.request("POST", server.url, json={"a": [1]})
        http.request("POST", server.url, form={"a": "1 2"})
    assert [request.body for request in server.received] == [b'{"a": [1]}', b"a=1+2"]
    assert server.received[0].headers["Content-Type"] == "application/json"


def test_a_redirect_is_an_answer_and_is_not_followed(loopback):
    with serving(lambda request: (302, {"Location": "/elsewhere"}, b"")) as server:
        assert http.request("GET", server.url).status == 302
    assert len(server.received) == 1


def test_no_connection_is_made_to_a_network_that_is_not_listed():
    with serving(lambda request: (200, {}, b"")) as server:
        port = server.url.rpartition(":")[2]
        for host in ("127.0.0.1", "localhost", "hub.localhost"):
            with pytest.raises(AddressRefused):
                http.request("GET", f"http://{host}:{port}/")
    assert server.received == []


def test_what_a_name_resolves_to_is_checked_when_the_connection_is_made(monkeypatch):
    """The name is public when it is looked at, and leads to loopback when it is called (DNS rebinding)."""
    asked = []

    def rebinding(host, port, *arguments, **options):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    with serving(lambda request: (200, {}, b"")) as server:
        port = server.url.rpartition(":")[2]
        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        with pytest.raises(AddressRefused):
            http.request("GET", f"https://rebinding.example.com:{port}/")
    assert asked == ["rebinding.example.com"]
    assert server.received == []


def test_no_proxy_of_the_environment_is_used(loopback, monkeypatch):
    with serving(lambda request: (200, {}, b"direct")) as server, serving(lambda request: (200, {}, b"proxy")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        assert http.request("GET", server.url).text == "direct"


def test_a_call_ends_in_time_although_a_byte_comes_now_and_then(loopback):
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip():
            connected, _ = listener.accept()
            with connected:
                try:
                    connected.sendall(b"HTTP/1.1 200 OK\r\n")
                    while not over.wait(0.05):
                        connected.sendall(b"X-Drip: 1\r\n")
                except OSError:
                    pass

        thread = threading.Thread(target=drip)
        thread.start()
        started = time.monotonic()
        with pytest.raises(CallFailed, match="no answer within"):
            http.request("GET", f"http://127.0.0.1:{listener.getsockname()[1]}/?secret=hunter2", timeout=0.5)
        taken = time.monotonic() - started
        over.set()
        thread.join()
    assert taken < 20  # And not for ever: the server would have gone on.


def test_a_socket_that_gives_up_before_the_watch_says_the_same(loopback, monkeypatch):
    monkeypatch.setattr(http._Watch, "_watch", lambda watch: None)
    over = threading.Event()
    with serving(lambda request: over.wait(30) and None) as server:
        with pytest.raises(CallFailed, match="no answer within 0.2 s"):
            http.request("GET", server.url, timeout=0.2)
        over.set()


def test_an_answer_that_is_too_large_is_refused(loopback, settings):
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "OUTGOING_BODY_LIMIT": 1024}
    with serving(lambda request: (200, {}, b"x" * 1025)) as server, pytest.raises(CallFailed, match="1024 bytes"):
        http.request("GET", server.url)


def test_a_small_answer_that_unpacks_to_a_large_one_is_not_unpacked(loopback):
    packed = gzip.compress(b"0" * 10_000_000)
    with serving(lambda request: (200, {"Content-Encoding": "gzip"}, packed)) as server:
        assert http.request("GET", server.url).body == packed


def test_a_failure_names_the_address_and_no_secret(loopback):
    with serving(lambda request: None) as server, pytest.raises(CallFailed) as caught:
        http.request("GET", f"{server.url}/path?token=hunter2")
    assert "/path" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(CallFailed, match="refused"):
        http.request("GET", server.url)  # Nobody listens there any more.


def test_an_answer_that_is_not_json_says_so(loopback):
    with serving(lambda request: (200, {}, b"<html>")) as server, pytest.raises(CallFailed, match="not JSON"):
        http.request("GET", server.url).json()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("", None), ("soon", None), ("99999999999999", 86400.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0)],
)
def test_the_patience_that_a_server_asks_for_is_read(header, seconds):
    assert http.Answer(429, {"Retry-After": header}).retry_after() == seconds
