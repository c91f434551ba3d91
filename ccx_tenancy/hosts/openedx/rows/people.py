"""Accounts, and rows that each belong to one."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import Exists, F, Model, OneToOneField, OuterRef, Q, QuerySet

from ccx_tenancy.conf import conf
from ccx_tenancy.context import TenantContext
from ccx_tenancy.hosts.openedx.roles import COACH
from ccx_tenancy.hosts.openedx.rows.conditions import InRows, of_organizations
from ccx_tenancy.hosts.openedx.rows.courses import ROLES, Cut
from ccx_tenancy.hosts.openedx.rows.dealings import Dealings, as_dealt, dealings_of
from ccx_tenancy.hosts.openedx.rows.shapes import course_column, is_of_everybody, links
from ccx_tenancy.hosts.openedx.rows.viewers import Viewer, tenants_of
from ccx_tenancy.membership.api import OrganizationMembership
from ccx_tenancy.tenants.api import TenantOrganization

#: Apps by whose rows it is found out who somebody is, before anybody is somebody. An account has many of them.
FINDING_APPS = frozenset({"oauth2_provider", "social_django"})
#: Rows that every page reads of whoever asks, many times. Of others they are read behind a look-up of the account.
OWN_MODELS = frozenset({"user_api.UserPreference"})
#: Apps whose rows are devices, found by who holds one in the hand, whoever held it before.
DEVICE_APPS = frozenset({"push_notifications"})
#: The name of a link to the account to which a row belongs, where it need not have one.
_OWNER = "user"
#: Rows that make somebody known to a tenant besides a membership: enrolled once, or in a team.
_OF_PEOPLE_IN_COURSES = ("student.CourseEnrollment", ROLES)


def cut_of_people(model: type[Model]) -> Cut | None:
    """Return the cut of accounts, and of rows that are one for an account; None where a model is neither."""
    account = get_user_model()
    if model is account:
        column = "pk"
    else:
        ones = [
            field
            for field in model._meta.concrete_fields
            if isinstance(field, OneToOneField) and field.related_model is account
        ]
        if len(ones) != 1:
            return None
        column = ones[0].attname
    return _cut_by_person(column)


def cut_of_persons(model: type[Model]) -> Cut | None:
    """Return the cut of rows without a course that each belong to one account, of which an account may have many; or
    will, such as enrollments in programs of learners who have none yet."""
    if model._meta.app_label in FINDING_APPS or model._meta.label in OWN_MODELS:
        return None
    if is_of_everybody(model) or course_column(model) is not None:
        return None
    account = get_user_model()
    columns = [link.attname for link in links(model) if link.related_model is account]
    if columns or model._meta.app_label in DEVICE_APPS:
        return _cut_by_person(columns[0]) if len(columns) == 1 else None
    fields = model._meta.concrete_fields
    later = [field.attname for field in fields if field.name == _OWNER and field.related_model is account]
    return _cut_by_person(later[0], or_nobodys=True) if later else None


def _cut_by_person(column: str, *, or_nobodys: bool = False) -> Cut:
    def make(who: Viewer) -> Any:
        people = _people_of(who)
        if people is None:
            return None
        seen = Q(InRows(F(column), people, besides=who.user_id))
        return seen | Q(**{column: None}) if or_nobodys else seen

    return make


class _People(NamedTuple):
    """The accounts that somebody finds: on the site of ``tenant``, or on the platform's own hosts as a member of those
    ``tenants`` (none: of the platform). Its own account, which everybody finds, is not named."""

    tenant: TenantContext | None
    tenants: tuple[int, ...]
    dealings: Dealings | None
    services: tuple[str, ...]

    def rows(self) -> QuerySet[Any]:
        """Return their ids."""
        members: QuerySet[Any] = OrganizationMembership._base_manager.filter(user_id=OuterRef("pk"))
        owned = TenantOrganization._base_manager
        if self.tenant is not None:
            own = owned.filter(tenant_id=self.tenant.id)
            seen = Q(Exists(members.filter(organization__in=own.values("organization_id"))))
            for label in _OF_PEOPLE_IN_COURSES:
                seen |= Q(Exists(_rows_of_people(label, self.tenant, self.dealings)))
        elif self.tenants:
            own = owned.filter(tenant_id__in=self.tenants)
            seen = Q(Exists(members.filter(organization__in=own.values("organization_id"))))
        else:
            seen = ~Q(Exists(members.filter(organization__in=owned.values("organization_id"))))
        seen |= Q(is_superuser=True) | Q(username__in=self.services)
        return get_user_model()._base_manager.filter(seen).values("pk")


def _people_of(who: Viewer) -> _People | None:
    """Return the accounts that the viewer finds besides its own, or None for all of them."""
    if not who.is_known:
        return None
    services = tuple(sorted(service_users()))
    if who.tenant is not None:
        return _People(who.tenant, (), dealings_of(who), services)
    if who.user_id is None:
        # Who signs in, registers or resets a password on the platform's own host may be anybody.
        return None
    return _People(None, tuple(tenants_of(who)), None, services)


def _rows_of_people(label: str, tenant: TenantContext, dealings: Dealings | None) -> QuerySet[Any]:
    model = apps.get_model(label)
    column = course_column(model)
    assert column is not None, f"{label} has no key of a course; apps.SHAPES says that it has"
    # A role on a whole organization has an empty key, which is nobody's.
    named = as_dealt(of_organizations(column[0], tenant.organizations), column[0], dealings)
    rows: QuerySet[Any] = model._base_manager.filter(named, user_id=OuterRef("pk"))
    # Who may run a CCX of a course is in nobody's roster by that.
    return rows.exclude(role=COACH) if label == ROLES else rows


def service_users() -> frozenset[str]:
    """Return the names of the platform's own services: those of ``SERVICE_USERS``, and of the host's settings such as
    ``ECOMMERCE_SERVICE_WORKER_USERNAME``."""
    named = (getattr(settings, name, None) for name in _service_settings())
    return frozenset(conf.service_users).union(name for name in named if isinstance(name, str) and name)


@lru_cache(maxsize=1)
def _service_settings() -> tuple[str, ...]:
    return tuple(sorted(name for name in dir(settings) if name.endswith("_USERNAME") and "SERVICE" in name))
