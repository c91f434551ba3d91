"""``manage.py hub``."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from oauth2_provider.models import get_access_token_model

from ccx_tenancy.hub.models import Attempt, BackingInstance, Client, Delivery, Event, Receiver
from tests.hub.conftest import deliver, full

pytestmark = pytest.mark.django_db


def run(*arguments):
    out = StringIO()
    call_command("hub", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_a_client_of_a_new_lms_is_made_and_its_credentials_are_shown_once(db):
    shown = dict(line.split() for line in run("client", "LMS", "--lms", "http://127.0.0.1:8078/").splitlines())
    client = Client.objects.get()
    assert shown.keys() == {"client_id", "client_secret", "link_secret"}
    assert client.application.client_id == shown["client_id"]
    assert client.scope_list == ["courses:write", "courses:read"]
    assert client.instance.instance_url == "http://127.0.0.1:8078"
    assert client.instance.link_secret.open() == shown["link_secret"]
    with pytest.raises(CommandError, match="--renew"):
        run("client", "LMS")
    again = run("client", "LMS", "--renew")
    assert shown["client_secret"] not in again
    with pytest.raises(CommandError, match="no client 'Nobody'"):
        run("client", "Nobody", "--renew")


def test_an_lms_at_an_address_that_may_not_be_called_is_refused(settings, db):
    settings.CCX_TENANCY = {}
    with pytest.raises(CommandError, match="not public"):
        run("client", "LMS", "--lms", "https://10.0.0.1")
    assert BackingInstance.objects.count() == Client.objects.count() == 0


def test_a_receiver_is_made_and_told_of_everything(inbox, lms, portal):
    lms.push(full())
    url = f"{inbox.server.url}/hook/"
    shown = run("receiver", "Portal's", "--url", url, "--everything", "--client", "Portal")
    assert Receiver.objects.get().secret.open() == shown.split()[1]
    assert Receiver.objects.get().client == portal.client
    assert run("work", "--once") == "Tried 3 deliveries and 0 pulls of modules.\n"
    assert len(inbox.received) == 3


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["receiver", "R", "--url", "http://127.0.0.1/"], "--lms ADDRESS, or --everything"),
        (["receiver", "R", "--url", "http://127.0.0.1/", "--lms", "http://127.0.0.1:1"], "no LMS"),
        (["receiver", "R", "--url", "http://127.0.0.1/", "--everything", "--client", "X"], "no client 'X'"),
        (["receiver", "R", "--url", "ftp://127.0.0.1/", "--everything"], "scheme"),
        (["work", "--threads", "0"], "from 1 to 500"),
        (["replay", "--receiver", "X"], "no enabled receiver"),
        (["replay", "--course", "X"], "no course"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(db, arguments, reason):
    with pytest.raises(CommandError, match=reason):
        run(*arguments)


def test_what_was_refused_is_sent_again_and_everything_where_that_is_asked_for(inbox, receiver, lms):
    inbox.answer = lambda request: (400, {}, b"")
    created = lms.push(full())
    run("work", "--once")
    assert json.loads(run("status", "--format", "json"))["refused"] == 3
    assert "refused" in run("status")
    inbox.answer = lambda request: (200, {}, b"")
    assert run("replay", "--dry-run") == "Would send 3.\n"
    run("replay", "--receiver", "receiver", "--course", created["uuid"])
    run("work", "--once")
    assert json.loads(run("status", "--format", "json"))["refused"] == 0
    assert {one["payload"]["external_pk"] for one in inbox.messages[3:]} == {
        one["payload"]["external_pk"] for one in inbox.messages[:3]
    }
    assert run("replay", "--all", "--dry-run") == "Would send 3.\n"
    assert run("replay", "--all") == "Due now: 3.\n"
    assert Delivery.objects.filter(state="waiting").count() == 3


def test_what_was_made_long_ago_is_pruned_and_what_waits_or_was_refused_is_not(lms, receiver, inbox):
    old = timezone.now() - timedelta(days=31)
    lms.push(full())
    deliver()
    inbox.answer = lambda request: (400, {}, b"no")
    lms.push(full(2, title="Refused"))
    deliver()
    lms.push({**full(), "course_id": "course-v1:PeerX+P102+2026"})
    Delivery.objects.update(modified=old)
    Event.objects.update(created=old)
    kept = set(Delivery.objects.exclude(state="done").values_list("pk", flat=True))
    assert set(Delivery.objects.filter(pk__in=kept).values_list("state", flat=True)) == {"waiting", "refused"}
    before = (Delivery.objects.count(), Event.objects.count(), Attempt.objects.count())
    assert run("prune", "--older-than", "30", "--dry-run") == "Would delete 3 deliveries, 3 events, 0 tokens.\n"
    assert (Delivery.objects.count(), Event.objects.count(), Attempt.objects.count()) == before
    assert run("prune", "--older-than", "40").startswith("Deleted 0 deliveries")
    assert run("prune", "--older-than", "30") == "Deleted 3 deliveries, 3 events, 0 tokens.\n"
    assert set(Delivery.objects.values_list("pk", flat=True)) == kept
    assert set(Event.objects.values_list("pk", flat=True)) == set(Delivery.objects.values_list("event", flat=True))
    # The numbering goes on, and what is left goes out.
    inbox.answer = lambda request: (200, {}, b"")
    lms.push(full(3, title="Later"))
    deliver()
    assert inbox.told()[-1][2] == "Later" or ("Course", "update", "Later") in inbox.told()
    assert not Delivery.objects.filter(state="waiting").exists()


def test_an_age_that_is_none_prunes_nothing(db):
    for days in ("0", "-1", "99999999"):
        with pytest.raises(CommandError, match="no age"):
            run("prune", "--older-than", days)


def test_tokens_that_ended_long_ago_are_pruned(lms, portal):
    tokens = get_access_token_model().objects
    tokens.filter(application=lms.client.application).update(expires=timezone.now() - timedelta(days=91))
    assert run("prune") == "Deleted 0 deliveries, 0 events, 1 tokens.\n"
    assert portal.get("api/v1/").status_code == 200
