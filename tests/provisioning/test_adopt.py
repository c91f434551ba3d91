"""Tenants made of the sites that a platform has already."""

import json

import pytest
from django.contrib.sites.models import Site
from django.core.management import CommandError, call_command
from organizations.models import Organization

from ccx_tenancy import api
from ccx_tenancy.errors import Conflict, UnknownDomain
from ccx_tenancy.provisioning import adopt_sites, plan_adoption
from ccx_tenancy.site_config import api as site_config

pytestmark = pytest.mark.django_db


def site(domain, orgs=None, enabled=True, **values):
    made = Site.objects.create(domain=domain, name=domain)
    if orgs is not None:
        values["course_org_filter"] = orgs
    site_config.set_site_values(made, values, enabled=enabled)
    return made


def planned(domain):
    return next(one for one in plan_adoption() if one.site.domain == domain)


def test_a_site_with_organizations_becomes_a_tenant_and_keeps_site_and_values():
    acme = site("acme.localhost", "Acme", PLATFORM_NAME="Acme Academy")
    globex = site("globex.localhost", ["Globex", "GlobexLabs"])
    before = site_config.current_values(acme)
    adopt_sites()
    tenant = api.resolve_tenant("acme.localhost")
    assert (tenant.key, tenant.site_id, tenant.organizations) == ("acme", acme.pk, {"Acme"})
    assert api.get_tenant("acme").name == "Acme Academy"
    assert site_config.current_values(acme) == before
    assert api.resolve_tenant("globex.localhost").organizations == {"Globex", "GlobexLabs"}
    assert api.resolve_tenant("globex.localhost").site_id == globex.pk


def test_a_site_whose_domain_has_capitals_and_a_port_keeps_its_row():
    made = site("Acme.LOCALHOST:8000", "Acme")
    adopt_sites()
    assert api.resolve_tenant("acme.localhost").site_id == made.pk


def test_what_is_no_candidate_is_left_with_the_reason():
    site("empty.localhost")
    site("off.localhost", "Off", enabled=False)
    Site.objects.create(domain="bare.localhost", name="bare")
    assert planned("empty.localhost").skipped == "its course_org_filter names no organization"
    assert planned("off.localhost").skipped == planned("bare.localhost").skipped != ""
    assert planned(Site.objects.get(pk=1).domain).skipped == "it is the platform's default site (SITE_ID)"
    assert adopt_sites() == []


def test_a_filter_that_is_neither_a_name_nor_a_list_is_shown_as_it_is():
    for number, orgs in enumerate(({"Acme": 1}, 7, [None, 3])):
        made = site(f"odd{number}.localhost", "Odd")
        made.tenancy_configuration.site_values = {"course_org_filter": orgs}
        made.tenancy_configuration.save()
        assert planned(f"odd{number}.localhost").skipped == (
            f"its course_org_filter is {orgs!r}; allowed is a short name, or a list of them"
        )


def test_an_organization_that_two_sites_name_is_a_conflict_of_both_and_nothing_is_made():
    site("one.localhost", ["Shared", "One"])
    site("two.localhost", "shared")
    site("three.localhost", "Three")
    with pytest.raises(Conflict) as raised:
        adopt_sites()
    assert "one.localhost: the organization 'Shared' is named by two.localhost too" in str(raised.value)
    assert "two.localhost: the organization 'shared' is named by one.localhost too" in str(raised.value)
    assert not api.list_tenants().exists()


def test_the_sites_without_conflict_can_be_adopted_by_name():
    site("one.localhost", "Shared")
    site("two.localhost", "Shared")
    site("three.localhost", "Three")
    adopt_sites(["three.localhost"])
    assert [tenant.key for tenant in api.list_tenants()] == ["three"]


def test_an_organization_of_a_tenant_or_in_another_case_is_a_conflict():
    api.create_tenant("old", name="Old", domain="old.localhost", organizations=["Old"])
    Organization.objects.create(short_name="CamelX", name="CamelX")
    site("one.localhost", "Old")
    site("two.localhost", "camelx")
    assert planned("one.localhost").conflicts == ("the organization 'Old' belongs to the tenant 'old'",)
    assert "exists as 'CamelX'" in planned("two.localhost").conflicts[0]


def test_two_sites_with_the_same_first_label_get_different_keys():
    site("acme.example.com", "A")
    site("acme.example.org", "B")
    adopt_sites()
    assert sorted(tenant.key for tenant in api.list_tenants()) == ["acme", "acme-example-org"]


def test_adopting_twice_changes_nothing_more():
    site("acme.localhost", "Acme")
    adopt_sites()
    assert adopt_sites() == []
    with pytest.raises(UnknownDomain, match=r"'acme\.localhost'"):
        adopt_sites(["acme.localhost"])


def test_the_command_shows_the_plan_and_carries_it_out(capsys):
    site("acme.localhost", "Acme")
    call_command("tenancy", "adopt", "--dry-run")
    assert "+ acme.localhost: tenant 'acme' with Acme" in capsys.readouterr().out
    assert not api.list_tenants().exists()
    call_command("tenancy", "adopt", "--format", "json")
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["domain"], found["key"], found["organizations"]) == ("acme.localhost", "acme", ["Acme"])
    assert api.get_tenant("acme")


def test_a_site_that_is_named_twice_is_adopted_once():
    site("acme.localhost", "Acme")
    assert [one.key for one in adopt_sites(["acme.localhost", "acme.localhost"])] == ["acme"]


def test_the_plan_says_which_organizations_would_be_made(capsys):
    Organization.objects.create(short_name="Acme", name="Acme")
    site("acme.localhost", ["Acme", "AcmeLab"])
    call_command("tenancy", "adopt", "--dry-run")
    said = capsys.readouterr().out
    assert "    + organization AcmeLab, a new one\n" in said and "organization Acme," not in said
    call_command("tenancy", "adopt", "--dry-run", "--format", "json")
    assert [one["missing"] for one in json.loads(capsys.readouterr().out) if not one["skipped"]] == [["AcmeLab"]]


@pytest.mark.parametrize("options", [(), ("--dry-run",), ("--dry-run", "--format", "json")])
def test_the_command_refuses_a_conflict_in_one_line_also_after_it_has_shown_the_plan(options, capsys):
    site("one.localhost", "Shared")
    site("two.localhost", "Shared")
    site("acme.localhost", "Acme")
    with pytest.raises(CommandError, match="is named by") as raised:
        call_command("tenancy", "adopt", *options)
    assert raised.value.returncode == 1
    said = capsys.readouterr().out
    assert ("acme.localhost" in said) == bool(options) and "would be adopted" not in said
    call_command("tenancy", "adopt", "acme.localhost", *options)
    assert "acme.localhost" in capsys.readouterr().out
