"""Studio's choke points, on stand-ins of what they replace. Their parameters are checked against a real host there."""

from enum import Enum
from types import ModuleType, SimpleNamespace

import crum
import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ImproperlyConfigured
from opaque_keys.edx.keys import CourseKey
from organizations.models import Organization

from ccx_tenancy import api
from ccx_tenancy.context import Scope, push, remove
from ccx_tenancy.hosts.openedx import patches, sight, studio
from ccx_tenancy.hosts.openedx.features import feature
from ccx_tenancy.hosts.openedx.targets import Entry, Patch, Target, module_if_there
from ccx_tenancy.tenants.index import index
from tests.counting import counted
from tests.hosts.openedx.standin.content_libraries.models import ContentLibrary, ContentLibraryPermission
from tests.hosts.openedx.standin.student.models import CourseAccessRole

pytestmark = pytest.mark.django_db

ALL = 15


@pytest.fixture(autouse=True)
def host(settings, monkeypatch):
    settings.CCX_TENANCY = {"HOST": "ccx_tenancy.hosts.openedx.OpenEdxHost", "SURFACE": "studio"}
    # The host keeps the roles of a user for a request; here they are read each time.
    monkeypatch.setattr(sight.roles, "known_roles", lambda user: list(CourseAccessRole.objects.filter(user_id=user.pk)))


@pytest.fixture
def tenants(db):
    for key, name in (("acme", "Acme"), ("globex", "Globex")):
        api.create_tenant(key, name=name, domain=f"{key}.localhost", organizations=[name])
    Organization.objects.create(short_name="Platform", name="Platform")


@pytest.fixture
def author(tenants):
    user = User.objects.create_user("author", "author@acme.example", "edx")
    api.add_member(user, "Acme", "author")
    return user


@pytest.fixture
def staff(tenants):
    user = User.objects.create_user("staff", "staff@acme.example", "edx", is_staff=True)
    api.add_member(user, "Acme", "author")
    return user


@pytest.fixture
def operator(tenants):
    return User.objects.create_superuser("super", "super@example.com", "edx")


@pytest.fixture
def asked_by(rf):
    """Make a request of that user the current one."""

    def ask(user):
        request = rf.get("/")
        request.user = user
        crum.set_current_request(request)
        return request

    yield ask
    crum.set_current_request(None)


def key(org):
    return CourseKey.from_string(f"course-v1:{org}+X+2026")


# Rights


def rights(user, course_key=None, org=None):
    """What the host gives everybody whom it knows: all."""
    return studio.make_user_permissions(lambda user, course_key, org=None, service_variant=None: ALL)(
        user, course_key, org
    )


@pytest.mark.parametrize("who", ["author", "staff"])
def test_rights_end_at_the_tenants_border(who, request):
    user = request.getfixturevalue(who)
    assert rights(user, key("Acme")) == rights(user, key("acme")) == rights(user, None, "Acme") == ALL
    assert rights(user, key("Globex")) == rights(user, None, "Globex") == rights(user, key("Platform")) == 0
    assert rights(user, key("Unheard-of")) == 0


def test_an_operator_has_the_rights_that_the_host_gives(operator):
    assert rights(operator, key("Globex")) == ALL


def test_a_role_in_a_course_team_counts_beyond_the_border_and_an_organizations_role_does_not(author):
    CourseAccessRole.objects.bulk_create(
        [CourseAccessRole(user=author, org="Globex", course_id=key("Globex"), role="staff")]
    )
    CourseAccessRole.objects.bulk_create(
        [CourseAccessRole(user=author, org="Globex", course_id=None, role="instructor")]
    )
    assert rights(author, key("Globex")) == ALL
    assert rights(author, CourseKey.from_string("course-v1:Globex+Other+2026")) == 0
    api.suspend_tenant("globex")
    assert rights(author, key("Globex")) == 0


def test_an_organizations_role_counts_where_no_tenant_owns_the_organization(author):
    CourseAccessRole.objects.create(user=author, org="Platform", course_id=None, role="staff")
    assert rights(author, key("Platform")) == ALL


def test_people_of_no_tenant_are_the_hosts_business_but_for_the_tenants_things(tenants):
    user = User.objects.create_user("nobody", "nobody@example.com", "edx", is_staff=True)
    assert rights(user, key("Platform")) == rights(user, key("Unheard-of")) == ALL
    assert rights(user, key("Acme")) == rights(AnonymousUser(), key("Acme")) == 0


def test_where_openedx_authz_is_asked_for_a_course_nothing_is_allowed_out_of_sight(author, staff, operator):
    asked = []

    def allows_all(user, authz_permission, course_key, legacy_permission=None):
        asked.append((authz_permission, legacy_permission))
        return True

    may = studio.make_course_check(allows_all)
    assert may(staff, "courses.view_course", key("Acme"), legacy_permission="read")
    assert may(author, "courses.view_course", key("Acme")) and may(operator, "courses.view_course", key("Globex"))
    assert asked == [("courses.view_course", "read"), ("courses.view_course", None), ("courses.view_course", None)]
    assert not may(staff, "courses.view_course", key("Globex")) and not may(
        author, "courses.view_course", key("Globex")
    )


def test_where_openedx_authz_is_asked_for_a_library_nothing_is_allowed_out_of_sight(author, staff, operator):
    may = studio.make_library_check(lambda user, permission, library_obj: True)

    def library(org):
        return ContentLibrary.objects.create(org=Organization.objects.get(short_name=org), slug="lib")

    own, foreign = library("Acme"), library("Globex")
    assert [may(user, "view", own) for user in (author, staff, operator)] == [True] * 3
    assert [may(user, "view", foreign) for user in (author, staff, operator)] == [False, False, True]
    ContentLibraryPermission.objects.create(library=foreign, user=staff, access_level="read")
    assert may(staff, "view", foreign) and not may(author, "view", foreign)
    assert not studio.make_library_check(lambda user, permission, library_obj: False)(author, "view", own)


def test_without_a_tenant_nothing_is_asked(django_user_model, django_assert_num_queries):
    user = django_user_model.objects.create_user("staff", is_staff=True)
    rights(user, key("Acme"))
    with django_assert_num_queries(0):
        assert rights(user, key("Acme")) == ALL


def test_what_somebody_sees_is_found_out_once_a_request(author, asked_by):
    asked_by(author)
    assert sight.sight_of(author) is sight.sight_of(author)
    with api.tenant_context("globex"):
        assert not sight.sight_of(author).sees("Acme")
    assert sight.sight_of(author).sees("Acme")


def test_who_picked_a_tenant_sees_that_one_an_operator_too(author, operator):
    api.add_member(author, "Globex", "author")
    for user in (author, operator):
        assert rights(user, key("Acme")) == rights(user, key("Globex")) == ALL
        scope = Scope(None, None)
        scope.pick = str(user.pk), index().tenants["globex"]
        push(scope)
        try:
            assert (rights(user, key("Acme")), rights(user, key("Globex"))) == (0, ALL)
        finally:
            remove(scope)


# Organizations


def offered(user, original=()):
    return studio.make_allowed_organizations(lambda user: list(original))(user)


def test_only_organizations_in_sight_are_offered(author, staff, operator, settings):
    settings.FEATURES = {"ENABLE_CREATOR_GROUP": True}
    everything = ["Acme", "Globex", "Platform"]
    assert offered(author, everything) == ["Acme"]
    assert offered(author) == []
    assert offered(staff) == ["Acme"]
    assert offered(operator, everything) == everything
    settings.FEATURES = {}
    assert offered(author) == ["Acme"]


def test_a_query_of_organizations_stays_one(author):
    found = studio.make_allowed_organizations(lambda user: Organization.objects.values_list("short_name", flat=True))(
        author
    )
    assert list(found) == ["Acme"]


def test_the_list_of_organizations_is_cut_to_the_request(author, operator, asked_by):
    from organizations.api import get_organizations

    listed = studio.make_get_organizations(get_organizations)

    def names():
        return sorted(one["short_name"] for one in listed())

    everything = ["Acme", "Globex", "Platform"]
    assert names() == everything
    asked_by(operator)
    assert names() == everything
    asked_by(author)
    assert names() == ["Acme"]
    Organization.objects.filter(short_name="Acme").update(active=False)
    assert names() == []


def test_the_list_of_organizations_has_the_platforms_own_in_which_the_host_gives_a_role(author, asked_by):
    CourseAccessRole.objects.bulk_create(
        CourseAccessRole(user=author, org=org, role="staff") for org in ("Platform", "Globex", "")
    )
    listed = studio.make_get_organizations(lambda: pytest.fail("The host's own list is not asked for."))
    asked_by(author)
    assert len(listed()) == 2  # Warm.
    asked_by(author)
    questions = counted(lambda: [one["short_name"] for one in listed()])
    assert [one["short_name"] for one in listed()] == ["Acme", "Platform"]
    assert len(questions) == 1  # As many as the host's own list.


def test_no_organization_comes_into_being_out_of_sight(author, operator, asked_by):
    from organizations.exceptions import InvalidOrganizationException

    ensure = studio.make_ensure_organization(lambda organization_short_name: organization_short_name)
    asked_by(author)
    assert ensure("Acme") == "Acme"
    for name in ("Globex", "Platform", "Brandnew"):
        with pytest.raises(InvalidOrganizationException, match=name):
            ensure(name)
    assert studio.make_can_create_organizations(lambda user: True)(author) is False
    asked_by(operator)
    assert ensure("Brandnew") == "Brandnew"
    assert studio.make_can_create_organizations(lambda user: True)(operator) is True


# Taxonomies, links, people


class Predicate:
    def __init__(self, function):
        self.function = function

    def __and__(self, other):
        return Predicate(lambda *args: self.function(*args) and other.function(*args))

    def __call__(self, *args):
        return self.function(*args)


@pytest.fixture
def predicates(monkeypatch):
    rules = ModuleType("rules")
    rules.predicate = Predicate
    monkeypatch.setitem(__import__("sys").modules, "rules", rules)
    return Predicate(lambda user, item=None: True)


def taxonomy(*names):
    rows = [SimpleNamespace(org_id=Organization.objects.get(short_name=name).pk if name else None) for name in names]
    return SimpleNamespace(pk=1, taxonomyorg_set=SimpleNamespace(all=lambda: rows))


def test_a_taxonomy_is_seen_where_it_is_for_an_organization_in_sight_or_for_all(predicates, author, operator):
    sees = studio.make_seeing_rule(predicates)
    assert [sees(author, taxonomy(*names)) for names in (["Acme"], [None], ["Acme", "Globex"])] == [True] * 3
    assert [sees(author, taxonomy(*names)) for names in (["Globex"], [])] == [False] * 2
    assert sees(author, None)
    assert sees(author, SimpleNamespace(taxonomy=taxonomy("Acme")))
    assert not sees(author, SimpleNamespace(taxonomy=taxonomy("Globex")))
    assert sees(operator, taxonomy("Globex"))


@pytest.fixture
def in_team(tenants):
    """A learner of Acme who is in the team of a course there, and of one of Globex."""
    user = User.objects.create_user("in_team", "in_team@acme.example", "edx")
    api.add_member(user, "Acme", "learner")
    roles = [CourseAccessRole(user=user, org=org, role="staff", course_id=key(org)) for org in ("Acme", "Globex")]
    CourseAccessRole.objects.bulk_create(roles)
    return user


def test_who_is_in_a_courses_team_has_the_taxonomies_of_the_own_tenant(predicates, in_team, author):
    sees = studio.make_seeing_rule(predicates)
    assert [sees(in_team, taxonomy(name)) for name in ("Acme", "Globex", "Platform")] == [True, False, False]
    assert not studio.make_changing_rule(predicates)(in_team, taxonomy("Acme"))
    api.remove_member(in_team, "Acme")
    assert not sees(in_team, taxonomy("Acme"))


def test_who_is_in_a_courses_team_makes_in_the_own_tenant_what_the_host_allows(in_team, monkeypatch):
    # Its table of creators has no stand-in.
    monkeypatch.setattr(studio, "_is_named_creator", lambda sight, organization: True)
    may_create = studio.make_may_create(lambda user, org: True)
    assert [may_create(in_team, org) for org in ("Acme", "Globex", "Platform")] == [True, False, False]
    allowed = studio.make_allowed_organizations(lambda user: ["Acme", "Globex"])
    assert allowed(in_team) == ["Acme"]
    rows = studio.make_allowed_organizations(lambda user: Organization.objects.all())(in_team)
    assert [row.short_name for row in rows] == ["Acme"]


def test_a_taxonomy_is_changed_only_where_it_is_nobody_elses_as_well(predicates, author, tenants):
    changes = studio.make_changing_rule(predicates)
    assert changes(author, taxonomy("Acme"))
    assert [changes(author, taxonomy(*names)) for names in (["Globex"], [None], ["Acme", "Globex"], [])] == [False] * 4
    nobody = User.objects.create_user("nobody", is_staff=True)
    assert changes(nobody, taxonomy()) and changes(nobody, taxonomy(None)) and changes(nobody, taxonomy("Platform"))


def test_a_new_taxonomy_is_the_tenants_of_whoever_makes_it(author, operator, asked_by):
    from django.core.exceptions import PermissionDenied

    given = []
    make = studio.make_set_taxonomy_orgs(lambda taxonomy, all_orgs, orgs: given.append((all_orgs, orgs)))
    asked_by(operator)
    make("t", orgs=None)
    make("t", all_orgs=True)
    assert given == [(False, None), (True, None)]
    asked_by(author)
    make("t", orgs=[])
    assert [org.short_name for org in given[-1][1]] == ["Acme"]
    make("t", orgs=list(Organization.objects.filter(short_name__in=["Acme", "Globex"])))
    assert [org.short_name for org in given[-1][1]] == ["Acme"]
    with pytest.raises(PermissionDenied):
        make("t", all_orgs=True)


class Links:
    """What the host's models of links have: here, the conditions by which it would look for them."""

    rows = [("Acme", "lib:Acme:a"), ("Acme", "lib:Globex:g"), ("Globex", "lib:Acme:a")]
    found = {"downstream_context_key": [key(org) for org, _ in rows], "upstream_context_key": [lib for _, lib in rows]}

    class objects:  # noqa: N801 - the host's name
        @classmethod
        def order_by(cls):
            return cls

        @classmethod
        def values_list(cls, name, flat):
            return SimpleNamespace(distinct=lambda: Links.found[name])

    filter_links = classmethod(lambda cls, **link_filter: link_filter)


def test_links_are_asked_for_with_both_ends_in_sight(author, operator, asked_by):
    find = studio.make_links(Links.filter_links.__func__)
    assert find(Links, ready_to_sync=True) == {"ready_to_sync": True}
    asked_by(operator)
    assert find(Links) == {}
    asked_by(author)
    ends = {
        "downstream_context_key__in": [key("Acme")] * 2,
        "upstream_context_key__in": ["lib:Acme:a"] * 2,
    }
    assert find(Links, use_top_level_parents=True) == {"use_top_level_parents": True, **ends}
    assert find(Links, downstream_context_key__in=[str(key("Globex"))]) == {**ends, "downstream_context_key__in": []}


def test_the_number_of_a_taxonomy_out_of_sight_is_unknown(author, operator, asked_by, monkeypatch):
    from django.db.models import Q
    from rest_framework import serializers

    # Organizations stand for taxonomies here: those of one are seen.
    monkeypatch.setattr(studio, "_taxonomies_in", lambda sight, path: Q(short_name__in=sorted(sight.scope)))
    field = serializers.PrimaryKeyRelatedField(queryset=Organization.objects.all(), required=True)

    class Tagging(serializers.Serializer):
        taxonomy = studio.make_field_of_taxonomies(field)

    def is_known(name):
        one = Tagging(data={"taxonomy": Organization.objects.get(short_name=name).pk})
        if one.is_valid():
            return True
        assert one.errors["taxonomy"][0].code == "does_not_exist"
        return False

    asked_by(author)
    assert is_known("Acme") and not is_known("Globex")
    asked_by(operator)
    assert is_known("Globex")


def test_what_was_copied_out_of_sight_is_not_pasted(author, asked_by):
    usage = "block-v1:{}+X+2026+type@html+block@h"
    copied = studio.make_clipboard(lambda user_id, only_ready: SimpleNamespace(source_usage_key=usage.format(user_id)))
    said = studio.make_clipboard_json(lambda user_id, request: {"source_usage_key": usage.format(user_id)})
    asked_by(author)
    assert copied("Acme") is not None and said("Acme")["source_usage_key"]
    assert copied("Globex") is None and said("Globex") == {
        "content": None,
        "source_usage_key": "",
        "source_context_title": "",
        "source_edit_url": "",
    }
    assert studio.make_clipboard(lambda user_id, only_ready: None)("Acme") is None


# Flags and targets


def test_a_flag_is_read_in_both_forms_and_the_flat_setting_wins(settings):
    settings.FEATURES = {"ONLY_IN_DICT": 1, "IN_BOTH": 2}
    settings.IN_BOTH = 3
    assert (feature("ONLY_IN_DICT"), feature("IN_BOTH"), feature("NOWHERE", 4)) == (1, 3, 4)
    assert feature("ANY", 5, of=SimpleNamespace()) == 5


def test_a_function_is_replaced_wherever_it_was_imported_by_name(monkeypatch):
    import sys

    def original(a):
        return "host"

    homes = [ModuleType(f"standin_{number}") for number in range(2)]
    for home in homes:
        home.function = original
        monkeypatch.setitem(sys.modules, home.__name__, home)
    target = Target(homes[0], "function", ("a",), lambda found: lambda a: "ours, not " + found(a))
    assert target.found() == target.expected == "(a)"
    target.install()
    target.install()
    assert [home.function(1) for home in homes] == ["ours, not host"] * 2
    assert target.is_installed
    target.remove()
    assert [home.function for home in homes] == [original] * 2


def test_a_function_may_have_the_parameters_of_a_later_release(settings):
    class Backend:
        def filter_queryset(self, view):
            return view

    def patch(also):
        target = Target(Backend, "filter_queryset", ("self", "_"), lambda found: lambda self, view: "ours", also=also)
        return {"lists": Patch(lambda: [target], "why", "without")}

    with pytest.raises(ImproperlyConfigured, match=r"parameters \(self, _\) and found \(self, view\)"):
        patches.install(patch(()))
    with pytest.raises(ImproperlyConfigured, match=r"parameters \(self, _\) or \(self\) and found \(self, view\)"):
        patches.install(patch((("self",),)))
    patches.install(patch((("self", "view"),)))
    assert Backend().filter_queryset(1) == "ours"


def test_what_only_later_releases_have_is_cut_where_it_is_there(monkeypatch):
    import sys

    for name in (studio.AUTH, studio.LIBRARY_PERMISSIONS, studio.LIBRARY_CHECKS, "bridgekeeper"):
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            module = ModuleType(".".join(parts[:length]))
            module.__path__ = []
            monkeypatch.setitem(sys.modules, module.__name__, module)
    sys.modules["bridgekeeper"].perms = {}
    teak = len(studio.LIBRARY_RULES)
    assert len(studio._permissions()) == 1 and len(studio._libraries()) == teak
    for name in ("openedx.core.djangoapps.authz", studio.COURSE_CHECKS):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))

    def user_has_course_permission(user, authz_permission, course_key, legacy_permission=None):
        """The host's."""

    def user_has_permission_across_lib_authz_systems(user, permission, library_obj):
        """The host's."""

    sys.modules[studio.COURSE_CHECKS].user_has_course_permission = user_has_course_permission
    checks = sys.modules[studio.LIBRARY_CHECKS]
    checks.user_has_permission_across_lib_authz_systems = user_has_permission_across_lib_authz_systems
    added = [studio._permissions()[1], studio._libraries()[teak]]
    assert [target.found() in target.shapes for target in added] == [True, True]


def test_a_module_that_breaks_when_it_is_imported_is_not_one_that_is_absent(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "standin_breaks.py").write_text("import standin_nowhere\n")
    assert module_if_there("standin_absent.module") is None
    assert module_if_there("organizations.standin_absent") is None
    with pytest.raises(ModuleNotFoundError, match="standin_nowhere"):
        module_if_there("standin_breaks")


def test_a_search_api_without_the_parts_of_its_filter_is_named(monkeypatch):
    monkeypatch.setattr(studio, "import_module", lambda name: SimpleNamespace(MAX_ORGS_IN_FILTER=1))
    with pytest.raises(ImproperlyConfigured, match="'search'.*MAX_ACCESS_IDS_IN_FILTER"):
        patches.install({"search": Patch(studio._search, "why", "without")})


def test_an_entry_of_a_registry_is_replaced_also_where_the_registry_names_a_rule_once():
    class Registry(dict):
        def __setitem__(self, name, value):
            raise ValueError

    class Rule:
        pass

    rule, ours = Rule(), Rule()
    registry = Registry(name=rule)
    target = Entry(registry, "name", ("Rule",), lambda found: ours)
    assert target.found() == target.expected
    assert Entry(registry, "name", ("Other",), None).found() == "(Rule)"
    assert Entry(registry, "absent", ("Rule",), None).found() == "nothing of that name"
    target.install()
    target.install()
    assert registry["name"] is ours and target.is_installed
    target.remove()
    assert registry["name"] is rule


def test_a_patch_of_the_other_service_is_left_alone(settings):
    def never():
        raise AssertionError("Nobody asks for its targets.")

    patches.install({"theirs": Patch(never, "why", "without", surface="lms")})


def test_a_module_that_is_not_there_is_named_with_the_way_on():
    def missing():
        raise ModuleNotFoundError("No module named 'cms.views'")

    with pytest.raises(ImproperlyConfigured, match=r"'gone'.*No module named 'cms.views'.*HOST_PATCHES_OFF.*Then"):
        patches.install({"gone": Patch(missing, "why", "Then it is slow.")})


# Switches


class Kind(Enum):
    """For what a switch of the host is set."""

    COURSE = "COURSE"
    ORG = "ORG"


def test_switches_are_listed_for_the_courses_and_organizations_in_sight(author, staff, operator, asked_by):
    def report(kind):
        names = ("Acme", "Globex", "Platform")
        return {"a.flag": {str(key(name)) if kind is Kind.COURSE else name: {"force": "on"} for name in names}}

    cut = patches._make_flag_overrides(report)
    for user in (author, staff):
        asked_by(user)
        assert list(cut(Kind.COURSE)["a.flag"]) == [str(key("Acme"))] and list(cut(Kind.ORG)["a.flag"]) == ["Acme"]
    asked_by(operator)
    assert all(cut(kind) == report(kind) for kind in Kind)
