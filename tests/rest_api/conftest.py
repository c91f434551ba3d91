"""Two tenants, and the people of the first."""

from __future__ import annotations

import json

import pytest
from django.core.cache import cache
from django.test import Client

from ccx_tenancy import api
from ccx_tenancy.membership import api as membership
from tests.people import acme, empty_memory, globex, make_user

__all__ = ["acme", "empty_memory", "globex", "make_user"]

ROOT = "/api/tenancy/v1/"


@pytest.fixture(autouse=True)
def _no_throttle_of_the_test_before():
    cache.clear()
    yield
    cache.clear()


class Caller:
    """Asks the API as somebody, on a host name."""

    def __init__(self, user=None, *, key=None, host="platform.example.com", csrf=False):
        self.client = Client(enforce_csrf_checks=csrf, HTTP_HOST=host)
        if user is not None:
            self.client.force_login(user, "ccx_tenancy.backends.DefaultSiteBackend")
        self.headers = {"Authorization": f"Api-Key {key}"} if key else {}

    def ask(self, method, address, body=None, **headers):
        """Return the answer; ``body`` is sent as JSON, headers are written with underscores."""
        extra = {f"HTTP_{name.upper()}": value for name, value in {**self.headers, **headers}.items()}
        data = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return self.client.generic(method.upper(), f"{ROOT}{address}", **data, **extra)

    def __getattr__(self, method):
        return lambda address, body=None, **headers: self.ask(method, address, body, **headers)


@pytest.fixture
def people(acme, globex, make_user):
    """One account for each role of AcmeX, an owner of GlobexX, somebody who is no member anywhere, an operator."""
    found = {role: make_user(role) for role in membership.ROLES}
    for role, user in found.items():
        api.add_member(user, "AcmeX", role)
    found["stranger"] = make_user("stranger")
    api.add_member(found["stranger"], "GlobexX", "owner")
    found["nobody"] = make_user("nobody")
    found["operator"] = make_user("operator", is_superuser=True)
    return found
