"""What a learner sees on a site."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from opaque_keys.edx.keys import CourseKey

from ccx_tenancy.site_config import helpers
from sandbox.accounts.views import allows_registration, is_combined
from sandbox.courses.catalogue import custom_courses, lms_courses
from sandbox.members.views import managed_organizations

# The values that these pages read, for the table at the foot of the home page.
READ = (
    "PLATFORM_NAME",
    "PLATFORM_DESCRIPTION",
    "SITE_NAME",
    "course_org_filter",
    "LANGUAGE_CODE",
    "ENABLE_COMBINED_LOGIN_REGISTRATION",
    "ALLOW_PUBLIC_ACCOUNT_CREATION",
    "ENABLE_COURSE_SORTING_BY_START_DATE",
    "css_overrides_file",
)


def home(request: HttpRequest) -> HttpResponse:
    """Show the site's name, its courses and its way in."""
    context = {
        "courses": lms_courses(request.user),
        "custom_courses": custom_courses(request.user),
        "description": helpers.get_value("PLATFORM_DESCRIPTION", ""),
        "is_combined": is_combined(),
        "manages_members": bool(managed_organizations(request.user)),
        "allows_registration": allows_registration(),
        "read": [helpers.explain_value(name) for name in READ],
    }
    return render(request, "lms/home.html", context)


def course_about(request: HttpRequest, key: CourseKey) -> HttpResponse:
    """Show one course of the site. That of another site is not found, as one that does not exist."""
    return render(request, "lms/course_about.html", {"course": get_object_or_404(lms_courses(request.user), id=key)})


def custom_course(request: HttpRequest, key: str) -> HttpResponse:
    """Show one custom course to those who take part in it; to others it is not there."""
    for found in custom_courses(request.user):
        if found.key == key:
            return render(request, "lms/custom_course.html", {"course": found, "taken": found.enrollments.count()})
    raise Http404
