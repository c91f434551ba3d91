"""The app of the tenant's pages."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PagesConfig(AppConfig):
    """Label ``ccx_pages``."""

    name = "ccx_tenancy.pages"
    label = "ccx_pages"
    verbose_name = _("Tenant's pages")
