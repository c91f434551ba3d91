"""Login links: signed by an LMS, checked for a portal that sees it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

import pytest

from ccx_tenancy.hub import api
from tests.hub.conftest import make_instance, make_lms, make_portal, make_receiver

pytestmark = pytest.mark.django_db


def encode(data, *, padded=False):
    text = base64.urlsafe_b64encode(data).decode()
    return text if padded else text.rstrip("=")


def token(lms, secret=None, *, padded=False, **changes):
    said = {"u": "aaaa1111", "c": lms.credentials.client_id, "x": int(time.time()) + 3600, "n": "nonce-1", **changes}
    body = encode(json.dumps(said).encode(), padded=padded)
    key = lms.credentials.link_secret if secret is None else secret
    return f"{body}.{encode(hmac.new(key.encode(), body.encode(), hashlib.sha256).digest(), padded=padded)}"


@pytest.fixture
def seeing(portal):
    make_receiver("http://127.0.0.1:9/hook/", client=portal.client)
    return portal


def ask(portal, text):
    return portal.post("api/v1/login_links/", {"token": text})


@pytest.mark.parametrize("padded", [False, True])
def test_a_link_says_who_of_which_lms_and_until_when(lms, seeing, padded):
    end = int(time.time()) + 60
    answer = ask(seeing, token(lms, padded=padded, x=end))
    assert answer.status_code == 200, answer.content
    expected = {"uid": "aaaa1111", "instance": "http://127.0.0.1:8078", "nonce": "nonce-1", "expires": end}
    assert answer.json() == expected


def test_a_link_that_has_ended_is_refused(lms, seeing):
    answer = ask(seeing, token(lms, x=int(time.time()) - 1))
    assert (answer.status_code, answer.json()) == (400, {"error": "The login link has expired."})


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "another"},
        {"secret": ""},
        {"c": "nobody"},
        {"u": ""},
        {"u": 3},
        {"n": None},
        {"x": "never"},
        {"x": True},
    ],
)
def test_a_link_that_is_not_rightly_signed_or_lacks_something_is_refused(lms, seeing, changes):
    if changes.get("secret") == "":
        lms.client.instance.link_secret = ""
        lms.client.instance.save()
    assert ask(seeing, token(lms, **changes)).status_code == 400


@pytest.mark.parametrize(
    "text", ["", ".", "a.b", "é.é", "x" * 5000, None, 3, ["a"], "W10.AAAA", "!!!.???", "bnVsbA.AA"]
)
def test_what_is_no_token_is_refused(seeing, text):
    assert ask(seeing, text).status_code == 400


def test_a_body_that_is_no_object_is_refused(seeing):
    assert seeing.post("api/v1/login_links/", "[1]").status_code == 400


def test_a_changed_body_is_refused(lms, seeing):
    body, _, signature = token(lms).partition(".")
    forged = json.loads(base64.urlsafe_b64decode(body + "=="))
    forged["u"] = "somebody else"
    assert ask(seeing, f"{encode(json.dumps(forged).encode())}.{signature}").status_code == 400


def test_a_portal_that_does_not_see_the_lms_learns_nothing(lms):
    stranger = make_portal("Stranger")
    answer = ask(stranger, token(lms))
    assert (answer.status_code, answer.json()) == (400, {"error": "This is no login link of an LMS that you see."})


def test_an_lms_cannot_sign_for_another(lms, seeing):
    other = make_lms(make_instance("http://127.0.0.1:8079"), "Other")
    text = token(other, c=lms.credentials.client_id)
    assert ask(seeing, text).status_code == 400


def test_a_new_link_secret_ends_the_old_links(lms, seeing):
    text = token(lms)
    fresh = api.new_link_secret(lms.client.instance)
    assert ask(seeing, text).status_code == 400
    assert ask(seeing, token(lms, fresh)).status_code == 200
