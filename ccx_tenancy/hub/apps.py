"""The app of the hub."""

import logging

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.utils.translation import gettext_lazy as _

#: It writes each token that it gives into the log, at the level DEBUG.
_LOGS_TOKENS = "oauthlib.oauth2.rfc6749.grant_types.client_credentials"


class HubConfig(AppConfig):
    """Label ``ccx_hub``."""

    name = "ccx_tenancy.hub"
    label = "ccx_hub"
    verbose_name = _("CCX hub")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks: those of the hub, and those of ``CCX_TENANCY``, which may be installed without us.

        And keep tokens out of the log, however loud the project makes it.
        """
        from ccx_tenancy.conf import check_settings
        from ccx_tenancy.hub.checks import check_hub

        register(check_settings, Tags.security)
        register(check_hub, Tags.security)
        logging.getLogger(_LOGS_TOKENS).addFilter(_is_no_debugging)


def _is_no_debugging(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG
