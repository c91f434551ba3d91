"""The settings of the host's own tests are complete: add what they replaced since ``common``."""

from __future__ import annotations

from typing import Any

from ccx_tenancy.hosts.openedx.settings import placement


def plugin_settings(settings: Any) -> None:
    """Called by the host with its settings module. Raises ImproperlyConfigured where the host is not as we know it."""
    placement.install(settings)
