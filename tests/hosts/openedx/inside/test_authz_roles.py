"""Roles of authors in the real openedx-authz, over stand-ins of the host's courses and libraries."""

import sys
from types import ModuleType, SimpleNamespace

import crum
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from opaque_keys.edx.keys import CourseKey
from openedx_authz.api.users import is_user_allowed
from organizations.models import Organization

from ccx_tenancy import api
from ccx_tenancy.errors import TenancyError
from ccx_tenancy.hosts.openedx import OpenEdxHost, authz, patches, projection, roles
from ccx_tenancy.hosts.openedx.models import ProjectedRole
from ccx_tenancy.hosts.openedx.sight import Sight
from ccx_tenancy.hosts.openedx.targets import found_in
from ccx_tenancy.partition import policy
from tests.hosts.openedx.standin.content_libraries.models import ContentLibrary
from tests.hosts.openedx.standin.course_overviews.models import CourseOverview

pytestmark = pytest.mark.django_db

COURSE, LIBRARY = "course-v1:Acme+A+1", "lib:Acme:lib2"
CCX, OLD = "ccx-v1:Acme+A+1+ccx@3", "Acme/Old/1"
GIVEN = {(COURSE, authz.COURSE_ROLE), (LIBRARY, authz.LIBRARY_ROLE)}


@pytest.fixture(autouse=True)
def package(db, monkeypatch):
    """The package with the roles that it defines, read from the tables of this test; the host's flag is on."""
    for name in ("openedx", "openedx.core", authz.TOGGLES):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    setattr(sys.modules[authz.TOGGLES], authz.FLAG, SimpleNamespace(is_enabled=lambda: True))
    authz.forget()
    call_command("load_policies")
    assert authz.is_on()


@pytest.fixture(autouse=True)
def known_roles(monkeypatch):
    """The host's own cache of roles; these have none."""
    monkeypatch.setattr(roles, "known_roles", lambda user: [])


def sight(user):
    """What the user sees in Studio, found out anew."""
    return Sight(user, policy.scope_by_membership(user, policy.STUDIO), None)


@pytest.fixture
def author(package, django_capture_on_commit_callbacks):
    for key, name in (("acme", "Acme"), ("globex", "Globex")):
        api.create_tenant(key, name=name, domain=f"{key}.localhost", organizations=[name])
        course = CourseKey.from_string(f"course-v1:{name}+A+1")
        CourseOverview.objects.create(id=course, org=name)
        ContentLibrary.objects.create(org=Organization.objects.get(short_name=name), slug="lib2")
    user = User.objects.create_user("author")
    with django_capture_on_commit_callbacks(execute=True):
        api.add_member(user, "Acme", "author")
    return user


def may(course=COURSE, library=LIBRARY):
    """What the package allows the author: to see the course, to edit the library."""
    seen = is_user_allowed("author", "courses.view_course", course)
    return seen, is_user_allowed("author", "content_libraries.edit_library_content", library)


def test_what_we_call_is_there_as_we_know_it():
    assert authz.problems() == []


def test_an_author_may_where_the_membership_says_and_nowhere_else(author, django_capture_on_commit_callbacks):
    assert authz.assigned("author") == GIVEN
    assert may() == (True, True)
    assert may("course-v1:Globex+A+1", "lib:Globex:lib2") == (False, False)
    call_command("host_roles", "apply")
    assert authz.assigned("author") == GIVEN
    with django_capture_on_commit_callbacks(execute=True):
        api.remove_member(author, "Acme")
    assert authz.assigned("author") == set()
    assert may() == (False, False)


def test_a_course_that_is_new_is_covered_by_the_command(author):
    key = "course-v1:Acme+New+1"
    CourseOverview.objects.create(id=CourseKey.from_string(key), org="Acme")
    assert may(course=key)[0] is False
    call_command("host_roles", "apply")
    assert may(course=key)[0] is True


@pytest.mark.parametrize("key", [CCX, OLD])
def test_what_the_package_refuses_is_not_given(author, key):
    CourseOverview.objects.create(id=CourseKey.from_string(key), org="Acme")
    call_command("host_roles", "apply")
    assert authz.assigned("author") == GIVEN
    with pytest.raises(TenancyError, match="refuses assign_role_to_user_in_scope"):
        authz.assign(author.pk, authz.COURSE_ROLE, key)


@pytest.mark.parametrize("refused", [CCX, OLD])
def test_a_plan_that_is_refused_leaves_no_right_not_even_in_the_memory_of_the_process(author, refused):
    projection.apply_roles(projection.plan_roles(withdraw=True))
    first, second = (projection.Grant("authz", scope, author.pk, authz.COURSE_ROLE) for scope in (COURSE, refused))
    with pytest.raises(TenancyError):
        projection.apply_roles(projection.RolePlan(give=(first, second), take=(), kept=0))
    assert authz.assigned("author") == set() and may() == (False, False)
    assert not ProjectedRole.objects.exists()
    projection.apply_roles(projection.plan_roles())
    assert authz.assigned("author") == GIVEN and may() == (True, True)


def test_who_was_refused_while_a_membership_changed_has_no_right_either(author, monkeypatch):
    projection.apply_roles(projection.plan_roles(withdraw=True))

    def refuse(self, grant):
        raise TenancyError("refused")

    monkeypatch.setattr(projection.CourseRoles, "give", refuse)
    monkeypatch.setattr(projection, "_authors", lambda users: [(author.pk, "Acme")])
    with pytest.raises(TenancyError, match="refused"):
        projection.follow(None, user_id=author.pk)
    assert authz.assigned("author") == set() and may() == (False, False)


@pytest.mark.parametrize(
    ("role", "in_studio", "in_lms"),
    [("course_editor", True, True), ("course_limited_staff", False, True), ("ccx_coach", False, False)],
)
def test_a_role_that_somebody_gave_on_one_foreign_course_opens_that_one(author, role, in_studio, in_lms):
    host, key = OpenEdxHost(), "course-v1:Globex+A+1"

    def opens(key):
        return [host.has_direct_role(author, "globex", key, surface) for surface in ("studio", "lms")]

    assert opens(key) == [False, False]
    authz.assign(author.pk, role, key)
    assert opens(key) == [in_studio, in_lms]
    assert opens("block-v1:Globex+A+1+type@html+block@h") == [in_studio, in_lms]
    assert opens("course-v1:Globex+B+1") == [False, False]
    assert (key in host.direct_roles(author, "studio").keys) is in_studio
    assert (key in sight(author).keys) is in_studio
    api.suspend_tenant("globex")
    assert key not in sight(author).keys


def test_a_role_that_somebody_gave_on_one_foreign_library_opens_that_one(author):
    foreign = "lib:Globex:lib2"
    rows = ContentLibrary.objects.filter(org__short_name="Globex")
    assert not sight(author).granted_libraries and not rows.filter(sight(author).with_grant())
    authz.assign(author.pk, "library_user", foreign)
    assert sight(author).granted_libraries == {foreign}
    assert [str(row) for row in rows.filter(sight(author).with_grant())] == [foreign]
    assert OpenEdxHost().has_direct_role(author, "globex", foreign, "studio")


def test_what_a_membership_gave_is_no_role_that_somebody_gave(author):
    assert authz.assigned("author") == GIVEN
    assert authz.granted(author, "studio") == authz.granted(None, "studio") == frozenset()


def test_people_for_its_teams_are_found_within_the_tenant(author, rf, settings):
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "SURFACE": "studio"}
    User.objects.create_user("stranger", "stranger@globex.example")
    api.add_member(User.objects.get(username="stranger"), "Globex", "author")
    find = found_in(("openedx_authz.utils", "openedx_authz.rest_api.utils"), "get_user_by_username_or_email")
    request = rf.get("/")
    request.user = author
    patch = {"studio_rows": patches.PATCHES["studio_rows"]}
    patches.install(patch)
    crum.set_current_request(request)
    try:
        assert find("author") == author
        for known_as in ("stranger", "stranger@globex.example"):
            with pytest.raises(User.DoesNotExist):
                find(known_as)
        crum.set_current_request(None)
        assert find("stranger").email == "stranger@globex.example"
    finally:
        crum.set_current_request(None)
        patches.remove(patch)
