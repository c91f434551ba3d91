"""Login links: an LMS signs who an instructor is, a portal asks us whether that is so.

The token is ``BODY.SIGNATURE``, both in the URL-safe Base64. The body is JSON with ``u`` (the anonymous id), ``c`` (the
client of the LMS here), ``x`` (when it ends, in seconds since 1970) and ``n`` (a nonce); the signature is the
HMAC-SHA256 of the body's Base64 with the LMS's link secret. A portal lets a nonce in once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any

from ccx_tenancy.errors import InvalidInput
from ccx_tenancy.hub.clients import visible_instances
from ccx_tenancy.hub.models import Client

#: The longest token that is looked at.
LONGEST = 4096
_NOT_SIGNED = "This is no login link of an LMS that you see."


class BadLink(InvalidInput):
    """A login link's token is not one of ours, is not signed rightly, or has ended."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a login link says: who, of which LMS, known by which nonce, and when it ends."""

    uid: str
    instance: str
    nonce: str
    expires: int


def check(token: Any, client: Client, *, now: float | None = None) -> Link:
    """Return what a token says, to a client that sees the LMS. Raises BadLink.

    A wrong signature, an unknown LMS and one that the client does not see are answered alike.
    """
    if not isinstance(token, str) or not token.isascii() or len(token) > LONGEST:
        raise BadLink(f"token must be a text of at most {LONGEST} ASCII characters.")
    body, dot, signature = token.partition(".")
    try:
        said = json.loads(_decode(body))
        given = _decode(signature)
    except ValueError:
        raise BadLink(_NOT_SIGNED) from None
    if not dot or not isinstance(said, dict):
        raise BadLink(_NOT_SIGNED)
    uid, caller, expires, nonce = (said.get(name) for name in ("u", "c", "x", "n"))
    if not all(isinstance(one, str) and 0 < len(one) <= 255 for one in (uid, caller, nonce)):
        raise BadLink(_NOT_SIGNED)
    source = (
        Client.objects.select_related("instance")
        .filter(application__client_id=caller, enabled=True, instance__in=visible_instances(client))
        .first()
    )
    # With a secret in any case, so that the time taken tells nothing.
    is_known = source is not None and source.instance is not None and bool(source.instance.link_secret)
    secret = source.instance.link_secret.open() if is_known and source and source.instance else "nobody"
    right = hmac.new(secret.encode(), body.encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(right, given) or not is_known or source is None or source.instance is None:
        raise BadLink(_NOT_SIGNED)
    if not isinstance(expires, int) or isinstance(expires, bool):
        raise BadLink("The login link does not say when it ends.")
    if expires <= (time.time() if now is None else now):
        raise BadLink("The login link has expired.")
    return Link(str(uid), source.instance.instance_url, str(nonce), expires)


def _decode(text: str) -> bytes:
    """Return the bytes of URL-safe Base64, with its padding or without. Raises ValueError."""
    padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
    try:
        return base64.b64decode(padded.encode(), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
