"""Rows of the host's tables that a request in Studio does not see: people of other tenants, and what Studio's routes
find by a number, whichever course they name beside it.

In the LMS all rows of courses and people are cut (:mod:`ccx_tenancy.hosts.openedx.rows`). Studio writes by what it
reads of courses, so there it is cut at the host's own functions (:mod:`ccx_tenancy.hosts.openedx.studio`). What is here
it asks for by a name, an address or a number that says no organization, and makes nothing anew where it finds nothing.

*People*: members of the tenants in sight, and of one's own in which one is in the team of a course; who is or was
enrolled or in a team there, who is in the team of a course or library with the one who asks; platform operators and
services. To people of no tenant, those of no tenant.

*By a number*: reruns, which whoever names any course of the own may dismiss, with the roles on a course that was not
finished; and exams.

Platform operators see all, and so does whoever finds out whose a session or a token is, who signs in, and our own rooms
(:func:`ccx_tenancy.hosts.openedx.rows.uncut`). Links between rows, tasks and commands are not cut. No query is added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import crum
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet
from django.http import HttpRequest

from ccx_tenancy.hosts.openedx import roles
from ccx_tenancy.hosts.openedx.rows.conditions import Equals, InRows, of_organizations
from ccx_tenancy.hosts.openedx.rows.cuts import Cuts
from ccx_tenancy.hosts.openedx.rows.people import service_users
from ccx_tenancy.hosts.openedx.rows.shapes import course_column
from ccx_tenancy.hosts.openedx.rows.viewers import is_uncut, settled
from ccx_tenancy.hosts.openedx.sight import Sight, sight_of
from ccx_tenancy.membership.api import OrganizationMembership
from ccx_tenancy.middleware import drf
from ccx_tenancy.partition import policy
from ccx_tenancy.tenants.api import TenantOrganization

#: Apps whose rows of courses Studio's routes find by a number.
NUMBERED_APPS = frozenset({"course_action_state", "edx_proctoring"})

#: The name of the routes by which the platform signs somebody in, who may be anybody: whoever was signed in before.
SIGN_IN = "social"

Cut = Callable[[Sight], Q]


def _sight() -> Sight | None:
    """Return what whoever reads a row now sees, or None where nothing is cut: nobody is known yet, or sees all."""
    request = crum.get_current_request()
    if request is None or drf.is_finding_out() or is_uncut():
        return None
    if getattr(request, "tenancy_surface", policy.STUDIO) != policy.STUDIO or _signs_in(request):
        return None
    user = settled(getattr(request, "user", None))
    if user is None or not user.is_authenticated:
        return None
    return sight_of(user)


def _signs_in(request: HttpRequest) -> bool:
    match = getattr(request, "resolver_match", None)
    return match is not None and match.app_name == SIGN_IN


@lru_cache(maxsize=1)
def _found() -> Mapping[type[Model], Cut]:
    found: dict[type[Model], Cut] = {get_user_model(): _seen_people}
    for model in apps.get_models():
        if model._meta.app_label in NUMBERED_APPS and (column := course_column(model)) is not None:
            found[model] = _cut_of_courses(column[0])
    return MappingProxyType(found)


_CUTS: Cuts[Sight] = Cuts(_sight, _found)
#: Returns the rows of a query that may be seen now.
cut = _CUTS.cut
#: Returns the models of which rows are left out where they are another tenant's.
cut_models = _CUTS.models


def _cut_of_courses(column: str) -> Cut:
    def make(sight: Sight) -> Q:
        if sight.is_of_tenants:
            seen = of_organizations(column, sight.scope.folded)
        else:
            seen = ~of_organizations(column, sight.scope.hidden or ())
        return seen | Q(Equals(F(column), tuple(sorted(sight.keys)))) if sight.keys else seen

    return make


def _seen_people(sight: Sight) -> Q:
    return Q(InRows(F("pk"), _Colleagues.of(sight), besides=sight.user.pk))


class _Colleagues(NamedTuple):
    """The accounts that somebody finds: with something to do with those ``tenants``, whose organizations have those
    ``names``; with ``is_of_platform`` whoever is in no tenant, too; who is in a team with the user of that number
    (None: where one tenant bounds what is seen, that is in there). ``joined`` are tenants by number with the number of
    the user and the names of their organizations: of those in which the user is in the team of a course."""

    user_id: int | None
    tenants: tuple[int, ...]
    names: tuple[str, ...]
    is_of_platform: bool
    services: tuple[str, ...]
    joined: tuple[tuple[int, int, tuple[str, ...]], ...]

    @classmethod
    def of(cls, sight: Sight) -> _Colleagues:
        """Return those of whoever has that sight."""
        services = tuple(sorted(service_users()))
        user_id = None if sight.is_of_one_tenant else sight.user.pk
        joined = tuple((one.id, sight.user.pk, tuple(sorted(one.organizations))) for one in sight.joined)
        return cls(user_id, sight.tenants, sight.names, not sight.is_of_tenants, services, joined)

    def rows(self) -> QuerySet[Any]:
        """Return their ids."""
        members: QuerySet[Any] = OrganizationMembership._base_manager.filter(user_id=OuterRef("pk"))
        owned = TenantOrganization._base_manager
        seen = Q(is_superuser=True) | Q(username__in=self.services)
        if self.tenants:
            own = owned.filter(tenant_id__in=self.tenants)
            seen |= Q(Exists(members.filter(organization__in=own.values("organization_id"))))
        for tenant_id, user_id, names in self.joined:
            of_tenant = members.filter(organization__in=owned.filter(tenant_id=tenant_id).values("organization_id"))
            seen |= Q(Exists(of_tenant)) & Q(Exists(roles.teams_of(user_id, names)))
        if self.is_of_platform:
            seen |= ~Q(Exists(members.filter(organization__in=owned.values("organization_id"))))
        if self.names:
            enrollments = apps.get_model("student.CourseEnrollment")
            column = course_column(enrollments)
            assert column is not None, "student.CourseEnrollment has no key of a course; apps.SHAPES says that it has"
            enrolled = enrollments._base_manager.filter(of_organizations(column[0], self.names), user_id=OuterRef("pk"))
            seen |= Q(Exists(enrolled)) | Q(pk__in=roles.in_teams_of(self.names))
            seen |= Q(pk__in=roles.grantees_in(self.names))
        if self.user_id is not None:
            seen |= Q(pk__in=roles.in_teams_with(self.user_id)) | Q(pk__in=roles.grantees_with(self.user_id))
        return get_user_model()._base_manager.filter(seen).values("pk")
