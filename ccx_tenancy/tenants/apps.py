"""The app of tenants, domains and organizations."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TenantsConfig(AppConfig):
    """Label ``ccx_tenants``."""

    name = "ccx_tenancy.tenants"
    label = "ccx_tenants"
    verbose_name = _("Tenants")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the signals."""
        from ccx_tenancy.tenants import signals  # noqa: F401
