"""What the sandbox itself does with a request, once the tenant is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.template.loader import render_to_string
from django.utils import translation

from ccx_tenancy import middleware
from ccx_tenancy.site_config import helpers
from sandbox.surfaces import TENANT_URLCONFS, platform_host

GetResponse = Callable[[HttpRequest], HttpResponse]


class SurfaceMiddleware:
    """Gives each surface its own URLs. A host name that neither a tenant nor the platform has answers 404."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Choose the URLs by tenant and surface, and answer."""
        request.get_host()  # Refuses, with 400, what ALLOWED_HOSTS does not have.
        if request.tenant is not None:  # type: ignore[attr-defined]
            urlconf = TENANT_URLCONFS.get(request.tenancy_surface)  # type: ignore[attr-defined]
        else:
            found = platform_host(request)
            urlconf = found.urlconf if found else None
        if urlconf is None:
            return HttpResponseNotFound(render_to_string("ccx_tenancy/archived.html"))
        request.urlconf = urlconf
        return self.get_response(request)


class CoursePartitionMiddleware(middleware.CoursePartitionMiddleware):
    """The library's, but where hub and portal are: in a real installation they stand alone, and no gate is there."""

    async_capable = False

    def __call__(self, request: HttpRequest) -> Any:
        """Pass on what is for the hub or the portal; look at the rest."""
        found = None if getattr(request, "tenant", None) is not None else platform_host(request)
        return self.get_response(request) if found is not None and found.is_apart else super().__call__(request)


class SiteLanguageMiddleware:
    """Answers in the language of the site's ``LANGUAGE_CODE``, for everybody; in the settings' where it has none."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer in the site's language."""
        wanted = helpers.get_value("LANGUAGE_CODE", settings.LANGUAGE_CODE)
        language = wanted if wanted in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
        with translation.override(language):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        return response
