"""Cart and orders: what somebody wants to have, at our prices, once.

Everything here happens under one lock for each buyer, so that of a hundred clicks at the same moment one becomes an
order. Money moves in :mod:`ccx_tenancy.portal.payments`, after the order is committed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from ccx_tenancy.audit import api as audit
from ccx_tenancy.conf import conf
from ccx_tenancy.errors import Conflict, InvalidInput, InvalidState
from ccx_tenancy.outgoing import durable
from ccx_tenancy.portal import catalogue, money, tasks
from ccx_tenancy.portal.gateways import gateway
from ccx_tenancy.portal.models import CartLine, Course, Holding, Module, Order, OrderLine, Payment, Profile, Refund


class CartChanged(InvalidInput):
    """What would be charged is not what the buyer saw. Nothing was ordered."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What a line costs now: ``seats`` more than the ``bought`` ones, at ``price`` each."""

    course: Course
    modules: Sequence[Module]
    bought: int
    seats: int
    price: Decimal

    @property
    def total(self) -> Decimal:
        """The price of all its seats."""
        return self.price * self.seats


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line as the API's checkout names it: ``seats`` are those to buy now."""

    course: str
    modules: Sequence[str]
    seats: int


@contextmanager
def _locked(user: Any) -> Iterator[Profile]:
    """Open a transaction that holds the buyer's lock."""
    Profile.objects.get_or_create(user_id=user.pk)
    with transaction.atomic():
        # A write, and the first: it locks the row on every database, and nothing read before it can be stale.
        Profile.objects.filter(user_id=user.pk).update(user_id=user.pk)
        yield Profile.objects.get(user_id=user.pk)


def holding_of(user: Any, course: Course) -> Holding | None:
    """Return the seats that a buyer has in a course, or None."""
    if not user.is_authenticated:
        return None
    return Holding.objects.filter(purchaser_id=user.pk, course=course, is_open=True).first()


def quote(user: Any, course: Course, modules: Iterable[Module], seats: int) -> Quote:
    """Return what ``seats`` more in a course cost the buyer. Raises InvalidInput, with what is allowed."""
    if isinstance(seats, bool) or not isinstance(seats, int):
        raise InvalidInput("Seats must be an integer")
    if seats == 0:
        raise InvalidInput("Number of seats is zero")
    holding = holding_of(user, course)
    bought = holding.seats if holding else 0
    if seats < 0 or bought + seats > conf.portal_most_seats:
        raise InvalidInput(
            f"{seats} seats cannot be bought; allowed are 1 to {conf.portal_most_seats - bought} more than the {bought}"
            " there are."
        )
    if not catalogue.offered().filter(pk=course.pk).exists():
        raise InvalidInput("One or more courses are unavailable")
    if catalogue.owns(user, course):
        raise InvalidInput("User cannot purchase this course")
    # Read anew: the price that counts is the one that stands in the table now.
    chosen = list(Module.objects.filter(pk__in=[module.pk for module in modules]))
    if not chosen:
        raise InvalidInput("uuids must not be empty")
    if any(module.course_id != course.pk or module.deleted or module.price is None for module in chosen):
        raise InvalidInput("One or more modules are unavailable")
    if holding is not None:
        if course.source.is_original:
            raise InvalidInput("The seats of this course cannot be changed: its hub is an original CCXCon.")
        if {module.pk for module in holding.modules.all()} != {module.pk for module in chosen}:
            raise InvalidInput("More seats are bought for the same modules as the first ones.")
    return Quote(course, chosen, bought, seats, catalogue.price_of(chosen))


def put_in_cart(user: Any, course: Course, modules: Iterable[Module], seats: int) -> CartLine:
    """Put a course into the cart, with the number of seats to have afterwards; again: change it. Raises InvalidInput.

    A buyer of seats keeps the modules of the first ones.
    """
    if isinstance(seats, bool) or not isinstance(seats, int):
        raise InvalidInput("Seats must be an integer")
    with _locked(user):
        holding = holding_of(user, course)
        bought = holding.seats if holding else 0
        if holding is not None and seats <= bought:
            raise InvalidInput(
                _("You have %(bought)s seats in this course: choose more, it cannot be fewer.") % {"bought": bought}
            )
        chosen = list(holding.modules.all()) if holding else list(modules)
        quote(user, course, chosen, seats - bought)
        line, _created = CartLine.objects.update_or_create(user=user, course=course, defaults={"seats": seats})
        line.modules.set(chosen)
    return line


def take_out(user: Any, course: Course) -> None:
    """Take a course out of the cart."""
    CartLine.objects.filter(user=user, course=course).delete()


def cart(user: Any) -> list[tuple[CartLine, Quote | None, str]]:
    """Return the lines of a cart, each with its quote, or with the reason why it cannot be bought."""
    found: list[tuple[CartLine, Quote | None, str]] = []
    for line in CartLine.objects.filter(user=user).select_related("course__source"):
        try:
            found.append((line, _quoted(user, line), ""))
        except InvalidInput as error:
            found.append((line, None, str(error)))
    return found


def _quoted(user: Any, line: CartLine) -> Quote:
    holding = holding_of(user, line.course)
    return quote(user, line.course, line.modules.all(), line.seats - (holding.seats if holding else 0))


def total_of(quotes: Iterable[Quote]) -> tuple[Decimal, str]:
    """Return the total of quotes, and its currency. Raises InvalidInput where they have more than one, or the total is
    more than any gateway takes."""
    quotes = list(quotes)
    currencies = {one.course.currency for one in quotes}
    if len(currencies) > 1:
        raise InvalidInput("One order has one currency; these are " + ", ".join(sorted(currencies)) + ".")
    currency = next(iter(currencies), conf.portal_currencies[0])
    total = sum((one.total for one in quotes), Decimal("0.00"))
    if total > (most := money.most_total(currency)):
        raise InvalidInput(
            f"One order is for at most {money.shown(most, currency)}; this would be {money.shown(total, currency)}."
        )
    return total, currency


def place(
    user: Any, key: str, expected: Decimal, wanted: Sequence[Wanted] | None = None, *, currency: str | None = None
) -> tuple[Order, bool]:
    """Make an order of the cart (or of what is ``wanted``), and return it, and whether it is new.

    ``key`` is what the buyer's side knows the order by: with the same key comes the same order, whatever the cart holds
    now. ``expected`` is the total that the buyer saw, and ``currency`` its currency (None: the portal's first). Raises
    InvalidInput, NoGateway, CartChanged where our total or currency is another one, Conflict where an order of the same
    course is being paid; then nothing is ordered.
    """
    if not 0 < len(key) <= 64 or not key.isascii() or not key.isprintable():
        raise InvalidInput("The key of an order is 1 to 64 printable ASCII characters.")
    if not Decimal(expected).is_finite():
        raise InvalidInput("The total is no number.")
    with _locked(user) as profile:
        order = Order.objects.filter(purchaser_id=user.pk, key=key).first()
        if order is not None:
            return order, False
        if not user.email:
            raise InvalidInput("You must have an e-mail address to check out.")
        quotes = list(_from_cart(user) if wanted is None else _from_wanted(user, wanted))
        if not quotes:
            raise InvalidInput("Cannot checkout an empty cart")
        total, charged = total_of(quotes)
        if total != expected or (total and charged != (currency or conf.portal_currencies[0])):
            raise CartChanged("Cart total doesn't match expected value")
        open_lines = OrderLine.objects.filter(
            order__purchaser_id=user.pk,
            order__state=Order.State.PAYING,
            course__in=[one.course for one in quotes],
        )
        if open_lines.exists():
            raise Conflict("An order of the same course is being paid: wait for it, or cancel it.")
        name = gateway().name if total else ""
        bill_to = "\n".join(filter(None, [profile.full_name, profile.organization, user.email]))
        order = Order.objects.create(purchaser_id=user.pk, key=key, currency=charged, total=total, bill_to=bill_to)
        for one in quotes:
            _add_line(order, one)
        CartLine.objects.filter(user=user, course__in=[one.course for one in quotes]).delete()
        if total:
            # Whoever made the order charges it. Where that process dies, what became of it is looked up, from then on.
            due = timezone.now() + timedelta(seconds=conf.outgoing_lease_seconds)
            Payment.objects.create(order=order, gateway=name, amount=total, currency=charged, due_at=due)
        else:
            deliver(order)
        audit.record("portal.order", actor=user, target=f"order {order.number}", after={"total": f"{total} {charged}"})
    return order, True


def _from_cart(user: Any) -> Iterator[Quote]:
    for line in CartLine.objects.filter(user=user).select_related("course__source"):
        yield _quoted(user, line)


def _from_wanted(user: Any, wanted: Sequence[Wanted]) -> Iterator[Quote]:
    names = [one.course for one in wanted]
    if len(set(names)) < len(names):
        raise InvalidInput("Duplicate course in cart")
    for one in wanted:
        course = catalogue.offered().select_related("source").filter(uuid=one.course).first()
        if course is None:
            raise InvalidInput("One or more courses are unavailable")
        if len(set(one.modules)) < len(one.modules):
            raise InvalidInput("Duplicate module in cart")
        modules = list(course.modules.filter(uuid__in=one.modules))
        if len(modules) < len(one.modules):
            raise InvalidInput("One or more modules are unavailable")
        yield quote(user, course, modules, one.seats)


def _add_line(order: Order, one: Quote) -> None:
    line = OrderLine.objects.create(
        order=order,
        course=one.course,
        title=one.course.title,
        bought=[{"uuid": each.uuid, "title": each.title, "price": str(each.price)} for each in one.modules],
        seats=one.seats,
        price=one.price,
        total=one.total,
    )
    line.modules.set(one.modules)


def deliver(order: Order) -> None:
    """Give the buyer of a paid order the seats. Call it under the buyer's lock, once for each order."""
    now = timezone.now()
    Order.objects.filter(pk=order.pk).update(state=Order.State.PAID, paid_at=now)
    order.state, order.paid_at = Order.State.PAID, now
    for line in order.lines.select_related("course"):
        holding, is_new = Holding.objects.get_or_create(
            purchaser_id=order.purchaser_id, course=line.course, is_open=True
        )
        if is_new:
            holding.modules.set(line.modules.all())
        line.holding = holding
        line.seats_after = holding.seats + line.seats
        line.save(update_fields=["holding", "seats_after"])
        Holding.objects.filter(pk=holding.pk).arm(seats=line.seats_after, version=holding.version + 1)
        durable.kick(tasks.fulfil, holding.pk)


@contextmanager
def settling(payment: Payment) -> Iterator[Payment]:
    """Open a transaction that holds the buyer's lock, with the payment as it is now."""
    with _locked(payment.order.purchaser):
        yield Payment.objects.select_related("order__purchaser").get(pk=payment.pk)


def give_up(order: Order, state: str) -> None:
    """End an order that was not paid, and put its lines back into the cart. Call it under the buyer's lock."""
    Order.objects.filter(pk=order.pk).update(state=state)
    for line in order.lines.all():
        holding = Holding.objects.filter(purchaser_id=order.purchaser_id, course_id=line.course_id, is_open=True)
        bought = holding.values_list("seats", flat=True).first() or 0
        again, is_new = CartLine.objects.get_or_create(
            user_id=order.purchaser_id, course_id=line.course_id, defaults={"seats": bought + line.seats}
        )
        if is_new:
            again.modules.set(line.modules.all())


def give_money_back(line: OrderLine, *, by: Any) -> None:
    """Cancel a line that the hub has refused for good, and pay its money back. For staff.

    Raises InvalidState where it is fulfilled, cancelled, unpaid, or still being tried.
    """
    with _locked(line.order.purchaser):
        row = OrderLine.objects.select_related("order", "holding").get(pk=line.pk)
        holding = row.holding
        if holding is None or row.order.state != Order.State.PAID:
            raise InvalidState(f"The order {row.order.number} is {row.order.get_state_display()}, and was not paid.")
        if row.fulfilled_at or row.cancelled_at:
            raise InvalidState(f"{row} is {_('fulfilled') if row.fulfilled_at else _('cancelled')} already.")
        if holding.state != durable.State.REFUSED:
            raise InvalidState(f"{row} is still being tried; allowed is what the hub has refused.")
        seats = holding.seats - row.seats
        still_refused = Holding.objects.filter(pk=holding.pk, state=durable.State.REFUSED, seats=holding.seats)
        done = seats == holding.seats_sent
        changed = still_refused.update(
            seats=seats,
            version=holding.version + 1,
            is_open=True if seats else None,
            state=durable.State.DONE if done else durable.State.REFUSED,
        )
        if not changed:
            raise InvalidState(f"{row} is being tried again.")
        now = timezone.now()
        for other in OrderLine.objects.filter(holding=holding, seats_after__gt=row.seats_after, fulfilled_at=None):
            other.seats_after -= row.seats
            other.save(update_fields=["seats_after"])
        OrderLine.objects.filter(pk=row.pk).update(cancelled_at=now)
        payment = Payment.objects.filter(order=row.order).first()
        if payment is not None and row.total:
            refund = Refund.objects.create(line=row, payment=payment, amount=row.total)
            durable.kick(tasks.pay_back, refund.pk)
        after = {"line": row.title, "amount": f"{row.total} {row.order.currency}"}
        audit.record("portal.refund", actor=by, target=f"order {row.order.number}", after=after)
