"""Who takes the money: the port, and the words that both sides of it use.

A gateway is asked by a key that was written down before. Asked twice with one key it charges once; and what it knows
of a key can be looked up, so an answer that was lost is never replaced by a second charge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Protocol

from django.http import HttpRequest
from django.utils.module_loading import import_string

from ccx_tenancy.conf import conf
from ccx_tenancy.errors import TenancyError

#: What became of a charge. ``OPEN``: the buyer is not through. ``NONE``: the gateway knows nothing of it.
PAID, DECLINED, OPEN, NONE = "paid", "declined", "open", "none"


class GatewayFailed(TenancyError):
    """No usable answer came. Whether the gateway charged is not known; it is looked up later."""


class NoGateway(TenancyError):
    """``PORTAL_GATEWAY`` names none."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What to charge: ``key`` makes it the same charge however often it is asked for."""

    key: str
    amount: Decimal
    currency: str
    description: str
    email: str
    #: Where the buyer's browser comes back to from a page of the gateway.
    return_url: str
    #: What the gateway called it, once it has answered.
    charge_id: str = ""
    #: How old it is, in seconds.
    age: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a charge; ``page`` is the gateway's own where the buyer pays."""

    result: str
    charge_id: str = ""
    page: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """A way to pay that the checkout page offers: the ``token`` that is sent, and its words."""

    token: str
    label: str


class PaymentGateway(Protocol):
    """What the portal asks of who takes the money. Every method raises GatewayFailed where no usable answer came."""

    name: str

    def choices(self) -> Sequence[Choice]:
        """Return the ways to pay on our page. None: the buyer pays on a page of the gateway."""

    def form_targets(self) -> Sequence[str]:
        """Return the origins of the gateway's pages, which our pages may lead to."""

    def pay(self, charge: Charge, token: str) -> Outcome:
        """Charge, or open the page where the buyer pays (``token`` empty)."""

    def find(self, charge: Charge) -> Outcome:
        """Return what became of a charge."""

    def cancel(self, charge: Charge) -> Outcome:
        """Make sure that what is not paid can no longer be, also by a :meth:`pay` with this key that comes later;
        return what became of it."""

    def refund(self, charge: Charge, amount: Decimal, key: str) -> str:
        """Pay an amount back, once for each key, and return what the gateway calls it."""

    def notified(self, request: HttpRequest) -> str | None:
        """Return the key of the charge that a webhook of the gateway is about. Raises BadSignature."""


@lru_cache(maxsize=4)
def _made(path: str) -> PaymentGateway:
    made: PaymentGateway = import_string(path)()
    return made


def gateway() -> PaymentGateway:
    """Return the gateway of the settings. Raises NoGateway where there is none."""
    path = conf.portal_gateway
    if not path:
        raise NoGateway("CCX_TENANCY['PORTAL_GATEWAY'] is empty, so nothing that costs can be ordered.")
    return _made(path)
