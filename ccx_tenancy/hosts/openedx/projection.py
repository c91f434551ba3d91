"""Memberships as roles of the host: what an author of ours may do in Studio, the host's own tables say.

Authors and stronger get, for the whole organization, the host's roles of staff and instructor, and may create courses
in that organization; nobody gets ``is_staff``. What we gave stands in a table of our own, so that only that is taken
back: a role that the host's own staff gave stays when a membership ends.

A :class:`System` is one place where the host keeps roles. The table of course roles is in both services; the list of
course creators that Studio's pages ask is in Studio alone; openedx-authz where it is installed and switched on
(:mod:`ccx_tenancy.hosts.openedx.authz`). A process keeps in step those that it has, on each change of a membership;
:func:`plan_roles` and :func:`apply_roles` bring all of them into step at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import transaction
from opaque_keys.edx.django.models import CourseKeyField
from organizations.models import Organization

from ccx_tenancy.conf import conf
from ccx_tenancy.hosts.openedx import authz
from ccx_tenancy.hosts.openedx.models import ProjectedRole
from ccx_tenancy.membership import api as membership
from ccx_tenancy.tenants.api import TenantOrganization, fold

#: The host's names of the roles that an author has on the whole organization.
COURSE_ROLES = ("staff", "instructor", "org_course_creator_group")
CREATOR = "creator"


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """A role of the host: in which system, for what (an organization's short name, or a key), whose, which."""

    system: str
    scope: str
    user_id: int
    role: str


@dataclass(frozen=True, slots=True)
class RolePlan:
    """What is to be given and taken, each in order. ``kept`` counts what we gave and stands."""

    give: tuple[Grant, ...]
    take: tuple[Grant, ...]
    kept: int


class System(Protocol):
    """A place where the host keeps roles."""

    name: str

    def is_available(self) -> bool:
        """Whether this process has it."""

    def wanted(self, authors: Iterable[tuple[int, str]]) -> Iterable[Grant]:
        """Return what authors, as user id and organization, should have."""

    def present(self, grants: Collection[Grant]) -> set[Grant]:
        """Return those of the grants that stand in the host."""

    def give(self, grant: Grant) -> None:
        """Give it."""

    def take(self, grant: Grant) -> None:
        """Take it."""

    def forget(self) -> None:
        """What was given and taken was rolled back: see that nothing of it is left outside of the database."""


class CourseRoles:
    """The host's table of course roles, with rows for whole organizations."""

    name = "course_roles"

    def is_available(self) -> bool:
        """In both services."""
        return True

    def wanted(self, authors: Iterable[tuple[int, str]]) -> Iterable[Grant]:
        """Three roles for each author."""
        return [Grant(self.name, name, user_id, role) for user_id, name in authors for role in COURSE_ROLES]

    def present(self, grants: Collection[Grant]) -> set[Grant]:
        """One query."""
        users = {one.user_id for one in grants}
        rows = self._rows().filter(user_id__in=users, role__in=COURSE_ROLES, course_id=CourseKeyField.Empty)
        found = {(user_id, fold(org), role) for user_id, org, role in rows.values_list("user_id", "org", "role")}
        return {one for one in grants if (one.user_id, fold(one.scope), one.role) in found}

    def give(self, grant: Grant) -> None:
        """Add the row."""
        self._rows().create(user_id=grant.user_id, org=grant.scope, course_id=CourseKeyField.Empty, role=grant.role)

    def take(self, grant: Grant) -> None:
        """Delete the row, one by one, so that the host tells of it."""
        rows = self._rows().filter(
            user_id=grant.user_id, org__iexact=grant.scope, course_id=CourseKeyField.Empty, role=grant.role
        )
        for row in rows:
            row.delete()

    def forget(self) -> None:
        """All of it is in the database."""

    def _rows(self) -> Any:
        return apps.get_model("student.CourseAccessRole")._base_manager


class Creators:
    """Studio's list of course creators: without an entry its pages offer nobody to create a course.

    The host's own save of such a row asks for the administrator who makes it; here nobody does, so it is passed by.
    """

    name = "course_creators"
    _label = "course_creators.CourseCreator"

    def is_available(self) -> bool:
        """In Studio alone."""
        return apps.is_installed("cms.djangoapps.course_creators")

    def wanted(self, authors: Iterable[tuple[int, str]]) -> Iterable[Grant]:
        """One entry for each author."""
        return [Grant(self.name, name, user_id, CREATOR) for user_id, name in authors]

    def present(self, grants: Collection[Grant]) -> set[Grant]:
        """One query."""
        rows = self._links().filter(coursecreator__user_id__in={one.user_id for one in grants})
        rows = rows.filter(coursecreator__state="granted", coursecreator__all_organizations=False)
        found = set(rows.values_list("coursecreator__user_id", "organization__short_name"))
        return {one for one in grants if (one.user_id, one.scope) in found}

    def give(self, grant: Grant) -> None:
        """Make the entry a granted one, for that organization; an entry for all organizations is left to be that."""
        rows = self._rows().filter(user_id=grant.user_id)
        if not rows.exists():
            self._rows().bulk_create([rows.model(user_id=grant.user_id, state="granted", all_organizations=False)])
        rows.exclude(state="granted", all_organizations=True).update(state="granted", all_organizations=False)
        entry = rows.get()
        organization = Organization.objects.get(short_name=grant.scope)
        link = self._links().model(coursecreator_id=entry.pk, organization_id=organization.pk)
        self._links().bulk_create([link], ignore_conflicts=True)

    def take(self, grant: Grant) -> None:
        """Take the organization out; an entry with none left is one that nobody has asked for."""
        links = self._links().filter(coursecreator__user_id=grant.user_id)
        links.filter(organization__short_name=grant.scope).delete()
        if not links.exists():
            rows = self._rows().filter(user_id=grant.user_id, state="granted", all_organizations=False)
            rows.update(state="unrequested")

    def forget(self) -> None:
        """All of it is in the database."""

    def _rows(self) -> Any:
        return apps.get_model(self._label)._base_manager

    def _links(self) -> Any:
        return apps.get_model(self._label).organizations.through._base_manager


class AuthzRoles:
    """Roles of openedx-authz, for each course and library: not all its versions know organizations."""

    name = "authz"

    def is_available(self) -> bool:
        """Where the package is installed. What was given while its flag was on is taken back also while it is off."""
        return authz.is_installed()

    def wanted(self, authors: Iterable[tuple[int, str]]) -> Iterable[Grant]:
        """A role for each author on each course and library, while the host's flag is on."""
        pairs = list(authors) if authz.is_on() else []
        scopes = authz.scopes_of({name for _, name in pairs})
        return [
            Grant(self.name, scope, user_id, role) for user_id, name in pairs for scope, role in scopes.get(name, ())
        ]

    def present(self, grants: Collection[Grant]) -> set[Grant]:
        """One question for each user."""
        names = authz.usernames(one.user_id for one in grants)
        found = {user_id: authz.assigned(name) for user_id, name in names.items()}
        return {one for one in grants if (one.scope, one.role) in found.get(one.user_id, ())}

    def give(self, grant: Grant) -> None:
        """Assign it."""
        authz.assign(grant.user_id, grant.role, grant.scope)

    def take(self, grant: Grant) -> None:
        """Withdraw it."""
        authz.withdraw(grant.user_id, grant.role, grant.scope)

    def forget(self) -> None:
        """The package keeps roles in memory, too."""
        authz.forget()


SYSTEMS: tuple[System, ...] = (CourseRoles(), Creators(), AuthzRoles())


def plan_roles(users: Collection[int] | None = None, *, withdraw: bool = False) -> RolePlan:
    """Return what would bring the host's roles into step with the memberships, of those users (None: of all).

    ``withdraw``: what would take back all that was given. Changes nothing.
    """
    given = ProjectedRole.objects.all()
    if users is not None:
        given = given.filter(user_id__in=users)
    ours = {Grant(row.system, row.scope, row.user_id, row.role) for row in given}
    authors = [] if withdraw else _authors(users)
    give: list[Grant] = []
    take: list[Grant] = []
    kept = 0
    for system in _available():
        mine = {one for one in ours if one.system == system.name}
        wanted = set(system.wanted(authors))
        present = system.present(wanted | mine) if wanted or mine else set()
        give += wanted - present
        take += mine - wanted
        kept += len(mine & wanted & present)
    return RolePlan(tuple(sorted(give)), tuple(sorted(take)), kept)


def apply_roles(plan: RolePlan) -> None:
    """Do what a plan says, all or nothing, and remember what was given."""
    systems = {system.name: system for system in _available()}
    with _all_or_nothing():
        for grant in plan.take:
            systems[grant.system].take(grant)
            _remembered(grant).delete()
        for grant in plan.give:
            systems[grant.system].give(grant)
            ProjectedRole.objects.get_or_create(
                system=grant.system, scope=grant.scope, user_id=grant.user_id, role=grant.role
            )


def follow(sender: Any, user_id: int, **kwargs: Any) -> None:
    """Receiver of a changed membership: bring that user's roles into step.

    One change of a user after the other, under the lock of the user's row: a plan made on what another process is about
    to write would give a role twice, or give one back that was just taken.
    """
    _bring_into_step([user_id])


def follow_organizations(sender: Any, organization_ids: Collection[int], **kwargs: Any) -> None:
    """Receiver of organizations that came to a tenant or left one: bring the roles of their authors into step, who may
    have been members before."""
    authors = membership.OrganizationMembership.objects.filter(
        organization__in=organization_ids, role__in=membership.roles_from(membership.AUTHOR)
    )
    _bring_into_step(sorted(set(authors.values_list("user_id", flat=True))))


def follow_organization(sender: Any, instance: Organization, created: bool, raw: bool, **kwargs: Any) -> None:
    """Receiver of an organization that was saved: it may have another name, or be inactive."""
    if not created and not raw:
        transaction.on_commit(partial(follow_organizations, sender=None, organization_ids=(instance.pk,)))


def _bring_into_step(users: Collection[int]) -> None:
    if not conf.project_roles or not users:
        return
    with _all_or_nothing():
        rows = get_user_model()._default_manager.select_for_update().filter(pk__in=users).order_by("pk")
        list(rows.values_list("pk"))
        apply_roles(plan_roles(users))


@contextlib.contextmanager
def _all_or_nothing() -> Iterator[None]:
    try:
        with transaction.atomic():
            yield
    except BaseException:
        for system in SYSTEMS:
            system.forget()
        raise


def _available() -> list[System]:
    return [system for system in SYSTEMS if system.is_available()]


def _remembered(grant: Grant) -> Any:
    return ProjectedRole.objects.filter(system=grant.system, scope=grant.scope, user_id=grant.user_id, role=grant.role)


def _authors(users: Collection[int] | None) -> list[tuple[int, str]]:
    """Return who is an author or more, in which organization of a tenant. One query."""
    rows = membership.OrganizationMembership.objects.filter(
        active=True,
        organization__active=True,
        role__in=membership.roles_from(membership.AUTHOR),
        organization__in=TenantOrganization.objects.values("organization_id"),
    )
    if users is not None:
        rows = rows.filter(user_id__in=users)
    return list(rows.order_by("pk").values_list("user_id", "organization__short_name"))
