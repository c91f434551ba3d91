"""What templates may say of the current site."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from ccx_tenancy.context import current_tenant
from ccx_tenancy.site_config.helpers import get_value


def platform_name() -> str:
    """Return what the current site calls the platform: ``platform_name``, ``PLATFORM_NAME``, or the settings' name."""
    for spelling in ("platform_name", "PLATFORM_NAME"):
        name = get_value(spelling)
        if name:
            return str(name)
    return str(getattr(settings, "PLATFORM_NAME", ""))


def configuration(request: HttpRequest) -> dict[str, Any]:
    """Return ``platform_name``, ``current_url``, ``current_site_url`` (as the host of Open edX does) and ``tenant``."""
    return {
        "platform_name": platform_name(),
        "current_url": request.build_absolute_uri(request.path),
        "current_site_url": request.build_absolute_uri("/"),
        "tenant": current_tenant(),
    }
