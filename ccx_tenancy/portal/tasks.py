"""Celery tasks. Each does what a sweep of ``manage.py portal work`` would do anyway, only sooner."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="ccx_portal.fulfil", ignore_result=True)
def fulfil(pk: int) -> None:
    """Send one holding to its hub, if it is due."""
    from ccx_tenancy.portal import fulfilment

    fulfilment.work_on(pk)


@shared_task(name="ccx_portal.pay_back", ignore_result=True)
def pay_back(pk: int) -> None:
    """Pay one refund, if it is due."""
    from ccx_tenancy.portal import payments

    payments.refund_one(pk)


@shared_task(name="ccx_portal.sweep", ignore_result=True)
def sweep() -> None:
    """Do everything that is due. For Celery beat, where ``manage.py portal work`` does not run."""
    from ccx_tenancy.outgoing import durable
    from ccx_tenancy.portal import api

    durable.work(api.step, once=True)
