"""The app of site configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SiteConfigConfig(AppConfig):
    """Label ``ccx_site_config``."""

    name = "ccx_tenancy.site_config"
    label = "ccx_site_config"
    verbose_name = _("Site configuration")
    default_auto_field = "django.db.models.BigAutoField"
