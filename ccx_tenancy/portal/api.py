"""What the portal offers to programs of its own project: a step of its work, and its state in numbers."""

from __future__ import annotations

from django.db.models import Count

from ccx_tenancy.outgoing.durable import State
from ccx_tenancy.portal import fulfilment, payments, webhooks
from ccx_tenancy.portal.links import move_instance
from ccx_tenancy.portal.models import Course, Holding, Order, OrderLine, Payment, Refund, Source

__all__ = ["Course", "Holding", "Order", "OrderLine", "Payment", "Refund", "Source", "move_instance", "status", "step"]


def step() -> int:
    """Do some of what is due: fulfilment, payments, refunds. Returns how much it was; 0: nothing is due."""
    done = fulfilment.work() + payments.work()
    if not done:
        webhooks.forget_old_events()
    return done


def status() -> dict[str, int]:
    """Return how many orders and rows there are in each state that somebody may have to do with."""
    paid = OrderLine.objects.filter(order__state=Order.State.PAID, cancelled_at=None)
    orders = dict(Order.objects.order_by().values_list("state").annotate(Count("pk")))
    return {
        "courses": Course.objects.filter(state=Course.State.ACTIVE).count(),
        "orders paid": orders.get(Order.State.PAID, 0),
        "orders being paid": orders.get(Order.State.PAYING, 0),
        "lines paid and fulfilled": paid.exclude(fulfilled_at=None).count(),
        "lines paid and not yet fulfilled": paid.filter(fulfilled_at=None).count(),
        "seats refused by the hub": Holding.objects.filter(state=State.REFUSED).count(),
        "payments given up": Payment.objects.filter(state=State.REFUSED).count(),
        "refunds waiting": Refund.objects.filter(state=State.WAITING).count(),
        "refunds given up": Refund.objects.filter(state=State.REFUSED).count(),
    }
