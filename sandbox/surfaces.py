"""Which host name is which surface, and the URLs that each has.

Tenants bring their own host names. The platform's are here: add a line for a new surface, and an app with its URLs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.http import HttpRequest

from ccx_tenancy.hosts.standalone import StandaloneHost
from ccx_tenancy.middleware.current_tenant import raw_host
from ccx_tenancy.ports import CustomCourses
from ccx_tenancy.tenants.api import normalize_host


@dataclass(frozen=True, slots=True)
class PlatformHost:
    """A host name of the platform: its ``surface``, the module of its URLs, and what a person finds there.

    ``is_apart``: in a real installation a deployment of its own, which knows no tenants.
    """

    surface: str
    urlconf: str
    shows: str
    is_apart: bool = False


PLATFORM_HOSTS = {
    "localhost": PlatformHost("lms", "sandbox.urls", "the platform's default site"),
    "studio.localhost": PlatformHost("studio", "sandbox.studio.urls", "Studio, one for all tenants"),
    "portal.localhost": PlatformHost("lms", "sandbox.portal_urls", "the Teacher's Portal", is_apart=True),
    "hub.localhost": PlatformHost(
        "lms", "sandbox.hub_urls", "the hub, for programs (/o/token/, /api/v1/)", is_apart=True
    ),
}
# The same as localhost, for those who type the number.
_SAME = {"127.0.0.1": "localhost"}

TENANT_URLCONFS = {"lms": "sandbox.lms.urls", "studio": "sandbox.studio.urls"}


def platform_host(request: HttpRequest) -> PlatformHost | None:
    """Return what the platform has on the request's host name, or None."""
    name = normalize_host(raw_host(request)) or ""
    return PLATFORM_HOSTS.get(_SAME.get(name, name))


class SandboxHost(StandaloneHost):
    """Plain Django that serves several surfaces in one process."""

    @cached_property
    def custom_courses(self) -> CustomCourses:
        """The sandbox's courses. Their tables are known only once the apps are."""
        from sandbox.courses.custom_courses import SandboxCourses

        return SandboxCourses()

    def surface(self, request: HttpRequest) -> str:
        """Return the surface of the platform's host name; for any other what the settings say."""
        found = platform_host(request)
        return found.surface if found else super().surface(request)
