"""Client credentials, against a real server."""

import json
import threading

import pytest

from ccx_tenancy.outgoing.errors import CallFailed, TokenRefused
from ccx_tenancy.outgoing.tokens import Credentials
from tests.outgoing.servers import serving

pytestmark = pytest.mark.once


def provider(expires_in=36000, accepted=lambda token: True):
    """Return the reply of a server that gives the tokens t1, t2, ... and wants one for everything else."""
    given = []

    def reply(request):
        if request.path == "/o/token/":
            given.append(f"t{len(given) + 1}")
            answer = {"access_token": given[-1], "token_type": "Bearer", "expires_in": expires_in, "scope": "a"}
            return 200, {}, json.dumps(answer).encode()
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return (200 if accepted(token) else 401), {}, token.encode()

    return reply


def credentials(server, secret="hunter2"):
    return Credentials(f"{server.url}/o/token/", "client", secret, "a b")


def test_a_token_is_asked_for_once_and_used_again(loopback):
    with serving(provider()) as server:
        for _ in range(3):
            assert credentials(server).request("GET", f"{server.url}/x").text == "t1"
    assert [request.path for request in server.received] == ["/o/token/", "/x", "/x", "/x"]
    body = server.received[0].body.decode()
    assert body == "grant_type=client_credentials&client_id=client&client_secret=hunter2&scope=a+b"


def test_threads_that_need_one_at_the_same_time_ask_once(loopback):
    with serving(provider()) as server:
        barrier = threading.Barrier(8)

        def call():
            barrier.wait()
            credentials(server).bearer()

        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(server.received) == 1


def test_a_token_near_its_end_is_not_used(loopback):
    with serving(provider(expires_in=30)) as server:
        assert [credentials(server).bearer() for _ in range(2)] == ["t1", "t2"]


def test_a_token_that_is_refused_is_replaced_once(loopback):
    with serving(provider(accepted=lambda token: token == "t2")) as server:
        assert credentials(server).request("GET", f"{server.url}/x").text == "t2"
        assert credentials(server).request("GET", f"{server.url}/x").text == "t2"
    assert len([request for request in server.received if request.path == "/o/token/"]) == 2
    with serving(provider(accepted=lambda token: False)) as server:
        assert credentials(server).request("GET", f"{server.url}/x").status == 401
    assert len(server.received) == 4


def test_another_secret_is_another_token(loopback):
    with serving(provider()) as server:
        assert credentials(server).bearer() == "t1"
        assert credentials(server, "hunter3").bearer() == "t2"


def test_a_refusal_says_who_was_refused_and_no_secret(loopback):
    refusal = (401, {}, b'{"error": "invalid_client", "secret": "hunter2"}')
    with serving(lambda request: refusal) as server, pytest.raises(TokenRefused) as caught:
        credentials(server).bearer()
    assert "'client'" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(credentials(server))
    assert caught.value.status == 401


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"access_token": ""}', b"<html>"])
def test_an_answer_without_a_token_is_a_failure(loopback, body):
    with serving(lambda request: (200, {}, body)) as server, pytest.raises(CallFailed):
        credentials(server).bearer()
