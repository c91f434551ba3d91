"""Fifty at the same moment: the rules hold. On MariaDB and PostgreSQL."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections, transaction

from ccx_tenancy import api, errors
from ccx_tenancy.audit import api as audit
from ccx_tenancy.hosts.openedx.projection import plan_roles
from ccx_tenancy.membership import api as membership
from ccx_tenancy.membership.models import OrganizationInvitation, OrganizationMembership

THREADS = 50

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def concurrent_database(transactional_db: None) -> Iterator[None]:
    """Only where there is something concurrent."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite locks the whole database: nothing is concurrent")
    api.create_tenant("acme", name="Acme", domain="acme.example.com", organizations=["AcmeX"])
    yield


def account(name: str) -> User:
    return User.objects.create_user(name, f"{name}@example.com")


def together(call: Callable[[int], object]) -> Counter[str]:
    """Make fifty calls at the same moment, and return how many ended how: ``"done"``, or the error's name."""
    barrier = threading.Barrier(THREADS)
    outcomes: list[str] = []

    def run(number: int) -> None:
        try:
            barrier.wait(timeout=60)
            call(number)
            outcomes.append("done")
        except Exception as error:
            outcomes.append(type(error).__name__)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(outcomes)


def owners() -> list[str]:
    return [row.user.username for row in api.members_of("AcmeX", "owner")]


def test_of_two_owners_who_are_removed_fifty_times_one_stays():
    both = [account("ann"), account("bob")]
    for user in both:
        api.add_member(user, "AcmeX", "owner")
    outcomes = together(lambda number: api.remove_member(both[number % 2], "AcmeX"))
    assert outcomes == {"done": 1, "LastOwner": 25, "NotAMember": 24}
    assert len(owners()) == 1


def test_fifty_owners_who_all_leave_at_once_leave_one():
    users = [account(f"u{number}") for number in range(THREADS)]
    for user in users:
        api.add_member(user, "AcmeX", "owner")

    def leave(number: int) -> None:
        how = number % 3
        if how == 0:
            api.remove_member(users[number], "AcmeX", by=users[number])
        elif how == 1:
            api.set_role(users[number], "AcmeX", "learner", by=users[number])
        else:
            membership.set_active(users[number], "AcmeX", False)

    assert together(leave) == {"done": THREADS - 1, "LastOwner": 1}
    assert len(owners()) == 1


def test_an_owner_who_leaves_the_other_while_being_left_does_not_leave_nobody():
    ann, bob = account("ann"), account("bob")
    api.add_member(ann, "AcmeX", "owner")
    api.add_member(bob, "AcmeX", "owner")
    pair = [(ann, bob), (bob, ann)]

    def demote(number: int) -> None:
        by, whom = pair[number % 2]
        api.set_role(whom, "AcmeX", "learner", by=by)

    outcomes = together(demote)
    # The winner's other calls change nothing any more; the loser has no role left to act with.
    assert len(owners()) == 1
    assert set(outcomes) == {"done", "NotAllowed"}


def test_fifty_changes_of_one_role_leave_one_role_and_a_record_that_fits():
    ann, admin = account("ann"), account("admin")
    api.add_member(ann, "AcmeX")
    api.add_member(admin, "AcmeX", "admin")
    roles = ("learner", "staff", "author", "admin", "owner")
    outcomes = together(lambda number: api.set_role(ann, "AcmeX", roles[number % 5], by=admin))
    assert outcomes == {"done": 40, "NotAllowed": 10}
    chain = [
        (entry.before["role"], entry.after["role"])
        for entry in audit.entries(tenant_key="acme").filter(action="member.change").order_by("pk")
    ]
    assert all(before != after for before, after in chain)
    assert all(one[1] == next_one[0] for one, next_one in itertools.pairwise(chain))
    assert OrganizationMembership.objects.get(user=ann).role == chain[-1][1]
    assert api.has_role(ann, "AcmeX", chain[-1][1])
    # What follows a change (the adapter to Open edX gives authors the host's roles) has followed the last one.
    assert plan_roles([ann.pk]).give == plan_roles([ann.pk]).take == ()


def test_who_is_added_fifty_times_is_a_member_once():
    ann = account("ann")
    outcomes = together(lambda number: api.add_member(ann, "acmex", "staff"))
    assert outcomes == {"done": THREADS}
    assert OrganizationMembership.objects.count() == 1
    assert audit.entries().filter(action="member.add").count() == 1


def test_one_invitation_accepted_fifty_times_makes_one_membership():
    ann = account("ann")
    token = api.invite("ann@example.com", "AcmeX", "author", invited_by=None).token
    assert token is not None
    outcomes = together(lambda number: api.accept_invitation(token, ann))
    assert outcomes == {"done": 1, "InvitationClosed": THREADS - 1}
    assert [row.role for row in OrganizationMembership.objects.filter(user=ann)] == ["author"]
    assert audit.entries().filter(action="invitation.accept").count() == 1


def test_an_address_invited_fifty_times_has_one_open_invitation():
    def invite(number: int) -> None:
        api.invite(f"{'ann' if number % 2 else 'ANN'}@example.com", "AcmeX", "learner", invited_by=None)

    assert together(invite) == {"done": 1, "AlreadyInvited": THREADS - 1}
    assert OrganizationInvitation.objects.count() == 1


def test_an_invitation_is_not_accepted_after_it_was_revoked():
    ann = account("ann")
    invitation = api.invite("ann@example.com", "AcmeX", "author", invited_by=None)
    assert invitation.token is not None
    token = invitation.token

    def either(number: int) -> None:
        if number % 2:
            api.accept_invitation(token, ann)
        else:
            membership.revoke_invitation(invitation.pk, by=None)

    assert together(either) == {"done": 1, "InvitationClosed": THREADS - 1}
    invitation.refresh_from_db()
    assert OrganizationMembership.objects.filter(user=ann).exists() == (invitation.state == "accepted")


def test_a_demoted_administrator_gives_nothing_after_the_demotion():
    """Whoever comes first: no grant of an administrator is recorded after the one that took the role away."""
    admin = account("admin")
    api.add_member(admin, "AcmeX", "admin")
    users = [account(f"u{number}") for number in range(THREADS)]

    def act(number: int) -> None:
        if number == 25:
            api.set_role(admin, "AcmeX", "learner")
        else:
            api.add_member(users[number], "AcmeX", "staff", by=admin)

    outcomes = together(act)
    assert set(outcomes) <= {"done", "NotAllowed"}
    entries = audit.entries(tenant_key="acme").filter(action__startswith="member.").order_by("pk")
    actions = [entry.action for entry in entries]
    assert actions.count("member.change") == 1
    assert actions[-1] == "member.change"


def test_changes_in_a_long_transaction_see_what_others_committed_meanwhile():
    ann, bob = account("ann"), account("bob")
    for user in (ann, bob):
        api.add_member(user, "AcmeX", "owner")

    def elsewhere() -> None:
        try:
            api.remove_member(bob, "AcmeX")
        finally:
            connections.close_all()

    with transaction.atomic():
        assert len(owners()) == 2  # A snapshot is taken where the database keeps one for the transaction.
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        with pytest.raises(errors.LastOwner):
            api.remove_member(ann, "AcmeX")
    assert owners() == ["ann"]


def test_imports_of_the_same_members_in_another_order_do_not_wait_for_each_other():
    api.create_tenant("globex", name="Globex", domain="globex.example.com", organizations=["GlobexX"])
    for number in range(20):
        account(f"u{number}")
    lines = [f"u{number},{organization},staff" for number in range(20) for organization in ("AcmeX", "GlobexX")]

    def load(number: int) -> None:
        ordered = lines if number % 2 else lines[::-1]
        membership.import_members("username,organization,role\n" + "\n".join(ordered))

    assert together(load) == {"done": THREADS}
    assert OrganizationMembership.objects.count() == 40
