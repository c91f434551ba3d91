"""The app of the Teacher's Portal."""

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.utils.translation import gettext_lazy as _


class PortalConfig(AppConfig):
    """Label ``ccx_portal``. It needs ``ccx_tenancy.audit`` beside it, and no other app of ours."""

    name = "ccx_tenancy.portal"
    label = "ccx_portal"
    verbose_name = _("Teacher's Portal")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks."""
        from ccx_tenancy.conf import check_settings
        from ccx_tenancy.portal.checks import check_portal

        register(check_settings, Tags.security)
        register(check_portal, Tags.security)
