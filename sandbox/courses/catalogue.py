"""Which courses a page may show. Every view asks here, and nowhere else."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import QuerySet

from ccx_tenancy import api
from ccx_tenancy.site_config import helpers
from ccx_tenancy.tenants.api import fold
from ccx_tenancy.tenants.index import platform_organizations
from sandbox.courses.models import Course, CustomCourse

AnyUser = AbstractBaseUser | AnonymousUser


def lms_courses(user: AnyUser) -> QuerySet[Course]:
    """Return the courses of the current site that a user sees, in the site's order.

    On a tenant's site they are those of the tenant's organizations, on the platform's own those of organizations that
    no tenant owns, also for an operator, who could see all; ``course_org_filter`` can only make them fewer.
    ENABLE_COURSE_SORTING_BY_START_DATE puts the latest start first; otherwise they stand by name.
    """
    tenant = api.current_tenant()
    here = {fold(name) for name in (tenant.organizations if tenant else platform_organizations())}
    if chosen := helpers.get_current_site_orgs():
        here &= {fold(name) for name in chosen}
    courses = api.filter_courses(user, Course.objects.filter(org__in=here), "lms")
    by_start = helpers.get_value("ENABLE_COURSE_SORTING_BY_START_DATE", False)
    return courses.order_by("-start", "display_name") if by_start else courses


def studio_courses(user: AnyUser) -> QuerySet[Course]:
    """Return the courses that a user may open in Studio."""
    return api.filter_courses(user, Course.objects.all(), "studio")


def custom_courses(user: AnyUser) -> list[CustomCourse]:
    """Return the custom courses that a user reaches here: those that the user's own organizations run, or that the
    user learns in."""
    number = user.pk
    if number is None:
        return []
    found = CustomCourse.objects.select_related("master", "coach")
    return [one for one in found if api.can_see(user, one.key, "lms") and _takes_part(user, number, one)]


def _takes_part(user: AnyUser, number: int, course: CustomCourse) -> bool:
    return api.is_member(user) or course.enrollments.filter(user__pk=number).exists()
