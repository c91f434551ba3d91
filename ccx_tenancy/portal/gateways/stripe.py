"""Stripe, by its own library: the buyer pays on a page of Stripe, and no card is seen here.

The order's key is the idempotency key of every call, and stands in the metadata, where it is found again. A token of a
card (``tok_...``), as the API's checkout may send one, is charged by a PaymentIntent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import stripe
from django.http import HttpRequest
from django.utils.translation import gettext as _

from ccx_tenancy.conf import conf
from ccx_tenancy.outgoing.errors import BadSignature
from ccx_tenancy.portal import money
from ccx_tenancy.portal.gateways import DECLINED, NONE, OPEN, PAID, Charge, Choice, GatewayFailed, Outcome

#: What is written becomes searchable at Stripe within a minute; until then "nothing found" says nothing.
SEARCHABLE_SECONDS = 300.0
_KEY = "order_key"


class StripeGateway:
    """Takes money by Stripe. See :class:`ccx_tenancy.portal.gateways.PaymentGateway`."""

    name = "stripe"

    def __init__(self, address: str = "https://api.stripe.com") -> None:
        self._address = address

    def choices(self) -> Sequence[Choice]:
        """Return none: cards are typed at Stripe only."""
        return []

    def form_targets(self) -> Sequence[str]:
        """Return where Stripe's page is."""
        return ["https://checkout.stripe.com"]

    def pay(self, charge: Charge, token: str) -> Outcome:
        """Open Stripe's page, or charge a card's token."""
        amount = money.minor_units(charge.amount, charge.currency)
        client, options = self._client(), {"idempotency_key": charge.key}
        shared = {"metadata": {_KEY: charge.key}}
        if token:
            params: dict[str, Any] = {
                "amount": amount,
                "currency": charge.currency.lower(),
                "description": charge.description,
                "receipt_email": charge.email,
                "confirm": True,
                "payment_method_data": {"type": "card", "card": {"token": token}},
                "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                **shared,
            }
            return _intent(_asked(lambda: client.v1.payment_intents.create(params, options)))  # type: ignore[arg-type]
        item = {
            "quantity": 1,
            "price_data": {
                "currency": charge.currency.lower(),
                "unit_amount": amount,
                "product_data": {"name": charge.description},
            },
        }
        params = {
            "mode": "payment",
            "line_items": [item],
            "customer_email": charge.email,
            "client_reference_id": charge.key,
            "payment_intent_data": shared,
            "success_url": charge.return_url,
            "cancel_url": charge.return_url,
            **shared,
        }
        return _session(_asked(lambda: client.v1.checkout.sessions.create(params, options)))  # type: ignore[arg-type]

    def find(self, charge: Charge) -> Outcome:
        """Return what Stripe says of the page or the charge; one whose answer was lost is searched by its key."""
        client = self._client()
        if charge.charge_id.startswith("cs_"):
            return _session(_asked(lambda: client.v1.checkout.sessions.retrieve(charge.charge_id)))
        if charge.charge_id:
            return _intent(_asked(lambda: client.v1.payment_intents.retrieve(charge.charge_id)))
        query = {"query": f"metadata['{_KEY}']:'{charge.key}'"}
        found = _asked(lambda: client.v1.payment_intents.search(query))  # type: ignore[arg-type]
        outcomes = [_intent(one) for one in getattr(found, "data", ())]
        for outcome in outcomes:
            if outcome.result == PAID:
                return outcome
        if outcomes:
            return outcomes[0]
        # A page of which nobody was told can be paid by nobody.
        return Outcome(NONE if charge.age >= SEARCHABLE_SECONDS else OPEN)

    def cancel(self, charge: Charge) -> Outcome:
        """Close the page, or the charge that waits for the buyer.

        Of a charge that nobody was told of, the key is used up: a charge that has no card is made under it, and closed.
        Stripe refuses every later call with that key.
        """
        client = self._client()
        if not charge.charge_id:
            return self._use_up(client, charge)
        try:
            if charge.charge_id.startswith("cs_"):
                client.v1.checkout.sessions.expire(charge.charge_id)
            elif charge.charge_id:
                client.v1.payment_intents.cancel(charge.charge_id)
        except stripe.InvalidRequestError:
            pass  # It is not open any more: what it is instead is asked next.
        except stripe.StripeError as error:
            raise _failed(error) from None
        return self.find(charge)

    def _use_up(self, client: stripe.StripeClient, charge: Charge) -> Outcome:
        params: Any = {
            "amount": money.minor_units(charge.amount, charge.currency),
            "currency": charge.currency.lower(),
            "metadata": {_KEY: charge.key},
        }
        try:
            made = client.v1.payment_intents.create(params, {"idempotency_key": charge.key})
            client.v1.payment_intents.cancel(made.id)
        except (stripe.IdempotencyError, stripe.InvalidRequestError):
            # The key was used before us: what came of that is what counts.
            return self.find(charge)
        except stripe.StripeError as error:
            raise _failed(error) from None
        return Outcome(NONE)

    def refund(self, charge: Charge, amount: Decimal, key: str) -> str:
        """Pay an amount back."""
        client = self._client()
        intent = charge.charge_id
        if intent.startswith("cs_"):
            session = _asked(lambda: client.v1.checkout.sessions.retrieve(intent))
            intent = str(getattr(session, "payment_intent", "") or "")
        params: Any = {"payment_intent": intent, "amount": money.minor_units(amount, charge.currency)}
        return str(_asked(lambda: client.v1.refunds.create(params, {"idempotency_key": key})).id)

    def notified(self, request: HttpRequest) -> str | None:
        """Return the key in a webhook's object. Only that there is news is believed; what news, is asked for."""
        secret = conf.portal_stripe_webhook_secret
        if not secret:
            raise BadSignature("CCX_TENANCY['PORTAL_STRIPE_WEBHOOK_SECRET'] is empty.")
        try:
            event = stripe.Webhook.construct_event(request.body, request.headers.get("Stripe-Signature", ""), secret)
        except (ValueError, stripe.SignatureVerificationError) as error:
            raise BadSignature(f"The webhook is not signed by Stripe: {type(error).__name__}.") from None
        metadata = getattr(event.data.object, "metadata", None)
        key = getattr(metadata, _KEY, None)
        return key if isinstance(key, str) else None

    def _client(self) -> stripe.StripeClient:
        if not conf.portal_stripe_key:
            raise GatewayFailed("CCX_TENANCY['PORTAL_STRIPE_KEY'] is empty.")
        return stripe.StripeClient(
            conf.portal_stripe_key,
            base_addresses={"api": self._address},
            http_client=stripe.RequestsClient(timeout=conf.outgoing_timeout),
            max_network_retries=0,
        )


def _asked(call: Callable[[], Any]) -> Any:
    """Return what Stripe answered; a declined card's charge is an answer. Raises GatewayFailed."""
    try:
        return call()
    except stripe.CardError as error:
        return error
    except stripe.StripeError as error:
        raise _failed(error) from None


def _failed(error: stripe.StripeError) -> GatewayFailed:
    return GatewayFailed(f"Stripe did not answer as it should: {type(error).__name__} (status {error.http_status}).")


def _session(session: Any) -> Outcome:
    if session.payment_status in ("paid", "no_payment_required"):
        return Outcome(PAID, session.id)
    if session.status == "expired":
        return Outcome(NONE, session.id)
    return Outcome(OPEN, session.id, page=session.url or "")


def _intent(intent: Any) -> Outcome:
    if isinstance(intent, stripe.CardError):
        return Outcome(DECLINED, reason=intent.user_message or _("The card was declined."))
    if intent.status == "succeeded":
        return Outcome(PAID, intent.id)
    if intent.status == "processing":
        return Outcome(OPEN, intent.id)
    if intent.status == "canceled":
        return Outcome(NONE, intent.id)
    return Outcome(DECLINED, intent.id, reason=_("The card asks for more than a token: pay on the page instead."))
