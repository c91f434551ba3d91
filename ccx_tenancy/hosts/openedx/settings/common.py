"""The host's own defaults are complete: add apps, middleware and the defaults of ``CCX_TENANCY``."""

from __future__ import annotations

from typing import Any

from ccx_tenancy.hosts.openedx.settings import placement


def plugin_settings(settings: Any) -> None:
    """Called by the host with its settings module. Raises ImproperlyConfigured where the host is not as we know it."""
    placement.install(settings)
