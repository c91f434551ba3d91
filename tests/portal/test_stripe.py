"""Stripe's own library against a server on loopback that answers as Stripe does."""

import hashlib
import hmac
import json
import time
from decimal import Decimal
from urllib.parse import parse_qs

import pytest
from django.test import RequestFactory

from ccx_tenancy.outgoing.errors import BadSignature
from ccx_tenancy.portal.gateways import DECLINED, NONE, OPEN, PAID, Charge, GatewayFailed
from tests.outgoing.servers import serving

stripe_gateway = pytest.importorskip("ccx_tenancy.portal.gateways.stripe")

SESSION = {
    "id": "cs_1",
    "object": "checkout.session",
    "status": "open",
    "payment_status": "unpaid",
    "url": "https://c/1",
}
INTENT = {"id": "pi_1", "object": "payment_intent", "status": "succeeded"}
DECLINE = {"error": {"type": "card_error", "code": "card_declined", "message": "Your card was declined."}}


@pytest.fixture
def stripe(settings):
    """A gateway, and what its server answers by path; the server's requests are kept."""
    settings.CCX_TENANCY = {
        **settings.CCX_TENANCY,
        "PORTAL_STRIPE_KEY": "sk_test_1",
        "PORTAL_STRIPE_WEBHOOK_SECRET": "whsec_1",
    }
    answers = {}

    def reply(request):
        status, body = answers[request.path.partition("?")[0]]
        return status, {"Content-Type": "application/json"}, json.dumps(body).encode()

    with serving(reply) as server:
        server.answers = answers
        server.gateway = stripe_gateway.StripeGateway(server.url)
        yield server


def charge(**fields):
    values = {"key": "k" * 32, "amount": Decimal("200.00"), "currency": "USD", "description": "Order"}
    return Charge(
        **{**values, "email": "b@example.com", "return_url": "https://portal.example.com/orders/1/", **fields}
    )


def test_a_page_is_opened_with_the_orders_key_and_found_again(stripe):
    stripe.answers["/v1/checkout/sessions"] = (200, SESSION)
    outcome = stripe.gateway.pay(charge(), "")
    assert (outcome.result, outcome.charge_id, outcome.page) == (OPEN, "cs_1", "https://c/1")
    sent = stripe.received[0]
    form = parse_qs(sent.body.decode())
    assert sent.headers["Idempotency-Key"] == "k" * 32
    assert form["line_items[0][price_data][unit_amount]"] == ["20000"]
    assert form["metadata[order_key]"] == form["payment_intent_data[metadata][order_key]"] == ["k" * 32]
    for state, result in (("paid", PAID), ("unpaid", OPEN)):
        stripe.answers["/v1/checkout/sessions/cs_1"] = (200, {**SESSION, "payment_status": state})
        assert stripe.gateway.find(charge(charge_id="cs_1")).result == result


def test_a_token_is_charged_and_a_declined_card_is_an_answer(stripe):
    stripe.answers["/v1/payment_intents"] = (200, INTENT)
    assert stripe.gateway.pay(charge(currency="JPY"), "tok_visa").result == PAID
    assert parse_qs(stripe.received[0].body.decode())["amount"] == ["200"]
    stripe.answers["/v1/payment_intents"] = (402, DECLINE)
    outcome = stripe.gateway.pay(charge(), "tok_visa")
    assert (outcome.result, outcome.reason) == (DECLINED, "Your card was declined.")


def test_a_lost_answer_is_searched_and_believed_missing_only_after_a_while(stripe):
    stripe.answers["/v1/payment_intents"] = (500, {"error": {"type": "api_error", "message": "x"}})
    with pytest.raises(GatewayFailed):
        stripe.gateway.pay(charge(), "tok_visa")
    found = {"object": "search_result", "url": "/v1/payment_intents/search", "has_more": False, "data": []}
    stripe.answers["/v1/payment_intents/search"] = (200, found)
    assert stripe.gateway.find(charge(age=10)).result == OPEN
    assert stripe.gateway.find(charge(age=400)).result == NONE
    stripe.answers["/v1/payment_intents/search"] = (200, {**found, "data": [INTENT]})
    assert stripe.gateway.find(charge()).result == PAID


def test_a_refund_has_its_key_and_goes_to_the_pages_charge(stripe):
    stripe.answers["/v1/checkout/sessions/cs_1"] = (200, {**SESSION, "payment_intent": "pi_1"})
    stripe.answers["/v1/refunds"] = (200, {"id": "re_1", "object": "refund"})
    assert stripe.gateway.refund(charge(charge_id="cs_1"), Decimal("5.50"), "r" * 32) == "re_1"
    sent = stripe.received[-1]
    assert sent.headers["Idempotency-Key"] == "r" * 32
    assert parse_qs(sent.body.decode()) == {"payment_intent": ["pi_1"], "amount": ["550"]}


def test_a_closed_page_can_no_longer_be_paid(stripe):
    stripe.answers["/v1/checkout/sessions/cs_1/expire"] = (200, {**SESSION, "status": "expired"})
    stripe.answers["/v1/checkout/sessions/cs_1"] = (200, {**SESSION, "status": "expired"})
    assert stripe.gateway.cancel(charge(charge_id="cs_1")).result == NONE


def test_the_key_of_a_charge_that_nobody_knows_of_is_used_up_and_a_later_charge_is_refused(stripe):
    open_intent = {**INTENT, "status": "requires_payment_method"}
    stripe.answers["/v1/payment_intents"] = (200, open_intent)
    stripe.answers["/v1/payment_intents/pi_1/cancel"] = (200, {**INTENT, "status": "canceled"})
    for _ in range(2):
        assert stripe.gateway.cancel(charge(age=400)).result == NONE
    made, closed = stripe.received[:2]
    assert made.headers["Idempotency-Key"] == "k" * 32
    form = parse_qs(made.body.decode())
    assert "confirm" not in form and form["metadata[order_key]"] == ["k" * 32]
    assert closed.path == "/v1/payment_intents/pi_1/cancel"
    # Stripe keeps a key for what it was first used for.
    reused = {"error": {"type": "idempotency_error", "message": "Keys can only be used with the same parameters."}}
    stripe.answers["/v1/payment_intents"] = (400, reused)
    with pytest.raises(GatewayFailed):
        stripe.gateway.pay(charge(), "tok_visa")


def test_a_charge_that_was_faster_than_its_cancellation_is_found(stripe):
    reused = {"error": {"type": "idempotency_error", "message": "Keys can only be used with the same parameters."}}
    stripe.answers["/v1/payment_intents"] = (400, reused)
    found = {"object": "search_result", "url": "/v1/payment_intents/search", "has_more": False, "data": [INTENT]}
    stripe.answers["/v1/payment_intents/search"] = (200, found)
    outcome = stripe.gateway.cancel(charge(age=400))
    assert (outcome.result, outcome.charge_id) == (PAID, "pi_1")


def webhook(secret="whsec_1", moment=None):
    moment = int(moment or time.time())
    body = json.dumps(
        {"id": "evt_1", "object": "event", "type": "x", "data": {"object": {**SESSION, "metadata": {"order_key": "k"}}}}
    )
    digest = hmac.new(secret.encode(), f"{moment}.{body}".encode(), hashlib.sha256).hexdigest()
    headers = {"HTTP_STRIPE_SIGNATURE": f"t={moment},v1={digest}"}
    return RequestFactory().post("/gateway/notify/", body, content_type="application/json", **headers)


def test_a_webhook_is_signed_and_new(stripe, settings):
    assert stripe.gateway.notified(webhook()) == "k"
    for wrong in (webhook("another"), webhook(moment=time.time() - 900)):
        with pytest.raises(BadSignature):
            stripe.gateway.notified(wrong)
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "PORTAL_STRIPE_WEBHOOK_SECRET": ""}
    with pytest.raises(BadSignature, match="empty"):
        stripe.gateway.notified(webhook(""))
