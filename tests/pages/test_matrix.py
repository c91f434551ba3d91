"""Who may open and send which page: each cell of the matrix is one request."""

import contextlib

import pytest
from django.db import transaction
from django.urls import URLPattern, reverse

from ccx_tenancy import api
from ccx_tenancy.membership import api as membership
from ccx_tenancy.pages import urls
from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.site_config import urls as preview_urls
from ccx_tenancy.tenants import revisions
from tests.pages.conftest import BLUE, MAXI, User, make
from tests.pages.matrix import ACTORS, MATRIX

pytestmark = pytest.mark.django_db

SITES = {"own": MAXI, "foreign": BLUE, "platform": "localhost"}
#: By page: the arguments of its address, which are things, and what its form holds (None: it has no form).
PAGES = {
    "start": ((), None),
    "tenant": ((), {"tenant": "maxi-academy"}),
    "members": ((), None),
    "member": (("member",), {"do": "role", "role": "staff"}),
    "invitations": ((), {"email": "new@example.com", "organization": "{organization}", "role": "learner"}),
    "invitation": (("invitation",), {"do": "revoke"}),
    "accept": (("token",), {"username": "guest", "password1": "a long secret", "password2": "a long secret"}),
    "configuration": ((), None),
    "value": (("name",), {"value": "Another", "revision": "{revision}"}),
    "history": ((), None),
    "audit": ((), None),
    "audit_export": ((), None),
    "preview": (("draft",), None),
    "preview-clear": ((), None),
}
METHODS = ("get", "post", "put", "patch", "delete")
ROWS = [line.split() for line in MATRIX.strip().splitlines()]


def things(organization, site, suffix):
    """Return the things of one tenant."""
    row = api.add_member(make(f"ada{suffix}", None, None), organization, "learner")
    invitation = api.invite(f"guest{suffix}@example.com", organization, "learner", invited_by=None)
    author = User.objects.get(username="operator")
    site_config.save_draft(site, {"PLATFORM_NAME": "Drafted"}, actor=author)
    return {
        "member": row.pk,
        "invitation": invitation.pk,
        "token": invitation.token,
        "name": "PLATFORM_NAME",
        "organization": organization,
        "draft": site_config.preview_cookie(site, actor=author),
    }


@pytest.fixture
def world(people, client):
    """Return the things by whose they are."""
    people["author"] = make("author", "maxi-academy", "author")
    people["stranger"] = people["blue"]
    return {
        "own": things("maxi-academy", MAXI, ""),
        "foreign": things("Blue2", BLUE, "2"),
        "missing": {
            "member": 999_999,
            "invitation": 999_999,
            "token": "missing",
            "name": "MISSING_NAME",
            "organization": "missing",
            "draft": "missing",
        },
    }


class Undo(Exception):
    """Ends a transaction without a trace."""


def ask(client, people, world, name, method, thing, site, actor):
    """Return the answer to one request."""
    arguments, form = PAGES[name]
    names = world[thing]
    if name.startswith("preview"):
        address = reverse(f"ccx_site_config:{name}")
        address += f"?token={names['draft']}" if arguments else ""
    else:
        address = reverse(f"ccx_tenancy_pages:{name}", args=[names[one] for one in arguments])
    client.logout()
    if actor != "anonymous":
        client.force_login(people[actor], backend="ccx_tenancy.backends.OrganizationMemberBackend")
    domain = SITES[site]
    filled = {**names, "revision": site_config.current_values(domain).revision if site != "platform" else 1}
    data = {key: value.format(**filled) for key, value in (form or {}).items()} if method == "post" else {}
    return getattr(client, method)(address, data, HTTP_HOST=domain)


def answers(client, people, world, *row):
    """Return the status that each actor gets, each in the same world."""
    found = []
    for actor in ACTORS:
        with contextlib.suppress(Undo), transaction.atomic():
            answer = ask(client, people, world, *row, actor)
            found.append(401 if "/accounts/login/" in answer.get("Location", "") else answer.status_code)
            raise Undo
        revisions.forget()
    return found


@pytest.mark.parametrize("page", PAGES)
def test_each_row_of_the_matrix_is_answered_as_it_says(client, people, world, page):
    rows = [row for row in ROWS if row[0] == page]
    found = {" ".join(row[:4]): answers(client, people, world, *row[:4]) for row in rows}
    assert found == {" ".join(row[:4]): [int(status) for status in row[4:]] for row in rows}


def pages():
    """Return the names of all addresses that tenants' pages have."""
    for pattern in [*urls.urlpatterns, *preview_urls.urlpatterns]:
        assert isinstance(pattern, URLPattern), f"{pattern} is a urlconf of its own: walk it here too"
        yield pattern.name


def rows_needed():
    """Return every row that there has to be: each page and method it takes, on each site, with each kind of thing."""
    for name in pages():
        arguments, form = PAGES[name]
        methods = ["post"] if name in ("member", "invitation") else ["get", "post"] if form else ["get"]
        for method in methods:
            # The names of values are every tenant's.
            names_things = (arguments and name != "value") or (method == "post" and "{organization}" in str(form))
            for thing in (
                ("own", "foreign", "missing") if names_things else ("own", "missing") if arguments else ("own",)
            ):
                for site in SITES:
                    yield name, method, thing, site


def test_every_page_of_the_urlconfs_has_its_rows():
    assert set(pages()) == set(PAGES)
    assert {tuple(row[:4]) for row in ROWS} == set(rows_needed())


def test_a_method_that_a_page_does_not_take_is_answered_405(client, people, world):
    taken = {(name, method) for name, method, *_ in rows_needed()}
    for name in PAGES:
        for method in METHODS:
            if (name, method) not in taken:
                answer = ask(client, people, world, name, method, "own", "own", "owner")
                assert answer.status_code == 405, (name, method)


def test_no_row_lets_anybody_change_what_is_foreign(client, people, world):
    """Not by its answer alone: what is there is the same afterwards."""
    members = set(membership.OrganizationMembership.objects.values_list("pk", "role", "active"))
    invitations = set(membership.OrganizationInvitation.objects.values_list("pk", "revoked", "accepted"))
    for name, method, thing, site in rows_needed():
        if method == "post" and thing == "foreign" and site == "own":
            for actor in ACTORS:
                if actor != "stranger":
                    ask(client, people, world, name, method, thing, site, actor)
    foreign = site_config.current_values(BLUE)
    assert foreign.revision == 1
    assert set(membership.OrganizationMembership.objects.values_list("pk", "role", "active")) == members
    assert set(membership.OrganizationInvitation.objects.values_list("pk", "revoked", "accepted")) == invitations
