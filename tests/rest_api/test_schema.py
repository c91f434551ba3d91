"""The OpenAPI schema: valid, whole, and kept to, whatever comes in."""

from __future__ import annotations

import contextlib

import hypothesis
import hypothesis.errors
import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from schemathesis import GenerationMode, checks

from ccx_tenancy.rest_api import keys as api_keys
from ccx_tenancy.rest_api.v1 import urls
from tests.rest_api.conftest import ROOT, Caller
from tests.rest_api.requests import REQUESTS

checks.load_all_checks()
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
EXAMPLES = 8

pytestmark = pytest.mark.django_db


@pytest.fixture
def document(db):
    return Caller().get("schema/").json()


def test_the_schema_has_every_operation_but_itself(document):
    found = {f"{method}_{route}" for route, method in REQUESTS if route != "schema"}
    assert {one["operationId"] for path in document["paths"].values() for one in path.values()} == found


def test_without_drf_spectacular_there_is_no_schema(db, monkeypatch):
    monkeypatch.setattr(urls, "find_spec", lambda name: None)
    answer = Caller().get("schema/")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def headers_of(kind, people, acme):
    """Return the headers with which an operator's session, or a key of the tenant, asks."""
    if kind == "key":
        key = api_keys.make_key(acme, name="k", scopes=api_keys.SCOPES, by=people["owner"])
        return {"Authorization": f"Api-Key {key.secret}"}
    client = Client()
    client.force_login(people["operator"], "ccx_tenancy.backends.DefaultSiteBackend")
    token = "a" * 32
    return {"Cookie": f"sessionid={client.cookies['sessionid'].value}; csrftoken={token}", "X-CSRFToken": token}


@pytest.fixture
def application():
    """The project as a WSGI application that leaves the connection of the test alone, as Django's test client does.

    At the beginning and the end of a request Django closes a connection that is not as its settings say, and one
    inside of a test's transaction never is.
    """
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield WSGIHandler()
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
@pytest.mark.parametrize("kind", ["operator", "key"])
def test_whatever_comes_in_the_answer_is_documented_and_no_fault_of_ours(
    application, kind, mode, people, acme, settings
):
    settings.CCX_TENANCY = {"API_KEY_RATE": "1000000/minute"}
    headers = {"Host": "platform.example.com", **headers_of(kind, people, acme)}
    schema = schemathesis.openapi.from_wsgi(f"{ROOT}schema/", application, headers=headers)
    for found in schema.get_all_operations():

        @hypothesis.settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(found.ok().as_strategy(generation_mode=mode))
        def ask(case):
            case.call_and_validate(headers=headers, checks=CHECKS)

        with contextlib.suppress(hypothesis.errors.Unsatisfiable):  # What takes nothing takes nothing wrong.
            ask()
