"""Look-ups over many tenants at once."""

import pytest
from django.contrib.sites.models import Site

from ccx_tenancy.tenants import api as tenants

pytestmark = pytest.mark.django_db


def make(key, **kwargs):
    fields = {"name": key.title(), "domain": f"{key}.localhost", "organizations": [key], "studio_domain": None}
    return tenants.create_rows(key, **{**fields, **kwargs})


def test_a_listing_is_two_queries_whatever_the_number(django_assert_max_num_queries):
    for number in range(7):
        make(f"t{number}", organizations=[f"a{number}", f"b{number}"], studio_domain=f"studio.t{number}.localhost")
    with django_assert_max_num_queries(2):
        found = tenants.summaries()
    assert [one.key for one in found] == [f"t{number}" for number in range(7)]
    assert found[3].domain == "t3.localhost"
    assert found[3].organizations == ("a3", "b3")


@pytest.mark.parametrize("search", ["MAXI", "Academy", "learn.example", "talk-org"])
def test_a_search_looks_into_key_name_domains_and_organizations(search, django_assert_max_num_queries):
    maxi = make("maxi", name="The Academy", organizations=["Talk-Org"])
    tenants.add_domain(maxi, "learn.example.com", surface="alias")
    make("blue")
    with django_assert_max_num_queries(2):
        assert [one.key for one in tenants.summaries(search=search)] == ["maxi"]


def test_a_listing_of_one_state_holds_no_other():
    make("maxi")
    make("blue")
    tenants.suspend_tenant("blue")
    assert [one.key for one in tenants.summaries("suspended")] == ["blue"]


@pytest.mark.parametrize("stored", ["bücher.example", "BÜCHER.example", "xn--bcher-kva.EXAMPLE", "bücher.example:8000"])
def test_a_site_is_found_in_whatever_spelling_it_is_stored(stored):
    site = Site.objects.create(domain=stored, name="books")
    assert tenants.sites_on(["xn--bcher-kva.example", "other.example"]) == {"xn--bcher-kva.example": site}


def test_the_site_that_is_stored_exactly_so_wins():
    Site.objects.create(domain="Maxi.localhost:8000", name="twin")
    exact = Site.objects.create(domain="maxi.localhost", name="exact")
    assert tenants.sites_on(["maxi.localhost"]) == {"maxi.localhost": exact}
