"""Changing the members of one organization: the only writer of the table.

The organization's row is locked first, so that changes of one organization come one after the other and every rule is
checked on what is true; the rows are written together, and the revisions are bumped last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from organizations.models import Organization

from ccx_tenancy.audit import api as audit
from ccx_tenancy.errors import AlreadyMember, LastOwner, NotAMember, UnknownOrganization
from ccx_tenancy.membership.freshness import bump_users
from ccx_tenancy.membership.models import OrganizationMembership
from ccx_tenancy.membership.roles import OWNER, RANKS, UNLIMITED, check_authority, rank_of
from ccx_tenancy.membership.signals import membership_added, membership_changed, membership_removed
from ccx_tenancy.tenants.api import fold, owner_of

_BATCH = 500


@dataclass(frozen=True, slots=True)
class State:
    """What a membership is: its role, whether it is active, whether it waits for the account to become active."""

    role: str
    active: bool = True
    pending: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it for the audit record."""
        shown: dict[str, Any] = {"role": self.role, "active": self.active}
        return {**shown, "pending": True} if self.pending else shown


#: What a change makes of a membership (None: there is none). It raises where the change makes no sense.
Change = Callable[[State | None], State | None]


def find_organization(organization: Organization | str) -> Organization:
    """Return the organization itself, or the one with that short name in any case. Raises UnknownOrganization."""
    if isinstance(organization, Organization):
        return organization
    if isinstance(organization, str) and organization and "\x00" not in organization:
        # Compared once more: a database may take "é" for "e".
        for found in Organization.objects.filter(short_name__iexact=organization):
            if fold(found.short_name) == fold(organization):
                return found
    raise UnknownOrganization(f"There is no organization with the short name {organization!r}.")


def authority_in(by: Any, organization: Organization, *, lock: bool = False) -> int:
    """Return the rank with which ``by`` acts in an organization; 0 where none.

    None is the system. A platform operator (an active superuser) may do all. Read from the table, not from memory.
    """
    if by is None:
        return UNLIMITED
    if getattr(by, "pk", None) is None or not getattr(by, "is_active", False):
        return 0
    if getattr(by, "is_superuser", False):
        return UNLIMITED
    rows = OrganizationMembership.objects.filter(user_id=by.pk, organization=organization, active=True)
    role = (rows.select_for_update() if lock else rows).values_list("role", flat=True).first()
    return RANKS[role] if role is not None else 0


class Roster:
    """The members of one locked organization, as far as they are needed for changes to ``users``.

    Make it, ``put`` the changes, and ``write`` them, all inside one transaction. ``put`` raises where a change is not
    allowed and leaves the roster as it was, so that a caller may go on with the next one.
    """

    def __init__(self, organization: Organization, users: Iterable[AbstractBaseUser], *, authority: Any) -> None:
        self.organization = Organization.objects.select_for_update().filter(pk=organization.pk).first()
        if self.organization is None:
            raise UnknownOrganization(f"The organization {organization.short_name!r} is gone.")
        self.authority = authority_in(authority, self.organization, lock=True)
        self._users = {user.pk: user for user in users}
        self._rows = self._read()
        self._now: dict[int, State | None] = {
            user_id: State(row.role, row.active, row.pending) for user_id, row in self._rows.items()
        }
        self._before = dict(self._now)
        self._owners = {user_id for user_id, state in self._now.items() if _owns(state)}

    def _read(self) -> dict[int, OrganizationMembership]:
        # Locking reads: they see what others have committed, also in a transaction that began before.
        rows = OrganizationMembership.objects.select_for_update().filter(organization=self.organization)
        user_ids = list(self._users)
        found = list(rows.filter(Q(role=OWNER, active=True) | Q(user_id__in=user_ids[:_BATCH])))
        for start in range(_BATCH, len(user_ids), _BATCH):
            found += rows.filter(user_id__in=user_ids[start : start + _BATCH])
        return {row.user_id: row for row in found}

    def put(self, user: AbstractBaseUser, change: Change) -> tuple[State | None, State | None]:
        """Make a change to the membership of one of the users, and return what it was and what it is.

        Raises what ``change`` raises, NotAllowed, or LastOwner.
        """
        before = self._now.get(user.pk)
        after = change(before)
        if after == before:
            # Nothing to do is still only for those who could have done it.
            check_authority(self.authority, None, whom=_name(user), organization=self.organization.short_name)
            return before, after
        check_authority(
            self.authority,
            before.role if before else None,
            after.role if after else None,
            whom=_name(user),
            organization=self.organization.short_name,
        )
        if _owns(before) and not _owns(after) and self._owners == {user.pk}:
            raise LastOwner(
                f"{_name(user)} is the only active owner of {self.organization.short_name}: an organization that has an"
                " owner keeps one. Make somebody else an owner first."
            )
        self._now[user.pk] = after
        (self._owners.add if _owns(after) else self._owners.discard)(user.pk)
        return before, after

    def write(self, *, actor: Any) -> None:
        """Write what was put, with one entry of the audit record each, and send the signals after the commit."""
        changed = {user_id for user_id, state in self._now.items() if state != self._before.get(user_id)}
        if not changed:
            return
        made, kept, gone = [], [], []
        for user_id in sorted(changed):
            state, row = self._now[user_id], self._rows.get(user_id)
            if state is None:
                gone.append(user_id)
                continue
            if row is None:
                row = self._rows[user_id] = OrganizationMembership(user_id=user_id, organization=self.organization)
                made.append(row)
            else:
                kept.append(row)
            row.role, row.active, row.pending, row.modified = state.role, state.active, state.pending, timezone.now()
        mine = OrganizationMembership.objects.filter(organization=self.organization)
        for start in range(0, len(gone), _BATCH):
            mine.filter(user_id__in=gone[start : start + _BATCH]).delete()
        # Not by the manager that tells each time: it is told once, at the end.
        rows = OrganizationMembership._base_manager
        rows.bulk_create(made, batch_size=_BATCH)
        rows.bulk_update(kept, ["role", "active", "pending", "modified"], batch_size=_BATCH)
        tenant = owner_of(self.organization.short_name)
        for user_id in sorted(changed):
            self._tell(user_id, tenant.key if tenant else "", actor)
        bump_users(changed)

    def _tell(self, user_id: int, tenant_key: str, actor: Any) -> None:
        before, after = self._before.get(user_id), self._now[user_id]
        user = self._users.get(user_id)
        action, signal = _ACTIONS[(before is not None, after is not None)]
        audit.record(
            f"member.{action}",
            tenant_key=tenant_key,
            actor=actor,
            target=f"{_name(user)} in {self.organization.short_name}",
            before=before.as_json() if before else None,
            after=after.as_json() if after else None,
        )
        transaction.on_commit(
            partial(
                signal.send,
                sender=None,
                user_id=user_id,
                organization=self.organization.short_name,
                organization_id=self.organization.pk,
                before=before,
                after=after,
                actor=actor,
            )
        )

    def has(self, user: AbstractBaseUser) -> bool:
        """Whether the user has a membership here now, active or not."""
        return self._now.get(user.pk) is not None

    def membership(self, user: AbstractBaseUser) -> OrganizationMembership:
        """Return the row of a user after ``write``. Raises NotAMember."""
        row = self._rows.get(user.pk)
        if row is None or not self.has(user):
            raise _not_a_member(user, self.organization)
        if not row.pk:  # MySQL does not tell the numbers of rows made in bulk.
            row = self._rows[user.pk] = OrganizationMembership.objects.get(
                user_id=user.pk, organization=self.organization
            )
        row.user = user  # type: ignore[assignment]
        return row


_ACTIONS = {
    (False, True): ("add", membership_added),
    (True, True): ("change", membership_changed),
    (True, False): ("remove", membership_removed),
}


def _owns(state: State | None) -> bool:
    return state is not None and state.active and state.role == OWNER


def _name(user: AbstractBaseUser | None) -> str:
    return user.get_username() if user is not None else ""


def _not_a_member(user: AbstractBaseUser | None, organization: Organization) -> NotAMember:
    return NotAMember(f"{_name(user)} is not a member of {organization.short_name}.")


# The changes


def added(user: AbstractBaseUser, organization: Organization, role: str) -> Change:
    """Make the user a member; a suspended one resumes, with that role. Raises UnknownRole now, AlreadyMember later."""
    rank_of(role)

    def change(before: State | None) -> State:
        if before is not None and before.active and before.role != role:
            raise AlreadyMember(
                f"{_name(user)} is {before.role} of {organization.short_name} already; change the role instead of"
                f" adding with the role {role}."
            )
        return State(role)

    return change


def at_least(role: str) -> Change:
    """Make the user an active member with that role, or leave a stronger one. Raises UnknownRole now."""
    rank = rank_of(role)

    def change(before: State | None) -> State:
        return State(before.role if before is not None and RANKS[before.role] > rank else role)

    return change


def with_role(user: AbstractBaseUser, organization: Organization, role: str) -> Change:
    """Give a member another role; a suspended one stays so. Raises UnknownRole now, NotAMember later."""
    rank_of(role)

    def change(before: State | None) -> State:
        if before is None:
            raise _not_a_member(user, organization)
        return replace(before, role=role)

    return change


def switched(user: AbstractBaseUser, organization: Organization, active: bool) -> Change:
    """Suspend a member or let one resume. Raises NotAMember later."""

    def change(before: State | None) -> State:
        if before is None:
            raise _not_a_member(user, organization)
        return State(before.role, active)

    return change


def removed(user: AbstractBaseUser, organization: Organization) -> Change:
    """End a membership. Raises NotAMember later."""

    def change(before: State | None) -> None:
        if before is None:
            raise _not_a_member(user, organization)

    return change
