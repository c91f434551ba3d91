"""The rules of roles, tried in every order that hypothesis thinks of, against a model of a few lines."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from organizations.models import Organization

from ccx_tenancy import api, errors
from ccx_tenancy.membership import api as membership
from ccx_tenancy.membership.models import OrganizationMembership
from ccx_tenancy.tenants import revisions

NAMES = ("ann", "bob", "carl", "operator")
USERS = st.sampled_from(NAMES)
ROLES = st.sampled_from(membership.ROLES)
ACTORS = st.sampled_from((None, *NAMES))
RANK = {role: place for place, role in enumerate(membership.ROLES, start=1)}


class Roles(RuleBasedStateMachine):
    """Members of one organization. The model: who has which role, and whether it is active."""

    @initialize()
    def begin(self) -> None:
        """Start with nobody in the organization."""
        OrganizationMembership.objects.all().delete()
        self.users = {user.username: user for user in User.objects.all()}
        self.model: dict[str, tuple[str, bool]] = {}

    def _rank(self, by: str | None) -> int:
        if by is None or by == "operator":
            return 6
        role, active = self.model.get(by, ("learner", False))
        return RANK[role] if active else 0

    def _judge(self, by: str | None, name: str, after: tuple[str, bool] | None) -> type[Exception] | None:
        """Return which error the rules ask for, or None."""
        before = self.model.get(name)
        rank = self._rank(by)
        if rank < 4:
            return errors.NotAllowed
        touched = [] if before == after else [state[0] for state in (before, after) if state is not None]
        if any(RANK[role] > rank for role in touched):
            return errors.NotAllowed
        owners = {one for one, state in self.model.items() if state == ("owner", True)}
        if owners == {name} and after != ("owner", True):
            return errors.LastOwner
        return None

    def _try(self, by: str | None, name: str, after: tuple[str, bool] | None, call) -> None:
        wanted = self._judge(by, name, after)
        acting = self.users[by] if by is not None else None
        if wanted is not None:
            with pytest.raises(wanted):
                call(acting)
            return
        call(acting)
        if after is None:
            del self.model[name]
        else:
            self.model[name] = after

    @rule(name=USERS, role=ROLES, by=ACTORS)
    def add(self, name: str, role: str, by: str | None) -> None:
        """Add a member, or let one resume."""
        before = self.model.get(name)

        def call(acting: User | None) -> None:
            api.add_member(self.users[name], "OWN", role, by=acting)

        if before is not None and before[1] and before[0] != role:
            with pytest.raises(errors.AlreadyMember):
                call(self.users[by] if by else None)
        else:
            self._try(by, name, (role, True), call)

    @rule(name=USERS, role=ROLES, by=ACTORS)
    def change(self, name: str, role: str, by: str | None) -> None:
        """Give another role."""
        before = self.model.get(name)

        def call(acting: User | None) -> None:
            api.set_role(self.users[name], "Own", role, by=acting)

        if before is None:
            with pytest.raises(errors.NotAMember):
                call(None)
        else:
            self._try(by, name, (role, before[1]), call)

    @rule(name=USERS, active=st.booleans(), by=ACTORS)
    def switch(self, name: str, active: bool, by: str | None) -> None:
        """Suspend or resume."""
        before = self.model.get(name)

        def call(acting: User | None) -> None:
            membership.set_active(self.users[name], "own", active, by=acting)

        if before is None:
            with pytest.raises(errors.NotAMember):
                call(None)
        else:
            self._try(by, name, (before[0], active), call)

    @rule(name=USERS, by=ACTORS)
    def remove(self, name: str, by: str | None) -> None:
        """End a membership."""

        def call(acting: User | None) -> None:
            api.remove_member(self.users[name], "Own", by=acting)

        if name not in self.model:
            with pytest.raises(errors.NotAMember):
                call(None)
        else:
            self._try(by, name, None, call)

    @rule(name=USERS, role=ROLES)
    def invite_and_accept(self, name: str, role: str) -> None:
        """Invite and accept: never a weaker role than before, never past a suspension."""
        before = self.model.get(name)
        if before is not None and (not before[1] or RANK[before[0]] >= RANK[role]):
            with pytest.raises(errors.AlreadyMember):
                api.invite(f"{name}@example.com", "Own", role, invited_by=None)
            return
        invitation = api.invite(f"{name}@example.com", "Own", role, invited_by=None)
        owners = {one for one, state in self.model.items() if state == ("owner", True)}
        assert owners != {name}
        assert invitation.token is not None
        api.accept_invitation(invitation.token, self.users[name])
        self.model[name] = (role, True)

    @invariant()
    def the_table_and_the_answers_agree_with_the_model(self) -> None:
        """What is stored, listed and answered from memory is what the model says."""
        if not hasattr(self, "model"):
            return
        rows = membership.members_of("Own", suspended=True)
        assert {row.user.username: (row.role, row.active) for row in rows} == self.model
        for name, user in self.users.items():
            role, active = self.model.get(name, ("learner", False))
            for asked in membership.ROLES:
                assert api.has_role(user, "Own", asked) == (active and RANK[role] >= RANK[asked])


@pytest.mark.django_db
def test_the_rules_hold_in_every_order_of_changes():
    Organization.objects.create(name="Own", short_name="Own")
    for name in NAMES:
        User.objects.create_user(name, f"{name}@example.com", is_superuser=name == "operator")
    revisions.forget()
    run_state_machine_as_test(
        Roles,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
