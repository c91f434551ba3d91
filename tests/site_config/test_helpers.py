"""The helpers that operators know."""

import pytest
from django.contrib.sites.models import Site

from ccx_tenancy import api, errors
from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.site_config import helpers
from ccx_tenancy.site_config.models import SiteConfiguration
from ccx_tenancy.tenants import api as tenants_api

HOST = "maxi-academy.localhost"


@pytest.fixture
def maxi(tenants):
    with api.tenant_context("maxi-academy"):
        yield tenants[0]


def store(**values):
    helpers.set_site_values(HOST, values)


@pytest.mark.parametrize("falsy", [False, "", 0, 0.0, [], {}, None])
@pytest.mark.parametrize("default", [None, "default", 7, ["a"], ("a",), True])
def test_a_stored_falsy_value_is_a_value(maxi, falsy, default):
    store(X_PLUGIN=falsy)
    found = helpers.get_value("X_PLUGIN", default)
    assert found == falsy
    assert type(found) is type(falsy)
    assert helpers.has_override_value("X_PLUGIN")


@pytest.mark.parametrize("default", [None, "default", ["a"], {"a": 1}, ()])
def test_the_default_comes_back_where_nothing_is_stored(maxi, default):
    assert helpers.get_value("X_ABSENT", default) is default
    assert not helpers.has_override_value("X_ABSENT")


@pytest.mark.parametrize("default", [None, [], (), ["x"], "", {}])
@pytest.mark.parametrize("stored", [[], ["ab"], ["ab", "cd"], [["a", "b"]], ["abc"]])
def test_a_list_is_never_turned_into_a_dict(maxi, stored, default):
    store(X_PLUGIN=stored)
    assert helpers.get_value("X_PLUGIN", default) == stored


def test_a_dict_default_is_merged_shallowly(maxi):
    store(X_PLUGIN={"a": {"x": 1}, "b": 2}, X_TEXT="text", X_NULL=None)
    default = {"a": {"y": 1}, "c": 3}
    assert helpers.get_value("X_PLUGIN", default) == {"a": {"x": 1}, "b": 2, "c": 3}
    assert default == {"a": {"y": 1}, "c": 3}
    assert helpers.get_value("X_TEXT", default) == "text"
    assert helpers.get_value("X_NULL", default) is None
    assert helpers.get_dict("X_PLUGIN", default) == {"a": {"x": 1}, "b": 2, "c": 3}
    assert helpers.get_dict("X_NULL", default) == default
    assert helpers.get_dict("X_ABSENT", default) == default
    assert helpers.get_dict("X_ABSENT", default) is not default
    assert helpers.get_dict("X_ABSENT") == {}
    with pytest.raises(errors.InvalidValues, match="X_TEXT: the value is a text; get_dict reads an object"):
        helpers.get_dict("X_TEXT")


def test_what_comes_back_is_the_callers_own(maxi):
    store(X_PLUGIN={"list": [1, {"deep": [2]}]})
    helpers.get_value("X_PLUGIN")["list"][1]["deep"].append(3)
    helpers.get_value("X_PLUGIN", {"a": 1})["list"].clear()
    helpers.get_dict("X_PLUGIN").clear()
    helpers.get_current_site_configuration_values()["X_PLUGIN"]["list"].clear()
    helpers.get_value_for_org("maxi-academy", "X_PLUGIN")["list"].clear()
    assert helpers.get_value("X_PLUGIN") == {"list": [1, {"deep": [2]}]}
    given = {"X_PLUGIN": {"list": [1]}}
    helpers.set_site_values(HOST, given)
    given["X_PLUGIN"]["list"].append(2)
    assert helpers.get_value("X_PLUGIN") == {"list": [1]}


def test_the_talks_values_are_there_in_their_order(maxi):
    assert list(helpers.get_current_site_configuration_values().items()) == [
        ("PLATFORM_NAME", "Maxi's Academy"),
        ("SITE_NAME", "maxi-academy.example.com"),
        ("course_org_filter", "maxi-academy"),
        ("ENABLE_COMBINED_LOGIN_REGISTRATION", True),
    ]
    assert helpers.is_site_configuration_enabled()


def test_a_disabled_configuration_has_no_values(maxi):
    helpers.set_site_values(HOST, {}, enabled=False)
    assert helpers.get_value("PLATFORM_NAME", "default") == "default"
    assert not helpers.has_override_value("PLATFORM_NAME")
    assert not helpers.is_site_configuration_enabled()
    assert helpers.get_current_site_configuration_values() == {}
    assert helpers.get_current_site_configuration_values({"a": 1}) == {"a": 1}
    assert helpers.get_value_for_org("maxi-academy", "PLATFORM_NAME") is None
    assert helpers.get_current_site_orgs() == ["maxi-academy"]
    helpers.set_site_values(HOST, {"X_NEW": 1})
    assert not helpers.is_site_configuration_enabled()
    helpers.set_site_values(HOST, {}, enabled=True)
    assert helpers.get_value("X_NEW") == 1


def test_outside_of_every_tenant_there_are_no_values(tenants):
    assert helpers.get_value("PLATFORM_NAME", "default") == "default"
    assert helpers.get_current_site_orgs() == []
    assert not helpers.is_site_configuration_enabled()
    assert helpers.get_current_site_configuration_values() == {}


def test_the_organizations_of_a_site_are_a_list(tenants):
    with api.tenant_context("maxi-academy"):
        assert helpers.get_current_site_orgs() == ["maxi-academy"]
    with api.tenant_context("blue-university"):
        assert helpers.get_current_site_orgs() == ["blue", "Blue2"]
        helpers.set_site_values("blue-university.localhost", {"course_org_filter": []})
        assert helpers.get_current_site_orgs() == ["Blue2", "blue"]


def test_values_by_organization_do_not_depend_on_tenant_or_case(tenants):
    for inside in ("maxi-academy", "blue-university"):
        with api.tenant_context(inside):
            assert helpers.get_value_for_org("BLUE2", "PLATFORM_NAME") == "Blue University"
            assert helpers.get_value_for_org("Maxi-Academy", "PLATFORM_NAME") == "Maxi's Academy"
    for org in ("nobody", "", None):
        assert helpers.get_value_for_org(org, "PLATFORM_NAME", "default") == "default"
    assert helpers.get_value_for_org("blue", "X_ABSENT", {"a": 1}) == {"a": 1}


def test_a_platform_site_speaks_for_the_organizations_it_names(tenants):
    Site.objects.create(domain="platform.localhost", name="p")
    Site.objects.create(domain="second.localhost", name="s")
    helpers.set_site_values("platform.localhost", {"course_org_filter": ["Own", "blue"], "PLATFORM_NAME": "Platform"})
    helpers.set_site_values("second.localhost", {"course_org_filter": "own", "PLATFORM_NAME": "Second"})
    assert helpers.get_value_for_org("OWN", "PLATFORM_NAME") == "Platform"
    assert helpers.get_value_for_org("blue", "PLATFORM_NAME") == "Blue University"
    assert helpers.get_all_orgs() >= {"maxi-academy", "blue", "Blue2", "Own"}
    helpers.set_site_values("platform.localhost", {"course_org_filter": None})
    assert helpers.get_value_for_org("own", "PLATFORM_NAME") == "Second"
    helpers.set_site_values("second.localhost", {}, enabled=False)
    assert helpers.get_value_for_org("own", "PLATFORM_NAME") is None
    assert helpers.get_all_orgs() == {"maxi-academy", "blue", "Blue2"}


def test_a_value_says_where_it_comes_from(maxi, settings, admin_user):
    settings.PLATFORM_NAME = "From the settings"
    settings.FEATURES = {"X_FEATURE": True}
    found = helpers.explain_value("PLATFORM_NAME")
    assert (found.source, found.value, found.revision, found.known) == ("site", "Maxi's Academy", 1, True)
    assert found.meaning
    assert found.tenant_writable
    site_config.unset_site_values(HOST, ["PLATFORM_NAME"])
    assert helpers.explain_value("PLATFORM_NAME").source == "settings"
    assert helpers.explain_value("PLATFORM_NAME").value == "From the settings"
    assert helpers.explain_value("X_FEATURE").value is True
    unknown = helpers.explain_value("X_ABSENT")
    assert (unknown.source, unknown.value, unknown.known) == ("default", None, False)
    default = helpers.explain_value("CONTACT_US_PAGE")
    assert (default.source, default.value) == ("default", True)


def test_a_secret_setting_is_not_shown_by_explaining_it(maxi):
    found = helpers.explain_value("SECRET_KEY")
    assert found.value == "********"
    assert found.denied


def test_what_looks_like_a_credential_in_an_unknown_setting_is_hidden(maxi, settings):
    settings.X_VENDOR_TOKEN = "t0p"
    settings.X_VENDOR = {"url": "https://vendor.example.com", "api_key": "t0p"}
    assert "t0p" not in repr(helpers.explain_value("X_VENDOR_TOKEN"))
    found = helpers.explain_value("X_VENDOR")
    assert found.source == "settings"
    assert found.value["url"] == "https://vendor.example.com"
    assert "t0p" not in repr(found)


def test_rows_saved_by_the_model_are_seen_and_have_their_history(maxi):
    row = SiteConfiguration.objects.get(site__domain=HOST)
    row.site_values["PLATFORM_NAME"] = "Saved"
    row.save()
    assert helpers.get_value("PLATFORM_NAME") == "Saved"
    assert [entry.revision for entry in site_config.history(HOST)] == [2, 1]


def test_an_organization_that_moved_to_another_tenant_is_no_longer_in_the_filter(tenants):
    maxi, blue = tenants
    tenants_api.remove_organization(blue, "Blue2")
    tenants_api.add_organization(maxi, "Blue2")
    with api.tenant_context("blue-university"):
        assert helpers.get_value("course_org_filter") == ["blue"]
        assert helpers.get_current_site_orgs() == ["blue"]
        assert helpers.get_current_site_configuration_values()["course_org_filter"] == ["blue"]
        assert helpers.explain_value("course_org_filter").value == ["blue"]
        assert helpers.get_value("PLATFORM_NAME") == "Blue University"


@pytest.mark.parametrize("filter_", ["maxi-academy", ["maxi-academy"], ["maxi-academy", "B"], [7, None, "b"], {"B": 1}])
def test_a_site_that_becomes_a_tenants_brings_no_organization_of_another(tenants, filter_):
    site = Site.objects.create(domain="brought.localhost", name="brought")
    SiteConfiguration(site=site, site_values={"course_org_filter": filter_, "X_PLUGIN": 1}).save()
    api.create_tenant("brought", name="Brought", domain="brought.localhost", organizations=["B"])
    with api.tenant_context("brought"):
        assert [name.upper() for name in helpers.get_current_site_orgs()] == ["B"]
        assert helpers.get_value("X_PLUGIN") == 1


@pytest.mark.parametrize("domain", [None, 7, b"maxi", ["a"], "maxi\x00", "maxi\udcff"])
def test_what_cannot_be_a_domain_is_an_unknown_one(tenants, domain):
    with pytest.raises(errors.UnknownDomain):
        api.set_site_values(domain, {"X_PLUGIN": 1})


def test_a_reason_that_no_database_takes_and_a_number_that_nobody_reads_are_refused(maxi):
    with pytest.raises(errors.InvalidInput, match="The reason"):
        helpers.set_site_values(HOST, {"X_PLUGIN": 1}, reason="why\x00")
    with pytest.raises(errors.InvalidInput, match="The reason"):
        helpers.set_site_values(HOST, {"X_PLUGIN": 1}, reason="why\udcff")
    with pytest.raises(errors.InvalidValues, match=r"X_PLUGIN\.a: the number has more digits"):
        helpers.set_site_values(HOST, {"X_PLUGIN": {"a": 10**5000}})
    assert not helpers.has_override_value("X_PLUGIN")
