"""The app of the hub."""

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.utils.translation import gettext_lazy as _


class HubConfig(AppConfig):
    """Label ``ccx_hub``."""

    name = "ccx_tenancy.hub"
    label = "ccx_hub"
    verbose_name = _("CCX hub")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks: those of the hub, and those of ``CCX_TENANCY``, which may be installed without us."""
        from ccx_tenancy.conf import check_settings
        from ccx_tenancy.hub.checks import check_hub

        register(check_settings, Tags.security)
        register(check_hub, Tags.security)
