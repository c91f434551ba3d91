"""What only the host's own answers and pages need: refusals that callers do not catch, and wiki pages."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from django.http import HttpRequest, HttpResponseForbidden
from django.http.response import HttpResponseBase

from ccx_tenancy.middleware import answers
from ccx_tenancy.partition import policy

#: Where the host's exception lives that a refused enrollment becomes, and its name.
STUDENT_MODELS = "common.djangoapps.student.models"
ENROLLMENT_NOT_ALLOWED = "EnrollmentNotAllowed"
#: Where the host asks which courses share a wiki.
MODULESTORE = "xmodule.modulestore.django"

_WIKI = "/wiki/"


class HostMiddleware:
    """Answers 403 where the host would fail for a refused enrollment, and 404 for wiki pages of other tenants.

    Several callers of ``CourseEnrollment.enroll`` (coaches of a CCX, the forum's roles) do not expect that it may be
    refused, and would be a 500. A wiki page is named by a word that no key holds; whose it is, the course says.

    Place it directly below the course partition.
    """

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._refused: type[Exception] = getattr(import_module(STUDENT_MODELS), ENROLLMENT_NOT_ALLOWED)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Let the view answer."""
        response: HttpResponseBase = self.get_response(request)
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        """Answer 404 for a wiki page of another tenant's course."""
        _, found, rest = request.path_info.partition(_WIKI)
        if found and policy.has_tenants() and self._is_foreign(request, rest.partition("/")[0]):
            return answers.refuse(request, view, args, kwargs)
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Answer 403 for a refused enrollment that nobody caught."""
        if not isinstance(exception, self._refused):
            return None
        if answers.wants_json(request):
            return answers.problem(403, str(exception))
        return HttpResponseForbidden(str(exception), content_type="text/plain; charset=utf-8")

    def _is_foreign(self, request: HttpRequest, slug: str) -> bool:
        if not slug:
            return False
        tenant, surface = answers.tenant_of(request, "HostMiddleware")
        if surface == policy.STUDIO:
            return False
        keys = import_module(MODULESTORE).modulestore().get_courses_for_wiki(slug)
        named = policy.known([one for key in keys for one in policy.named_by_key(key)])
        if not named:
            return False
        user = getattr(request, "user", None)
        if tenant is None:
            return not policy.may_name(user, named, policy.LMS)
        return not policy.is_operator(user) and len(policy.foreign_to(tenant, named)) == len(named)
