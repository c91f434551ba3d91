"""The portal's side of a gateway that is a process of its own, with books of its own."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django.http import HttpRequest

from ccx_tenancy.outgoing import http
from ccx_tenancy.outgoing.errors import BadSignature, CallFailed
from ccx_tenancy.portal.gateways import Charge, Choice, GatewayFailed, Outcome
from tests.marketplace.rooms.common import PLAN


class LedgerGateway:
    """Charges by HTTP. See :class:`ccx_tenancy.portal.gateways.PaymentGateway`."""

    name = "ledger"

    def choices(self) -> Sequence[Choice]:
        """Return the one card there is."""
        return [Choice("card", "A card")]

    def form_targets(self) -> Sequence[str]:
        """Return none."""
        return []

    def pay(self, charge: Charge, token: str) -> Outcome:
        """Charge once for each key."""
        return self._ask("pay", charge)

    def find(self, charge: Charge) -> Outcome:
        """Return what the books say."""
        return self._ask("find", charge)

    def cancel(self, charge: Charge) -> Outcome:
        """See to it that what is not paid can no longer be."""
        return self._ask("cancel", charge)

    def refund(self, charge: Charge, amount: Decimal, key: str) -> str:
        """Refuse: nothing is paid back in these tests."""
        raise GatewayFailed("This gateway pays nothing back.")

    def notified(self, request: HttpRequest) -> str | None:
        """Refuse: it sends no webhooks."""
        raise BadSignature("This gateway sends no webhooks.")

    def _ask(self, verb: str, charge: Charge) -> Outcome:
        body = {"key": charge.key, "amount": str(charge.amount), "email": charge.email}
        try:
            found = http.request("POST", f"{PLAN['urls']['gateway']}/{verb}", json=body)
            if not found.is_success:
                raise GatewayFailed(f"The gateway answered {found.status}.")
            return Outcome(found.json()["result"], charge.key)
        except CallFailed as error:
            raise GatewayFailed(str(error)) from None
