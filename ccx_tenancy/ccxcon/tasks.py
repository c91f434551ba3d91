"""What a Celery worker does for the room. ``sweep`` belongs into a beat schedule, or ``manage.py ccxcon work`` runs."""

from __future__ import annotations

from celery import shared_task

from ccx_tenancy.ccxcon import exports, links

_AT_ONCE = 20


@shared_task(name="ccx_tenancy.ccxcon.send_export")
def send_export(pk: int) -> None:
    """Tell a connector the state of one course, if that is due."""
    exports.send_one(pk)


@shared_task(name="ccx_tenancy.ccxcon.send_link")
def send_link(pk: int) -> None:
    """Send one mail with a login link, if that is due."""
    links.send_one(pk)


@shared_task(name="ccx_tenancy.ccxcon.sweep")
def sweep() -> None:
    """Send everything that is due."""
    while step():
        pass


def step() -> int:
    """Send some of what is due, and return how much."""
    return exports.send_due(_AT_ONCE) + links.send_due(_AT_ONCE)
