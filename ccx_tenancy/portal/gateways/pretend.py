"""A gateway without money, for the sandbox and for tests. Its books are a table that it writes by itself."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from ccx_tenancy.outgoing.errors import BadSignature
from ccx_tenancy.portal.gateways import DECLINED, NONE, PAID, Charge, Choice, GatewayFailed, Outcome
from ccx_tenancy.portal.models import PretendCharge

#: Tokens: one that pays, one that is declined, one that pays and whose answer is lost.
GOOD, BAD, LOST = "pretend_good", "pretend_declined", "pretend_lost"


class PretendGateway:
    """Takes no money, and keeps its word otherwise. See :class:`ccx_tenancy.portal.gateways.PaymentGateway`."""

    name = "pretend"

    def choices(self) -> Sequence[Choice]:
        """Return a card that pays, one that is declined, and one whose answer gets lost."""
        return [
            Choice(GOOD, _("A card that pays")),
            Choice(BAD, _("A card that is declined")),
            Choice(LOST, _("A card that pays, and the answer is lost on its way")),
        ]

    def form_targets(self) -> Sequence[str]:
        """Return none: it has no pages."""
        return []

    def pay(self, charge: Charge, token: str) -> Outcome:
        """Write the charge down, once for each key. Any token but the two bad ones pays."""
        try:
            with transaction.atomic():
                PretendCharge.objects.create(
                    key=charge.key, amount=charge.amount, currency=charge.currency, paid=token != BAD
                )
        except IntegrityError:
            pass  # The same key: the charge that is there is the answer.
        if token == LOST:
            raise GatewayFailed("The gateway's answer was lost.")
        return self.find(charge)

    def find(self, charge: Charge) -> Outcome:
        """Return what the books say."""
        row = PretendCharge.objects.filter(key=charge.key).first()
        if row is None or row.closed:
            return Outcome(NONE)
        if not row.paid:
            return Outcome(DECLINED, row.key, reason=_("The card was declined."))
        return Outcome(PAID, row.key)

    def cancel(self, charge: Charge) -> Outcome:
        """Close the key where the books have nothing under it: what comes later finds it taken."""
        with contextlib.suppress(IntegrityError), transaction.atomic():
            PretendCharge.objects.create(
                key=charge.key, amount=charge.amount, currency=charge.currency, paid=False, closed=True
            )
        return self.find(charge)

    def refund(self, charge: Charge, amount: Decimal, key: str) -> str:
        """Write the refund down, once for each key."""
        with transaction.atomic():
            row = PretendCharge.objects.select_for_update().get(key=charge.key)
            if key not in row.refund_keys:
                row.refund_keys = [*row.refund_keys, key]
                row.refunded += amount
                row.save(update_fields=["refund_keys", "refunded"])
        return key

    def notified(self, request: HttpRequest) -> str | None:
        """Refuse: it sends no webhooks."""
        raise BadSignature("This gateway sends no webhooks.")
