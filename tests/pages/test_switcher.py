"""Who has several tenants picks the one to see in Studio."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from ccx_tenancy import api
from ccx_tenancy.partition.picking import PICK_COOKIE, cookie_of, pick_of
from ccx_tenancy.tenants.index import index
from tests.pages.conftest import MAXI, make, texts

User = get_user_model()
PAGE = "/tenancy/tenant/"
STUDIO = "studio.localhost"


@pytest.fixture(autouse=True)
def studio(settings, tenants):
    settings.CCX_TENANCY = {**getattr(settings, "CCX_TENANCY", {}), "SURFACE": "studio"}


@pytest.fixture
def both(tenants):
    user = make("both", "maxi-academy", "author")
    api.add_member(user, "Blue2", "owner")
    return user


def browser(user):
    client = Client(SERVER_NAME=STUDIO)
    if user is not None:
        client.force_login(user, backend="ccx_tenancy.backends.DefaultSiteBackend")
    return client


def seen(client):
    """Return the tenants whose keys this browser may name: asked at a page that takes any word."""
    return {org for org in ("maxi-academy", "Blue2") if client.get(f"{PAGE}?q=lib:{org}:x").status_code == 200}


def test_somebody_with_two_tenants_sees_both_then_one_then_both_again(both):
    client = browser(both)
    page = texts(client.get(PAGE))
    assert "You see all your tenants at once." in page
    assert "maxi-academy" in page and "blue-university" in page
    assert seen(client) == {"maxi-academy", "Blue2"}
    assert client.post(PAGE, {"tenant": "maxi-academy"})["Location"] == PAGE
    assert "You see <strong>maxi-academy</strong> alone." in texts(client.get(PAGE))
    assert seen(client) == {"maxi-academy"}
    client.post(PAGE, {"tenant": ""})
    assert not client.cookies[PICK_COOKIE].value
    assert seen(client) == {"maxi-academy", "Blue2"}


def test_an_operator_sees_everything_or_one_tenant_at_will(tenants):
    client = browser(User.objects.create_superuser("operator", "operator@example.com", "secret"))
    assert "You see everything" in texts(client.get(PAGE))
    assert "blue-university" not in texts(client.get(f"{PAGE}?q=MAXI"))
    client.post(PAGE, {"tenant": "blue-university"})
    assert seen(client) == {"Blue2"}


def test_who_has_one_tenant_or_none_is_told_so(tenants):
    assert "You are an author of one tenant" in texts(browser(make("one", "Blue2", "author")).get(PAGE))
    assert "You are an author of no tenant" in texts(browser(make("none", "Blue2", "learner")).get(PAGE))
    assert browser(None).get(PAGE).status_code == 302


@pytest.mark.parametrize("key", ["blue-university", "nowhere", "maxi-academy.", "1.maxi-academy"])
def test_what_is_not_yours_to_see_is_not_yours_to_pick(tenants, key):
    client = browser(make("one", "maxi-academy", "author"))
    assert client.post(PAGE, {"tenant": key}).status_code == 404
    assert PICK_COOKIE not in client.cookies


def test_a_pick_of_somebody_else_or_of_a_foreign_tenant_counts_for_nothing(both, tenants):
    client = browser(make("one", "maxi-academy", "author"))
    for value in (cookie_of(both, index().tenants["blue-university"]), f"{both.pk}.nowhere", "nonsense", "."):
        client.cookies[PICK_COOKIE] = value
        assert seen(client) == {"maxi-academy"}
    api.suspend_tenant("blue-university")
    client = browser(both)
    client.cookies[PICK_COOKIE] = cookie_of(both, index().tenants["blue-university"])
    assert seen(client) == {"maxi-academy"}
    assert pick_of("1.blue-university")[0] == "1"


def test_it_goes_on_where_it_was_and_never_to_another_host(both):
    client = browser(both)
    assert client.post(PAGE, {"tenant": "maxi-academy", "next": "/home/"})["Location"] == "/home/"
    for elsewhere in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        assert client.post(PAGE, {"tenant": "maxi-academy", "next": elsewhere})["Location"] == PAGE


def test_the_page_stands_in_the_shared_studio_only(both, settings):
    client = browser(both)
    assert client.get(PAGE, HTTP_HOST=MAXI).status_code == 404
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "SURFACE": "lms"}
    assert client.get(PAGE).status_code == 404


def test_a_pick_costs_no_query(both, django_assert_max_num_queries):
    client = browser(both)
    client.get("/nothing-here/")
    with django_assert_max_num_queries(50) as without:
        client.get("/nothing-here/")
    client.cookies[PICK_COOKIE] = cookie_of(both, index().tenants["maxi-academy"])
    with django_assert_max_num_queries(len(without)):
        client.get("/nothing-here/")
