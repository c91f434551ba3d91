"""Deleting what nobody will ask for any more. What waits, was refused or was given up is never touched."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from oauth2_provider.models import get_access_token_model

from ccx_tenancy.hub.models import Delivery, Event
from ccx_tenancy.outgoing.durable import State, long_ago

_AT_ONCE = 500


def prune(days: int, *, dry_run: bool = False) -> dict[str, int]:
    """Delete what is older than that many days, and return how many rows of each kind; ``dry_run`` only counts.

    Deliveries that were made or superseded, with their attempts; events that no delivery is left of; access tokens that
    ended then. A course's numbering goes on from where it was. Raises InvalidInput for fewer than one day.
    """
    before = long_ago(days)
    deliveries = Delivery.objects.filter(state=State.DONE, modified__lt=before)
    kept = Delivery.objects.filter(event=OuterRef("pk"))
    if dry_run:
        # Those that the deletion would leave without a delivery.
        kept = kept.exclude(state=State.DONE, modified__lt=before)
    events = Event.objects.filter(~Exists(kept), created__lt=before)
    tokens = get_access_token_model().objects.filter(expires__lt=before)
    rows: dict[str, QuerySet[Any]] = {"deliveries": deliveries, "events": events, "tokens": tokens}
    return {name: found.count() if dry_run else _delete(found) for name, found in rows.items()}


def _delete(rows: QuerySet[Any]) -> int:
    """Delete rows some at a time, so that nobody waits for a long transaction."""
    count = 0
    while chosen := list(rows.order_by("pk").values_list("pk", flat=True)[:_AT_ONCE]):
        # The condition again: what has changed meanwhile stays.
        rows.filter(pk__in=chosen).order_by().delete()
        count += len(chosen)
    return count
