"""Making tenants and changing them."""

import threading

import pytest
from django.contrib.sites.models import Site
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from organizations.models import Organization

from ccx_tenancy import api, errors
from ccx_tenancy.audit.models import AuditEntry
from ccx_tenancy.site_config import helpers
from ccx_tenancy.site_config.freshness import PLATFORM
from ccx_tenancy.site_config.models import SiteConfiguration
from ccx_tenancy.tenants import api as tenants_api
from ccx_tenancy.tenants.models import Revision, Tenant, TenantDomain, TenantOrganization
from ccx_tenancy.tenants.revisions import view
from tests.counting import FRESHNESS


def everything():
    """All rows that making a tenant touches."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (
            Tenant,
            TenantDomain,
            TenantOrganization,
            Site,
            Organization,
            SiteConfiguration,
            AuditEntry,
            Revision,
        )
    ]


def test_a_tenant_has_its_domain_its_site_its_organizations_and_its_values(tenants):
    _, blue = tenants
    assert blue.state == "active"
    assert list(blue.domains.values_list("domain", "surface", "is_primary")) == [
        ("blue-university.localhost", "lms", True),
        ("studio.blue-university.localhost", "studio", True),
    ]
    assert Site.objects.filter(domain="blue-university.localhost").exists()
    assert {link.organization.short_name for link in blue.tenant_organizations.all()} == {"blue", "Blue2"}
    found = api.resolve_tenant("blue-university.localhost")
    assert (found.key, found.state, found.organizations) == ("blue-university", "active", frozenset({"blue", "Blue2"}))
    assert found.site_id == Site.objects.get(domain="blue-university.localhost").pk


def test_an_existing_site_and_an_existing_organization_are_taken_over(db):
    site = Site.objects.create(domain="Old.Example.com:18000", name="old")
    organization = Organization.objects.create(short_name="OldOrg", name="A human name")
    tenant = api.create_tenant("old", name="Old", domain="old.example.com", organizations=["OldOrg"])
    assert tenant.domains.get().site == site
    assert tenant.tenant_organizations.get().organization == organization
    organization.refresh_from_db()
    assert organization.name == "A human name"


def test_the_queries_of_many_organizations_do_not_grow_with_those_that_exist(db):
    counts = []
    for tenant, number in (("warm", 1), ("one", 1), ("ten", 10)):
        names = [f"{tenant}{one}" for one in range(number)]
        for name in names:
            Organization.objects.create(short_name=name, name=f"The {name}")
        with CaptureQueriesContext(connection) as queries:
            made = api.create_tenant(tenant, name=tenant, domain=f"{tenant}.localhost", organizations=names)
        counts.append(len([query for query in queries if FRESHNESS not in query["sql"]]))
        assert sorted(made.tenant_organizations.values_list("folded", flat=True)) == sorted(names)
    assert counts[1] == counts[2]
    added = AuditEntry.objects.filter(action="organization.add", tenant_key="ten")
    assert sorted(added.values_list("target", flat=True)) == sorted(names)


def test_the_one_organization_of_many_that_is_taken_is_named(tenants):
    before = everything()
    for taken in ("blue", "BLUE"):
        with pytest.raises(errors.OrganizationTaken, match=f"{taken!r}"):
            api.create_tenant("new", name="New", domain="new.localhost", organizations=["NewX", taken, "NewY"])
    assert everything() == before


BASE = {"key": "third", "name": "Third", "domain": "third.localhost", "organizations": ["third"]}
REFUSED = [
    ({"key": "maxi-academy"}, errors.TenantExists, "maxi-academy"),
    ({"key": "Third"}, errors.InvalidKey, "'Third'"),
    ({"key": ""}, errors.InvalidKey, "''"),
    ({"key": "a/b"}, errors.InvalidKey, "a/b"),
    ({"key": None}, errors.InvalidKey, "None"),
    ({"key": "k" * 101}, errors.InvalidKey, "1 to 100"),
    ({"name": " "}, errors.InvalidKey, "name"),
    ({"name": "n" * 256}, errors.InvalidKey, "1 to 255"),
    ({"domain": "maxi-academy.localhost"}, errors.DomainTaken, "'maxi-academy'"),
    ({"domain": "MAXI-Academy.Localhost."}, errors.DomainTaken, "read as 'maxi-academy.localhost'"),
    ({"domain": "https://third.localhost/"}, errors.InvalidDomain, "scheme"),
    ({"domain": "third localhost"}, errors.InvalidDomain, "blank"),
    ({"domain": "d" * 60 + "." + "e" * 60}, errors.InvalidDomain, "100"),
    ({"domain": "example.com"}, errors.DomainTaken, "default site"),
    ({"studio_domain": "studio.blue-university.localhost"}, errors.DomainTaken, "blue-university"),
    ({"studio_domain": "Example.COM"}, errors.DomainTaken, "default site"),
    ({"studio_domain": "third.localhost"}, errors.DomainTaken, "third"),
    ({"organizations": ["third", "maxi-academy"]}, errors.OrganizationTaken, "'maxi-academy'"),
    ({"organizations": ["BLUE"]}, errors.OrganizationTaken, "'blue'"),
    ({"organizations": ["third", "Third"]}, errors.InvalidKey, "differ only in case"),
    ({"organizations": ["a b"]}, errors.InvalidKey, "'a b'"),
    ({"organizations": ["a+b"]}, errors.InvalidKey, "a+b"),
    ({"organizations": [""]}, errors.InvalidKey, "''"),
    ({"organizations": "third"}, errors.InvalidKey, "a list"),
    ({"organizations": None}, errors.InvalidKey, "organizations is None; allowed is a list"),
    ({"values": {"course_org_filter": ["third", "blue"]}}, errors.InvalidValues, "'blue'"),
    ({"values": {"SECRET_KEY": "x"}}, errors.InvalidValues, "SECRET_KEY"),
    ({"values": ["not", "an", "object"]}, errors.InvalidValues, "a list"),
]


@pytest.mark.parametrize(("change", "error", "names"), REFUSED)
def test_a_clash_or_a_bad_name_is_refused_by_name_and_changes_nothing(tenants, change, error, names):
    before = everything()
    with pytest.raises(error) as caught:
        api.create_tenant(**{**BASE, **change})
    assert names in str(caught.value)
    assert everything() == before


def test_an_idna_twin_of_a_taken_domain_is_taken(db):
    api.create_tenant("books", name="Books", domain="bücher.example", organizations=[])
    with pytest.raises(errors.DomainTaken, match="xn--bcher-kva.example"):
        api.create_tenant("twin", name="Twin", domain="XN--BCHER-KVA.example", organizations=[])


def test_a_renamed_organization_keeps_the_guard_against_case_twins(tenants):
    organization = Organization.objects.get(short_name="blue")
    organization.short_name = "azure"
    organization.save()
    assert api.resolve_tenant("blue-university.localhost").organizations == {"azure", "Blue2"}
    with pytest.raises(errors.OrganizationTaken):
        api.create_tenant(**{**BASE, "organizations": ["AZURE"]})


def test_states_go_round_and_every_step_is_recorded(tenants):
    def state():
        return api.resolve_tenant("maxi-academy.localhost").state

    assert api.suspend_tenant("maxi-academy", reason="unpaid").state == state() == "suspended"
    assert api.suspend_tenant("maxi-academy").state == "suspended"
    assert api.resume_tenant("maxi-academy").state == state() == "active"
    assert api.archive_tenant("maxi-academy").state == state() == "archived"
    with pytest.raises(errors.InvalidState, match="archived; suspend takes one that is active"):
        api.suspend_tenant("maxi-academy")
    assert api.resume_tenant("maxi-academy").state == state() == "active"
    actions = list(
        AuditEntry.objects.filter(action__startswith="tenant.").order_by("pk").values_list("action", flat=True)
    )
    assert actions[-4:] == ["tenant.suspend", "tenant.resume", "tenant.archive", "tenant.resume"]
    suspended = AuditEntry.objects.get(action="tenant.suspend")
    assert (suspended.before, suspended.after) == ({"state": "active"}, {"state": "suspended", "reason": "unpaid"})


def test_unknown_tenants_and_states_are_named(db):
    for call in (api.get_tenant, api.suspend_tenant, api.resume_tenant, api.archive_tenant):
        with pytest.raises(errors.UnknownTenant, match="'nobody'"):
            call("nobody")
    with pytest.raises(errors.InvalidState, match="active, suspended, archived"):
        api.list_tenants("broken")


def test_tenants_are_listed_by_key_and_by_state(tenants):
    api.suspend_tenant("blue-university")
    assert [tenant.key for tenant in api.list_tenants()] == ["blue-university", "maxi-academy"]
    assert [tenant.key for tenant in api.list_tenants("suspended")] == ["blue-university"]


def test_a_tenant_is_renamed(tenants):
    tenants_api.rename_tenant("maxi-academy", "Maxi")
    assert api.get_tenant("maxi-academy").name == "Maxi"
    before = everything()
    tenants_api.rename_tenant("maxi-academy", "Maxi")
    assert everything() == before


def test_another_domain_becomes_primary_and_the_first_can_go(tenants):
    maxi, _ = tenants
    tenants_api.add_domain(maxi, "second.localhost")
    assert api.resolve_tenant("second.localhost").domain == "second.localhost"
    with pytest.raises(errors.InvalidState, match="make another one primary first"):
        tenants_api.remove_domain(maxi, "maxi-academy.localhost")
    tenants_api.set_primary(maxi, "second.localhost")
    tenants_api.set_primary(maxi, "second.localhost")
    tenants_api.remove_domain(maxi, "maxi-academy.localhost")
    assert api.resolve_tenant("maxi-academy.localhost") is None
    with api.tenant_context("maxi-academy") as tenant:
        assert tenant.domain == "second.localhost"


def test_a_new_primary_takes_the_place_of_the_old_one(tenants):
    maxi, _ = tenants
    tenants_api.add_domain(maxi, "new.localhost", primary=True)
    assert maxi.domains.get(is_primary=True).domain == "new.localhost"


def test_domains_that_a_tenant_has_not_are_named(tenants):
    maxi, _ = tenants
    tenants_api.add_domain(maxi, "alias.localhost", surface="alias")
    for call in (tenants_api.set_primary, tenants_api.remove_domain):
        with pytest.raises(errors.InvalidDomain, match="blue-university.localhost"):
            call(maxi, "blue-university.localhost")
    with pytest.raises(errors.InvalidDomain, match="alias.localhost"):
        tenants_api.set_primary(maxi, "alias.localhost")
    with pytest.raises(errors.InvalidDomain, match="'web'; allowed are lms, studio, mfe, alias"):
        tenants_api.add_domain(maxi, "x.localhost", surface="web")


def test_an_organization_that_leaves_is_the_platforms_own(tenants):
    _, blue = tenants
    tenants_api.remove_organization(blue, "BLUE2")
    assert tenants_api.owner_of("blue2") is None
    assert tenants_api.owner_of("BLUE").key == "blue-university"
    with pytest.raises(errors.InvalidKey, match="'Blue2'"):
        tenants_api.remove_organization(blue, "Blue2")
    assert tenants_api.add_organization(blue, "Blue2") == tenants_api.add_organization(blue, "Blue2")


def test_deleting_rows_is_seen(tenants):
    Tenant.objects.filter(key="maxi-academy").delete()
    assert api.resolve_tenant("maxi-academy.localhost") is None
    Organization.objects.filter(short_name="blue").delete()
    assert api.resolve_tenant("blue-university.localhost").organizations == {"Blue2"}


def test_two_primaries_are_refused_by_the_database(tenants):
    maxi, _ = tenants
    with pytest.raises(IntegrityError), transaction.atomic():
        TenantDomain.objects.create(tenant=maxi, domain="b.localhost", surface="lms", is_primary=True)
    TenantDomain.objects.create(tenant=maxi, domain="c.localhost", surface="lms")
    TenantDomain.objects.create(tenant=maxi, domain="d.localhost", surface="lms", is_primary=False)
    with pytest.raises(IntegrityError), transaction.atomic():
        TenantDomain.objects.filter(domain="c.localhost").update(is_primary=False)
    with pytest.raises(IntegrityError), transaction.atomic():
        TenantDomain.objects.filter(domain="c.localhost").update(surface="web")
    with pytest.raises(IntegrityError), transaction.atomic():
        Tenant.objects.filter(key="maxi-academy").update(state="lost")


def in_threads(count, call):
    """Run ``call(number)`` in that many threads at once; return what each returned or raised."""
    results = [None] * count
    start = threading.Barrier(count)

    def run(number):
        start.wait()
        try:
            results[number] = call(number)
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


needs_server = pytest.mark.skipif(
    "connection.vendor == 'sqlite'", reason="SQLite locks the whole database: nothing is concurrent"
)


@needs_server
def test_of_many_writers_of_one_domain_one_wins_and_the_others_are_told(transactional_db):
    results = in_threads(
        8,
        lambda n: api.create_tenant(f"tenant-{n}", name="T", domain="One.Localhost", organizations=[f"org-{n}"]),
    )
    won = [result for result in results if isinstance(result, Tenant)]
    assert len(won) == 1
    assert all(isinstance(result, (Tenant, errors.DomainTaken)) for result in results), results
    assert list(Tenant.objects.all()) == won
    assert TenantDomain.objects.count() == 1


@needs_server
def test_of_many_writers_of_one_organization_one_wins(transactional_db):
    results = in_threads(
        8, lambda n: api.create_tenant(f"tenant-{n}", name="T", domain=f"d{n}.localhost", organizations=["Shared"])
    )
    won = [result for result in results if isinstance(result, Tenant)]
    assert len(won) == 1
    assert all(isinstance(result, (Tenant, errors.OrganizationTaken)) for result in results), results
    assert TenantOrganization.objects.count() == 1


@needs_server
def test_of_many_new_primaries_one_remains(committed_tenants):
    maxi, _ = committed_tenants
    results = in_threads(8, lambda n: tenants_api.add_domain(maxi, f"p{n}.localhost", primary=True))
    assert all(isinstance(result, (TenantDomain, errors.DomainTaken)) for result in results), results
    assert TenantDomain.objects.filter(tenant=maxi, surface="lms", is_primary=True).count() == 1


@pytest.mark.parametrize("key", ["", None, 7, "nobody", "a\x00", "a\udcff", "x" * 101])
def test_what_cannot_be_a_key_is_an_unknown_tenant(db, key):
    for call in (api.get_tenant, api.suspend_tenant, api.archive_tenant):
        with pytest.raises(errors.UnknownTenant, match="There is no tenant with the key"):
            call(key)


def test_rows_written_at_once_are_seen_at_once(tenants):
    maxi, _ = tenants
    assert api.resolve_tenant("maxi-academy.localhost").state == "active"
    Tenant.objects.filter(key="maxi-academy").update(state="suspended")
    assert api.resolve_tenant("maxi-academy.localhost").state == "suspended"
    maxi.domains.filter(domain="maxi-academy.localhost").update(domain="other.localhost")
    assert api.resolve_tenant("maxi-academy.localhost") is None
    assert api.resolve_tenant("other.localhost").key == "maxi-academy"
    assert tenants_api.owner_of("NewX") is None
    organization = Organization.objects.create(short_name="NewX", name="New")
    TenantOrganization.objects.bulk_create([TenantOrganization(tenant=maxi, organization=organization, folded="newx")])
    assert tenants_api.owner_of("NewX").key == "maxi-academy"
    with api.tenant_context("maxi-academy"):
        assert helpers.get_value("PLATFORM_NAME") == "Maxi's Academy"
        SiteConfiguration.objects.filter(site__domain="maxi-academy.localhost").update(site_values={"A": 1})
        assert helpers.get_current_site_configuration_values() == {"A": 1}
        (row,) = SiteConfiguration.objects.filter(site__domain="maxi-academy.localhost")
        row.enabled = False
        SiteConfiguration.objects.bulk_update([row], ["enabled"])
        assert not helpers.is_site_configuration_enabled()
        row.delete()
        SiteConfiguration.objects.bulk_create([SiteConfiguration(site=row.site, site_values={"B": 2})])
        assert helpers.get_value("B") == 2
        SiteConfiguration.objects.get(site=row.site).delete()
        assert helpers.get_value("B") is None
        SiteConfiguration.objects.bulk_create([SiteConfiguration(site=row.site, site_values={"C": 3})])
        assert helpers.get_value("C") == 3
        SiteConfiguration.objects.filter(site=row.site).delete()
        assert helpers.get_value("C") is None
        spare = Site.objects.create(domain="spare.localhost", name="spare")
        SiteConfiguration.objects.bulk_create([SiteConfiguration(site=spare, site_values={"D": 4})])
        assert helpers.get_value("D") is None
        SiteConfiguration.objects.filter(site=spare).update(site=row.site)
        assert helpers.get_value("D") == 4
        made = SiteConfiguration.objects.get(site=row.site)
        made.site = spare
        SiteConfiguration.objects.bulk_update([made], ["site"])
        assert helpers.get_value("D") is None


def test_many_configurations_written_at_once_are_told_of_at_the_queries_of_a_few(tenants):
    def written(rows):
        before = view().number(PLATFORM)
        with CaptureQueriesContext(connection) as queries:
            rows.update(enabled=True)
        asked = [one["sql"] for one in queries if not (FRESHNESS in one["sql"] and one["sql"].startswith("SELECT"))]
        return len(asked), view().number(PLATFORM) > before

    def made(count):
        sites = [Site(domain=f"{count}-{number}.example.com", name="platform") for number in range(count)]
        Site.objects.bulk_create(sites)
        names = [site.domain for site in sites]
        rows = [SiteConfiguration(site=site) for site in Site.objects.filter(domain__in=names)]
        SiteConfiguration.objects.bulk_create(rows)
        return SiteConfiguration.objects.filter(site__domain__in=names)

    assert written(made(400)) == written(made(20))
    assert written(SiteConfiguration.objects.filter(site__tenant_domain__isnull=False))[1] is False
    assert written(SiteConfiguration.objects.all())[1] is True
