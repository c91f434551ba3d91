"""What others do, for the same rows in the same run.

``settings_read`` and ``contextvar_read`` are the floor: nothing that finds a value can be faster. ``scan_for_org`` is
the way of the Open edX host (research: every call reads and decodes each enabled configuration that mentions an
organization filter, and keeps nothing); it is written here from that description, since the host is not installed.
"""

from __future__ import annotations

from contextvars import ContextVar

from django.conf import settings
from django.contrib.sites.models import Site

from ccx_tenancy.site_config.models import SiteConfiguration

_values: ContextVar[dict[str, object]] = ContextVar("values")


def settings_read() -> object:
    """Read a Django setting."""
    return settings.LANGUAGE_CODE


def contextvar_read() -> object:
    """Read a value from a dict in a ContextVar."""
    return _values.get().get("PLATFORM_NAME")


_values.set({"PLATFORM_NAME": "x"})


def scan_for_org(org: str, name: str) -> object:
    """Find an organization's value by reading all configurations."""
    for row in SiteConfiguration.objects.filter(enabled=True, site_values__contains="course_org_filter"):
        wanted = row.site_values.get("course_org_filter")
        if org in ([wanted] if isinstance(wanted, str) else wanted):
            return row.site_values.get(name)
    return None


def site_by_host(host: str) -> Site:
    """Find the Site of a host name as Django does, from its process-wide cache."""
    return Site.objects._get_site_by_request(_Request(host))


class _Request:
    def __init__(self, host: str) -> None:
        self._host = host

    def get_host(self) -> str:
        return self._host
