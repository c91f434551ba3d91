"""The admin of tenants, domains and organizations, through Django's test client and the real tables."""

from html import unescape

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.sites.models import Site
from django.test import Client
from django.urls import reverse
from organizations.models import Organization

from ccx_tenancy.audit.models import AuditEntry
from ccx_tenancy.tenants import api
from ccx_tenancy.tenants.models import Tenant, TenantDomain, TenantOrganization
from tests.counting import counted

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss():
    return User.objects.create_superuser("boss", "boss@example.com", "secret")


@pytest.fixture
def client(boss):
    client = Client(raise_request_exception=True)
    client.force_login(boss)
    return client


@pytest.fixture
def maxi():
    return api.create_rows(
        "maxi", name="Maxi", domain="maxi.example.com", organizations=["maxi"], studio_domain="studio.maxi.example.com"
    )


@pytest.fixture
def blue():
    return api.create_rows("blue", name="Blue", domain="bücher.example.com", organizations=["blue"], studio_domain=None)


def url(page, *args, model="tenant"):
    return reverse(f"admin:ccx_tenants_{model}_{page}", args=args)


NEW = {"key": "new", "name": "New", "domain": "new.example.com", "studio_domain": "", "organizations": "neworg"}


def text_of(response):
    return unescape(response.content.decode())


def form_of(tenant, **changes):
    """Return what a browser would post from a tenant's page, with some fields changed."""
    data = {"name": tenant.name}
    known = list(TenantDomain.objects.filter(tenant=tenant))
    for place, row in enumerate(known):
        data[f"domains-{place}-id"] = row.pk
        data[f"domains-{place}-tenant"] = tenant.pk
        if row.is_primary:
            data[f"domains-{place}-is_primary"] = "on"
    links = list(TenantOrganization.objects.filter(tenant=tenant))
    for place, link in enumerate(links):
        data[f"tenant_organizations-{place}-id"] = link.pk
        data[f"tenant_organizations-{place}-tenant"] = tenant.pk
    counts = {"domains": len(known), "tenant_organizations": len(links), "domains-2": 0, "tenant_organizations-2": 0}
    for prefix, count in counts.items():
        new = prefix.endswith("-2")
        data |= {f"{prefix}-TOTAL_FORMS": 2 if new else count, f"{prefix}-INITIAL_FORMS": count}
        data |= {f"{prefix}-MIN_NUM_FORMS": 0, f"{prefix}-MAX_NUM_FORMS": 1000}
    data |= {"domains-2-0-surface": "lms", "domains-2-1-surface": "lms"}
    return {name: value for name, value in {**data, **changes}.items() if value is not None}


def place_of(tenant, domain):
    return [row.domain for row in TenantDomain.objects.filter(tenant=tenant)].index(domain)


# Making


def test_a_tenant_is_made_with_its_domain_and_organizations_as_the_signed_in_user(client, boss):
    response = client.post(url("add"), {**NEW, "studio_domain": "studio.new.example.com", "organizations": "a, b\nc"})
    tenant = api.get_tenant("new")
    assert response["Location"] == url("changelist")
    assert {row.domain for row in tenant.domains.all()} == {"new.example.com", "studio.new.example.com"}
    assert [link.folded for link in tenant.tenant_organizations.all()] == ["a", "b", "c"]
    assert Site.objects.filter(domain="new.example.com").exists()
    assert set(AuditEntry.objects.values_list("actor", flat=True)) == {"boss"}


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"key": "New Key"}, "key", "lower-case letters"),
        ({"key": ""}, "key", "This field is required"),
        ({"key": "maxi"}, "key", "A tenant with the key 'maxi' exists already."),
        ({"name": "\x07"}, "name", "control character"),
        ({"domain": "https://new.example.com/x"}, "domain", "has a scheme"),
        ({"domain": "a b.example.com"}, "domain", "has a blank"),
        ({"domain": "MAXI.example.com."}, "domain", "belongs to the tenant 'maxi' already"),
        ({"domain": "BÜCHER.example.com"}, "domain", "belongs to the tenant 'blue' already"),
        ({"domain": "xn--bcher-kva.example.com"}, "domain", "belongs to the tenant 'blue' already"),
        ({"domain": "x" * 63 + "." + "y" * 50 + ".org"}, "domain", "allowed on the LMS surface are 100"),
        ({"domain": "example.com"}, "domain", "the platform's default site"),
        ({"studio_domain": "Studio.maxi.example.com"}, "studio_domain", "belongs to the tenant 'maxi' already"),
        ({"studio_domain": "new.example.com"}, "studio_domain", "belongs to the tenant 'new' already"),
        ({"studio_domain": "a/b"}, "studio_domain", "has a path"),
        ({"organizations": "maxi"}, "organizations", "belongs to the tenant 'maxi'"),
        ({"organizations": "MAXI"}, "organizations", "exists as 'maxi'"),
        ({"organizations": "a A"}, "organizations", "differ only in case"),
        ({"organizations": "a+b"}, "organizations", "is not allowed"),
        ({"organizations": " , "}, "organizations", "This field is required"),
    ],
)
def test_what_is_not_allowed_or_taken_is_an_error_of_its_field_and_makes_nothing(
    client, maxi, blue, changes, field, reason
):
    entries, organizations = AuditEntry.objects.count(), Organization.objects.count()
    response = client.post(url("add"), {**NEW, **changes})
    assert response.status_code == 200
    form = response.context["adminform"].form
    assert list(form.errors) == [field]
    assert reason in " ".join(form.errors[field])
    assert Tenant.objects.count() == 2
    assert (AuditEntry.objects.count(), Organization.objects.count()) == (entries, organizations)
    assert not Site.objects.filter(domain="new.example.com").exists()
    assert 'value="New"' in response.content.decode() or field == "name"


# Changing


def test_a_tenant_is_renamed_as_the_signed_in_user(client, maxi):
    assert client.post(url("change", maxi.pk), form_of(maxi, name="Maxi's Academy")).status_code == 302
    assert api.get_tenant("maxi").name == "Maxi's Academy"
    entry = AuditEntry.objects.first()
    assert (entry.action, entry.actor) == ("tenant.rename", "boss")


def test_key_and_state_are_only_shown(client, maxi):
    client.post(url("change", maxi.pk), form_of(maxi, key="other", state="archived"))
    maxi.refresh_from_db()
    assert (maxi.key, maxi.state) == ("maxi", "active")


def test_domains_and_organizations_are_added_marked_and_removed_in_one_save(client, maxi):
    Organization.objects.create(short_name="known", name="Known")
    known = Organization.objects.get(short_name="known")
    studio = place_of(maxi, "studio.maxi.example.com")
    response = client.post(
        url("change", maxi.pk),
        form_of(
            maxi,
            **{
                f"domains-{studio}-DELETE": "on",
                "domains-2-0-domain": "Academy.example.com",
                "domains-2-0-is_primary": "on",
                "domains-2-1-domain": "old.example.com",
                "domains-2-1-surface": "alias",
                "tenant_organizations-0-DELETE": "on",
                "tenant_organizations-2-0-organization": known.pk,
                "tenant_organizations-2-1-new": "brandnew",
            },
        ),
    )
    assert response.status_code == 302, response.context["errors"]
    rows = {row.domain: (row.surface, row.is_primary) for row in maxi.domains.all()}
    assert rows == {
        "academy.example.com": ("lms", True),
        "maxi.example.com": ("lms", None),
        "old.example.com": ("alias", None),
    }
    assert [link.folded for link in maxi.tenant_organizations.all()] == ["brandnew", "known"]
    actions = set(AuditEntry.objects.filter(actor="boss").values_list("action", flat=True))
    assert actions == {"domain.add", "domain.remove", "organization.add", "organization.remove"}
    page = client.get(reverse("admin:ccx_tenants_tenant_history", args=[maxi.pk])).content.decode()
    assert "academy.example.com" in page


def test_two_domains_of_one_surface_are_added_in_one_save(client, maxi):
    both = {"domains-2-0-domain": "b.example.com", "domains-2-1-domain": "c.example.com"}
    assert client.post(url("change", maxi.pk), form_of(maxi, **both)).status_code == 302
    assert maxi.domains.filter(surface="lms").count() == 3


def test_another_domain_is_made_primary_by_its_mark_alone(client, maxi):
    api.add_domain(maxi, "second.example.com")
    second = place_of(maxi, "second.example.com")
    response = client.post(url("change", maxi.pk), form_of(maxi, **{f"domains-{second}-is_primary": "on"}))
    assert response.status_code == 302
    assert maxi.domains.get(surface="lms", is_primary=True).domain == "second.example.com"


def test_the_primary_domain_goes_in_the_save_that_makes_another_one_primary(client, maxi):
    api.add_domain(maxi, "second.example.com")
    first, second = place_of(maxi, "maxi.example.com"), place_of(maxi, "second.example.com")
    changes = {f"domains-{second}-is_primary": "on", f"domains-{first}-DELETE": "on"}
    assert client.post(url("change", maxi.pk), form_of(maxi, **changes)).status_code == 302
    assert {row.domain for row in maxi.domains.filter(surface="lms")} == {"second.example.com"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"domains-2-0-domain": "Bücher.EXAMPLE.com"}, "belongs to the tenant 'blue' already"),
        ({"domains-2-0-domain": "maxi.example.com"}, "belongs to the tenant 'maxi' already"),
        ({"domains-2-0-domain": "http://x"}, "has a scheme"),
        ({"domains-2-0-domain": "x.example.com", "domains-2-0-surface": "moon"}, "Select a valid choice"),
        (
            {"domains-2-0-domain": "x.example.com", "domains-2-1-domain": "X.example.com"},
            "belongs to the tenant 'maxi'",
        ),
        ({"tenant_organizations-2-0-new": "BLUE"}, "exists as 'blue'"),
        ({"tenant_organizations-2-0-new": "blue"}, "belongs to the tenant 'blue'"),
        ({"tenant_organizations-2-0-new": "a b"}, "is not allowed"),
        ({"tenant_organizations-2-0-new": "a", "tenant_organizations-2-0-organization": "BLUE_ID"}, "not both"),
        ({"tenant_organizations-2-0-organization": "BLUE_ID"}, "belongs to the tenant 'blue'"),
        ({"tenant_organizations-2-0-organization": "x"}, "Select a valid choice"),
        ({"tenant_organizations-2-0-organization": "9" * 40}, "Select a valid choice"),
        ({"domains-LMS-DELETE": "on"}, "make another one primary first"),
        ({"domains-LMS-is_primary": None}, "mark another one instead"),
        ({"name": " "}, "This field is required"),
    ],
)
def test_a_change_that_is_refused_says_so_and_changes_nothing(client, maxi, blue, changes, reason):
    lms = f"domains-{place_of(maxi, 'maxi.example.com')}"
    blue_id = Organization.objects.get(short_name="blue").pk
    given = {
        name.replace("domains-LMS", lms): blue_id if value == "BLUE_ID" else value for name, value in changes.items()
    }
    before = AuditEntry.objects.count()
    response = client.post(url("change", maxi.pk), form_of(maxi, **{"name": "Renamed", **given}))
    assert response.status_code == 200
    assert reason in text_of(response)
    assert (AuditEntry.objects.count(), api.get_tenant("maxi").name) == (before, "Maxi")
    for value in given.values():
        if isinstance(value, str) and value not in ("on", " ", "moon", "x", "9" * 40):
            assert value in text_of(response)


def test_two_marks_on_one_surface_are_refused_and_so_is_one_on_an_alias(client, maxi):
    for domain, surface in (("b.example.com", "lms"), ("c.example.com", "lms"), ("d.example.com", "alias")):
        api.add_domain(maxi, domain, surface=surface)
    marks = {f"domains-{place_of(maxi, name)}-is_primary": "on" for name in ("b.example.com", "c.example.com")}
    assert "Only one domain of a surface" in text_of(client.post(url("change", maxi.pk), form_of(maxi, **marks)))
    mark = {f"domains-{place_of(maxi, 'd.example.com')}-is_primary": "on"}
    assert "An alias cannot be primary" in text_of(client.post(url("change", maxi.pk), form_of(maxi, **mark)))


# State


def test_a_tenant_is_suspended_after_a_confirmation_with_the_reason_in_the_audit_record(client, maxi):
    page = client.get(url("change", maxi.pk)).content.decode()
    step = url("step", maxi.pk, "suspend")
    assert step in page and url("step", maxi.pk, "resume") not in page
    assert "503" in client.get(step).content.decode()
    assert api.get_tenant("maxi").state == "active"
    assert client.post(step, {"reason": "unpaid"})["Location"] == url("change", maxi.pk)
    assert api.get_tenant("maxi").state == "suspended"
    entry = AuditEntry.objects.first()
    assert (entry.action, entry.actor, entry.after) == (
        "tenant.suspend",
        "boss",
        {"state": "suspended", "reason": "unpaid"},
    )
    client.post(url("step", maxi.pk, "resume"))
    assert api.get_tenant("maxi").state == "active"
    client.post(url("step", maxi.pk, "archive"))
    assert api.get_tenant("maxi").state == "archived"
    assert client.get(url("step", maxi.pk, "explode")).status_code == 302
    assert client.get(url("step", 999, "suspend")).status_code == 302


def test_many_tenants_are_archived_after_one_confirmation(client, maxi, blue):
    chosen = {"action": "archive_chosen", "_selected_action": [maxi.pk, blue.pk]}
    page = client.post(url("changelist"), chosen)
    assert "Archive these tenants?" in page.content.decode()
    assert "2 tenants" in page.content.decode()
    assert Tenant.objects.filter(state="active").count() == 2
    done = client.post(url("changelist"), {**chosen, "confirmed": "1", "reason": "over"}, follow=True)
    assert "2 tenants are archived now." in done.content.decode()
    assert Tenant.objects.filter(state="archived").count() == 2
    assert AuditEntry.objects.filter(action="tenant.archive", actor="boss").count() == 2


def test_a_tenant_whose_state_does_not_allow_the_step_is_named_and_the_others_go_on(client, maxi, blue):
    api.archive_tenant("maxi")
    chosen = {"action": "suspend_chosen", "_selected_action": [maxi.pk, blue.pk], "confirmed": "1"}
    done = text_of(client.post(url("changelist"), chosen, follow=True))
    assert "The tenant 'maxi' is archived" in done
    assert "1 tenant is suspended now." in done
    assert client.post(url("changelist"), {**chosen, "reason": "x" * 201}).status_code == 200


def test_a_tenant_cannot_be_deleted_here(client, maxi):
    assert client.post(url("delete", maxi.pk), {"post": "yes"}).status_code == 403
    assert "delete_selected" not in client.get(url("changelist")).content.decode()
    assert Tenant.objects.count() == 1


def test_viewers_change_nothing(maxi):
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_tenant"))
    viewer = Client()
    viewer.force_login(user)
    page = viewer.get(url("change", maxi.pk)).content.decode()
    assert "maxi.example.com" in page and "suspend-tenant" not in page
    assert viewer.post(url("change", maxi.pk), form_of(maxi, name="Other")).status_code == 403
    assert viewer.post(url("step", maxi.pk, "suspend")).status_code == 403
    assert viewer.get(url("add")).status_code == 403
    assert "suspend_chosen" not in viewer.get(url("changelist")).content.decode()


def test_one_who_may_change_tenants_but_not_domains_leaves_the_domains_alone(maxi):
    user = User.objects.create_user("namer", is_staff=True)
    codes = ["change_tenant", "view_tenant", "view_tenantdomain", "view_tenantorganization"]
    user.user_permissions.set(Permission.objects.filter(codename__in=codes))
    namer = Client()
    namer.force_login(user)
    lms = place_of(maxi, "maxi.example.com")
    changes = {f"domains-{lms}-DELETE": "on", "domains-2-0-domain": "x.example.com", "name": "Other"}
    assert namer.post(url("change", maxi.pk), form_of(maxi, **changes)).status_code == 302
    assert api.get_tenant("maxi").name == "Other"
    assert maxi.domains.count() == 2


# Lists of their own


def test_a_domain_is_added_to_a_chosen_tenant_and_removed(client, maxi, blue):
    add = url("add", model="tenantdomain")
    given = {"tenant": maxi.pk, "domain": "Extra.example.com", "surface": "mfe"}
    assert client.post(add, given).status_code == 302
    row = TenantDomain.objects.get(domain="extra.example.com")
    assert (row.tenant, row.is_primary) == (maxi, True)
    taken = client.post(add, {**given, "tenant": blue.pk})
    assert "belongs to the tenant 'maxi' already" in text_of(taken)
    assert "Select a valid choice" in text_of(client.post(add, {**given, "tenant": "x"}))
    assert client.post(url("change", row.pk, model="tenantdomain"), given).status_code == 403
    assert client.get(url("change", row.pk, model="tenantdomain")).status_code == 200
    assert client.post(url("delete", row.pk, model="tenantdomain"), {"post": "yes"}).status_code == 302
    assert not TenantDomain.objects.filter(pk=row.pk).exists()
    assert AuditEntry.objects.first().action == "domain.remove"


def test_a_primary_domain_is_not_removed_and_the_reason_is_said(client, maxi):
    row = maxi.domains.get(domain="maxi.example.com")
    response = client.post(url("delete", row.pk, model="tenantdomain"), {"post": "yes"}, follow=True)
    assert "make another one primary first" in text_of(response)
    assert maxi.domains.count() == 2


def test_an_organization_is_given_to_a_chosen_tenant_and_taken_back(client, maxi, blue):
    add = url("add", model="tenantorganization")
    assert client.post(add, {"tenant": maxi.pk, "new": "extra"}).status_code == 302
    link = TenantOrganization.objects.get(folded="extra")
    assert link.tenant == maxi
    assert "belongs to the tenant 'maxi'" in text_of(client.post(add, {"tenant": blue.pk, "new": "extra"}))
    assert "not both" in text_of(client.post(add, {"tenant": blue.pk}))
    assert client.get(url("change", link.pk, model="tenantorganization")).status_code == 200
    assert client.post(url("delete", link.pk, model="tenantorganization"), {"post": "yes"}).status_code == 302
    assert Organization.objects.filter(short_name="extra", tenant_organization=None).exists()


# Many


@pytest.mark.parametrize("search", ["maxi", "Maxi", "BÜCHER.example.com", "xn--bcher", "Known Name", "maxi blue"])
def test_tenants_are_found_by_key_name_domain_in_any_spelling_and_organization(client, maxi, blue, search):
    Organization.objects.filter(short_name="maxi").update(name="Known Name")
    found = [tenant.key for tenant in client.get(url("changelist"), {"q": search}).context["cl"].result_list]
    expected = {"maxi blue": []}.get(search, ["blue"] if "cher" in search.lower() else ["maxi"])
    assert found == expected


def many(start, count):
    Tenant.objects.bulk_create([Tenant(key=f"t{n:05}", name=f"T {n}") for n in range(start, start + count)], 1000)
    keys = dict(Tenant.objects.filter(key__startswith="t").values_list("key", "pk"))
    wanted = [f"t{n:05}" for n in range(start, start + count)]
    Site.objects.bulk_create([Site(domain=f"{key}.example.com", name=key) for key in wanted], 1000)
    sites = dict(Site.objects.values_list("domain", "pk"))
    Organization.objects.bulk_create([Organization(short_name=key, name=key) for key in wanted], 1000)
    organizations = dict(Organization.objects.values_list("short_name", "pk"))
    TenantDomain.objects.bulk_create(
        [
            TenantDomain(
                tenant_id=keys[key],
                domain=f"{key}.example.com",
                is_primary=True,
                site_id=sites[f"{key}.example.com"],
            )
            for key in wanted
        ],
        1000,
    )
    TenantOrganization.objects.bulk_create(
        [TenantOrganization(tenant_id=keys[key], organization_id=organizations[key], folded=key) for key in wanted],
        1000,
    )


def test_every_page_asks_the_same_with_10_and_with_10000_tenants(client, maxi):
    domain = maxi.domains.first()
    pages = {
        "list": (url("changelist"), {}),
        "search": (url("changelist"), {"q": "maxi"}),
        "state": (url("changelist"), {"state": "active"}),
        "add": (url("add"), {}),
        "change": (url("change", maxi.pk), {}),
        "domains": (url("changelist", model="tenantdomain"), {}),
        "domain": (url("change", domain.pk, model="tenantdomain"), {}),
        "add domain": (url("add", model="tenantdomain"), {}),
        "organizations": (url("changelist", model="tenantorganization"), {}),
        "add organization": (url("add", model="tenantorganization"), {}),
        "choose": (
            reverse("admin:autocomplete"),
            {"app_label": "ccx_tenants", "model_name": "tenantdomain", "field_name": "tenant", "term": "t0"},
        ),
    }

    def asked():
        return {name: asked_by(name, *page) for name, page in pages.items()}

    def asked_by(name, page, query):
        answers = []
        queries = counted(lambda: answers.append(client.get(page, query)))
        for response in answers:
            assert response.status_code == 200, name
            assert len(response.content) < 200_000, name
        return len(queries)

    many(0, 10)
    few = asked()
    many(10, 9_990)
    assert asked() == few
    assert max(few.values()) <= 12
