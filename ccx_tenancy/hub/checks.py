"""What the hub needs of the project it runs in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error

from ccx_tenancy.conf import check_settings, conf


def check_hub(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the project: ``ccx_hub.E001`` to ``E003``."""
    messages: list[CheckMessage] = []
    if not apps.is_installed("oauth2_provider"):
        messages.append(
            Error(
                "'oauth2_provider' is not in INSTALLED_APPS.",
                hint="The hub is an OAuth2 provider: install ccx-tenancy[hub] and add the app.",
                id="ccx_hub.E001",
            )
        )
    elif not hasattr(apps.get_model("oauth2_provider", "AccessToken"), "token_checksum"):
        messages.append(
            Error(
                "django-oauth-toolkit is older than 3.0: it keeps access tokens readable.",
                hint="Run the hub in a deployment of its own, with django-oauth-toolkit 3.0 or newer.",
                id="ccx_hub.E002",
            )
        )
    if check_settings():
        return messages  # They are wrong as they stand, and named by another check.
    if conf.outgoing_lease_seconds <= conf.outgoing_timeout:
        messages.append(
            Error(
                f"CCX_TENANCY['OUTGOING_LEASE_SECONDS'] is {conf.outgoing_lease_seconds:g} and ['OUTGOING_TIMEOUT'] is"
                f" {conf.outgoing_timeout:g}: what is still being sent would be sent by a second process, too.",
                hint="Allowed is a lease that is longer than the time-out.",
                id="ccx_hub.E003",
            )
        )
    return messages
