"""Money: decimals with a currency, never floats."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from ccx_tenancy.conf import conf
from ccx_tenancy.errors import InvalidInput

#: Currencies without a smaller unit. Those with three decimals are refused by the check of ``PORTAL_CURRENCIES``.
_WHOLE = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"]
)

#: The highest price of one seat in one module.
MOST = Decimal("9999999.99")


def decimals(currency: str) -> int:
    """Return how many decimals an amount of that currency has."""
    return 0 if currency in _WHOLE else 2


def minor_units(amount: Decimal, currency: str) -> int:
    """Return an amount as a whole number of the currency's smallest unit. Raises InvalidInput where it is none."""
    scaled = amount.scaleb(decimals(currency))
    if scaled != scaled.to_integral_value():
        raise InvalidInput(f"{amount} {currency} has more than {decimals(currency)} decimals.")
    return int(scaled)


def most_total(currency: str) -> Decimal:
    """Return the highest total of an order: no gateway charges more at once, and every column holds it."""
    return Decimal(99_999_999).scaleb(-decimals(currency))


def shown(amount: Decimal, currency: str) -> str:
    """Return an amount as people read it: ``"12.50 USD"``."""
    return f"{amount:,.{decimals(currency)}f} {currency}"


def price(text: Any, currency: str) -> Decimal:
    """Return the price in a text such as ``"12.50"``. Raises InvalidInput for what is none, and for a float."""
    if not isinstance(text, str | Decimal):
        raise InvalidInput("price_without_tax must be a string")
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise InvalidInput(f"{str(text)[:40]!r} is no price; allowed is a number such as 12.50.") from None
    if not amount.is_finite() or not 0 <= amount <= MOST:
        raise InvalidInput(f"{str(text)[:40]!r} is no price; allowed is a number from 0 to {MOST}.")
    if amount != amount.quantize(Decimal(1).scaleb(-decimals(currency))):
        raise InvalidInput(f"{amount} has too many decimals; allowed for {currency} are {decimals(currency)}.")
    return abs(amount.quantize(Decimal("0.01")))  # Minus zero is zero.


def currency(text: Any) -> str:
    """Return the currency of that name. Raises InvalidInput where ``PORTAL_CURRENCIES`` does not have it."""
    if text not in conf.portal_currencies:
        allowed = ", ".join(conf.portal_currencies)
        raise InvalidInput(f"{str(text)[:20]!r} is no currency of this portal; allowed are {allowed}.")
    return str(text)
