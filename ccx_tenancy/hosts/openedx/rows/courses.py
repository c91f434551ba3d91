"""Rows with a key of a course."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from django.apps import apps
from django.db.models import F, Model, Q, QuerySet

from ccx_tenancy.context import TenantContext
from ccx_tenancy.hosts.openedx.roles import COACH
from ccx_tenancy.hosts.openedx.rows.conditions import (
    Equals,
    begins,
    begins_at,
    is_empty,
    of_no_tenant,
    of_organizations,
    one_of,
)
from ccx_tenancy.hosts.openedx.rows.dealings import Dealings, as_dealt, dealings_of, masters_named, organization_of
from ccx_tenancy.hosts.openedx.rows.shapes import course_column, organization_column
from ccx_tenancy.hosts.openedx.rows.viewers import Viewer, tenants_of

#: What makes the condition for a model's rows, or None where a viewer sees all of them.
Cut = Callable[[Viewer], Any]

#: The app whose rows of a master course say what a CCX is made of.
APP_OF_MASTERS = "split_modulestore_django"
#: The host's table of CCXs, whose rows have the key of the master course: which CCX it is, says the primary key.
CCXS = "ccx.CustomCourseForEdX"
#: The host's table of roles.
ROLES = "student.CourseAccessRole"


class Sight(NamedTuple):
    """What decides which rows of courses a viewer sees: the tenant of the site, or the tenants that the user of a host
    of the platform's own belongs to; what they have to do with CCXs; the master courses of CCXs that were named."""

    tenant: TenantContext | None
    tenants: tuple[int, ...]
    dealings: Dealings | None
    masters: tuple[str, ...] = ()


def sight_of(who: Viewer) -> Sight:
    """Return what decides which rows of courses are seen; the masters of named CCXs are left out."""
    return Sight(who.tenant, () if who.tenant is not None else tuple(tenants_of(who)), dealings_of(who))


def of_courses_seen(who: Viewer, column: str) -> Q:
    """Return the condition for rows whose column of text has the key of a course that the viewer sees, or of the master
    course of a CCX that is the viewer's."""
    if who.tenant is not None:
        seen = of_organizations(column, who.tenant.organizations)
    else:
        seen = of_no_tenant(column, but=tenants_of(who))
    return as_dealt(seen, column, dealings_of(who), by_masters=True)


def cut_of_courses(model: type[Model]) -> Cut | None:
    """Return the cut of a model with a key of a course; None where it has none."""
    condition, key = seen_of_course(model), course_column(model)
    if condition is None or key is None:
        return None
    column, is_text = key
    has_organization = organization_column(model) is not None
    is_plain = not has_organization and model._meta.get_field(column) in model._meta.local_fields

    def make(who: Viewer) -> Any:
        sight = sight_of(who)
        if is_plain and sight.tenant is not None and sight.dealings is None:
            return begins_at(model, column, is_text, sight.tenant.organizations)
        return condition(sight._replace(masters=masters_named(who.request)) if has_organization else sight)

    return make


def seen_of_course(model: type[Model]) -> Callable[[Sight], Any] | None:
    """Return what makes the condition for rows of a model with a key of a course; None where it has none."""
    key = course_column(model)
    if key is None:
        return None
    column, is_text = key
    label = model._meta.label
    has_masters = model._meta.app_label == APP_OF_MASTERS
    organization = organization_column(model)

    def make(sight: Sight) -> Any:
        if sight.tenant is not None:
            names = sight.tenant.organizations
            seen = Q(begins(column, is_text, names, or_empty=organization is None))
            if organization is not None:
                seen |= is_empty(column) & one_of(organization, ("", *names))
        else:
            seen = of_no_tenant(column, but=sight.tenants)
        if organization is not None and sight.masters:
            seen &= ~(is_empty(column) & one_of(organization, map(organization_of, sight.masters)))
            if label == ROLES:
                seen &= Q(role=COACH) | Q(Equals(F(column), sight.masters, is_negated=True))
        dealings = sight.dealings
        if dealings is None:
            return seen
        if label == CCXS:
            return (seen | Q(pk__in=dealings.own_numbers)) & ~Q(pk__in=dealings.sold_numbers)
        if dealings.own and label == ROLES:
            seen |= Q(Equals(F(column), dealings.masters), role=COACH, user_id__in=_coaches(dealings.own_numbers))
        return as_dealt(seen, column, dealings, by_masters=has_masters)

    return make


def _coaches(numbers: Collection[int]) -> Any:
    """Return the ids of the coaches of those CCXs, as a query."""
    rows: QuerySet[Any] = apps.get_model(CCXS)._base_manager.filter(pk__in=numbers)
    return rows.values("coach_id")
