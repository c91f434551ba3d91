"""Tokens at an Open edX, kept at the LMS's row: got once for all processes, and got anew when they are refused.

An edX of 2016 gives them for a grant made by hand, and from then on for a refresh token that is good once. So one
process at a time asks, holding the row's lease, and the others wait for what it brings. A refused refresh token is not
the end: the grant is tried, and then the client's own credentials, as an Open edX of today takes them.
"""

from __future__ import annotations

import time
import uuid
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from ccx_tenancy.conf import conf
from ccx_tenancy.hub.models import BackingInstance
from ccx_tenancy.outgoing import http
from ccx_tenancy.outgoing.errors import CallFailed, TokenRefused
from ccx_tenancy.outgoing.secrets import Sealed

#: A token that ends within this many seconds is replaced before it is used.
MARGIN = 60.0
_POLL = 0.05


def request(instance: BackingInstance, method: str, path: str, **arguments: Any) -> http.Answer:
    """Call an Open edX with a token; one that is refused (401) is replaced once."""
    headers = dict(arguments.pop("headers", None) or {})
    answer = http.Answer(401)
    for is_last in (False, True):
        token = bearer(instance)
        signed = {**headers, "Authorization": f"Bearer {token}"}
        answer = http.request(method, f"{instance.instance_url}{path}", headers=signed, **arguments)
        if answer.status != 401:
            break
        if not is_last:
            drop(instance, token)
    return answer


def bearer(instance: BackingInstance) -> str:
    """Return a token that is good for a while. Raises TokenRefused, CallFailed, AddressRefused."""
    patience = time.monotonic() + 2 * conf.outgoing_timeout
    while True:
        row = BackingInstance.objects.get(pk=instance.pk)
        if row.access_token and (row.token_ends is None or row.token_ends > timezone.now() + timedelta(seconds=MARGIN)):
            return str(row.access_token.open())
        mine = uuid.uuid4().hex
        now = timezone.now()
        free = Q(token_leased_until__isnull=True) | Q(token_leased_until__lte=now)
        until = now + timedelta(seconds=conf.outgoing_lease_seconds)
        rows = BackingInstance.objects.filter(free, pk=row.pk, token_lease=row.token_lease)
        if rows.update(token_lease=mine, token_leased_until=until):
            try:
                return _fetch(BackingInstance.objects.get(pk=row.pk))
            finally:
                BackingInstance.objects.filter(pk=row.pk, token_lease=mine).update(token_leased_until=None)
        if time.monotonic() > patience:
            raise CallFailed(f"{row.tokens_from}: another process has been asking for a token for too long.")
        time.sleep(_POLL)


def drop(instance: BackingInstance, token: str) -> None:
    """Forget a token that was refused, unless another one has taken its place."""
    row = BackingInstance.objects.get(pk=instance.pk)
    if row.access_token and row.access_token.open() == token:
        BackingInstance.objects.filter(pk=row.pk, access_token=row.access_token).update(access_token=Sealed(""))


def _fetch(row: BackingInstance) -> str:
    """Get a token by the first way that the server takes, and keep it. The caller holds the row's lease."""
    fresh_until = timezone.now() + timedelta(seconds=MARGIN)
    if row.access_token and row.token_ends is not None and row.token_ends > fresh_until:
        return str(row.access_token.open())  # Another process was faster, between our look and our lease.
    account = {"client_id": row.oauth_client_id, "client_secret": row.oauth_client_secret.open()}
    ways: list[dict[str, str]] = []
    if row.refresh_token:
        ways.append({"grant_type": "refresh_token", **account, "refresh_token": row.refresh_token.open()})
    if row.grant_token:
        grant = {"grant_type": "authorization_code", "response_type": "code", "code": row.grant_token.open()}
        ways.append({**grant, **account})
    ways.append({"grant_type": "client_credentials", **account})
    statuses: list[str] = []
    for form in ways:
        answer = http.request("POST", row.tokens_from, form=form, headers={"Accept": "application/json"})
        if answer.is_success:
            return _keep(row, answer)
        if answer.status >= 500 or answer.status == 429:
            raise CallFailed(f"{row.tokens_from} answered {answer.status}.")
        statuses.append(f"{form['grant_type']}: {answer.status}")
    raise TokenRefused(
        f"{row.tokens_from} gave the client {row.oauth_client_id!r} no token ({', '.join(statuses)}): its credentials"
        " are wrong, or a new grant is needed there and in the admin of the hub.",
        status=answer.status,
    )


def _keep(row: BackingInstance, answer: http.Answer) -> str:
    found = answer.json()
    token = found.get("access_token") if isinstance(found, dict) else None
    if not isinstance(token, str) or not token:
        raise CallFailed(f"{row.tokens_from} answered {answer.status} without an access_token.")
    seconds = found.get("expires_in")
    fresh = found.get("refresh_token")
    changes: dict[str, Any] = {"access_token": Sealed.of(token), "token_ends": None}
    if isinstance(seconds, int | float) and not isinstance(seconds, bool):
        # A token that ends at once is used for this call, and no other.
        changes["token_ends"] = timezone.now() + timedelta(seconds=min(float(seconds), 10 * 365 * 86400.0))
    if isinstance(fresh, str) and fresh:
        changes["refresh_token"] = Sealed.of(fresh)
    BackingInstance.objects.filter(pk=row.pk).update(**changes)
    return token
