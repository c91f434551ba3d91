"""The app of the audit record."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    """Label ``ccx_audit``."""

    name = "ccx_tenancy.audit"
    label = "ccx_audit"
    verbose_name = _("Audit record")
    default_auto_field = "django.db.models.BigAutoField"
