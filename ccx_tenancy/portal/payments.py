"""Money: charge an order once, learn what became of it, pay back."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _

from ccx_tenancy.audit import api as audit
from ccx_tenancy.conf import conf
from ccx_tenancy.errors import InvalidState
from ccx_tenancy.outgoing import durable
from ccx_tenancy.outgoing.durable import State
from ccx_tenancy.portal import orders, tasks
from ccx_tenancy.portal.addresses import absolute
from ccx_tenancy.portal.gateways import DECLINED, NONE, OPEN, PAID, Charge, GatewayFailed, NoGateway, Outcome, gateway
from ccx_tenancy.portal.models import Order, OrderLine, Payment, Refund

#: How long a gateway's page may wait for its buyer before we close it, in seconds.
PATIENCE = 24 * 3600.0
_ASK_AGAIN = 60.0
_DESCRIPTION = "%(portal)s, order %(number)s"


def charge_of(payment: Payment) -> Charge:
    """Return what the gateway is asked about a payment."""
    order = payment.order
    return Charge(
        key=payment.key,
        amount=payment.amount,
        currency=payment.currency,
        description=_(_DESCRIPTION) % {"portal": conf.portal_name, "number": order.number},
        email=order.purchaser.email,
        return_url=absolute("order", order.number),
        charge_id=payment.charge_id,
        age=(timezone.now() - payment.created).total_seconds(),
    )


def pay(order: Order, token: str) -> Payment | None:
    """Charge an order that was placed a moment ago, by whoever placed it; return its payment, None where it is free.

    Call it outside of a transaction. An answer that is lost is looked up at once, and later again.
    """
    payment = Payment.objects.select_related("order__purchaser").filter(order=order).first()
    if payment is None:
        return None
    try:
        outcome = gateway().pay(charge_of(payment), token)
    except GatewayFailed:
        return look_up(payment)
    return _settle(payment, outcome)


def look_up(payment: Payment) -> Payment:
    """Ask the gateway what became of a payment that is open, and write it down; what fails is asked again later."""
    if payment.result != Payment.Result.OPEN:
        return payment
    try:
        charge = charge_of(payment)
        outcome = gateway().find(charge)
        if outcome.result == NONE:
            if charge.age < conf.outgoing_lease_seconds:
                return payment  # Whoever charges it may be about to.
            outcome = gateway().cancel(charge)  # Whoever was about to must not any more: the buyer may order anew.
    except (GatewayFailed, NoGateway) as error:
        Payment.objects.filter(pk=payment.pk).update(last_error=str(error)[:2000])
        return payment
    return _settle(payment, outcome)


def cancel(order: Order, *, by: object) -> None:
    """End an order that its buyer does not want to pay after all. Raises InvalidState where it is not open any more,
    or another process is charging it, GatewayFailed."""
    payment = Payment.objects.select_related("order__purchaser").filter(order=order).first()
    if payment is None or payment.result != Payment.Result.OPEN:
        raise InvalidState(f"The order {order.number} is {order.get_state_display()}.")
    if not payment.charge_id and charge_of(payment).age < conf.outgoing_lease_seconds:
        raise InvalidState("The order is being charged at this moment: look again in a few minutes.")
    outcome = gateway().cancel(charge_of(payment))
    if outcome.result == OPEN:
        raise GatewayFailed("The gateway did not close the charge.")
    _settle(payment, outcome)
    audit.record("portal.cancel", actor=by, target=f"order {order.number}", after={"result": outcome.result})


def _settle(payment: Payment, outcome: Outcome) -> Payment:
    """Write down what became of a charge, once. What is paid after its order was given up goes back: the buyer was told
    that nothing is charged, and may have ordered anew."""
    with orders.settling(payment) as row:
        if row.result == Payment.Result.PAID:
            return row
        if outcome.charge_id and outcome.charge_id != row.charge_id:
            row.charge_id = outcome.charge_id
        row.page, row.reason = outcome.page, outcome.reason
        was_open = row.result == Payment.Result.OPEN
        if outcome.result == PAID:
            row.result = Payment.Result.PAID
            if was_open:
                orders.deliver(row.order)
            else:
                _pay_all_back(row)
        elif was_open and outcome.result == DECLINED:
            row.result = Payment.Result.DECLINED
            orders.give_up(row.order, Order.State.DECLINED)
        elif was_open and outcome.result == NONE:
            row.result = Payment.Result.CANCELLED
            orders.give_up(row.order, Order.State.CANCELLED)
        fields = ["charge_id", "page", "reason", "result"]
        if row.result != Payment.Result.OPEN:
            row.state, row.done_at, row.lease, row.leased_until = State.DONE, timezone.now(), "", None
            fields += ["state", "done_at", "lease", "leased_until"]
        row.save(update_fields=fields)
    return row


def _pay_all_back(payment: Payment) -> None:
    """Pay back what came in for an order that was given up. Call it under the buyer's lock, once for each payment."""
    for line in payment.order.lines.all():
        OrderLine.objects.filter(pk=line.pk).update(cancelled_at=timezone.now())
        if line.total:
            refund = Refund.objects.create(line=line, payment=payment, amount=line.total)
            durable.kick(tasks.pay_back, refund.pk)
    after = {"amount": f"{payment.amount} {payment.currency}", "order is": payment.order.state}
    audit.record("portal.late_payment", target=f"order {payment.order.number}", after=after)


def work(limit: int = 10) -> int:
    """Look up payments that are due, and pay refunds that are; return how many there were."""
    payments: list[Payment] = Payment.objects.claim(limit)
    for payment in payments:
        _work_on(payment)
    refunds: list[Refund] = Refund.objects.claim(limit)
    for refund in refunds:
        _refund(refund)
    return len(payments) + len(refunds)


def _work_on(payment: Payment) -> None:
    try:
        charge = charge_of(payment)
        outcome = gateway().find(charge)
        if outcome.result == NONE or charge.age > PATIENCE:
            outcome = gateway().cancel(charge)
    except (GatewayFailed, NoGateway) as error:
        payment.failed(error)
        return
    if _settle(payment, outcome).result == Payment.Result.OPEN:
        payment.failed(_("The buyer is not through yet."), retry_after=_ASK_AGAIN)


def notified(key: str) -> None:
    """Look up the payment that a gateway has news of, also one that was given up: money may have come all the same."""
    payment = Payment.objects.select_related("order__purchaser").filter(key=key).first()
    if payment is None:
        return
    if payment.result == Payment.Result.OPEN:
        look_up(payment)
    else:
        _look_again(payment)


def _look_again(payment: Payment) -> bool:
    """Ask the gateway about a payment that ended otherwise than paid; return whether it was paid after all.

    Raises GatewayFailed, NoGateway: whoever asked asks again.
    """
    if payment.result == Payment.Result.PAID:
        return False
    outcome = gateway().find(charge_of(payment))
    return outcome.result == PAID and _settle(payment, outcome).result == Payment.Result.PAID


def refund_one(pk: int) -> None:
    """Pay that refund, if it is due."""
    refund = Refund.objects.claim_one(pk)
    if refund is not None:
        _refund(refund)


def _refund(refund: Refund) -> None:
    try:
        refund_id = gateway().refund(charge_of(refund.payment), refund.amount, refund.key)
    except (GatewayFailed, NoGateway) as error:
        refund.failed(error)
        return
    Refund.objects.filter(pk=refund.pk).update(refund_id=refund_id[:255])
    refund.succeeded()


def reconcile() -> list[str]:
    """Ask the gateway again about every payment that did not end as paid, and return what had to be put right."""
    found: list[str] = []
    for payment in Payment.objects.exclude(result=Payment.Result.PAID).select_related("order__purchaser"):
        before = payment.result
        try:
            was_paid = _look_again(payment)
        except (GatewayFailed, NoGateway) as error:
            found.append(f"order {payment.order.number}: not compared: {error}")
            continue
        if was_paid:
            what = "it is delivered" if before == Payment.Result.OPEN else "the money goes back"
            found.append(f"order {payment.order.number}: was {before}, and the gateway was paid; {what}.")
    return found
