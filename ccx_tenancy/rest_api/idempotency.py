"""``Idempotency-Key``: a creation that is sent again is not made again.

The key is claimed by a row of its own, committed before the work begins; a unique constraint lets one of many claim it.
The answer is stored in the transaction of the work, so that there is either both or neither: a process that dies leaves
a claim without an answer, which the next request takes over after a while.
"""

from __future__ import annotations

import functools
import hashlib
import json
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from ccx_tenancy.rest_api import problems
from ccx_tenancy.rest_api.models import IdempotencyRecord
from ccx_tenancy.site_config.secrets import MARK, seal, unseal

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
#: How long a request may be at work before another with the same key takes over.
LEASE = timedelta(seconds=60)
_LONGEST = 255
_SWEEP = 100

Handler = Callable[..., Response]


def idempotent(handler: Handler) -> Handler:
    """Make a handler answer a repeated ``Idempotency-Key`` with its first answer. Without the header it is as it was.

    Another request under the same key is refused with 422, one while the first is at work with 409. The view's
    ``allowed(body)`` is asked before what was made is shown again: who may not make it any more is refused as for a
    first request.
    """

    @functools.wraps(handler)
    def wrapper(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER)
        if key is None:
            return handler(view, request, *args, **kwargs)
        if not key or len(key) > _LONGEST or not key.isprintable():
            raise problems.BadRequest(HEADER, f"allowed are 1 to {_LONGEST} printable characters.")
        row, answer = _claim(view.caller.name, key, _digest_of(view, request))
        if answer is not None:
            if answer.status_code < 400:
                view.allowed(view.body(request))
            return answer
        try:
            with transaction.atomic():
                response = handler(view, request, *args, **kwargs)
                _keep(row, response)
        except Exception as error:
            # Nothing was made. What the caller did wrong stays the answer; a fault of ours may be tried again.
            refused = problems.handler(error, {"view": view, "request": request})
            if isinstance(error, problems.StillAtWork) or refused is None or refused.status_code >= 500:
                IdempotencyRecord.objects.filter(pk=row.pk, claim=row.claim, status=None).delete()
                raise
            _keep(row, refused)
            return refused
        return response

    return wrapper


def _claim(caller: str, key: str, request_hash: str) -> tuple[IdempotencyRecord, Response | None]:
    now = timezone.now()
    stale = IdempotencyRecord.objects.filter(created__lt=now - KEPT).order_by("pk").values_list("pk", flat=True)
    IdempotencyRecord.objects.filter(pk__in=list(stale[:_SWEEP])).delete()
    key_hash = hashlib.sha256(key.encode()).hexdigest()
    IdempotencyRecord.objects.filter(caller=caller, key_hash=key_hash, created__lt=now - KEPT).delete()
    row = IdempotencyRecord(
        caller=caller, key_hash=key_hash, request_hash=request_hash, claim=secrets.token_hex(16), claimed=now
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
        return row, None
    except IntegrityError:
        found = IdempotencyRecord.objects.filter(caller=caller, key_hash=key_hash).first()
    if found is None:  # It was given up at this moment.
        raise problems.StillAtWork
    if found.request_hash != request_hash:
        raise problems.KeyReused
    if found.status is not None:
        return found, _replayed(found)
    taken = IdempotencyRecord.objects.filter(pk=found.pk, claim=found.claim, status=None, claimed__lt=now - LEASE)
    if not taken.update(claim=row.claim, claimed=now):
        raise problems.StillAtWork
    found.claim = row.claim
    return found, None


def _keep(row: IdempotencyRecord, response: Response) -> None:
    """Store the answer, if the claim is still ours. Raises StillAtWork where another request took over."""
    kept = {
        "body": json.loads(JSONRenderer().render(response.data) or b"null"),
        "headers": {name: value for name, value in response.items() if name in ("Location", "ETag")},
        "type": response.content_type,
    }
    mine = IdempotencyRecord.objects.filter(pk=row.pk, claim=row.claim, status=None)
    if not mine.update(status=response.status_code, answer=seal(kept)[MARK]):
        raise problems.StillAtWork


def _replayed(row: IdempotencyRecord) -> Response:
    kept = unseal({MARK: row.answer})
    headers = {**kept["headers"], "Idempotency-Replayed": "true"}
    return Response(kept["body"], status=row.status, headers=headers, content_type=kept["type"])


def _digest_of(view: Any, request: Request) -> str:
    host = view.caller.host.key if view.caller.host is not None else ""
    body = json.dumps(request.data, sort_keys=True, ensure_ascii=True)
    text = "\n".join((str(request.method), host, request.get_full_path(), body))
    return hashlib.sha256(text.encode()).hexdigest()
