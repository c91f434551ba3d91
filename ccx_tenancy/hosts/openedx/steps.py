"""Steps of the host's openedx-filters: named in ``OPEN_EDX_FILTERS_CONFIG``, imported when the host first asks."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from openedx_filters import PipelineStep
from openedx_filters.learning.filters import CourseEnrollmentStarted, StudentRegistrationRequested

from ccx_tenancy.hosts.openedx import enrollment, registration


class MembersOnly(PipelineStep):  # type: ignore[misc]
    """``CourseEnrollmentStarted``: enroll nobody in a course of a tenant of which they are no member."""

    def run_filter(self, user: Any, course_key: Any, mode: Any) -> dict[str, Any]:
        """Return nothing to change. Raises PreventEnrollment."""
        if not enrollment.may_enroll(user, course_key):
            raise CourseEnrollmentStarted.PreventEnrollment(_("This course is not open to this account."))
        return {}


class RegisterInTenant(PipelineStep):  # type: ignore[misc]
    """``StudentRegistrationRequested``: ask the site's rules before anything else."""

    def run_filter(self, form_data: Any) -> dict[str, Any]:
        """Return nothing to change. Raises PreventRegistration."""
        try:
            registration.check(form_data)
        except registration.Refusal as refusal:
            raise StudentRegistrationRequested.PreventRegistration(
                refusal.text, status_code=refusal.status
            ) from refusal
        return {}
