"""Who sees which organization, and what a request may name."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from opaque_keys.edx.keys import CourseKey, UsageKey
from opaque_keys.edx.locator import LibraryLocatorV2
from organizations.models import Organization

from ccx_tenancy import api, errors
from ccx_tenancy.hosts.standalone import StandaloneHost
from ccx_tenancy.partition import policy
from ccx_tenancy.partition.keys import Named
from ccx_tenancy.ports import DirectRoles

pytestmark = pytest.mark.django_db

ACME = "course-v1:AcmeX+A1+2026"
GLOBEX = "course-v1:GlobexX+G1+2026"
PLATFORM = "course-v1:PlatX+P1+2026"
UNKNOWN = "course-v1:NobodyX+N1+2026"
TEAM = "course-v1:GlobexX+Team+2026"
OWN_TEAM = "course-v1:PlatX+Team+2026"


class TeamHost(StandaloneHost):
    """A host that gives everybody a role on two courses."""

    def direct_roles(self, user, surface):
        return DirectRoles(keys=frozenset((TEAM, OWN_TEAM)), organizations=frozenset(("PlatX",)))

    def has_direct_role(self, user, organization, key, surface):
        return key in (TEAM, OWN_TEAM)


@pytest.fixture
def team_host(settings):
    settings.CCX_TENANCY = {"HOST": "tests.partition.test_policy.TeamHost"}


@pytest.fixture
def author(make_user, acme):
    user = make_user("author")
    api.add_member(user, "AcmeX", "author")
    return user


@pytest.fixture
def learner(make_user, acme):
    user = make_user("learner")
    api.add_member(user, "AcmeX", "learner")
    return user


# The LMS


def test_the_lms_of_a_tenant_shows_its_organizations_to_everybody(acme, globex, platform, author, make_user):
    with api.tenant_context("acme"):
        for user in (None, AnonymousUser(), author, make_user("stranger"), make_user("staff", is_staff=True)):
            scope = api.visible_organizations(user, "lms")
            assert set(scope) == {"AcmeX", "AcmeLabs"}
            assert not scope.is_all
            assert "acmex" in scope and "GlobexX" not in scope and "PlatX" not in scope and "NobodyX" not in scope


def test_without_a_tenant_the_lms_shows_what_is_the_platforms_own(acme, globex, platform, make_user):
    for user in (None, AnonymousUser(), make_user("stranger")):
        scope = api.visible_organizations(user, "lms")
        assert set(scope) == {"PlatX"}
        assert not scope.is_all
        assert api.can_see(user, PLATFORM, "lms")
        assert not api.can_see(user, ACME, "lms")


def test_a_tenants_member_does_not_see_what_is_the_platforms_own(acme, platform, author):
    assert set(api.visible_organizations(author, "lms")) == set()
    assert "PlatX" not in api.visible_organizations(author, "studio")
    with api.tenant_context("acme"):
        assert not api.can_see(author, PLATFORM, "lms")


def test_a_platform_operator_sees_all(acme, globex, platform, make_user):
    operator = make_user("root", is_superuser=True)
    for surface in ("lms", "studio"):
        scope = api.visible_organizations(operator, surface)
        assert scope.is_all
        assert set(scope) == {"AcmeX", "AcmeLabs", "GlobexX", "PlatX"}
        assert api.can_see(operator, GLOBEX, surface)
        with api.tenant_context("acme"):
            assert api.can_see(operator, GLOBEX, surface)


def test_a_superuser_whose_account_is_closed_is_nobody(acme, globex, make_user):
    closed = make_user("closed", is_superuser=True, is_active=False)
    assert not api.visible_organizations(closed, "studio").is_all


# Studio


@pytest.mark.parametrize(
    ("role", "visible"), [("learner", False), ("staff", False), ("author", True), ("admin", True), ("owner", True)]
)
def test_studio_shows_the_organizations_of_authors_and_above(acme, globex, make_user, role, visible):
    user = make_user("member")
    api.add_member(user, "acmex", role)
    assert set(api.visible_organizations(user, "studio")) == ({"AcmeX"} if visible else set())
    assert api.can_see(user, ACME, "studio") is visible
    assert not api.can_see(user, GLOBEX, "studio")


def test_an_author_in_two_tenants_sees_both_or_the_current_one(acme, globex, author):
    api.add_member(author, "GlobexX", "author")
    assert set(api.visible_organizations(author, "studio")) == {"AcmeX", "GlobexX"}
    with api.tenant_context("globex"):
        assert set(api.visible_organizations(author, "studio")) == {"GlobexX"}


def test_a_member_who_was_removed_sees_nothing_any_more(acme, author):
    assert api.can_see(author, ACME, "studio")
    api.remove_member(author, "AcmeX")
    assert not api.can_see(author, ACME, "studio")


def test_the_organizations_of_a_suspended_tenant_are_hidden_in_studio(acme, author):
    api.suspend_tenant("acme")
    assert set(api.visible_organizations(author, "studio")) == set()
    assert not api.can_see(author, ACME, "studio")
    api.resume_tenant("acme")
    assert api.can_see(author, ACME, "studio")


def test_people_of_no_tenant_see_the_platforms_own_in_studio(acme, globex, platform, make_user):
    stranger = make_user("stranger")
    scope = api.visible_organizations(stranger, "studio")
    assert set(scope) == {"PlatX"}
    assert not scope.is_all
    assert api.can_see(stranger, PLATFORM, "studio") and api.can_see(stranger, UNKNOWN, "studio")
    assert not api.can_see(stranger, ACME, "studio")


def test_global_staff_are_partitioned_unless_the_setting_says_otherwise(acme, globex, author, settings):
    author.is_staff = True
    assert set(api.visible_organizations(author, "studio")) == {"AcmeX"}
    settings.CCX_TENANCY = {"PARTITION_GLOBAL_STAFF": False}
    assert api.visible_organizations(author, "studio").is_all
    assert not api.visible_organizations(author, "lms").is_all


def test_without_tenants_nothing_is_hidden(platform, make_user, db):
    for user in (None, AnonymousUser(), make_user("somebody")):
        for surface in ("lms", "studio"):
            scope = api.visible_organizations(user, surface)
            assert scope.is_unrestricted and not scope.is_all
            assert "PlatX" in scope and "NobodyX" in scope
            assert api.can_see(user, UNKNOWN, surface)
            assert api.filter_courses(user, [PLATFORM, UNKNOWN], surface) == [PLATFORM, UNKNOWN]


def test_another_surface_is_refused_by_name(db):
    with pytest.raises(errors.InvalidInput, match="'mobile'"):
        api.visible_organizations(None, "mobile")
    with pytest.raises(errors.InvalidInput):
        api.can_see(None, ACME, "")


# Keys


@pytest.mark.parametrize(
    "key",
    [
        CourseKey.from_string("course-v1:AcmeX+A1+2026"),
        CourseKey.from_string("course-v1:acmex+A1+2026"),
        CourseKey.from_string("AcmeX/A1/2026"),
        CourseKey.from_string("library-v1:AcmeX+L1"),
        UsageKey.from_string("block-v1:AcmeX+A1+2026+type@html+block@x"),
        LibraryLocatorV2("AcmeLabs", "L1"),
        "ccx-v1:AcmeX+A1+2026+ccx@1",
        "lb:AcmeX:L1:html:one",
        "i4x://AcmeX/A1/html/one",
        "course-v1:AcmeX*",
    ],
    ids=str,
)
def test_a_key_of_any_kind_is_seen_where_its_organization_is(acme, globex, author, key):
    with api.tenant_context("acme"):
        assert api.can_see(author, key, "lms")
    with api.tenant_context("globex"):
        assert not api.can_see(author, key, "lms")


@pytest.mark.parametrize("key", [None, "", "AcmeX", "nonsense", 7, object()])
def test_what_is_no_key_is_not_seen(acme, author, key):
    with api.tenant_context("acme"):
        assert not api.can_see(author, key, "lms")


def test_a_wildcard_is_seen_only_where_all_that_it_names_is(acme, globex, author):
    with api.tenant_context("acme"):
        assert api.can_see(author, "course-v1:Acme*", "lms")
        assert not api.can_see(author, "course-v1:*", "lms")
        assert not api.can_see(author, "course-v1:G*", "lms")


def test_a_role_that_the_host_gives_on_a_course_counts_in_studio(acme, globex, platform, author, team_host):
    assert api.can_see(author, TEAM, "studio")
    assert not api.can_see(author, GLOBEX, "studio")
    assert api.can_see(author, OWN_TEAM, "studio")
    assert set(api.visible_organizations(author, "studio")) == {"AcmeX", "PlatX"}
    assert not api.can_see(None, TEAM, "studio")


def test_a_role_that_the_host_gives_does_not_count_on_a_tenants_site(acme, globex, author, team_host):
    for surface in ("lms", "studio"):
        with api.tenant_context("acme"):
            assert not api.can_see(author, TEAM, surface)


# What a request may name


def may(user, *keys, surface="studio", tenant=None):
    named = policy.known([one for key in keys for one in policy.named_by_key(key)])
    return policy.may_name(user, named, surface, tenant)


def test_a_tenants_key_answers_to_its_authors_in_studio_and_to_its_members_in_the_lms(acme, globex, author, learner):
    assert may(author, ACME) and may(author, ACME, surface="lms")
    assert not may(learner, ACME) and may(learner, ACME, surface="lms")
    assert may(learner, "course-v1:AcmeLabs+A1+2026", surface="lms")
    assert not may(author, "course-v1:AcmeLabs+A1+2026")
    for surface in ("lms", "studio"):
        assert not may(author, GLOBEX, surface=surface)
        assert not may(author, ACME, GLOBEX, surface=surface)
        assert not may(None, ACME, surface=surface) and not may(AnonymousUser(), ACME, surface=surface)


def test_the_platforms_own_answers_to_people_of_no_tenant(acme, platform, author, make_user):
    for surface in ("lms", "studio"):
        assert may(make_user(f"stranger-{surface}"), PLATFORM, surface=surface)
        assert may(None, PLATFORM, surface=surface)
        assert not may(author, PLATFORM, surface=surface)


def test_a_direct_role_opens_what_it_is_for_and_nothing_else(acme, globex, platform, author, team_host):
    assert may(author, TEAM) and may(author, OWN_TEAM)
    assert not may(author, GLOBEX) and not may(author, TEAM, GLOBEX)
    assert not may(author, PLATFORM)


class AskedHost(TeamHost):
    """Remembers what it was asked."""

    asked: list[str] = []

    def has_direct_role(self, user, organization, key, surface):
        self.asked.append(key)
        return key.startswith("block-v1:GlobexX+Team+2026+") or (organization, key) == ("platx", "")


def test_the_host_is_asked_once_for_all_blocks_of_a_course(acme, globex, author, settings):
    settings.CCX_TENANCY = {"HOST": "tests.partition.test_policy.AskedHost"}
    blocks = [f"block-v1:GlobexX+Team+2026+type@html+block@{number}" for number in range(100)]
    AskedHost.asked.clear()
    assert may(author, *blocks)
    assert AskedHost.asked == blocks[:1]
    assert not may(author, *blocks, "block-v1:GlobexX+Other+2026+type@html+block@1")
    assert not may(author, *blocks, "lb:GlobexX:Lib:html:1")


def test_a_role_in_one_organization_opens_no_other(acme, platform, author, settings):
    settings.CCX_TENANCY = {"HOST": "tests.partition.test_policy.AskedHost"}
    Organization.objects.create(short_name="OtherX", name="Another of the platform's own")
    assert policy.may_name(author, [Named("platx", "")], "studio")
    assert not policy.may_name(author, [Named("platx", ""), Named("otherx", "")], "studio")


def test_more_wildcards_than_anybody_needs_name_all(acme, globex):
    named = [Named(f"{letter}{digit}*", "x") for letter in "abcdef" for digit in range(10)]
    assert {one.organization for one in policy.known(named)} == {"acmex", "acmelabs", "globexx"}
    assert policy.known(named[:5]) == []


def test_a_tenants_own_studio_answers_for_that_tenant_only(acme, globex, platform, author):
    api.add_member(author, "GlobexX", "author")
    tenant = api.resolve_tenant("acme.example.com")
    assert may(author, ACME, tenant=tenant)
    assert not may(author, GLOBEX, tenant=tenant)
    assert not may(author, PLATFORM, tenant=tenant)


def test_what_belongs_to_nobody_may_be_named(acme):
    assert policy.known([Named("nobodyx", UNKNOWN)]) == []


def test_a_wildcard_is_spelled_out(acme, globex, platform):
    assert {one.organization for one in policy.known([Named("acme*", "course-v1:Acme*")])} == {"acmex", "acmelabs"}
    assert {one.organization for one in policy.known([Named("*", "*")])} == {"acmex", "acmelabs", "globexx", "platx"}


def test_a_site_finds_foreign_what_is_not_its_tenants(acme, globex, platform):
    named = policy.known([Named("acmex", ACME), Named("globexx", GLOBEX), Named("platx", PLATFORM)])
    foreign = policy.foreign_to(api.resolve_tenant("acme.example.com"), named)
    assert [one.organization for one in foreign] == ["globexx", "platx"]


def test_an_organization_that_was_switched_off_is_still_somebodys(acme, platform):
    platform.active = False
    platform.save()
    assert policy.known([Named("platx", PLATFORM)])


def test_warm_answers_ask_no_database(acme, globex, platform, author, make_user, settings, django_assert_num_queries):
    settings.CCX_TENANCY = {"FRESHNESS_SECONDS": 300}
    stranger = make_user("stranger")
    questions = [(user, surface) for user in (author, stranger) for surface in ("lms", "studio")]

    def ask():
        for user, surface in questions:
            list(api.visible_organizations(user, surface))
            for key in (ACME, GLOBEX, PLATFORM, UNKNOWN):
                api.can_see(user, key, surface)
                may(user, key, surface=surface)

    ask()
    with django_assert_num_queries(0):
        ask()
