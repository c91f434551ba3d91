"""Signed webhooks: HMAC-SHA256 over the exact bytes, with a timestamp and the event's id.

``X-CCXCon-Event``         the event's id: a receiver does nothing for one that it has seen
``X-CCXCon-Timestamp``     when it was signed, seconds since 1970
``X-CCXCon-Signature-256`` ``sha256=`` and the hexadecimal HMAC-SHA256 of ``timestamp.event.body``
``X-CCXCon-Signature``     hexadecimal HMAC-SHA1 of the body: what the CCXCon of 2016 sent, for receivers of that time
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping

from ccx_tenancy.outgoing.errors import BadSignature

EVENT = "X-CCXCon-Event"
TIMESTAMP = "X-CCXCon-Timestamp"
SIGNATURE = "X-CCXCon-Signature-256"
ORIGINAL_SIGNATURE = "X-CCXCon-Signature"

#: How far the signer's clock and the time on the way may be off, in seconds.
TOLERANCE = 300.0


def sign(secret: str, body: bytes, *, event_id: str, timestamp: float | None = None) -> dict[str, str]:
    """Return the headers that sign a body. ``timestamp`` is in seconds since 1970 (default: now).

    Raises BadSignature where the secret is empty: what anybody can sign is not signed.
    """
    key = _key(secret)
    moment = str(int(time.time() if timestamp is None else timestamp))
    return {
        EVENT: event_id,
        TIMESTAMP: moment,
        SIGNATURE: "sha256=" + _hexdigest(key, moment, event_id, body),
        ORIGINAL_SIGNATURE: hmac.new(key, body, hashlib.sha1).hexdigest(),
    }


def verify(
    secret: str, body: bytes, headers: Mapping[str, str], *, now: float | None = None, tolerance: float = TOLERANCE
) -> str:
    """Return the event's id of a body that is rightly signed, and signed at most ``tolerance`` seconds ago.

    ``headers`` must answer to names in any case, as Django's and those of requests do. Whether the event was seen
    before is the receiver's to ask. Raises BadSignature, with the reason and never with the right signature.
    """
    key = _key(secret)
    event_id, moment, given = (headers.get(name) or "" for name in (EVENT, TIMESTAMP, SIGNATURE))
    for name, value in ((EVENT, event_id), (TIMESTAMP, moment), (SIGNATURE, given)):
        if not value:
            raise BadSignature(f"The header {name} is missing.")
    if not (moment.isascii() and moment.isdigit() and len(moment) <= 15):
        raise BadSignature(f"The header {TIMESTAMP} is {moment[:40]!r}; allowed are seconds since 1970.")
    if not hmac.compare_digest(("sha256=" + _hexdigest(key, moment, event_id, body)).encode(), given.encode()):
        raise BadSignature("The signature is not that of this body with our secret.")
    if abs((time.time() if now is None else now) - int(moment)) > tolerance:
        raise BadSignature(f"It was signed more than {tolerance:g} s from now: it is stale, or a clock is wrong.")
    return event_id


def verify_original(secret: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Check the signature of a CCXCon of 2016. Raises BadSignature.

    It has no time and no event's id, so it can be replayed: for sources that are known to be such, only.
    """
    given = headers.get(ORIGINAL_SIGNATURE) or ""
    if not given:
        raise BadSignature(f"The header {ORIGINAL_SIGNATURE} is missing.")
    if not hmac.compare_digest(hmac.new(_key(secret), body, hashlib.sha1).hexdigest().encode(), given.encode()):
        raise BadSignature("The signature is not that of this body with our secret.")


def _key(secret: str) -> bytes:
    if not secret:
        raise BadSignature("There is no secret to sign with; allowed is one that is not empty.")
    return secret.encode()


def _hexdigest(key: bytes, moment: str, event_id: str, body: bytes) -> str:
    return hmac.new(key, f"{moment}.{event_id}.".encode() + body, hashlib.sha256).hexdigest()
