"""Which courses a page may show. Every view asks here, and nowhere else."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import QuerySet

from ccx_tenancy import api
from ccx_tenancy.site_config import helpers
from ccx_tenancy.tenants.api import fold
from ccx_tenancy.tenants.index import platform_organizations
from sandbox.courses.models import Course


def lms_courses() -> QuerySet[Course]:
    """Return the courses of the current site, in its order.

    On a tenant's site they are those of the tenant's organizations, on the platform's own those of organizations that
    no tenant owns; ``course_org_filter`` can only make them fewer. ENABLE_COURSE_SORTING_BY_START_DATE puts the latest
    start first; otherwise they stand by name.
    """
    tenant = api.current_tenant()
    allowed = {fold(name) for name in (tenant.organizations if tenant else platform_organizations())}
    if chosen := helpers.get_current_site_orgs():
        allowed &= {fold(name) for name in chosen}
    by_start = helpers.get_value("ENABLE_COURSE_SORTING_BY_START_DATE", False)
    courses = Course.objects.filter(org__in=allowed)
    return courses.order_by("-start", "display_name") if by_start else courses


def studio_courses(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Course]:
    """Return the courses that a user may open in Studio: those of the organizations in which the user is an author.

    Staff open all of them, as Open edX has it by itself.
    """
    if getattr(user, "is_staff", False):
        return Course.objects.all()
    return Course.objects.filter(org__in=[fold(one.short_name) for one in api.organizations_of(user, "author")])
