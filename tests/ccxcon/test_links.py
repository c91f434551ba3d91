"""Mails to instructors with a link to the portal."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import mail
from django.utils import timezone

from ccx_tenancy import api as tenancy
from ccx_tenancy.ccxcon import api, links
from ccx_tenancy.ccxcon.models import LoginLink
from ccx_tenancy.site_config import helpers
from sandbox.courses.custom_courses import publish
from tests.ccxcon.conftest import make_connector, make_course
from tests.ccxcon.test_exports import send_all

pytestmark = pytest.mark.django_db
rows = LoginLink.objects


@pytest.fixture
def connector(hub, acme):
    return make_connector(hub.url, acme, link_secret="shared", portal_url="https://portal.example.com/")


@pytest.fixture
def ada(course, make_user):
    user = make_user("ada")
    tenancy.add_member(user, "AcmeX", "owner")
    return user


def send_links():
    rows.filter(state="waiting").update(due_at=timezone.now())
    return links.send_due()


def token_in(message):
    found = re.search(r"https://\S+", message.body)[0]
    parts = urlsplit(found)
    assert (parts.netloc, parts.path) == ("portal.example.com", "/link/")
    return parse_qs(parts.query)["token"][0]


def opened(token, secret):
    """Return what a token says, checked as a hub checks it."""
    body, signature = token.split(".")
    right = hmac.new(secret.encode(), body.encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64encode(right).rstrip(b"=").decode() == signature
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def test_an_instructor_gets_one_mail_per_connector_with_a_signed_link_that_ends(course, connector, hub, ada):
    publish(course)
    send_all()
    send_links()
    (message,) = mail.outbox
    assert message.to == ["ada@example.com"]
    assert "Portal" in message.subject
    said = opened(token_in(message), "shared")
    assert said["u"] in hub.courses[0]["instructors"]
    assert said["c"] == "lms"
    assert abs(said["x"] - (timezone.now() + timedelta(days=14)).timestamp()) < 300
    assert len(said["n"]) == 32
    publish(course)
    publish(make_course(connector.url, "course-v1:AcmeX+AX2+2026"))
    send_all()
    send_links()
    assert len(mail.outbox) == 1


def test_a_hub_that_did_not_take_the_course_gets_nobody_a_mail(course, hub, ada):
    publish(course)
    hub.answers = [(503, {}, b"")]
    send_all()
    assert not rows.exists()
    send_all()
    assert rows.count() == 1


def test_without_a_link_secret_no_mail_is_sent(course, connector, ada):
    connector.link_secret, connector.portal_url = "", ""
    connector.save()
    publish(course)
    send_all()
    assert not rows.exists()


def test_a_mail_that_fails_is_sent_later_and_holds_the_same_link(course, ada, settings):
    publish(course)
    send_all()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    send_links()
    row = rows.get()
    assert (row.state, row.attempts) == ("waiting", 1)
    assert row.last_error
    nonce = row.nonce
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    send_links()
    assert rows.get().state == "done"
    assert opened(token_in(mail.outbox[0]), "shared")["n"] == nonce


def test_sent_again_it_is_another_link(course, ada):
    publish(course)
    send_all()
    send_links()
    api.send_again(rows.get())
    send_links()
    first, second = (opened(token_in(message), "shared")["n"] for message in mail.outbox)
    assert first != second


def test_a_link_that_ended_before_it_was_sent_is_made_anew(course, ada):
    publish(course)
    send_all()
    rows.update(nonce="old", expires=timezone.now() - timedelta(days=1))
    send_links()
    assert opened(token_in(mail.outbox[0]), "shared")["n"] != "old"


@pytest.mark.parametrize("change", [{"email": ""}, {"is_active": False}])
def test_an_account_without_an_address_or_switched_off_gets_none_and_the_reason_is_kept(course, ada, change):
    publish(course)
    send_all()
    type(ada).objects.filter(pk=ada.pk).update(**change)
    send_links()
    assert mail.outbox == []
    assert (rows.get().state, "not active" in rows.get().last_error) == ("refused", True)


def test_the_mail_comes_from_the_tenant_and_speaks_its_name(course, acme, ada):
    values = {"PLATFORM_NAME": "Acme Academy", "email_from_address": "courses@acme.example.com"}
    helpers.set_site_values("acme.example.com", values)
    publish(course)
    send_all()
    send_links()
    (message,) = mail.outbox
    assert message.from_email == "courses@acme.example.com"
    assert "Acme Academy" in message.body
    assert "Acme Academy" in message.alternatives[0][0]


def test_no_secret_stands_in_a_row_or_a_text(connector):
    raw = str(type(connector).objects.values().get())
    for secret in ("lms secret", "shared"):
        assert secret not in raw
        assert secret not in repr(connector.credentials) + repr(connector) + str(connector.__dict__)
