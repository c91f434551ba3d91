"""A creation that is sent again is not made again."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from ccx_tenancy import api
from ccx_tenancy.membership.api import invitations_of
from ccx_tenancy.rest_api.idempotency import KEPT, LEASE
from ccx_tenancy.rest_api.models import ApiKey, IdempotencyRecord
from tests.rest_api.conftest import Caller

pytestmark = pytest.mark.django_db
GUEST = {"email": "guest@example.com", "organization": "AcmeX"}


def test_the_same_request_again_gets_the_first_answer_and_makes_nothing(people, mailoutbox):
    caller = Caller(people["owner"])
    first = caller.post("invitations/", GUEST, idempotency_key="one")
    again = caller.post("invitations/", GUEST, idempotency_key="one")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert (again["Idempotency-Replayed"], again["Location"]) == ("true", first["Location"])
    assert invitations_of("AcmeX").count() == 1


def test_another_body_under_the_same_key_is_422(people):
    caller = Caller(people["owner"])
    caller.post("invitations/", GUEST, idempotency_key="one")
    answer = caller.post("invitations/", {**GUEST, "role": "staff"}, idempotency_key="one")
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:ccx-tenancy:problem:key-reused")


def test_the_same_key_of_another_caller_is_another_key(people):
    for who, email in (("owner", "a@example.com"), ("admin", "b@example.com")):
        answer = Caller(people[who]).post("invitations/", {**GUEST, "email": email}, idempotency_key="one")
        assert answer.status_code == 201


def test_while_the_first_is_at_work_the_second_is_409_and_takes_over_after_a_while(people):
    caller = Caller(people["owner"])
    caller.post("invitations/", GUEST, idempotency_key="one")
    invitations_of("AcmeX").delete()
    IdempotencyRecord.objects.update(status=None, answer="")  # As a process that died leaves it.
    assert caller.post("invitations/", GUEST, idempotency_key="one").status_code == 409
    IdempotencyRecord.objects.update(claimed=timezone.now() - LEASE - timedelta(seconds=1))
    assert caller.post("invitations/", GUEST, idempotency_key="one").status_code == 201


def test_a_refusal_is_an_answer_too(people):
    caller = Caller(people["owner"])
    answers = [caller.post("invitations/", {**GUEST, "email": "x"}, idempotency_key="one") for _ in range(2)]
    assert [one.status_code for one in answers] == [422, 422]
    assert answers[0].json() == answers[1].json()
    assert answers[1]["Idempotency-Replayed"] == "true"


def test_who_may_not_make_it_any_more_is_not_shown_it_again(people):
    body = {"name": "n", "scopes": ["members:read"]}
    caller, root = Caller(people["owner"]), Caller(people["operator"], host="platform.example.com")
    new_tenant = {"key": "new", "name": "New", "domain": "new.example.com", "organizations": ["NewX"]}
    new_domain, new_name = ({"tenant": "acme", "domain": "d.example.com"}, {"tenant": "acme", "short_name": "NewerX"})
    asked = [
        (caller, "invitations/", GUEST),
        (caller, "keys/", body),
        (root, "tenants/", new_tenant),
        (root, "domains/", new_domain),
        (root, "organizations/", new_name),
    ]
    for who, path, wanted in asked:
        for replayed in (None, "true"):
            answer = who.post(path, wanted, idempotency_key=path)
            assert (answer.status_code, answer.get("Idempotency-Replayed")) == (201, replayed), answer.content
    api.set_role(people["admin"], "AcmeX", "owner")
    api.set_role(people["owner"], "AcmeX", "learner")
    User.objects.filter(pk=people["operator"].pk).update(is_superuser=False)
    api.add_member(people["operator"], "AcmeX", "learner")
    for who, path, wanted in asked:
        answer = who.post(path, wanted, idempotency_key=path)
        assert (answer.status_code, answer.get("Idempotency-Replayed")) == (403, None), answer.content


def test_a_fault_of_ours_may_be_tried_again(people, monkeypatch):
    caller = Caller(people["owner"])
    caller.client.raise_request_exception = False
    with monkeypatch.context() as broken:
        broken.setattr("ccx_tenancy.api.invite", lambda *a, **k: 1 / 0)
        assert caller.post("invitations/", GUEST, idempotency_key="one").status_code == 500
    assert caller.post("invitations/", GUEST, idempotency_key="one").status_code == 201


def test_an_answer_is_forgotten_after_a_day(people):
    caller = Caller(people["owner"])
    caller.post("invitations/", GUEST, idempotency_key="one")
    IdempotencyRecord.objects.update(created=timezone.now() - KEPT - timedelta(seconds=1))
    assert caller.post("invitations/", GUEST, idempotency_key="one").status_code == 409  # It is invited.


def test_a_secret_in_an_answer_is_not_readable_in_the_table(people):
    body = {"name": "n", "scopes": ["members:read"]}
    answers = [Caller(people["owner"]).post("keys/", body, idempotency_key="one").json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert ApiKey.objects.count() == 1
    assert answers[0]["key"].partition(".")[2] not in IdempotencyRecord.objects.get().answer


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_a_key_of_another_form_is_400(people, key):
    assert Caller(people["owner"]).post("invitations/", GUEST, idempotency_key=key).status_code == 400


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="the test's database in memory has one writer")
def test_of_many_at_the_same_moment_one_is_made(people):
    found = []

    def ask():
        try:
            found.append(Caller(people["owner"]).post("invitations/", GUEST, idempotency_key="one").status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) <= {201, 409}
    assert 201 in found
    assert invitations_of("AcmeX").count() == 1
