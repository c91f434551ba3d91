"""Memberships as roles of the host, on stand-ins of its tables."""

import json
from types import ModuleType, SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from opaque_keys.edx.keys import CourseKey
from organizations.models import Organization

from ccx_tenancy import api
from ccx_tenancy.errors import TenancyError
from ccx_tenancy.hosts.openedx import authz, projection
from ccx_tenancy.hosts.openedx.models import ProjectedRole
from ccx_tenancy.tenants import api as tenants
from tests.hosts.openedx.standin.content_libraries.models import ContentLibrary
from tests.hosts.openedx.standin.course_overviews.models import CourseOverview
from tests.hosts.openedx.standin.student.models import CourseAccessRole
from tests.people import empty_memory

__all__ = ["empty_memory"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def author(db, django_capture_on_commit_callbacks):
    api.create_tenant("acme", name="Acme", domain="acme.localhost", organizations=["Acme", "AcmeLabs"])
    user = User.objects.create_user("author")
    with django_capture_on_commit_callbacks(execute=True):
        api.add_member(user, "Acme", "author")
    return user


def roles(user):
    return {(row.org, row.role) for row in CourseAccessRole.objects.filter(user=user)}


ALL = {("Acme", role) for role in projection.COURSE_ROLES}


def test_an_author_gets_the_roles_of_the_whole_organization_and_is_no_global_staff(author):
    assert roles(author) == ALL
    author.refresh_from_db()
    assert not author.is_staff


@pytest.mark.parametrize(
    ("role", "has_roles"), [("learner", False), ("staff", False), ("admin", True), ("owner", True)]
)
def test_roles_follow_each_change_of_a_membership(author, role, has_roles, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        api.set_role(author, "Acme", role)
    assert roles(author) == (ALL if has_roles else set())


def test_roles_go_with_the_membership_and_with_its_suspension_and_come_back(author, django_capture_on_commit_callbacks):
    from ccx_tenancy.membership import api as membership

    for active, expected in ((False, set()), (True, ALL)):
        with django_capture_on_commit_callbacks(execute=True):
            membership.set_active(author, "Acme", active)
        assert roles(author) == expected
    with django_capture_on_commit_callbacks(execute=True):
        api.remove_member(author, "Acme")
    assert roles(author) == set() and not ProjectedRole.objects.exists()


def test_a_role_that_the_host_gave_stays_when_the_membership_ends(author, django_capture_on_commit_callbacks):
    other = User.objects.create_user("other")
    CourseAccessRole.objects.bulk_create([CourseAccessRole(user=other, org="acme", role="staff")])
    with django_capture_on_commit_callbacks(execute=True):
        api.add_member(other, "Acme", "author")
    assert len(roles(other)) == 3
    with django_capture_on_commit_callbacks(execute=True):
        api.remove_member(other, "Acme")
    assert roles(other) == {("acme", "staff")}


def test_in_an_organization_of_no_tenant_a_membership_gives_no_role(author, django_capture_on_commit_callbacks):
    Organization.objects.create(name="Free", short_name="Free")
    with django_capture_on_commit_callbacks(execute=True):
        api.add_member(author, "Free", "author")
    assert roles(author) == ALL


def test_roles_follow_an_organization_into_a_tenant_and_out_of_it(author, django_capture_on_commit_callbacks):
    api.add_member(author, Organization.objects.create(name="Lab", short_name="Lab"), "author")
    tenant = api.get_tenant("acme")
    in_lab = {("Lab", role) for role in projection.COURSE_ROLES}
    with django_capture_on_commit_callbacks(execute=True):
        tenants.add_organization(tenant, "Lab")
    assert roles(author) == ALL | in_lab
    with django_capture_on_commit_callbacks(execute=True):
        tenants.remove_organization(tenant, "Lab")
    assert roles(author) == ALL
    with django_capture_on_commit_callbacks(execute=True):
        api.create_tenant("lab", name="Lab", domain="lab.localhost", organizations=["Lab", "LabTwo"])
    assert roles(author) == ALL | in_lab
    for active, expected in ((False, ALL), (True, ALL | in_lab)):
        with django_capture_on_commit_callbacks(execute=True):
            organization = Organization.objects.get(short_name="Lab")
            organization.active = active
            organization.save()
        assert roles(author) == expected


def test_with_the_setting_off_changes_give_nothing_and_the_command_does(
    author, settings, capsys, django_capture_on_commit_callbacks
):
    settings.CCX_TENANCY = {"PROJECT_ROLES": False}
    with django_capture_on_commit_callbacks(execute=True):
        api.add_member(author, "AcmeLabs", "author")
    assert roles(author) == ALL
    call_command("host_roles", "apply", "--dry-run")
    said = capsys.readouterr().out
    assert "+ author: staff in AcmeLabs (course_roles)" in said and "3 roles would be given, 0 would be taken" in said
    assert roles(author) == ALL
    call_command("host_roles", "apply")
    assert len(roles(author)) == 6
    capsys.readouterr()
    call_command("host_roles", "apply", "--format", "json")
    assert json.loads(capsys.readouterr().out) == {"give": [], "take": [], "kept": 6, "dry_run": False}


def test_what_somebody_took_by_hand_is_given_again_and_all_can_be_withdrawn(author, capsys):
    CourseAccessRole.objects.filter(role="staff").delete()
    call_command("host_roles", "apply", "--user", "author")
    assert roles(author) == ALL
    call_command("host_roles", "withdraw", "--dry-run")
    assert roles(author) == ALL
    call_command("host_roles", "withdraw")
    assert roles(author) == set() and not ProjectedRole.objects.exists()
    assert "- author: staff in Acme (course_roles)" in capsys.readouterr().out


# openedx-authz


@pytest.fixture
def package(monkeypatch):
    """The functions of openedx-authz that we call, over a set."""
    given = set()
    module = ModuleType(authz.API)

    def assign_role_to_user_in_scope(user_external_key, role_external_key, scope_external_key):
        if scope_external_key.endswith("+refused"):
            raise ValueError("no such scope")
        given.add((user_external_key, role_external_key, scope_external_key))
        return True

    def unassign_role_from_user(user_external_key, role_external_key, scope_external_key):
        given.discard((user_external_key, role_external_key, scope_external_key))

    def get_user_role_assignments(user_external_key):
        return [
            SimpleNamespace(scope=SimpleNamespace(external_key=scope), roles=[SimpleNamespace(external_key=role)])
            for user, role, scope in given
            if user == user_external_key
        ]

    for function in (assign_role_to_user_in_scope, unassign_role_from_user, get_user_role_assignments):
        setattr(module, function.__name__, function)
    module.AuthzEnforcer = SimpleNamespace(invalidate_policy_cache=lambda: None)
    monkeypatch.setattr(authz, "import_module", lambda name: module)
    monkeypatch.setattr(authz, "is_installed", lambda: True)
    monkeypatch.setattr(authz, "is_on", lambda: True)
    return given


def test_authors_have_a_role_on_each_course_and_library_where_openedx_authz_is_on(
    author, package, django_capture_on_commit_callbacks
):
    for key in ("course-v1:Acme+A+1", "course-v1:Globex+G+1"):
        course = CourseKey.from_string(key)
        CourseOverview.objects.create(id=course, org=course.org)
    ContentLibrary.objects.create(org=Organization.objects.get(short_name="Acme"), slug="lib2")
    call_command("host_roles", "apply")
    expected = {("author", "course_staff", "course-v1:Acme+A+1"), ("author", "library_author", "lib:Acme:lib2")}
    assert package == expected
    call_command("host_roles", "apply")
    assert package == expected
    with django_capture_on_commit_callbacks(execute=True):
        api.remove_member(author, "Acme")
    assert package == set()


def test_what_was_given_while_the_flag_was_on_goes_with_the_membership_while_it_is_off(
    author, package, monkeypatch, django_capture_on_commit_callbacks
):
    CourseOverview.objects.create(id=CourseKey.from_string("course-v1:Acme+A+1"), org="Acme")
    call_command("host_roles", "apply")
    assert len(package) == 1
    monkeypatch.setattr(authz, "is_on", lambda: False)
    with django_capture_on_commit_callbacks(execute=True):
        api.remove_member(author, "Acme")
    assert package == set()


def test_what_openedx_authz_takes_no_roles_for_is_left_out(author, package):
    for key in ("course-v1:Acme+A+1", "Acme/Old/1"):
        CourseOverview.objects.create(id=CourseKey.from_string(key), org="Acme")
    call_command("host_roles", "apply")
    assert package == {("author", "course_staff", "course-v1:Acme+A+1")}


def test_what_openedx_authz_refuses_changes_nothing_and_is_named(author, package):
    course = CourseKey.from_string("course-v1:Acme+A+refused")
    CourseOverview.objects.create(id=course, org="Acme")
    with pytest.raises(TenancyError, match="refuses assign_role_to_user_in_scope.*no such scope"):
        projection.apply_roles(projection.plan_roles())
    assert ProjectedRole.objects.filter(system="authz").count() == 0


def test_an_openedx_authz_of_another_shape_is_named_and_called_by_nobody(author, package, monkeypatch):
    module = authz.import_module(authz.API)
    assert authz.problems() == []

    def unassign_role_from_user(user_external_key, role_external_key, scope_external_key, reason=""):
        """May be called as before."""

    def assign_role_to_user_in_scope(user, role, scope):
        pytest.fail("Nobody calls it.")

    monkeypatch.setattr(module, "unassign_role_from_user", unassign_role_from_user)
    monkeypatch.setattr(module, "assign_role_to_user_in_scope", assign_role_to_user_in_scope)
    monkeypatch.delattr(module, "AuthzEnforcer")
    changed, gone = authz.problems()
    assert "assign_role_to_user_in_scope is called with (user_external_key, role_external_key" in changed
    assert "takes (user, role, scope)" in changed and "AuthzEnforcer" in gone
    CourseOverview.objects.create(id=CourseKey.from_string("course-v1:Acme+A+1"), org="Acme")
    with pytest.raises(TenancyError, match=r"not known.*takes \(user, role, scope\).*PROJECT_ROLES"):
        projection.apply_roles(projection.plan_roles())
    monkeypatch.delattr(module, "get_user_role_assignments")
    with pytest.raises(TenancyError, match="no attribute 'get_user_role_assignments'"):
        projection.plan_roles()


def test_what_was_rolled_back_is_forgotten_by_every_system_and_what_went_well_is_not(author, monkeypatch):
    forgotten = []
    monkeypatch.setattr(projection.AuthzRoles, "forget", lambda self: forgotten.append(self.name))
    plan = projection.plan_roles(withdraw=True)
    projection.apply_roles(plan)
    assert forgotten == []

    def refuse(self, grant):
        raise ValueError("refused")

    monkeypatch.setattr(projection.CourseRoles, "give", refuse)
    with pytest.raises(ValueError, match="refused"):
        projection.apply_roles(projection.plan_roles())
    assert forgotten == ["authz"] and roles(author) == set()


def test_without_the_package_or_its_flag_there_is_nothing_to_do(author):
    assert not authz.is_on()
    authz.forget()
