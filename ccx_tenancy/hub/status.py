"""Whether the hub works: for a monitor, under a token."""

from __future__ import annotations

import hmac
from typing import Any

from celery import current_app
from django.core.cache import caches
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, JsonResponse
from django.utils import timezone

from ccx_tenancy.conf import conf
from ccx_tenancy.hub.models import Course, Delivery, ModulePull, Receiver
from ccx_tenancy.outgoing.durable import State

UP, DOWN, ABSENT = "up", "down", "no config found"
#: A delivery that has been due for longer than this means that nobody sends, in seconds.
LATE = 600.0


def standing() -> dict[str, Any]:
    """Return how many things wait, have failed for good, and for how long the oldest has been due, in seconds."""
    rows = Delivery.objects.filter(superseded=False)
    now = timezone.now()
    oldest = rows.due(now).values_list("due_at", flat=True).first()
    return {
        "waiting": rows.filter(state=State.WAITING).count(),
        "refused": rows.filter(state=State.REFUSED).count(),
        "late_seconds": round((now - oldest).total_seconds(), 1) if oldest else 0.0,
        "pulls_waiting": ModulePull.objects.filter(state=State.WAITING).count(),
        "pulls_refused": ModulePull.objects.filter(state=State.REFUSED).count(),
        "receivers_resting": Receiver.objects.filter(resting_until__gt=now, enabled=True).count(),
        "courses": Course.objects.filter(state=Course.State.ACTIVE).count(),
    }


def _database() -> dict[str, Any]:
    try:
        found = standing()
    except DatabaseError as error:
        return {"status": DOWN, "message": type(error).__name__}
    return {"status": DOWN if found["late_seconds"] > LATE else UP, **found}


def _celery() -> dict[str, Any]:
    if current_app.conf.task_always_eager:
        return {"status": ABSENT}
    try:
        with current_app.connection_for_read(connect_timeout=2) as broker:
            broker.ensure_connection(max_retries=1, timeout=2)
    except Exception as error:  # Whatever the broker's library raises.
        return {"status": DOWN, "message": f"Error connecting to the backend: {type(error).__name__}"}
    return {"status": UP}


def _redis() -> dict[str, Any]:
    cache = caches["default"]
    if "redis" not in type(cache).__module__.lower():
        return {"status": ABSENT}
    try:
        cache.get("ccx_hub_status")
    except Exception as error:
        return {"status": DOWN, "message": type(error).__name__}
    return {"status": UP}


def status(request: HttpRequest) -> JsonResponse:
    """``GET /status/?token=...``: 200 where all is well, else 503; 404 without the right token.

    The names are those of the original, and ours: ``database`` and ``deliveries``.
    """
    token = request.GET.get("token", "")
    if not conf.hub_status_token or not hmac.compare_digest(token.encode(), conf.hub_status_token.encode()):
        raise Http404("No such page.")
    deliveries = _database()
    is_late = "waiting" in deliveries and deliveries["status"] == DOWN
    database = {"status": UP if is_late else deliveries["status"]}
    found: dict[str, Any] = {
        "celery": _celery(),
        "redis": _redis(),
        "postgresql": database if connection.vendor == "postgresql" else {"status": ABSENT},
        "database": database,
        "deliveries": deliveries,
    }
    is_up = all(one["status"] != DOWN for one in found.values())
    return JsonResponse({**found, "status_all": UP if is_up else DOWN}, status=200 if is_up else 503)
