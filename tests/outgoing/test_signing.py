"""Signed webhooks."""

import hashlib
import hmac

import pytest

from ccx_tenancy.outgoing.errors import BadSignature
from ccx_tenancy.outgoing.signing import sign, verify, verify_original

pytestmark = pytest.mark.once

BODY = b'{"action": "update"}'


def test_what_was_signed_is_accepted():
    headers = sign("hunter2", BODY, event_id="e1", timestamp=1000)
    assert verify("hunter2", BODY, headers, now=1200) == "e1"
    digest = hmac.new(b"hunter2", b"1000.e1." + BODY, hashlib.sha256).hexdigest()
    assert headers["X-CCXCon-Signature-256"] == f"sha256={digest}"


def test_receivers_of_2016_find_their_signature():
    headers = sign("hunter2", BODY, event_id="e1")
    assert headers["X-CCXCon-Signature"] == hmac.new(b"hunter2", BODY, hashlib.sha1).hexdigest()
    verify_original("hunter2", BODY, headers)


@pytest.mark.parametrize("name", ["X-CCXCon-Event", "X-CCXCon-Timestamp", "X-CCXCon-Signature-256"])
def test_each_header_is_signed_and_needed(name):
    headers = sign("hunter2", BODY, event_id="e1", timestamp=1000)
    for value in ("", "1001", "sha256=" + "0" * 64, "é"):
        with pytest.raises(BadSignature):
            verify("hunter2", BODY, {**headers, name: value}, now=1000)


def test_another_body_secret_or_time_is_refused():
    headers = sign("hunter2", BODY, event_id="e1", timestamp=1000)
    for secret, body, now in (("hunter2", BODY + b" ", 1000), ("hunter3", BODY, 1000), ("hunter2", BODY, 1301)):
        with pytest.raises(BadSignature) as caught:
            verify(secret, body, headers, now=now)
        assert headers["X-CCXCon-Signature-256"] not in str(caught.value)
    with pytest.raises(BadSignature):
        verify("hunter2", BODY, headers, now=699)


def test_an_empty_secret_signs_nothing_and_checks_nothing():
    with pytest.raises(BadSignature, match="secret"):
        sign("", BODY, event_id="e1")
    forged = {"X-CCXCon-Signature": hmac.new(b"", BODY, hashlib.sha1).hexdigest()}
    with pytest.raises(BadSignature, match="secret"):
        verify_original("", BODY, forged)
    with pytest.raises(BadSignature, match="secret"):
        verify("", BODY, forged)


def test_a_wrong_or_missing_original_signature_is_refused():
    for headers in ({}, {"X-CCXCon-Signature": "0" * 40}, {"X-CCXCon-Signature": "é"}):
        with pytest.raises(BadSignature):
            verify_original("hunter2", BODY, headers)
