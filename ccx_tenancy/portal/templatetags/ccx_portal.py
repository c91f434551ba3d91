"""What the portal's templates need besides Django's own."""

from __future__ import annotations

from decimal import Decimal

from django import template

from ccx_tenancy.portal import money

register = template.Library()


@register.filter
def amount(value: Decimal, currency: str) -> str:
    """Return an amount with its currency: ``{{ order.total|amount:order.currency }}``."""
    return money.shown(value, currency)
