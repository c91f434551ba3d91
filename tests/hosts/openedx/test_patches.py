"""The patches, on a stand-in of the host's model and helpers."""

import sys
from contextlib import nullcontext
from enum import Enum
from types import ModuleType, SimpleNamespace

import crum
import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sites.models import Site
from django.core.cache import cache as default_cache
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import ResolverMatch
from django.views.decorators.cache import cache_page
from opaque_keys.edx.keys import CourseKey
from organizations.models import Organization
from rest_framework.views import APIView

from ccx_tenancy import api
from ccx_tenancy.context import current_scope
from ccx_tenancy.hosts.openedx import discussions, kept, lti, patches, programs, providers, registration, rows
from ccx_tenancy.membership.api import OrganizationMembership
from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.site_config import helpers
from ccx_tenancy.site_config.snapshots import Snapshot
from ccx_tenancy.tenants import api as tenants
from tests.hosts.openedx.standin.site_configuration.models import SiteConfiguration
from tests.hosts.openedx.standin.student.models import CourseEnrollmentAllowed
from tests.hosts.openedx.standin_of_videos import stand_ins_of_videos
from tests.hosts.openedx.test_rows import Visit

pytestmark = pytest.mark.django_db


def authenticate(self, request):
    """What the host's class for bearer tokens does: whose token it is stands in the request."""
    return request.token_of, "token"


def process_request(self, request):
    """What the host's question for closed accounts finds: here, whether somebody's rows would be left out."""
    return rows.viewer() is not None


def construct_callback(self, dispatch="score_update"):
    """What the host's class for external graders does: an address on the platform's own host."""
    return f"https://lms.example.com/courses/{self._block.scope_ids.usage_id.context_key}/xqueue/1/2/{dispatch}"


def get_course_enrollments(user, org_whitelist, org_blacklist, course_limit=None):
    """What the host's dashboards ask for: here, by which organizations they would choose."""
    return org_whitelist, org_blacklist, course_limit


def _update_from_response(self, response_data):
    """What the host's client of discussions does with an answer."""
    vars(self).update(response_data)


class FlagOverride(Enum):
    """For what a switch of the host is set."""

    COURSE = "COURSE"
    ORG = "ORG"


def _get_flag_overrides(course_or_org):
    """What the host's report of switches reads: for each switch, by key or name, how it is set."""
    names = ("Acme", "Globex", "Platform")
    if course_or_org is FlagOverride.COURSE:
        names = [f"course-v1:{name}+X+2026" for name in names]
    return {"a.flag": {name: {"force": "on"} for name in names}}


class CommentClientRequestError(Exception):
    """The host's."""

    def __init__(self, msg, status_codes=400):
        super().__init__(msg)
        self.status_code = status_codes


def stand_ins_of_the_forum():
    """The forum's classes of documents; what they find stands in ``kept``."""
    documents, people = ModuleType(discussions.DOCUMENTS), ModuleType(discussions.PEOPLE)
    threads, followers = ModuleType(discussions.THREADS), ModuleType(discussions.FOLLOWERS)

    def get(self, _id):
        return self.kept.get(_id)

    def get_person(self, _id):
        return self.kept.get(_id)

    def find(self, query):
        return [one for one in self.kept.values() if all(one.get(name) == value for name, value in query.items())]

    documents.MongoBaseModel = type("MongoBaseModel", (), {"get": get, "find": find})
    people.Users = type("Users", (documents.MongoBaseModel,), {"get": get_person})
    threads.CommentThread = type("CommentThread", (documents.MongoBaseModel,), {})
    followers.Subscriptions = type("Subscriptions", (documents.MongoBaseModel,), {})
    return documents, people, threads, followers


def stand_ins_of_programs_and_providers():
    """Programs, which stand in ``kept`` of their module; enrollments that wait in them; what is set for sites."""
    catalog, catalog_api, linking = map(ModuleType, (programs.CATALOG, programs.CATALOG_API, programs.LINKING))
    catalog.kept = {}

    def get_programs(site=None, uuid=None, uuids=None, course=None, catalog_course_uuid=None, organization=None):
        return catalog.kept.get(uuid) if uuid else list(catalog.kept.values())

    def get_programs_by_uuids(uuids):
        return [catalog.kept[uuid] for uuid in uuids if uuid in catalog.kept]

    def link_program_enrollments(program_uuid, external_keys_to_usernames):
        if program_uuid in linking.waiting:
            return {}
        return dict.fromkeys(external_keys_to_usernames, f"Nobody waits in {program_uuid}.")

    catalog.get_programs, catalog.get_programs_by_uuids = get_programs, get_programs_by_uuids
    catalog_api._get_programs = get_programs
    linking.link_program_enrollments = link_program_enrollments
    settings_models, saml, saml_models = map(ModuleType, (providers.SETTINGS, providers.SAML, providers.SAML_MODELS))

    def current_set(self):
        return self.model._base_manager.all()

    def get_idp(self, idp_name):
        return f"the provider {idp_name}" if idp_name in saml_models.sites else "no provider"

    def current(name):
        return SimpleNamespace(site_id=saml_models.sites.get(name, 0))

    settings_models.ConfigurationModelManager = type("ConfigurationModelManager", (), {"current_set": current_set})
    saml.SAMLAuthBackend = type("SAMLAuthBackend", (), {"get_idp": get_idp})
    saml_models.SAMLProviderConfig = SimpleNamespace(current=current)
    return catalog, catalog_api, linking, settings_models, saml, saml_models


def stand_ins_of_caches():
    """Where the host keeps answers: the cache of everybody, and one of its kind by itself."""
    footer, pages, answers = map(ModuleType, (kept.FOOTER, kept.PAGES, kept.ANSWERS))
    footer.cache = answers.cache = default_cache
    pages.cache = LocMemCache("pages", {})
    return footer, pages, answers


class Asked:
    """A request on a host is current while the block runs."""

    def __init__(self, host, user=None):
        self.request = RequestFactory().get("/", HTTP_HOST=host)
        self.request.tenancy_surface, self.request.tenant = "lms", api.resolve_tenant(host)
        self.request.user = user or AnonymousUser()

    def __enter__(self):
        crum.set_current_request(self.request)
        self.context = api.tenant_context(self.request.tenant) if self.request.tenant else nullcontext()
        self.context.__enter__()
        return self.request

    def __exit__(self, *raised):
        self.context.__exit__(*raised)
        crum.set_current_request(None)


@pytest.fixture(autouse=True)
def host(settings, monkeypatch):
    """The host's helpers as a module, and all patches installed."""
    settings.CCX_TENANCY = {"HOST": "ccx_tenancy.hosts.openedx.OpenEdxHost"}
    module = ModuleType(patches.HELPERS)
    module.get_current_site_configuration = lambda: "what the host finds"
    authentication = ModuleType(patches.AUTHENTICATION)
    authentication.BearerAuthentication = type("BearerAuthentication", (), {"authenticate": authenticate})
    module.get_current_site_orgs = lambda: module.shown
    module.shown = None
    catalogue = ModuleType(patches.CATALOGUE)
    dashboard = ModuleType(patches.DASHBOARD)
    mobile = ModuleType(patches.MOBILE)

    def get_visible_courses(org=None, filter_=None, active_only=False, course_keys=None):
        return module.get_current_site_orgs()

    def is_org(self, check_org, course_org):
        return course_org in module.get_current_site_orgs()

    catalogue.get_visible_courses = get_visible_courses
    dashboard.get_course_enrollments = get_course_enrollments
    mobile.UserCourseEnrollmentsList = type("UserCourseEnrollmentsList", (), {"is_org": is_org})
    standing = ModuleType(patches.STANDING)
    standing.UserStandingMiddleware = type("UserStandingMiddleware", (), {"process_request": process_request})
    graders = ModuleType(patches.GRADERS[0])
    graders.XQueueService = type("XQueueService", (), {"construct_callback": construct_callback})
    edxval, block = stand_ins_of_videos()
    client, errors = ModuleType(patches.DISCUSSIONS), ModuleType(patches.DISCUSSION_ERRORS)
    client.Model = type("Model", (), {"_update_from_response": _update_from_response})
    errors.CommentClientRequestError = CommentClientRequestError
    switches = ModuleType(patches.SWITCHES)
    switches._get_flag_overrides = _get_flag_overrides
    made_up = (module, switches, authentication, standing, graders, catalogue, dashboard, mobile, edxval, block)
    for made in (
        *made_up,
        client,
        errors,
        *stand_ins_of_the_forum(),
        *stand_ins_of_programs_and_providers(),
        *stand_ins_of_caches(),
    ):
        parts = made.__name__.split(".")
        for length in range(1, len(parts)):
            package = ModuleType(".".join(parts[:length]))
            package.__path__ = []
            if package.__name__ not in sys.modules:
                monkeypatch.setitem(sys.modules, package.__name__, package)
        monkeypatch.setitem(sys.modules, made.__name__, made)
    patches.install()
    yield module
    patches.remove()


@pytest.fixture
def acme(host):
    return api.create_tenant(
        "acme",
        name="Acme",
        domain="acme.localhost",
        organizations=["Acme", "AcmeLabs"],
        values={"PLATFORM_NAME": "Acme", "MFE_CONFIG": {"a": 1}},
    )


def platform_site(domain, orgs, **values):
    site = Site.objects.create(domain=domain, name=domain)
    return SiteConfiguration.objects.create(site=site, enabled=True, site_values={"course_org_filter": orgs, **values})


def test_a_tenants_organizations_have_the_values_of_its_site_in_any_case(acme):
    assert SiteConfiguration.get_value_for_org("AcmeLabs", "PLATFORM_NAME") == "Acme"
    assert SiteConfiguration.get_value_for_org("acme", "PLATFORM_NAME") == "Acme"
    assert SiteConfiguration.has_org("Acme")
    assert SiteConfiguration.get_all_orgs() == {"Acme", "AcmeLabs"}


def test_a_platforms_site_speaks_for_what_its_filter_names_letter_by_letter(acme):
    platform_site("one.localhost", "One", PLATFORM_NAME="One")
    platform_site("two.localhost", ["Two", "Deux"], PLATFORM_NAME="Two")
    assert SiteConfiguration.get_value_for_org("One", "PLATFORM_NAME") == "One"
    assert SiteConfiguration.get_value_for_org("Deux", "PLATFORM_NAME") == "Two"
    assert SiteConfiguration.get_value_for_org("one", "PLATFORM_NAME", "default") == "default"
    assert not SiteConfiguration.has_org("one")
    assert SiteConfiguration.get_all_orgs() == {"Acme", "AcmeLabs", "One", "Two", "Deux"}


def test_a_tenants_site_shows_the_tenants_own_organizations_whatever_its_filter_says(acme, host):
    def shown(site):
        return SiteConfiguration.objects.get(site__domain=site).get_value("course_org_filter")

    labs = tenants.add_domain(acme, "labs.localhost")
    SiteConfiguration.objects.create(site=labs.site, enabled=True, site_values={"course_org_filter": "AcmeLabs"})
    everything, nothing = platform_site("one.localhost", ["One", "Acme"]), platform_site("two.localhost", None)
    assert shown("acme.localhost") == ["Acme", "AcmeLabs"]
    assert shown("labs.localhost") == "AcmeLabs"
    # The host's own admin and commands write what they are given.
    SiteConfiguration.objects.get(site=labs.site).delete()
    left = SiteConfiguration(site=labs.site, enabled=True, site_values={"course_org_filter": ["AcmeLabs", "Globex"]})
    left.save()
    assert shown("labs.localhost") == ["AcmeLabs"]
    tenants.remove_organization(acme, "AcmeLabs")
    assert shown("labs.localhost") == ["Acme"]
    assert everything.get_value("course_org_filter") == ["One", "Acme"]
    assert nothing.get_value("course_org_filter") is None
    for name, expected in (("acme.localhost", ["Acme"]), ("labs.localhost", ["Acme"]), ("one.localhost", None)):
        with Asked(name):
            assert host.get_current_site_orgs() == expected


def test_an_organization_that_nobody_claims_has_the_default(acme):
    assert SiteConfiguration.get_value_for_org("Nobody", "PLATFORM_NAME", "default") == "default"
    assert not SiteConfiguration.has_org("Nobody")
    assert not SiteConfiguration.has_org(None)


def test_a_change_and_a_disabled_configuration_are_seen(acme):
    row = platform_site("one.localhost", "One", PLATFORM_NAME="One")
    assert SiteConfiguration.has_org("One")
    row.site_values = {"course_org_filter": "One", "PLATFORM_NAME": "New"}
    row.save()
    assert SiteConfiguration.get_value_for_org("One", "PLATFORM_NAME") == "New"
    row.enabled = False
    row.save()
    assert not SiteConfiguration.has_org("One")


def test_warm_answers_cost_no_query_and_are_the_callers_own(acme, django_assert_num_queries):
    SiteConfiguration.get_value_for_org("Acme", "MFE_CONFIG")["a"] = 2
    SiteConfiguration.get_all_orgs()
    with django_assert_num_queries(0):
        assert SiteConfiguration.get_value_for_org("Acme", "MFE_CONFIG") == {"a": 1}
        assert SiteConfiguration.has_org("AcmeLabs")
        SiteConfiguration.get_all_orgs()


def test_the_hosts_helpers_follow_the_current_tenant(host, acme):
    assert host.get_current_site_configuration() == "what the host finds"
    with api.tenant_context("acme"):
        assert host.get_current_site_configuration().get_value("PLATFORM_NAME") == "Acme"
        helpers.set_site_values("acme.localhost", {"PLATFORM_NAME": "New"})
        assert host.get_current_site_configuration().get_value("PLATFORM_NAME") == "New"
    assert host.get_current_site_configuration() == "what the host finds"


def test_a_tenant_without_a_configuration_has_none_for_the_host(host):
    api.create_tenant("bare", name="Bare", domain="bare.localhost", organizations=[])
    with api.tenant_context("bare"):
        assert host.get_current_site_configuration() is None


def test_a_secret_is_sealed_in_the_hosts_table_and_open_where_the_host_reads_it(acme):
    helpers.set_site_values("acme.localhost", {"HUBSPOT_API_KEY": "s3cret"})
    row = SiteConfiguration.objects.get(site__domain="acme.localhost")
    assert "s3cret" not in str(row.site_values)
    assert row.get_value("HUBSPOT_API_KEY") == "s3cret"
    assert site_config.current_values("acme.localhost").values["HUBSPOT_API_KEY"] == "********"


def test_a_secret_whose_key_is_lost_is_the_default_and_is_told(acme, settings, caplog):
    helpers.set_site_values("acme.localhost", {"HUBSPOT_API_KEY": "s3cret"})
    settings.SECRET_KEY = "another"
    row = SiteConfiguration.objects.get(site__domain="acme.localhost")
    assert row.get_value("HUBSPOT_API_KEY", "default") == "default"
    assert "HUBSPOT_API_KEY" in caplog.text and "s3cret" not in caplog.text


def test_a_target_of_another_shape_stops_the_start_and_nothing_is_replaced(settings, monkeypatch):
    patches.remove()
    monkeypatch.setattr(SiteConfiguration, "has_org", classmethod(lambda cls, org, site: False))
    before = SiteConfiguration.get_value_for_org
    with pytest.raises(ImproperlyConfigured) as raised:
        patches.install()
    text = str(raised.value)
    assert "'org_values'" in text and "has_org" in text and "(cls, org, site)" in text and "HOST_PATCHES_OFF" in text
    assert SiteConfiguration.get_value_for_org == before


def test_a_patch_can_be_left_out_and_an_unknown_name_is_refused(settings):
    patches.remove()
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "HOST_PATCHES_OFF": ["org_values"]}
    before = SiteConfiguration.get_all_orgs
    patches.install()
    assert SiteConfiguration.get_all_orgs == before
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "HOST_PATCHES_OFF": ["typo"]}
    with pytest.raises(ImproperlyConfigured, match="'typo'; known are 'org_values'"):
        patches.install()


def test_a_bearer_token_outside_of_drf_is_nobodys_on_a_foreign_site(acme):
    from ccx_tenancy.middleware import TenantAccessMiddleware

    author = sys.modules[patches.AUTHENTICATION].BearerAuthentication()
    member, stranger = User.objects.create_user("member"), User.objects.create_user("stranger")
    api.add_member(member, "Acme")

    def visit(user):
        request = RequestFactory().get("/")
        request.tenant, request.tenancy_surface, request.token_of = api.resolve_tenant("acme.localhost"), "lms", user
        found = []
        TenantAccessMiddleware(lambda request: found.append(author.authenticate(request)) or HttpResponse())(request)
        return found[0]

    assert visit(member) == (member, "token")
    assert visit(stranger) is None


def test_whether_an_account_was_closed_is_asked_among_all_rows(acme, rf):
    request = rf.get("/")
    request.tenancy_surface, request.tenant, request.user = "lms", api.resolve_tenant("acme.localhost"), AnonymousUser()
    middleware = sys.modules[patches.STANDING].UserStandingMiddleware()
    crum.set_current_request(request)
    try:
        with api.tenant_context("acme"):
            assert rows.viewer() is not None
            assert middleware.process_request(request) is False
    finally:
        crum.set_current_request(None)


def test_a_document_of_the_forum_is_found_on_the_site_of_its_tenant_only(acme, rf):
    request = rf.get("/")
    request.tenancy_surface, request.tenant, request.user = "lms", api.resolve_tenant("acme.localhost"), AnonymousUser()
    api.create_tenant("globex", name="Globex", domain="globex.localhost", organizations=["Globex"])
    threads, followers = (
        sys.modules[discussions.THREADS].CommentThread,
        sys.modules[discussions.FOLLOWERS].Subscriptions,
    )
    threads.kept = {org: {"course_id": f"course-v1:{org}+X+1"} for org in ("Acme", "Globex")} | {"no course": {"a": 1}}
    followers.kept = {org: {"source_id": org, "subscriber_id": "4"} for org in threads.kept}
    threads, followers = threads(), followers()
    assert all(map(threads.get, threads.kept))
    assert all(followers.find({"source_id": org}) for org in threads.kept)
    crum.set_current_request(request)
    try:
        with api.tenant_context("acme"):
            assert [org for org in threads.kept if threads.get(org)] == ["Acme", "no course"]
            assert threads.get("Nobody") is None
            assert [org for org in threads.kept if followers.find({"source_id": org})] == ["Acme", "no course"]
            assert len(followers.find({"subscriber_id": "4"})) == 3
    finally:
        crum.set_current_request(None)


def test_a_person_is_found_by_the_forums_own_api_within_the_tenant_and_by_the_platforms_pages_as_before(acme, rf):
    member, stranger = User.objects.create_user("member"), User.objects.create_user("stranger")
    api.add_member(member, "Acme")
    people = sys.modules[discussions.PEOPLE].Users()
    people.kept = {str(user.pk): {"external_id": str(user.pk)} for user in (member, stranger)}

    def asked_by(module):
        view = type("View", (APIView,), {"__module__": module}).as_view()
        request = rf.get("/")
        request.tenancy_surface, request.tenant, request.user = "lms", api.resolve_tenant("acme.localhost"), member
        request.resolver_match = ResolverMatch(view, (), {})
        crum.set_current_request(request)
        try:
            with api.tenant_context("acme"):
                return [user.username for user in (member, stranger) if people.get(str(user.pk))]
        finally:
            crum.set_current_request(None)

    assert asked_by("forum.views.users") == ["member"]
    assert asked_by("lms.djangoapps.discussion.rest_api.views") == ["member", "stranger"]


@pytest.fixture
def globex(host):
    values = {"PLATFORM_NAME": "Globex"}
    return api.create_tenant(
        "globex", name="Globex", domain="globex.localhost", organizations=["Globex"], values=values
    )


def test_a_program_is_of_the_organizations_that_author_it(acme, globex):
    catalog, linking = sys.modules[programs.CATALOG], sys.modules[programs.LINKING]
    authors = {"own": ["Acme"], "both": ["globex", "AcmeLabs"], "foreign": ["Globex"], "free": [], "nobodys": ["New"]}
    for uuid, names in authors.items():
        catalog.kept[uuid] = {"uuid": uuid, "authoring_organizations": [{"key": name} for name in names]}
    linking.waiting = set(authors)
    seen = set(authors) - {"foreign"}
    member, operator = User.objects.create_user("member"), User.objects.create_user("operator", is_superuser=True)
    api.add_member(member, "Acme")
    for host, user, expected in (
        ("acme.localhost", None, seen),
        ("acme.localhost", operator, set(authors)),
        ("globex.localhost", None, set(authors) - {"own"}),
        ("lms.localhost", member, seen),
        ("lms.localhost", None, {"free", "nobodys"}),
    ):
        with Asked(host, user):
            for read in (catalog.get_programs, sys.modules[programs.CATALOG_API]._get_programs):
                assert {one["uuid"] for one in read(organization="x")} == expected, (host, user)
                assert {uuid for uuid in authors if read(uuid=uuid)} == expected
            assert {one["uuid"] for one in catalog.get_programs_by_uuids(list(authors))} == expected
            linked = {uuid for uuid in authors if not linking.link_program_enrollments(uuid, {"key": "member"})}
            assert linked == expected
            assert linking.link_program_enrollments("foreign", {"key": "x"}) in (
                {},
                {"key": "Nobody waits in foreign."},
            )
            assert linking.link_program_enrollments("none", {"key": "x"}) == {"key": "Nobody waits in none."}
    assert len(catalog.get_programs(organization="x")) == len(authors)


def test_what_is_set_for_a_site_is_listed_on_that_site_and_its_identity_providers_are_reached_there_only(acme, globex):
    platform_site("free.localhost", "Free")
    manager = sys.modules[providers.SETTINGS].ConfigurationModelManager()
    saml, models = sys.modules[providers.SAML].SAMLAuthBackend(), sys.modules[providers.SAML_MODELS]
    platform_site("second.localhost", "Globex")
    tenants.add_domain(tenants.Tenant.objects.get(key="globex"), "second.localhost")
    hosts = {name: f"{name}.localhost" for name in ("acme", "globex", "second", "free")}
    models.sites = {name: Site.objects.get(domain=domain).pk for name, domain in hosts.items()}
    member, operator = User.objects.create_user("member"), User.objects.create_user("operator", is_superuser=True)
    api.add_member(member, "Acme")
    for host, user, expected in (
        ("acme.localhost", member, {"acme"}),
        ("globex.localhost", None, {"globex"}),
        ("second.localhost", None, {"second"}),
        ("acme.localhost", operator, set(hosts)),
        ("free.localhost", None, {"free"}),
        ("free.localhost", member, {"free", "acme"}),
    ):
        with Asked(host, user):
            manager.model = SiteConfiguration
            assert {row.site.domain.split(".")[0] for row in manager.current_set()} & set(hosts) == expected, (
                host,
                user,
            )
            assert {name for name in hosts if saml.get_idp(name) == f"the provider {name}"} == expected
            assert saml.get_idp("nobody") == "no provider"
            manager.model = User
            assert manager.current_set().count() == 2
    assert {name for name in hosts if saml.get_idp(name) == f"the provider {name}"} == set(hosts)


def test_an_answer_that_is_kept_for_everybody_is_kept_for_each_tenants_site(acme, globex):
    for name in (kept.FOOTER, kept.PAGES, kept.ANSWERS):
        cache = sys.modules[name].cache
        for host in ("acme.localhost", "globex.localhost", "lms.localhost"):
            with Asked(host):
                assert cache.get("footer") is None
                cache.set("footer", host, 60)
        for host in ("acme.localhost", "globex.localhost", "lms.localhost"):
            with Asked(host):
                assert cache.get("footer", "none") == host
        with Asked("acme.localhost"):
            cache.delete("footer")
            assert cache.get("footer") is None
        assert (cache.get("footer") is None) == (name == kept.ANSWERS)
        with Asked("globex.localhost"):
            assert cache.get("footer") == "globex.localhost"
        cache.delete("footer")
        assert cache.get("footer") is None
        with Asked("globex.localhost"):
            assert (cache.get("footer") is None) == (name == kept.ANSWERS)
            cache.delete("footer")


def test_what_is_kept_for_a_site_is_not_for_another_one_of_the_tenant_nor_under_other_values(acme):
    labs = tenants.add_domain(acme, "labs.localhost")
    for name, is_of_the_tenant in ((kept.FOOTER, False), (kept.PAGES, False), (kept.ANSWERS, True)):
        cache = sys.modules[name].cache
        with Asked("acme.localhost"):
            cache.set(name, "Acme", 60)
        with Asked(labs.domain):
            assert cache.get(name) == ("Acme" if is_of_the_tenant else None)
        with Asked("acme.localhost"):
            assert cache.get(name) == "Acme"
        with Asked("acme.localhost"):
            assert cache.get(f"{name}-again") is None
            api.set_site_values("acme.localhost", {"PLATFORM_NAME": name})
            cache.set(f"{name}-again", "made of the values before", 60)
        with Asked("acme.localhost"):
            assert cache.get(name) == ("Acme" if is_of_the_tenant else None)
            assert cache.get(f"{name}-again") == ("made of the values before" if is_of_the_tenant else None)


@cache_page(300)
def named_page(request):
    return HttpResponse(sys.modules[patches.HELPERS].get_current_site_configuration().get_value("PLATFORM_NAME"))


def test_a_page_that_django_keeps_is_kept_for_each_site_under_its_values_and_of_no_draft(acme, globex):
    def shown(host, preview=None):
        with Asked(host) as request:
            if preview is not None:
                current_scope().preview = Snapshot(acme.pk, {"PLATFORM_NAME": preview}, enabled=True, revision=1)
            return named_page(request).content.decode()

    api.set_site_values("globex.localhost", {"PLATFORM_NAME": "Globex"})
    assert shown("acme.localhost", preview="a draft") == "a draft"
    assert shown("acme.localhost") == "Acme"
    assert shown("acme.localhost", preview="a draft") == "a draft"
    assert shown("acme.localhost") == "Acme"
    assert shown("globex.localhost") == "Globex"
    SiteConfiguration.objects.filter(site__domain="acme.localhost").update(site_values={"PLATFORM_NAME": "unseen"})
    assert shown("acme.localhost") == "Acme", "it is kept"
    api.set_site_values("acme.localhost", {"PLATFORM_NAME": "seen at once"})
    assert shown("acme.localhost") == "seen at once"


def test_a_draft_that_somebody_previews_is_nobody_elses_configuration(acme, host):
    with Asked("acme.localhost"):
        current_scope().preview = Snapshot(acme.pk, {"PLATFORM_NAME": "a draft"}, enabled=True, revision=1)
        previewed = host.get_current_site_configuration()
        assert previewed.get_value("PLATFORM_NAME") == "a draft"
        assert previewed.site.domain == "acme.localhost"
    with Asked("acme.localhost"):
        assert host.get_current_site_configuration().get_value("PLATFORM_NAME") == "Acme"


def test_who_is_launched_by_a_consumer_of_the_site_is_its_learner_and_nobody_else_gets_an_account(
    acme, globex, monkeypatch
):
    launched = {}

    class LtiUsers:
        """The host's links between who is launched and an account."""

        @staticmethod
        def filter(lti_user_id, lti_consumer):
            found = launched.get((lti_user_id, lti_consumer.consumer_key))
            return SimpleNamespace(first=lambda: found and SimpleNamespace(edx_user=found))

    users = ModuleType(lti.USERS)
    users.LtiUser = SimpleNamespace(_base_manager=LtiUsers)
    monkeypatch.setitem(sys.modules, lti.USERS, users)

    def authenticate_lti_user(request, lti_user_id, lti_consumer):
        user = launched.get((lti_user_id, lti_consumer.consumer_key))
        if user is None:
            user = User.objects.create_user(f"launched-{lti_user_id}")
            registration.join(User, user, created=True)
            launched[lti_user_id, lti_consumer.consumer_key] = user
        if request.tenant is not None and not api.is_member(user, request.tenant):
            raise PermissionDenied
        return user

    launch = lti._make_authenticate(authenticate_lti_user)
    trusted = SimpleNamespace(consumer_key="trusted", require_user_account=False)
    unknown = SimpleNamespace(consumer_key="unknown", require_user_account=False)
    asking = SimpleNamespace(consumer_key="asking", require_user_account=True)
    api.set_site_values("acme.localhost", {lti.CONSUMERS: ["trusted"]})
    count = User.objects.count()

    def launch_on(host, number, consumer):
        asked = Asked(host)
        with asked:
            return launch(asked.request, number, consumer)

    for host, consumer in (("globex.localhost", trusted), ("acme.localhost", unknown)):
        with pytest.raises(PermissionDenied):
            launch_on(host, "1", consumer)
    assert User.objects.count() == count and not launched
    learner = launch_on("acme.localhost", "1", trusted)
    assert api.has_role(learner, "Acme", "learner") and not api.is_member(learner, "globex")
    assert launch_on("acme.localhost", "1", trusted) == learner
    with pytest.raises(PermissionDenied):
        launch_on("globex.localhost", "1", trusted)
    # Who came before, to the platform's own host, is taken; who was suspended is not.
    stranger = launch_on("lms.localhost", "2", trusted)
    assert not api.is_member(stranger, "acme")
    assert launch_on("acme.localhost", "2", trusted) == stranger and api.is_member(stranger, "acme")
    OrganizationMembership.objects.filter(user=stranger).delete()
    OrganizationMembership.objects.create(
        user=stranger, organization=Organization.objects.get(short_name="Acme"), active=False
    )
    with pytest.raises(PermissionDenied):
        launch_on("acme.localhost", "2", trusted)
    # For a consumer that asks for an account the host itself asks to sign in.
    with pytest.raises(PermissionDenied):
        launch_on("acme.localhost", "3", asking)


def test_external_graders_answer_on_the_site_of_the_tenant_whose_course_it_is(acme):
    service = sys.modules[patches.GRADERS[0]].XQueueService()
    for course, site in (("course-v1:Acme+A+1", "acme.localhost"), ("course-v1:Free+F+1", "lms.example.com")):
        usage = SimpleNamespace(context_key=CourseKey.from_string(course))
        service._block = SimpleNamespace(scope_ids=SimpleNamespace(usage_id=usage))
        assert service.construct_callback("x") == f"https://{site}/courses/{course}/xqueue/1/2/x"


def test_external_graders_are_found_where_the_host_keeps_them_since_problems_moved_out(host, monkeypatch):
    later = ModuleType(patches.GRADERS[1])
    later.XQueueService = type("XQueueService", (), {"construct_callback": construct_callback})
    teak = sys.modules[patches.GRADERS[0]].XQueueService
    with monkeypatch.context() as there:
        there.setitem(sys.modules, later.__name__, later)
        assert [target.owner for target in patches._grader_callbacks()] == [teak]
        there.delitem(sys.modules, patches.GRADERS[0])
        assert [target.owner for target in patches._grader_callbacks()] == [later.XQueueService]
        there.delattr(later, "XQueueService")
        with pytest.raises(ImportError, match="no XQueueService in xmodule.capa.xqueue_interface or xmodule.services"):
            patches._grader_callbacks()


def test_an_account_is_enrolled_in_no_waiting_course_of_a_tenant_of_which_it_is_no_member(acme):
    api.create_tenant("globex", name="Globex", domain="globex.localhost", organizations=["Globex"])
    user = User.objects.create_user("learner", "learner@example.com")
    api.add_member(user, "Acme")
    for course in ("course-v1:Acme+A+1", "course-v1:Globex+G+1", "course-v1:Free+F+1"):
        CourseEnrollmentAllowed.objects.create(email=user.email, course_id=CourseKey.from_string(course))
    assert {str(one.course_id) for one in CourseEnrollmentAllowed.for_user(user)} == {
        "course-v1:Acme+A+1",
        "course-v1:Free+F+1",
    }


# Custom courses that were bought


def test_where_the_host_goes_through_rows_a_site_shows_whom_its_tenant_bought_of(host, acme, monkeypatch):
    listed, mobile, dashboard = (sys.modules[name] for name in (patches.CATALOGUE, patches.MOBILE, patches.DASHBOARD))
    host.shown = ["Acme"]
    monkeypatch.setattr(patches.bought, "organizations_shown", lambda found: [*(found or ["AcmeLabs"]), "Seller"])
    assert host.get_current_site_orgs() == ["Acme"]
    assert listed.get_visible_courses() == ["Acme", "Seller"]
    assert mobile.UserCourseEnrollmentsList().is_org(None, "Seller")
    assert dashboard.get_course_enrollments(None, ["Acme"], None, 3) == (["Acme", "Seller"], None, 3)
    assert dashboard.get_course_enrollments(None, None, {"Seller"}) == (["AcmeLabs", "Seller"], None, None)
    # Outside, as in a search, the site's organizations are what they were.
    assert host.get_current_site_orgs() == ["Acme"]


def test_where_nothing_was_bought_the_dashboards_choose_as_before(host, acme):
    dashboard = sys.modules[patches.DASHBOARD]
    assert dashboard.get_course_enrollments(None, ["Acme"], {"Other"}) == (["Acme"], {"Other"}, None)
    assert dashboard.get_course_enrollments(None, None, {"Other"}, course_limit=2) == (None, {"Other"}, 2)


def test_a_thread_is_found_where_its_course_is(acme):
    api.create_tenant("globex", name="Globex", domain="globex.localhost", organizations=["Globex"])
    member = User.objects.create_user("member")
    api.add_member(member, "Acme")
    model = sys.modules[patches.DISCUSSIONS].Model

    def find(key):
        thread = model()
        try:
            thread._update_from_response({"id": "1", "course_id": key} if key else {"id": "1"})
        except CommentClientRequestError as error:
            return error.status_code
        return thread.id

    own, foreign, platform = (f"course-v1:{name}+C+1" for name in ("Acme", "Globex", "Nobody"))
    assert [find(key) for key in (own, foreign, platform, None)] == ["1"] * 4
    for host, expected in (("acme.localhost", ["1", 404, "1", "1"]), ("lms.localhost", ["1", 404, "1", "1"])):
        with Visit(host, member):
            assert [find(key) for key in (own, foreign, platform, None)] == expected, host
    with Visit("lms.localhost"):
        assert find(own) == 404
    with Visit("acme.localhost", User.objects.create_superuser("root")):
        assert find(foreign) == "1"


def switches_listed():
    """Return for which courses and organizations the host's report says that a switch is set."""
    report = sys.modules[patches.SWITCHES]._get_flag_overrides
    by_course, by_organization = (set(report(kind)["a.flag"]) for kind in FlagOverride)
    assert by_course == {f"course-v1:{name}+X+2026" for name in by_organization}
    return by_organization


def test_switches_are_listed_for_the_courses_and_organizations_in_sight(acme):
    api.create_tenant("globex", name="Globex", domain="globex.localhost", organizations=["Globex"])
    Organization.objects.create(short_name="Platform", name="Platform")
    staff = User.objects.create_user("staff", is_staff=True)
    operator = User.objects.create_user("operator", is_superuser=True)
    api.add_member(staff, "Acme", "author")
    assert switches_listed() == {"Acme", "Globex", "Platform"}
    with Visit("acme.localhost", staff):
        assert switches_listed() == {"Acme"}
    with Visit("lms.localhost", staff):
        assert switches_listed() == {"Acme"}
    with Visit("acme.localhost", operator):
        assert switches_listed() == {"Acme", "Globex", "Platform"}
