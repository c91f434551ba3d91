"""``user.has_perm("ccx_tenancy.manage_members", organization)`` and its siblings."""

import pytest
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from organizations.models import Organization
from rest_framework.permissions import DjangoObjectPermissions
from rest_framework.test import APIRequestFactory

from ccx_tenancy import api
from ccx_tenancy.backends import OrganizationMemberBackend
from ccx_tenancy.membership import api as membership
from ccx_tenancy.membership.roles import PERMISSIONS

pytestmark = pytest.mark.django_db

TABLE = {
    "learner": set(),
    "staff": {"view_members"},
    "author": {"view_members"},
    "admin": {"view_members", "manage_members", "manage_invitations", "edit_configuration", "view_audit"},
    "owner": {
        "view_members",
        "manage_members",
        "manage_invitations",
        "edit_configuration",
        "view_audit",
        "manage_api_keys",
    },
}


@pytest.mark.parametrize("role", TABLE)
def test_a_permission_comes_with_a_role_in_that_organization_only(acme, globex, make_user, role):
    ann = make_user("ann")
    api.add_member(ann, "AcmeX", role)
    organization = Organization.objects.get(short_name="AcmeX")
    for place in (organization, "AcmeX", "acmex"):
        assert {name for name in PERMISSIONS if ann.has_perm(name, place)} == {f"ccx_tenancy.{n}" for n in TABLE[role]}
        assert ann.get_all_permissions(place) == {f"ccx_tenancy.{n}" for n in TABLE[role]}
    for place in ("AcmeLabs", "GlobexX", "Nobody", Organization.objects.get(short_name="GlobexX"), None, 7, acme):
        assert not any(ann.has_perm(name, place) for name in PERMISSIONS)


def test_without_an_organization_only_a_superuser_has_them(acme, make_user):
    ann, boss = make_user("ann"), make_user("boss", is_superuser=True)
    api.add_member(ann, "AcmeX", "owner")
    assert not any(ann.has_perm(name) for name in PERMISSIONS)
    assert all(boss.has_perm(name) and boss.has_perm(name, "AcmeX") for name in PERMISSIONS)


def test_an_inactive_account_has_none_and_neither_has_anybody_suspended(acme, make_user):
    ann = make_user("ann")
    api.add_member(ann, "AcmeX", "admin")
    assert ann.has_perm("ccx_tenancy.manage_members", "AcmeX")
    membership.set_active(ann, "AcmeX", False)
    assert not ann.has_perm("ccx_tenancy.manage_members", "AcmeX")
    membership.set_active(ann, "AcmeX", True)
    ann.is_active = False
    assert not ann.has_perm("ccx_tenancy.manage_members", "AcmeX")
    assert not AnonymousUser().has_perm("ccx_tenancy.manage_members", "AcmeX")


def test_djangos_own_permissions_go_on_as_before(acme, make_user):
    ann = make_user("ann")
    ann.user_permissions.add(Permission.objects.get(codename="change_site"))
    ann = User.objects.get(pk=ann.pk)
    assert ann.has_perm("sites.change_site")
    assert not ann.has_perm("sites.change_site", "AcmeX")
    assert not ann.has_perm("sites.delete_site")
    assert ann.has_module_perms("sites")


def test_the_answer_costs_no_query_when_warm(acme, make_user):
    ann = make_user("ann")
    api.add_member(ann, "AcmeX", "admin")
    assert ann.has_perm("ccx_tenancy.manage_members", "AcmeX")
    with CaptureQueriesContext(connection) as queries:
        assert ann.has_perm("ccx_tenancy.manage_members", "AcmeX")
        assert not ann.has_perm("ccx_tenancy.manage_api_keys", "AcmeX")
    assert len(queries) == 0


def test_who_has_a_permission_can_be_listed(acme, make_user):
    boss, ann, bob = make_user("boss", is_superuser=True), make_user("ann"), make_user("bob")
    api.add_member(ann, "AcmeX", "admin")
    api.add_member(bob, "AcmeX", "staff")
    backend = "ccx_tenancy.backends.OrganizationMemberBackend"

    def who(perm: str, obj: object = None, **how: bool) -> set[str]:
        return {user.username for user in User.objects.with_perm(perm, backend=backend, obj=obj, **how)}

    assert who("ccx_tenancy.manage_members", "AcmeX") == {"boss", "ann"}
    assert who("ccx_tenancy.view_members", Organization.objects.get(short_name="AcmeX")) == {"boss", "ann", "bob"}
    assert who("ccx_tenancy.view_members", "AcmeX", include_superusers=False) == {"ann", "bob"}
    assert who("ccx_tenancy.view_members") == {"boss"}
    boss.user_permissions.clear()
    assert who("sites.change_site") == {"boss"}


def test_a_drf_view_can_ask_for_them(acme, make_user):
    ann, bob = make_user("ann"), make_user("bob")
    api.add_member(ann, "AcmeX", "admin")
    api.add_member(bob, "AcmeX", "author")
    organization = Organization.objects.get(short_name="AcmeX")

    class ManagesMembers(DjangoObjectPermissions):
        """As a project would write it."""

        def has_permission(self, request, view) -> bool:
            return bool(request.user.is_authenticated)

        def has_object_permission(self, request, view, obj) -> bool:
            return request.user.has_perm("ccx_tenancy.manage_members", obj)

    def asks(user: User) -> bool:
        request = APIRequestFactory().get("/")
        request.user = user
        return ManagesMembers().has_object_permission(request, None, organization)

    assert asks(ann)
    assert not asks(bob)


def test_the_admin_shows_the_members_of_the_organizations_one_has_a_role_in(acme, globex, make_user):
    ann, bob = make_user("ann", is_staff=True), make_user("bob")
    api.add_member(ann, "AcmeX", "admin")
    api.add_member(bob, "AcmeX")
    api.add_member(bob, "GlobexX", "owner")
    foreign = membership.members_of("GlobexX").get()
    client = Client(headers={"host": "acme.example.com"})
    client.force_login(ann, backend="ccx_tenancy.backends.OrganizationMemberBackend")
    page = client.get("/admin/ccx_membership/organizationmembership/").content.decode()
    assert "bob" in page
    assert "GlobexX" not in page
    own = membership.members_of("AcmeX").get(user=bob)
    assert client.get(f"/admin/ccx_membership/organizationmembership/{own.pk}/change/").status_code == 200
    gone = client.get(f"/admin/ccx_membership/organizationmembership/{foreign.pk}/change/")
    assert gone.status_code == 302  # As for one that does not exist.
    assert client.get("/admin/ccx_membership/organizationmembership/add/").status_code == 403
    assert client.post(f"/admin/ccx_membership/organizationmembership/{own.pk}/delete/").status_code == 403


def test_the_admin_shows_nothing_to_staff_without_a_role_and_all_to_an_operator(acme, make_user):
    staff, boss = make_user("staff", is_staff=True), make_user("boss", is_staff=True, is_superuser=True)
    api.add_member(make_user("ann"), "AcmeX")
    for user, expected in ((staff, 403), (boss, 200)):
        client = Client()
        client.force_login(user, backend="ccx_tenancy.backends.DefaultSiteBackend")
        assert client.get("/admin/ccx_membership/organizationmembership/").status_code == expected
        assert client.get("/admin/ccx_membership/organizationinvitation/").status_code == expected
    answer = client.post(f"/admin/auth/user/{User.objects.get(username='ann').pk}/delete/", {"post": "yes"})
    assert answer.status_code == 302
    assert not User.objects.filter(username="ann").exists()


def test_the_table_of_permissions_names_only_roles_that_exist():
    backend = OrganizationMemberBackend()
    assert not backend.has_perm(User(username="new"), "ccx_tenancy.view_members")
    assert set(PERMISSIONS.values()) <= set(membership.ROLES)
