"""What a refused request is answered: what it would get for something that does not exist."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from rest_framework import exceptions

from ccx_tenancy.context import TenantContext
from ccx_tenancy.middleware import drf

_TITLES = {403: "Forbidden", 404: "Not Found", 413: "Content Too Large", 503: "Service Unavailable"}
_PROBLEM = "application/problem+json"


def tenant_of(request: HttpRequest, middleware: str) -> tuple[TenantContext | None, str]:
    """Return the tenant and the surface of a request. Raises ImproperlyConfigured where nobody has found them out."""
    try:
        return request.tenant, request.tenancy_surface  # type: ignore[attr-defined]
    except AttributeError:
        raise ImproperlyConfigured(
            f"The request has no tenant: in MIDDLEWARE, ccx_tenancy.middleware.CurrentTenantMiddleware has to stand"
            f" above ccx_tenancy.middleware.{middleware}."
        ) from None


def refuse(request: HttpRequest, view: Any, args: Any, kwargs: Any, *, status: int = 404) -> HttpResponseBase:
    """Answer 404 (or 403) instead of ``view``: a DRF view as that view does, with its own renderer and headers; JSON
    where the client asks for it; else by the project's own handler, by raising Http404 (or PermissionDenied)."""
    error = exceptions.PermissionDenied() if status == 403 else Http404()
    answer = drf.answer(error, request, view, args, kwargs)
    if answer is not None:
        return answer
    if wants_json(request) or drf.view_class(view) is not None:
        return problem(status)
    raise PermissionDenied if status == 403 else Http404


class _TooLarge(exceptions.APIException):
    status_code = 413
    default_code = "too_large"


def too_large(request: HttpRequest, view: Any, args: Any, kwargs: Any, reason: str) -> HttpResponseBase:
    """Answer 413 instead of ``view``: a DRF view as that view tells of its errors."""
    answer = drf.answer(_TooLarge(reason), request, view, args, kwargs)
    if answer is not None:
        return answer
    if wants_json(request) or drf.view_class(view) is not None:
        return problem(413, reason)
    return HttpResponse(reason, status=413, content_type="text/plain; charset=utf-8")


def problem(status: int, detail: str = "") -> JsonResponse:
    """Return problem details as JSON, as RFC 9457 says."""
    title = _TITLES[status]
    found = {"type": "about:blank", "title": title, "status": status, "detail": detail or f"{title}.", "errors": []}
    return JsonResponse(found, status=status, content_type=_PROBLEM)


def wants_json(request: HttpRequest) -> bool:
    """Whether the client asks for JSON and not for a page."""
    accept = request.META.get("HTTP_ACCEPT", "")
    return "json" in accept and "text/html" not in accept
