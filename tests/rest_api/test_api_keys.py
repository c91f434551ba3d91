"""API keys: made by an owner, shown once, good in one tenant, for their scopes, and as long as their maker is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from ccx_tenancy import api
from ccx_tenancy.audit import api as audit
from ccx_tenancy.rest_api.models import ApiKey
from tests.rest_api.conftest import Caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(people):
    body = {"name": "sync", "scopes": ["members:read", "members:write", "tenants:read"]}
    return Caller(people["owner"]).post("keys/", body).json()


def test_a_key_is_shown_once_and_only_its_hash_is_kept(made, people):
    row = ApiKey.objects.get()
    prefix, _, secret = made["key"].partition(".")
    assert row.prefix == prefix
    assert secret not in str(vars(row))
    assert "key" not in Caller(people["owner"]).get(f"keys/{row.pk}/").json()


def test_making_and_revoking_a_key_stand_in_the_record_without_its_secret(made, people):
    assert Caller(people["owner"]).delete(f"keys/{made['id']}/").status_code == 204
    found = list(audit.entries(tenant_key="acme").filter(action__startswith="api_key.")[:2])
    assert [(one.action, one.actor, one.target) for one in found] == [
        ("api_key.revoke", "owner", made["prefix"]),
        ("api_key.make", "owner", made["prefix"]),
    ]
    assert made["key"].partition(".")[2] not in str([one.after for one in found])


def test_a_key_that_is_revoked_twice_is_a_conflict(made, people):
    caller = Caller(people["owner"])
    assert [caller.delete(f"keys/{made['id']}/").status_code for _ in range(2)] == [204, 409]


@pytest.mark.parametrize("change", [{"revoked": timezone.now()}, {"expires": timezone.now() - timedelta(seconds=1)}])
def test_a_key_that_is_revoked_or_expired_is_401(made, change):
    assert Caller(key=made["key"]).get("me/").status_code == 200
    ApiKey.objects.update(**change)
    answer = Caller(key=made["key"]).get("me/")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Api-Key")


@pytest.mark.parametrize("wrong", ["", "x", "x.y", ".", "{prefix}.", "{prefix}.wrong", "{key}x", "{key}\xff"])
def test_what_is_no_key_is_401_whatever_is_wrong_with_it(made, wrong):
    text = wrong.format(prefix=made["prefix"], key=made["key"])
    answer = Caller().get("me/", authorization=f"Api-Key {text}")
    assert answer.status_code == 401
    assert answer.json()["detail"] == "The API key is not good here: unknown, expired or revoked."


def test_a_key_ends_with_the_role_of_its_maker(made, people):
    api.add_member(people["admin"], "AcmeLabs", "owner")
    api.set_role(people["admin"], "AcmeX", "owner")
    assert Caller(key=made["key"]).get("members/").status_code == 200
    api.set_role(people["owner"], "AcmeX", "admin")
    assert Caller(key=made["key"]).get("members/").status_code == 401


def test_a_key_is_nothing_on_the_host_of_another_tenant(made):
    assert Caller(key=made["key"], host="acme.example.com").get("members/").status_code == 200
    assert Caller(key=made["key"], host="globex.example.com").get("members/").status_code == 401


def test_a_key_of_a_suspended_tenant_is_401(made):
    api.suspend_tenant("acme")
    assert Caller(key=made["key"]).get("me/").status_code == 401


def test_an_operators_key_is_no_operator(people, acme, globex):
    made = Caller(people["operator"]).post("keys/", {"tenant": "acme", "name": "n", "scopes": ["tenants:read"]}).json()
    found = Caller(key=made["key"]).get("tenants/").json()["results"]
    assert [one["key"] for one in found] == ["acme"]
    assert Caller(key=made["key"]).get("tenants/globex/").status_code == 404


def test_a_change_by_a_key_names_its_maker_and_the_key(made, people, make_user):
    row = Caller(key=made["key"]).get("members/?search=learner").json()["results"][0]
    assert Caller(key=made["key"]).patch(f"members/{row['id']}/", {"role": "staff"}).status_code == 200
    entry = audit.entries(tenant_key="acme")[0]
    assert (entry.actor, entry.request_id) == ("owner", f"api-key:{made['prefix']}")
    assert audit.current_request_id() == ""


def test_the_last_use_is_written_down_once_a_minute(made):
    assert ApiKey.objects.get().last_used is None
    Caller(key=made["key"]).get("me/")
    first = ApiKey.objects.get().last_used
    assert first is not None
    Caller(key=made["key"]).get("me/")
    assert ApiKey.objects.get().last_used == first


def test_each_key_is_throttled_for_itself(made, people, settings):
    settings.CCX_TENANCY = {"API_KEY_RATE": "2/minute"}
    other = Caller(people["owner"]).post("keys/", {"name": "n", "scopes": ["tenants:read"]}).json()
    assert [Caller(key=made["key"]).get("me/").status_code for _ in range(3)] == [200, 200, 429]
    answer = Caller(key=made["key"]).get("me/")
    assert int(answer["Retry-After"]) > 0
    assert answer["Content-Type"] == "application/problem+json"
    assert Caller(key=other["key"]).get("me/").status_code == 200
    assert [Caller(people["owner"]).get("me/").status_code for _ in range(3)] == [200] * 3


def test_what_a_key_may_not_be_is_said_with_its_place(people):
    body = {"name": "n", "scopes": ["audit:write"], "expires": "2000-01-01T00:00:00Z"}
    answer = Caller(people["owner"]).post("keys/", body)
    assert answer.status_code == 422
    assert [one["path"].split("[")[0] for one in answer.json()["errors"]] == ["scopes"]
    answer = Caller(people["owner"]).post("keys/", {**body, "scopes": ["audit:read"]})
    assert (answer.status_code, [one["path"] for one in answer.json()["errors"]]) == (422, ["expires"])
