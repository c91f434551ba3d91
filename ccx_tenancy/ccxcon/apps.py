"""The app of the marketplace's LMS side."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CcxconConfig(AppConfig):
    """Label ``ccx_ccxcon``."""

    name = "ccx_tenancy.ccxcon"
    label = "ccx_ccxcon"
    verbose_name = _("CCX marketplace")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell the partition who runs a CCX, and follow the changes that exports depend on."""
        from ccx_tenancy.ccxcon import owners, receivers

        owners.connect()
        receivers.connect()
