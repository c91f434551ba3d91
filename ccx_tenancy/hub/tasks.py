"""Celery only makes things quick: what it loses, ``manage.py hub work`` or the next task finds in the tables."""

from __future__ import annotations

from celery import shared_task

from ccx_tenancy.hub import dispatch


@shared_task(name="ccx_tenancy.hub.work")
def work() -> int:
    """Send what is due; return how many deliveries and pulls were tried. Also for a beat, as the sweep."""
    return dispatch.work_once()
