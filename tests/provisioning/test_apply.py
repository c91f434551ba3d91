"""Making a document true: planned whole, tenant by tenant, and never twice."""

import json

import pytest
from django.contrib.sites.models import Site
from django.db import DatabaseError
from django.db.models.signals import pre_save
from organizations.models import Organization

from ccx_tenancy import api
from ccx_tenancy.audit import api as audit
from ccx_tenancy.errors import InvalidDocument, InvalidInput, InvalidValues
from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.site_config.secrets import MASK
from ccx_tenancy.tenants import api as tenants
from ccx_tenancy.tenants.models import Revision

pytestmark = pytest.mark.django_db

MAXI = {
    "key": "maxi-academy",
    "name": "Maxi's Academy",
    "domains": [
        {"domain": "maxi-academy.localhost", "surface": "lms", "primary": True},
        {"domain": "second.localhost", "surface": "lms"},
        {"domain": "old.localhost", "surface": "alias"},
    ],
    "studio_domain": "studio.maxi.localhost",
    "organizations": ["maxi-academy", "talk"],
    "configuration": {"PLATFORM_NAME": "Maxi's Academy", "course_org_filter": "maxi-academy", "SEGMENT_KEY": "hush"},
    "configurations": {"second.localhost": {"PLATFORM_NAME": "Second"}},
}
BLUE = {"key": "blue", "name": "Blue", "domain": "blue.localhost", "organizations": ["Blue"]}
LOCAL = {"domain": "localhost", "name": "The platform", "configuration": {"PLATFORM_NAME": "Open"}}


def text(*entries, sites=()):
    return json.dumps({"tenants": list(entries), "sites": list(sites)})


def apply(*entries, sites=(), **kwargs):
    return api.apply_document(text(*entries, sites=sites), source="seed.json", **kwargs)


def refused(*entries, sites=(), **kwargs):
    before = everything()
    with pytest.raises(InvalidValues) as planned:
        api.plan_document(text(*entries, sites=sites), **kwargs)
    with pytest.raises(InvalidValues) as applied:
        api.apply_document(text(*entries, sites=sites), **kwargs)
    assert str(planned.value) == str(applied.value)
    assert everything() == before
    return {problem.path: problem.message for problem in planned.value.problems}


def everything():
    histories = {site.domain: [one.revision for one in site_config.history(site)] for site in Site.objects.all()}
    return (
        [api.describe_tenant(one.key) for one in tenants.summaries()],
        sorted(Organization.objects.values_list("short_name", flat=True)),
        histories,
        audit.entries().count(),
        dict(Revision.objects.values_list("name", "number")),
    )


def steps(item):
    return [(change.what, change.kind, change.target) for change in item.changes]


def test_a_document_makes_tenants_and_platform_sites():
    applied = apply(MAXI, BLUE, sites=[LOCAL])
    assert not applied.failures
    assert [item.action for item in applied.plan.items] == ["create"] * 3
    tenant = api.resolve_tenant("maxi-academy.localhost")
    assert tenant is not None
    assert tenant.organizations == {"maxi-academy", "talk"}
    assert api.resolve_tenant("old.localhost").key == "maxi-academy"
    assert api.describe_tenant("maxi-academy") == {
        "key": "maxi-academy",
        "name": "Maxi's Academy",
        "state": "active",
        "domains": [
            {"domain": "maxi-academy.localhost", "surface": "lms", "primary": True},
            {"domain": "second.localhost", "surface": "lms"},
            {"domain": "studio.maxi.localhost", "surface": "studio", "primary": True},
            {"domain": "old.localhost", "surface": "alias"},
        ],
        "organizations": ["maxi-academy", "talk"],
        "configuration": {**MAXI["configuration"], "SEGMENT_KEY": MASK},
        "enabled": True,
        "configurations": MAXI["configurations"],
    }
    assert site_config.current_values("localhost").values == LOCAL["configuration"]
    assert Site.objects.get(domain="localhost").name == "The platform"
    (first,) = site_config.history("localhost")
    assert first.reason == "applied from seed.json"


def test_applying_it_again_writes_nothing():
    apply(MAXI, BLUE, sites=[LOCAL])
    before = everything()
    assert api.plan_document(text(MAXI, BLUE, sites=[LOCAL])).is_empty
    applied = apply(MAXI, BLUE, sites=[LOCAL])
    assert applied.plan.is_empty
    assert everything() == before


def test_planning_costs_the_same_queries_for_many_tenants(django_assert_max_num_queries):
    many = [
        {"key": f"t{number}", "name": "T", "domain": f"t{number}.localhost", "organizations": [f"o{number}"]}
        for number in range(30)
    ]
    with django_assert_max_num_queries(12):
        assert len(api.plan_document(text(*many)).tenants) == 30
    apply(*many)
    with django_assert_max_num_queries(12):
        assert api.plan_document(text(*many)).is_empty


def test_a_plan_changes_nothing_and_is_what_is_done():
    before = everything()
    plan = api.plan_document(text(MAXI, sites=[LOCAL]))
    assert everything() == before
    assert steps(plan.tenants[0])[0] == ("tenant", "added", "maxi-academy")
    applied = apply(MAXI, sites=[LOCAL])
    assert [steps(item) for item in applied.plan.items] == [steps(item) for item in plan.items]


def test_what_a_tenant_is_described_as_can_be_applied():
    apply(MAXI)
    before = everything()
    assert apply(api.describe_tenant("maxi-academy"), prune=True).plan.is_empty
    assert everything() == before


def test_only_what_differs_is_changed_and_the_secret_is_not_shown():
    apply(MAXI)
    changed = {
        **MAXI,
        "name": "Maxi",
        "configuration": {"PLATFORM_NAME": "Maxi", "SEGMENT_KEY": "louder", "SITE_NAME": "maxi"},
    }
    (item,) = api.plan_document(text(changed)).tenants
    assert steps(item) == [
        ("name", "changed", "maxi-academy"),
        ("configuration", "changed", "maxi-academy.localhost"),
    ]
    shown = {change.name: (change.before, change.after) for change in item.changes[1].differences}
    assert shown["PLATFORM_NAME"] == ("Maxi's Academy", "Maxi")
    assert shown["SEGMENT_KEY"] == (MASK, MASK)
    assert shown["course_org_filter"] == ("maxi-academy", None)
    assert "hush" not in repr(item)
    assert "louder" not in repr(item)
    assert [one.action for one in apply(changed).plan.tenants] == ["change"]
    assert api.plan_document(text(changed)).is_empty
    assert [one.revision for one in site_config.history("maxi-academy.localhost")] == [2, 1]


def test_what_the_document_does_not_say_stays():
    apply(MAXI)
    before = api.describe_tenant("maxi-academy")
    less = {key: MAXI[key] for key in ("key", "name", "domains", "studio_domain")}
    (item,) = apply(less, prune=True).plan.tenants
    assert item.action == "nothing"
    assert api.describe_tenant("maxi-academy") == before


def test_what_is_not_listed_is_reported_and_kept_and_goes_with_prune():
    apply(MAXI, BLUE)
    less = {
        "key": "maxi-academy",
        "name": "Maxi's Academy",
        "domain": "maxi-academy.localhost",
        "organizations": ["maxi-academy"],
    }
    (item,) = apply(less).plan.tenants
    assert item.action == "nothing"
    extra = [
        ("domain", "removed", "old.localhost"),
        ("domain", "removed", "second.localhost"),
        ("domain", "removed", "studio.maxi.localhost"),
        ("organization", "removed", "talk"),
    ]
    assert [(change.what, change.kind, change.target) for change in item.kept] == extra
    assert api.resolve_tenant("old.localhost") is not None
    (item,) = apply(less, prune=True).plan.tenants
    assert steps(item) == extra
    assert item.kept == ()
    assert api.resolve_tenant("old.localhost") is None
    assert api.resolve_tenant("maxi-academy.localhost").organizations == {"maxi-academy"}
    assert api.get_tenant("blue").name == "Blue"


def test_a_tenant_that_is_not_listed_is_not_touched():
    apply(MAXI, BLUE)
    before = api.describe_tenant("maxi-academy")
    apply({**BLUE, "name": "Blue University"}, prune=True)
    assert api.describe_tenant("maxi-academy") == before


@pytest.mark.parametrize("first", ["active", "suspended", "archived"])
@pytest.mark.parametrize("second", ["active", "suspended", "archived"])
def test_any_state_follows_any_other(first, second):
    apply({**BLUE, "state": first})
    assert api.get_tenant("blue").state == first
    apply({**BLUE, "state": second})
    assert api.get_tenant("blue").state == second
    apply(BLUE)
    assert api.get_tenant("blue").state == second


def test_the_primary_domain_moves_and_another_takes_over_the_surface():
    apply(MAXI)
    swapped = {
        **MAXI,
        "domains": [
            {"domain": "old.localhost", "surface": "lms", "primary": True},
            {"domain": "maxi-academy.localhost", "surface": "alias"},
            {"domain": "new.localhost", "surface": "lms"},
            {"domain": "second.localhost", "surface": "mfe"},
        ],
        "studio_domain": "studio2.localhost",
        "configurations": {},
        "configuration": {"PLATFORM_NAME": "Moved"},
    }
    apply(swapped)
    found = {
        one["domain"]: (one["surface"], one.get("primary", False))
        for one in api.describe_tenant("maxi-academy")["domains"]
    }
    assert found == {
        "old.localhost": ("lms", True),
        "new.localhost": ("lms", False),
        "maxi-academy.localhost": ("alias", False),
        "second.localhost": ("mfe", True),
        "studio.maxi.localhost": ("studio", False),
        "studio2.localhost": ("studio", True),
    }
    assert site_config.current_values("old.localhost").values == {"PLATFORM_NAME": "Moved"}
    assert api.plan_document(text(swapped)).is_empty
    back = {**swapped, "studio_domain": "studio.maxi.localhost"}
    assert steps(apply(back).plan.tenants[0]) == [("primary", "changed", "studio.maxi.localhost")]


def test_a_configuration_is_switched_off_and_on_without_its_values():
    apply({**BLUE, "enabled": False})
    assert not site_config.current_values("blue.localhost").enabled
    (item,) = apply({**BLUE, "enabled": True, "configuration": {}}).plan.tenants
    assert steps(item) == [("enabled", "changed", "blue.localhost")]
    assert site_config.current_values("blue.localhost").enabled
    assert api.plan_document(text({**BLUE, "enabled": True})).is_empty


def test_what_another_tenant_has_is_refused_at_its_place_and_changes_nothing():
    apply(MAXI)
    found = refused(
        {**BLUE, "name": "New"},
        {
            "key": "green",
            "name": "Green",
            "domains": [{"domain": "green.localhost"}, {"domain": "OLD.localhost.", "surface": "mfe"}],
            "organizations": ["green", "talk"],
        },
        sites=[{"domain": "Second.localhost"}],
    )
    assert "'maxi-academy'" in found["tenants[1].domains[1].domain"]
    assert "'maxi-academy'" in found["tenants[1].organizations[1]"]
    assert "'maxi-academy'" in found["sites[0].domain"]


def test_an_organization_in_another_case_is_refused_with_the_spelling_that_is_allowed():
    Organization.objects.create(short_name="BLUE", name="x")
    assert "exists as 'BLUE'" in refused(BLUE)["tenants[0].organizations[0]"]
    apply(MAXI)
    assert "exists as 'talk'" in refused({**MAXI, "organizations": ["Talk"]})["tenants[0].organizations[0]"]


def test_the_default_site_belongs_to_no_tenant(settings):
    domain = Site.objects.get(pk=settings.SITE_ID).domain
    assert "default site" in refused({**BLUE, "domain": domain.upper()})["tenants[0].domain"]
    found = refused({**BLUE, "domains": [{"domain": domain, "surface": "alias"}]})
    assert "default site" in found["tenants[0].domains[0].domain"]


def test_a_bad_configuration_is_refused_at_its_place():
    found = refused(
        {**BLUE, "configuration": {"SECRET_KEY": "x", "PLATFORM_NAME": 1, "SEGMENT_KEY": MASK}},
        sites=[{"domain": "localhost", "configuration": {"DEBUG": True}}],
    )
    assert "no site may set" in found["sites[0].configuration.DEBUG"]
    assert "tenants[0].configuration.SEGMENT_KEY" in found
    found = refused({**BLUE, "configuration": {"SECRET_KEY": "x", "PLATFORM_NAME": 1}})
    assert set(found) == {"tenants[0].configuration.SECRET_KEY", "tenants[0].configuration.PLATFORM_NAME"}


def test_course_org_filter_names_organizations_that_the_tenant_will_have():
    new = {**BLUE, "configuration": {"course_org_filter": ["Blue", "maxi"]}}
    assert "'maxi'" in refused(new)["tenants[0].configuration.course_org_filter"]
    apply({**new, "organizations": ["Blue", "maxi"]})
    less = {**BLUE, "organizations": ["Blue"]}
    assert apply(less).plan.is_empty
    assert "'maxi'" in refused(less, prune=True)["tenants[0].domain"]
    apply({**less, "configuration": {}}, prune=True)


def test_a_platform_site_that_a_tenant_takes_over_must_not_name_others_organizations():
    site = Site.objects.create(domain="Blue.localhost:8000", name="x")
    site_config.set_site_values(site, {"course_org_filter": "elsewhere"})
    assert "'elsewhere'" in refused(BLUE)["tenants[0].domain"]
    (item,) = apply({**BLUE, "configuration": {"PLATFORM_NAME": "Blue"}}).plan.tenants
    assert item.action == "create"
    assert site_config.current_values(site).values == {"PLATFORM_NAME": "Blue"}
    assert api.resolve_tenant("blue.localhost").site_id == site.pk


def test_a_key_that_nothing_is_known_of_is_a_warning_with_its_place():
    (item,) = api.plan_document(text({**BLUE, "configuration": {"PLATFORM_NAM": "x"}})).tenants
    (warning,) = item.warnings
    assert warning.path == "tenants[0].configuration.PLATFORM_NAM"
    assert "'PLATFORM_NAME'" in warning.message


def test_a_platform_site_is_renamed_and_found_in_another_spelling():
    Site.objects.create(domain="Portal.localhost:8000", name="x")
    (item,) = apply(sites=[{"domain": "portal.localhost", "name": "Portal"}]).plan.sites
    assert steps(item) == [("site", "changed", "portal.localhost")]
    assert Site.objects.get(domain="Portal.localhost:8000").name == "Portal"
    assert not Site.objects.filter(domain="portal.localhost").exists()
    apply(sites=[{"domain": "portal.localhost", "configuration": {"PLATFORM_NAME": "P"}}])
    assert site_config.current_values("portal.localhost").values == {"PLATFORM_NAME": "P"}


@pytest.fixture
def blue_cannot_be_saved():
    def refuse(sender, instance, **kwargs):
        if instance.short_name == "Blue":
            raise DatabaseError("the disk is full")

    pre_save.connect(refuse, sender=Organization)
    yield
    pre_save.disconnect(refuse, sender=Organization)


def test_a_tenant_that_fails_changes_nothing_of_itself_and_the_others_go_on(blue_cannot_be_saved):
    seen = []
    applied = apply(BLUE, MAXI, sites=[LOCAL], on_item=lambda item, failure: seen.append((item.name, bool(failure))))
    (failure,) = applied.failures
    assert str(failure) == "tenant 'blue' (tenants[0]): the disk is full"
    assert [one.key for one in tenants.summaries()] == ["maxi-academy"]
    assert not Site.objects.filter(domain="blue.localhost").exists()
    assert seen == [("blue", True), ("maxi-academy", False), ("localhost", False)]


def test_what_is_taken_between_plan_and_change_is_a_failure_of_that_tenant_alone():
    def take(item, failure):
        if item.name == "maxi-academy":
            tenants.create_rows("thief", name="T", domain="blue.localhost", organizations=[], studio_domain=None)

    applied = apply(MAXI, BLUE, on_item=take)
    (failure,) = applied.failures
    assert failure.item.name == "blue"
    assert "tenants[1].domain: the domain 'blue.localhost' belongs to the tenant 'thief'" in str(failure)
    assert [one.key for one in tenants.summaries()] == ["maxi-academy", "thief"]


def test_the_actor_stands_in_every_record(django_user_model):
    actor = django_user_model.objects.create_user("ann")
    apply(MAXI, sites=[LOCAL], actor=actor, reason="the first term")
    assert {entry.actor for entry in audit.entries()} == {"ann"}
    assert {one.reason for one in site_config.history("localhost")} == {"the first term"}


def test_a_reason_that_is_too_long_and_a_text_that_is_no_json_change_nothing():
    before = everything()
    with pytest.raises(InvalidInput, match="256 characters"):
        apply(BLUE, reason="x" * 256)
    with pytest.raises(InvalidDocument):
        api.apply_document("{")
    assert everything() == before
