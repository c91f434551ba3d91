"""Tokens: for one client, for its scopes, until they end; and who has none gets nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone
from oauth2_provider.models import AccessToken

from ccx_tenancy.errors import InvalidInput
from ccx_tenancy.hub import api
from tests.hub.conftest import course

pytestmark = pytest.mark.django_db


def ask(lms, **form):
    account = {"client_id": lms.credentials.client_id, "client_secret": lms.credentials.client_secret}
    return Browser().post("/hub/o/token/", {"grant_type": "client_credentials", **account, **form})


def test_a_token_that_has_ended_opens_nothing(lms):
    AccessToken.objects.update(expires=timezone.now() - timedelta(seconds=1))
    answer = lms.get("api/v1/coursexs/")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'


def test_a_client_that_is_switched_off_gets_no_token_and_its_tokens_open_nothing(lms):
    lms.client.enabled = False
    lms.client.save()
    assert lms.get("api/v1/coursexs/").status_code == 401
    assert ask(lms).status_code == 401


def test_a_scope_that_is_taken_away_is_gone_from_tokens_too(lms):
    lms.client.scopes = "courses:read"
    lms.client.save()
    assert lms.get("api/v1/coursexs/").status_code == 200
    assert lms.post("api/v1/coursexs/", course()).status_code == 403


def test_a_new_secret_ends_the_old_one_and_its_tokens(lms):
    fresh = api.renew_secret(lms.client)
    assert ask(lms).status_code == 401
    assert lms.get("api/v1/").status_code == 401
    assert ask(lms, client_secret=fresh.client_secret).status_code == 200


@pytest.mark.parametrize("grant", ["password", "authorization_code", "refresh_token", "implicit"])
def test_no_other_grant_is_given(lms, grant):
    answer = ask(lms, grant_type=grant, username="a", password="b", code="c", refresh_token="d")
    assert answer.status_code in (400, 401)
    assert AccessToken.objects.count() == 1  # The one of the fixture.


def test_a_client_asks_for_some_of_its_scopes_and_not_for_those_of_others(lms, portal):
    assert ask(lms, scope="courses:read").json()["scope"] == "courses:read"
    assert ask(lms, scope="ccx:write").status_code == 401
    assert ask(lms, scope="courses:read ccx:write").status_code == 401


def test_a_client_without_scopes_gets_no_token(lms):
    lms.client.scopes = ""
    lms.client.save()
    assert ask(lms).status_code in (400, 401)


def test_a_client_id_in_another_case_is_another(lms):
    assert ask(lms, client_id=lms.credentials.client_id.swapcase()).status_code == 401


def test_an_unknown_scope_is_refused_by_name(db):
    with pytest.raises(InvalidInput, match="'everything'; allowed are courses:write"):
        api.create_client("X", scopes=["everything"])


def test_the_status_page_needs_its_token(settings, db):
    browser = Browser()
    assert browser.get("/hub/status/?token=").status_code == 404
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "HUB_STATUS_TOKEN": "test-token"}
    assert browser.get("/hub/status/?token=wrong").status_code == 404
    found = browser.get("/hub/status/?token=test-token")
    assert found.status_code in (200, 503)  # With a broker, or without.
    body = found.json()
    assert {"celery", "redis", "postgresql", "status_all"} <= body.keys()
    assert (body["database"]["status"], body["deliveries"]["waiting"]) == ("up", 0)
