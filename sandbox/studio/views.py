"""What an author sees in Studio."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from opaque_keys.edx.keys import CourseKey

from ccx_tenancy.context import current_tenant
from ccx_tenancy.partition import policy
from ccx_tenancy.tenants.api import owner_of
from sandbox.courses.catalogue import studio_courses
from sandbox.courses.custom_courses import publish
from sandbox.studio.forms import PublishForm


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """List the courses that the user may open, each with its organization and the tenant that owns it."""
    courses = [{"course": course, "owner": owner_of(course.org)} for course in studio_courses(request.user)]
    is_shared = current_tenant() is None and len(policy.tenants_to_pick(request.user)) > 1
    context = {"courses": courses, "is_shared": is_shared, "picked": policy.picked(request.user)}
    return render(request, "studio/home.html", context)


@login_required
def course(request: HttpRequest, key: CourseKey) -> HttpResponse:
    """Show one course, and publish it with what was changed. That which the user may not open is not found, as one
    that does not exist."""
    found = get_object_or_404(studio_courses(request.user), id=key)
    form = PublishForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        publish(form.save(commit=False))
        messages.success(request, _("The course was published."))
        return redirect("course", key=key)
    return render(request, "studio/course.html", {"course": found, "owner": owner_of(found.org), "form": form})
