"""Adding, changing and removing members, and who may do that."""

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from organizations.models import Organization

from ccx_tenancy import api, errors
from ccx_tenancy.audit import api as audit
from ccx_tenancy.membership import api as membership
from ccx_tenancy.membership.freshness import shard_of
from ccx_tenancy.membership.models import OrganizationMembership
from ccx_tenancy.membership.roles import ROLES
from ccx_tenancy.membership.signals import membership_added, membership_changed, membership_removed
from ccx_tenancy.tenants import revisions


def roles_of(organization: str) -> dict[str, str]:
    return {row.user.username: row.role for row in api.members_of(organization)}


# Adding


def test_a_new_member_is_a_learner_unless_a_role_is_given(acme, make_user):
    row = api.add_member(make_user("ann"), "AcmeX")
    assert (row.role, row.active, row.user.username, row.organization.short_name) == ("learner", True, "ann", "AcmeX")
    api.add_member(make_user("bob"), Organization.objects.get(short_name="AcmeX"), "author")
    assert roles_of("AcmeX") == {"ann": "learner", "bob": "author"}


def test_an_organization_is_found_by_its_short_name_in_any_case(acme, make_user):
    ann = make_user("ann")
    api.add_member(ann, "ACMEx", "staff")
    assert api.has_role(ann, "acmeX", "staff")
    assert roles_of("acmex") == {"ann": "staff"}


@pytest.mark.parametrize("name", ["Nobody", "", "Acme%", "AcmeX\x00", "ÁcmeX", None, 7])
def test_an_organization_that_does_not_exist_is_refused_by_name(acme, make_user, name):
    with pytest.raises(errors.UnknownOrganization, match="no organization"):
        api.add_member(make_user("ann"), name)
    assert not OrganizationMembership.objects.exists()


@pytest.mark.parametrize("role", ["boss", "Owner", "", None, 3])
def test_a_role_that_does_not_exist_is_refused_with_those_that_do(acme, make_user, role):
    ann = make_user("ann")
    for refused in (
        lambda: api.add_member(ann, "AcmeX", role),
        lambda: api.set_role(ann, "AcmeX", role),
        lambda: api.has_role(ann, "AcmeX", role),
    ):
        with pytest.raises(errors.UnknownRole, match="learner, staff, author, admin, owner"):
            refused()


def test_a_member_with_the_same_role_stays_as_is_and_one_with_another_is_refused_by_name(acme, make_user):
    ann = make_user("ann")
    first = api.add_member(ann, "AcmeX", "staff")
    assert api.add_member(ann, "AcmeX", "staff").pk == first.pk
    with pytest.raises(errors.AlreadyMember, match="ann is staff of AcmeX already"):
        api.add_member(ann, "AcmeX", "author")
    assert audit.entries(tenant_key="acme").filter(action="member.add").count() == 1


def test_adding_a_suspended_member_lets_them_resume_with_that_role(acme, make_user):
    ann = make_user("ann")
    api.add_member(ann, "AcmeX", "staff")
    membership.set_active(ann, "AcmeX", False)
    row = api.add_member(ann, "AcmeX", "learner")
    assert (row.active, row.role) == (True, "learner")


def test_an_account_that_is_not_saved_cannot_be_a_member(acme):
    for nobody in (User(username="ann"), AnonymousUser(), None):
        with pytest.raises(errors.InvalidInput, match="no saved account"):
            api.add_member(nobody, "AcmeX")


def test_the_database_itself_holds_one_membership_for_each_user_and_organization(acme, make_user):
    ann = make_user("ann")
    api.add_member(ann, "AcmeX")
    organization = Organization.objects.get(short_name="AcmeX")
    with pytest.raises(IntegrityError), transaction.atomic():
        OrganizationMembership(user=ann, organization=organization).save()
    with pytest.raises(IntegrityError), transaction.atomic():
        OrganizationMembership(user=make_user("bob"), organization=organization, role="boss").save()


def test_a_user_may_belong_to_many_organizations(acme, globex, make_user):
    ann = make_user("ann")
    api.add_member(ann, "AcmeX", "learner")
    api.add_member(ann, "AcmeLabs", "admin")
    api.add_member(ann, "GlobexX", "author")
    assert [one.short_name for one in api.organizations_of(ann)] == ["AcmeLabs", "AcmeX", "GlobexX"]
    assert [one.short_name for one in api.organizations_of(ann, "author")] == ["AcmeLabs", "GlobexX"]


# Changing and removing


def test_a_role_can_be_changed_and_a_membership_ended(acme, make_user):
    ann = make_user("ann")
    api.add_member(ann, "AcmeX")
    assert api.set_role(ann, "AcmeX", "author").role == "author"
    api.remove_member(ann, "acmex")
    assert not OrganizationMembership.objects.exists()


def test_who_is_no_member_cannot_be_changed_suspended_or_removed(acme, make_user):
    ann = make_user("ann")
    for refused in (
        lambda: api.set_role(ann, "AcmeX", "author"),
        lambda: api.remove_member(ann, "AcmeX"),
        lambda: membership.set_active(ann, "AcmeX", False),
    ):
        with pytest.raises(errors.NotAMember, match="ann is not a member of AcmeX"):
            refused()


def test_a_suspended_member_keeps_the_role_and_has_nothing_of_it(acme, make_user):
    ann = make_user("ann")
    api.add_member(ann, "AcmeX", "author")
    membership.set_active(ann, "AcmeX", False)
    assert not api.has_role(ann, "AcmeX", "learner")
    assert not api.is_member(ann, "acme")
    assert not api.organizations_of(ann).exists()
    assert not api.members_of("AcmeX").exists()
    assert [row.role for row in membership.members_of("AcmeX", suspended=True)] == ["author"]
    assert api.set_role(ann, "AcmeX", "staff").active is False
    membership.set_active(ann, "AcmeX", True)
    assert api.has_role(ann, "AcmeX", "staff")


def test_deleting_an_account_or_an_organization_takes_the_memberships_along(acme, make_user):
    ann, bob = make_user("ann"), make_user("bob")
    api.add_member(ann, "AcmeX", "owner")
    api.add_member(bob, "AcmeX")
    api.add_member(bob, "AcmeLabs")
    assert api.is_member(bob, "acme")
    ann.delete()
    assert roles_of("AcmeX") == {"bob": "learner"}
    Organization.objects.get(short_name="AcmeX").delete()
    assert dict(membership.memberships_of(bob.pk)) == {"acmelabs": 1}


def test_deleting_a_set_of_memberships_is_seen_at_once(acme, make_user):
    ann = make_user("ann")
    api.add_member(ann, "AcmeX")
    assert api.has_role(ann, "AcmeX", "learner")
    OrganizationMembership.objects.filter(user=ann).delete()
    assert not api.has_role(ann, "AcmeX", "learner")


# Who may


def test_nobody_below_admin_manages_members(acme, make_user):
    ann = make_user("ann")
    for role in ("learner", "staff", "author"):
        by = make_user(role)
        api.add_member(by, "AcmeX", role)
        with pytest.raises(errors.NotAllowed, match=f"takes the role admin.*acting user has {role}"):
            api.add_member(ann, "AcmeX", by=by)
    with pytest.raises(errors.NotAllowed, match="acting user has no role"):
        api.add_member(ann, "AcmeX", by=make_user("stranger"))
    with pytest.raises(errors.NotAllowed):
        api.add_member(ann, "AcmeX", by=AnonymousUser())


@pytest.mark.parametrize("actor_role", ["admin", "owner"])
@pytest.mark.parametrize("before", [None, *ROLES])
@pytest.mark.parametrize("after", [None, *ROLES])
def test_nobody_gives_or_takes_a_role_above_the_own(acme, make_user, actor_role, before, after):
    api.add_member(make_user("first"), "AcmeX", "owner")
    by, ann = make_user("by"), make_user("ann")
    api.add_member(by, "AcmeX", actor_role)
    if before:
        api.add_member(ann, "AcmeX", before)
    allowed = actor_role == "owner" or "owner" not in (before, after)

    def change() -> None:
        if before is None and after is None:
            return
        if before is None:
            api.add_member(ann, "AcmeX", after, by=by)
        elif after is None:
            api.remove_member(ann, "AcmeX", by=by)
        else:
            api.set_role(ann, "AcmeX", after, by=by)

    if allowed:
        change()
        assert roles_of("AcmeX").get("ann") == after
    elif before == after == "owner":
        with pytest.raises(errors.NotAllowed):
            membership.set_active(ann, "AcmeX", False, by=by)
    else:
        with pytest.raises(errors.NotAllowed, match="above the own"):
            change()
        assert roles_of("AcmeX").get("ann") == before


def test_a_role_in_one_organization_is_none_in_another(acme, globex, make_user):
    by, ann = make_user("by"), make_user("ann")
    api.add_member(by, "AcmeX", "owner")
    for organization in ("AcmeLabs", "GlobexX"):
        with pytest.raises(errors.NotAllowed):
            api.add_member(ann, organization, by=by)


def test_a_platform_operator_may_do_all_and_a_suspended_administrator_nothing(acme, make_user):
    boss, by, ann = make_user("boss", is_superuser=True), make_user("by"), make_user("ann")
    api.add_member(ann, "AcmeX", "owner", by=boss)
    api.add_member(by, "AcmeX", "admin")
    membership.set_active(by, "AcmeX", False, by=boss)
    with pytest.raises(errors.NotAllowed):
        api.add_member(make_user("carl"), "AcmeX", by=by)
    boss.is_active = False
    with pytest.raises(errors.NotAllowed):
        api.add_member(make_user("dora"), "AcmeX", by=boss)


def test_the_role_of_the_acting_user_is_read_from_the_table_not_from_memory(acme, make_user):
    by = make_user("by")
    api.add_member(by, "AcmeX", "admin")
    assert api.has_role(by, "AcmeX", "admin")
    OrganizationMembership.objects.filter(user=by).update(role="learner")  # As another process would have.
    with pytest.raises(errors.NotAllowed):
        api.add_member(make_user("ann"), "AcmeX", by=by)


# The last owner


def test_an_organization_that_has_an_owner_keeps_one(acme, make_user):
    ann, bob = make_user("ann"), make_user("bob")
    api.add_member(ann, "AcmeX", "owner")
    for refused in (
        lambda: api.remove_member(ann, "AcmeX"),
        lambda: api.set_role(ann, "AcmeX", "admin"),
        lambda: api.set_role(ann, "AcmeX", "admin", by=ann),
        lambda: membership.set_active(ann, "AcmeX", False),
    ):
        with pytest.raises(errors.LastOwner, match="ann is the only active owner of AcmeX"):
            refused()
    api.add_member(bob, "AcmeX", "owner")
    membership.set_active(bob, "AcmeX", False)
    with pytest.raises(errors.LastOwner):
        api.remove_member(ann, "AcmeX")  # A suspended owner is none.
    membership.set_active(bob, "AcmeX", True)
    api.remove_member(ann, "AcmeX")
    assert roles_of("AcmeX") == {"bob": "owner"}


def test_an_organization_without_an_owner_needs_none(acme, make_user):
    ann = make_user("ann")
    api.add_member(ann, "AcmeX", "admin")
    api.remove_member(ann, "AcmeX")


# What is told


def test_every_change_is_in_the_record_with_who_whom_and_both_roles(acme, make_user):
    ann, by = make_user("ann"), make_user("by")
    api.add_member(by, "AcmeX", "owner")
    api.add_member(ann, "AcmeX", by=by)
    api.set_role(ann, "AcmeX", "author", by=by)
    membership.set_active(ann, "AcmeX", False, by=by)
    api.remove_member(ann, "AcmeX", by=by)
    found = [
        (entry.action, entry.actor, entry.target, entry.before, entry.after)
        for entry in audit.entries(tenant_key="acme").filter(action__startswith="member.").order_by("pk")[1:]
    ]
    learner = {"role": "learner", "active": True}
    author = {"role": "author", "active": True}
    assert found == [
        ("member.add", "by", "ann in AcmeX", None, learner),
        ("member.change", "by", "ann in AcmeX", learner, author),
        ("member.change", "by", "ann in AcmeX", author, {"role": "author", "active": False}),
        ("member.remove", "by", "ann in AcmeX", {"role": "author", "active": False}, None),
    ]


def test_an_organization_of_no_tenant_is_recorded_without_one(db, make_user):
    Organization.objects.create(name="Own", short_name="Own")
    api.add_member(make_user("ann"), "Own")
    assert audit.entries().get(action="member.add").tenant_key == ""


def test_the_signals_are_sent_after_the_commit_and_not_without_it(acme, make_user, django_capture_on_commit_callbacks):
    ann = make_user("ann")
    told: list[tuple[str, object, object]] = []

    def hear(name):
        def receiver(signal, sender, **facts):
            assert (facts["user_id"], facts["organization"], facts["actor"]) == (ann.pk, "AcmeX", None)
            told.append((name, facts["before"], facts["after"]))

        return receiver

    receivers = {
        membership_added: hear("added"),
        membership_changed: hear("changed"),
        membership_removed: hear("removed"),
    }
    for signal, receiver in receivers.items():
        signal.connect(receiver)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            api.add_member(ann, "AcmeX")
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                api.set_role(ann, "AcmeX", "owner")
                raise ZeroDivisionError
            assert told == []
        with django_capture_on_commit_callbacks(execute=True):
            api.set_role(ann, "AcmeX", "staff")
            api.set_role(ann, "AcmeX", "staff")
            api.remove_member(ann, "AcmeX")
    finally:
        for signal, receiver in receivers.items():
            signal.disconnect(receiver)
    learner, staff = membership.State("learner"), membership.State("staff")
    assert told == [("added", None, learner), ("changed", learner, staff), ("removed", staff, None)]


# Asking


def test_nobody_is_a_member_of_nothing(acme, make_user):
    for nobody in (None, AnonymousUser(), User(username="new")):
        assert not api.is_member(nobody, "acme")
        assert not api.has_role(nobody, "AcmeX", "learner")
        assert not api.organizations_of(nobody).exists()
    ann = make_user("ann")
    assert not api.has_role(ann, "Nobody", "learner")
    assert not api.is_member(ann)  # There is no current tenant.
    with pytest.raises(errors.UnknownTenant, match="'nope'"):
        api.is_member(ann, "nope")


def test_a_stronger_role_counts_and_a_weaker_does_not(acme, make_user):
    ann = make_user("ann")
    api.add_member(ann, "AcmeX", "author")
    assert [api.has_role(ann, "AcmeX", role) for role in ROLES] == [True, True, True, False, False]
    assert [len(api.members_of("AcmeX", role)) for role in ROLES] == [1, 1, 1, 0, 0]


def test_a_member_of_any_organization_of_a_tenant_is_a_member_of_the_tenant(acme, globex, make_user):
    ann = make_user("ann")
    api.add_member(ann, "AcmeLabs")
    assert api.is_member(ann, "acme")
    assert api.is_member(ann, acme)
    assert api.is_member(ann, api.resolve_tenant("acme.example.com"))
    assert not api.is_member(ann, "globex")
    with api.tenant_context("acme"):
        assert api.is_member(ann)
    with api.tenant_context("globex"):
        assert not api.is_member(ann)


def test_the_state_of_the_tenant_does_not_end_a_membership(acme, make_user):
    ann = make_user("ann")
    api.add_member(ann, "AcmeX")
    api.suspend_tenant("acme")
    assert api.is_member(ann, "acme")


def test_an_organization_that_is_switched_off_or_renamed_is_followed(acme, make_user):
    ann = make_user("ann")
    api.add_member(ann, "AcmeX", "staff")
    assert api.has_role(ann, "AcmeX", "staff")
    organization = Organization.objects.get(short_name="AcmeX")
    organization.active = False
    organization.save()
    assert not api.has_role(ann, "AcmeX", "staff")
    assert not api.is_member(ann, "acme")
    assert not api.organizations_of(ann).exists()
    organization.active, organization.short_name = True, "AcmeNew"
    organization.save()
    assert api.has_role(ann, "AcmeNew", "staff")
    assert not api.has_role(ann, "AcmeX", "staff")


def test_a_question_about_a_user_costs_one_query_the_first_time_and_none_afterwards(acme, make_user):
    ann = make_user("ann")
    api.add_member(ann, "AcmeX", "staff")
    acme_context = api.resolve_tenant("acme.example.com")
    with CaptureQueriesContext(connection) as first:
        assert api.is_member(ann, acme_context)
    assert len(first) == 1
    assert membership.is_warm(ann.pk)
    with CaptureQueriesContext(connection) as rest:
        assert api.is_member(ann, acme_context)
        assert api.has_role(ann, "AcmeX", "staff")
        assert membership.rank_in(ann, "acmex") == 2
        assert dict(membership.memberships_of(ann.pk)) == {"acmex": 2}
    assert len(rest) == 0


def test_what_is_in_memory_cannot_be_changed_by_who_reads_it(acme, make_user):
    ann = make_user("ann")
    api.add_member(ann, "AcmeX")
    with pytest.raises(TypeError):
        membership.memberships_of(ann.pk)["globexx"] = 5


def test_memory_is_bounded(acme, make_user, settings):
    settings.CCX_TENANCY = {"MEMBERS_CACHE_SIZE": 3}
    for number in range(10):
        membership.memberships_of(number)
    assert [membership.is_warm(number) for number in range(10)] == [False] * 7 + [True] * 3


async def _ask(user_id: int) -> dict[str, int]:
    return dict(membership.memberships_of(user_id))


@pytest.mark.django_db(transaction=True)
async def test_memberships_can_be_asked_in_an_event_loop():
    assert await _ask(1) == {}


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_rolled_back_was_never_seen_by_others_and_is_forgotten(make_user):
    Organization.objects.create(name="Own", short_name="Own")
    ann = make_user("ann")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        api.add_member(ann, "Own")
        assert api.has_role(ann, "Own", "learner")
        raise ZeroDivisionError
    assert not api.has_role(ann, "Own", "learner")


def test_rows_written_at_once_are_seen_at_once(make_user):
    one, other = (Organization.objects.create(name=name, short_name=name) for name in ("Own", "Other"))
    ann, bob = make_user("ann"), make_user("bob")
    assert not api.has_role(ann, "Own", "learner")
    assert not api.has_role(bob, "Own", "learner")
    rows = OrganizationMembership.objects.bulk_create(
        [OrganizationMembership(user=ann, organization=one, role="staff")]
    )
    assert api.has_role(ann, "Own", "staff")
    OrganizationMembership.objects.filter(user=ann).update(role="learner")
    assert not api.has_role(ann, "Own", "staff")
    row = OrganizationMembership.objects.get(user=ann)
    row.active = False
    OrganizationMembership.objects.bulk_update([row], ["active"])
    assert not api.has_role(ann, "Own", "learner")
    one.tenancy_memberships.update(active=True)
    assert api.has_role(ann, "Own", "learner")
    OrganizationMembership.objects.filter(user=ann).update(user=bob)
    assert api.has_role(bob, "Own", "learner")
    assert not api.has_role(ann, "Own", "learner")
    OrganizationMembership.objects.filter(user=bob).order_by("-id").update(organization=other)
    assert api.has_role(bob, "Other", "learner")
    row = OrganizationMembership.objects.get(user=bob)
    row.user = ann
    OrganizationMembership.objects.bulk_update([row], ["user"])
    assert api.has_role(ann, "Other", "learner")
    assert not api.has_role(bob, "Other", "learner")
    OrganizationMembership.objects.filter(user=ann).delete()
    assert not api.has_role(ann, "Other", "learner")
    with pytest.raises(AttributeError):
        OrganizationMembership.objects.delete()
    assert len(rows) == 1


@pytest.mark.django_db(transaction=True)
def test_a_change_of_another_process_is_seen_within_the_time_of_freshness(make_user, settings):
    settings.CCX_TENANCY = {"FRESHNESS_SECONDS": 0}
    organization = Organization.objects.create(name="Own", short_name="Own")
    ann = make_user("ann")
    api.add_member(ann, "Own")
    assert api.has_role(ann, "Own", "learner")
    # What another process writes: the row, and the number.
    OrganizationMembership._base_manager.filter(user=ann, organization=organization).update(active=False)
    from django.db.models import F

    from ccx_tenancy.tenants.models import Revision

    Revision.objects.filter(name=shard_of(ann.pk)).update(number=F("number") + 1)
    assert not api.has_role(ann, "Own", "learner")
    assert revisions.is_fresh() is False


# Size


def test_a_list_of_ten_thousand_members_is_one_query(acme, db):
    users = User.objects.bulk_create([User(username=f"u{number}") for number in range(10_000)])
    users = list(User.objects.order_by("pk")) if users[0].pk is None else users
    organization = Organization.objects.get(short_name="AcmeX")
    OrganizationMembership.objects.bulk_create(
        [OrganizationMembership(user=user, organization=organization) for user in users]
    )
    with CaptureQueriesContext(connection) as queries:
        names = [
            f"{row.user.username} {row.organization.short_name} {row.role}" for row in api.members_of(organization)
        ]
    assert len(names) == 10_000
    assert len(queries) == 1
    with CaptureQueriesContext(connection) as queries:
        assert [one.short_name for one in api.organizations_of(users[5])] == ["AcmeX"]
    assert len(queries) == 1


# With the tenant


def test_the_owner_given_with_a_new_tenant_owns_each_of_its_organizations(db, make_user):
    ann = make_user("ann")
    Organization.objects.create(name="Old", short_name="Old")
    api.add_member(ann, "Old", "staff")
    api.create_tenant("initech", name="Initech", domain="initech.example.com", organizations=["New", "Old"], owner=ann)
    assert roles_of("New") == roles_of("Old") == {"ann": "owner"}


def test_an_owner_who_cannot_be_one_leaves_no_tenant_behind(db):
    with pytest.raises(errors.InvalidInput):
        api.create_tenant("initech", name="I", domain="i.example.com", organizations=["New"], owner=User(username="x"))
    with pytest.raises(errors.UnknownTenant):
        api.get_tenant("initech")


def test_a_permission_is_asked_with_its_organization(acme, make_user):
    ann, boss = make_user("ann"), make_user("boss", is_superuser=True)
    api.add_member(ann, "AcmeX", "admin")
    assert membership.has_permission(ann, "ccx_tenancy.manage_members", "acmex")
    assert not membership.has_permission(ann, "ccx_tenancy.manage_api_keys", "AcmeX")
    assert not membership.has_permission(ann, "ccx_tenancy.manage_members", "AcmeLabs")
    assert not membership.has_permission(None, "ccx_tenancy.view_members", "AcmeX")
    assert membership.has_permission(boss, "ccx_tenancy.manage_api_keys", "AcmeLabs")
    assert not membership.has_permission(boss, "ccx_tenancy.fly", "AcmeLabs")


def test_saving_and_deleting_a_row_itself_is_seen_at_once(acme, make_user):
    ann = make_user("ann")
    row = api.add_member(ann, "AcmeX")
    row.role = "staff"
    row.save()
    assert api.has_role(ann, "AcmeX", "staff")
    row.delete()
    assert not api.has_role(ann, "AcmeX", "learner")
