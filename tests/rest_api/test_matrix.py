"""Who may do what: each cell of the matrix is one request."""

from __future__ import annotations

import contextlib
import json

import pytest
from django.contrib.sites.models import Site
from django.db import transaction
from django.urls import URLPattern

from ccx_tenancy import api
from ccx_tenancy.membership import api as membership
from ccx_tenancy.rest_api import keys as api_keys
from ccx_tenancy.rest_api.v1 import urls
from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.tenants import api as tenants
from ccx_tenancy.tenants import revisions
from tests.rest_api.conftest import Caller
from tests.rest_api.matrix import ACTORS, MATRIX
from tests.rest_api.requests import REQUESTS

#: Addresses that are no operations: every other address, which is 404 for everybody.
NO_OPERATION = {"nothing"}
#: Whose own thing is not there: one that never was.
MISSING = {
    "tenant": "missing",
    "domain": "missing.example.com",
    "site": "missing.example.com",
    "organization": "MissingX",
    "person": "missing",
    "member": "999999",
    "invitation": "999999",
    "key": "999999",
}


ROWS = [line.split() for line in MATRIX.strip().splitlines()]


def things(tenant, organization, extra_organization, person, owner):
    """Return the things of a tenant by the names that the requests have for them."""
    second = tenants.add_domain(tenant, f"second.{tenant.key}.example.com")
    row = api.add_member(person, organization, "learner")
    site = f"{tenant.key}.example.com"
    site_config.set_site_values(site, {"PLATFORM_NAME": "First"})
    site_config.set_site_values(site, {"PLATFORM_NAME": "Second"})
    key = api_keys.make_key(tenant, name="k", scopes=["audit:read"], by=owner)
    return {
        "tenant": tenant.key,
        "domain": second.domain,
        "site": site,
        "organization": extra_organization,
        "person": person.username,
        "member": str(row.pk),
        "invitation": str(api.invite(f"guest@{site}", organization, "learner", invited_by=None).pk),
        "key": str(key.pk),
    }


@pytest.fixture
def world(people, acme, globex, make_user):
    """Return the things of both tenants, and the callers."""
    tenants.add_organization(globex, "GlobexLabs")
    for role in ("learner", "staff", "author", "admin", "owner"):
        api.add_member(people[role], "AcmeLabs", role)
    owned = {
        "own": things(acme, "AcmeX", "AcmeLabs", make_user("ada"), people["owner"]),
        "foreign": things(globex, "GlobexX", "GlobexLabs", make_user("gus"), people["stranger"]),
        "missing": MISSING,
    }
    by_owner = {"tenant": acme, "by": people["owner"]}
    callers = {name: Caller(user) for name, user in people.items()}
    callers["anonymous"] = Caller()
    callers["key"] = Caller(key=api_keys.make_key(name="k", scopes=api_keys.SCOPES, **by_owner).secret)
    callers["reader"] = Caller(key=api_keys.make_key(name="r", scopes=["members:read"], **by_owner).secret)
    people = {**people, "key": people["owner"], "reader": people["owner"]}
    return owned, callers, people


class Undo(Exception):
    """Ends a transaction without a trace."""


def answers(world, route, method, target):
    """Return the status that each actor gets, each in the same world."""
    found = []
    for actor in ACTORS:
        with contextlib.suppress(Undo), transaction.atomic():
            found.append(ask(world, route, method, target, actor).status_code)
            raise Undo
        revisions.forget()
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("row", ROWS, ids=[" ".join(row[:3]) for row in ROWS])
def test_each_row_of_the_matrix_is_answered_as_it_says(world, row):
    route, method, target, *expected = row
    found = answers(world, route, method, target)
    assert dict(zip(ACTORS, found, strict=True)) == dict(zip(ACTORS, map(int, expected), strict=True))


@pytest.mark.django_db
@pytest.mark.parametrize(("host", "target"), [("globex.example.com", "own"), ("acme.example.com", "foreign")])
def test_on_a_tenants_host_nobody_reaches_what_is_another_tenants(world, host, target):
    _, callers, _ = world
    for caller in callers.values():
        caller.client.defaults["HTTP_HOST"] = host
    before = {name: _state(name) for name in ("acme", "globex")}
    for (route, method), (address, body) in REQUESTS.items():
        if "{" in address or "{" in json.dumps(body or "").replace('{"', "").replace("{}", ""):
            for actor in ACTORS:
                status = ask(world, route, method, target, actor, drafts=False).status_code
                assert status in (401, 403, 404), (route, method, actor, status)
    assert {name: _state(name) for name in ("acme", "globex")} == before


def _state(key):
    """Return what a tenant's people, invitations, domains, organizations and values are."""
    tenant = api.get_tenant(key)
    names = sorted(link.organization.short_name for link in tenant.tenant_organizations.all())
    return (
        tenant.name,
        names,
        sorted(tenant.domains.values_list("domain", "is_primary")),
        [sorted(api.members_of(name).values_list("user_id", "role", "active")) for name in names],
        [sorted(membership.invitations_of(name).values_list("pk", flat=True)) for name in names],
        site_config.current_values(f"{key}.example.com"),
    )


def ask(world, route, method, target, actor, drafts=True):
    owned, callers, people = world
    address, body = REQUESTS[route, method]
    names = owned[target]
    if body is not None:
        text = json.dumps(body)
        for name, value in names.items():
            text = text.replace(f"{{{name}}}", value)
        body = json.loads(text)
    headers = {}
    if route.startswith("config") and target != "missing":
        site = Site.objects.get(domain=names["site"])
        headers["if_match"] = f'"{site_config.current_values(site).revision}"'
        if drafts and route.startswith("config_draft") and actor != "anonymous":
            draft = site_config.save_draft(site, {"PLATFORM_NAME": "Mine"}, actor=people[actor])
            headers["if_match"] = f'"{draft.base_revision}-{int(draft.modified.timestamp() * 1_000_000)}"'
    return callers[actor].ask(method, address.format(**names), body, **headers)


def operations():
    """Return every route and method that the urlconf has."""
    for pattern in urls.urlpatterns:
        assert isinstance(pattern, URLPattern), f"{pattern} is a urlconf of its own: walk it here too"
        view = pattern.callback.view_class
        route = pattern.name.removeprefix("ccx_tenancy_")
        assert route == view.route
        if route in NO_OPERATION:
            continue
        for method in ("get", "post", "put", "patch", "delete", "options", "trace"):
            if method in view.http_method_names and hasattr(view, method):
                yield route, method


def test_every_operation_of_the_urlconf_has_a_request_and_its_rows():
    found = set(operations())
    assert found == set(REQUESTS)
    assert {tuple(row[:2]) for row in ROWS} == found


def test_every_operation_that_names_a_thing_is_tried_on_a_foreign_and_on_a_missing_one():
    rows = {tuple(row[:3]) for row in ROWS}
    for (route, method), (address, body) in REQUESTS.items():
        if "{" in address or "{" in json.dumps(body or "").replace('{"', "").replace("{}", ""):
            assert {(route, method, target) for target in ("own", "foreign", "missing")} <= rows


@pytest.mark.django_db
def test_a_method_that_no_operation_has_is_answered_405(world):
    _, callers, _ = world
    methods = {"get", "post", "put", "patch", "delete", "options", "trace"}
    for route, address in {route: address for (route, _), (address, _) in REQUESTS.items()}.items():
        for method in sorted(methods.difference(one for other, one in REQUESTS if other == route)):
            answer = callers["owner"].ask(method, address.format(**world[0]["own"]))
            assert answer.status_code == 405, (route, method)
            assert answer["Content-Type"] == "application/problem+json"
