"""The app of the REST API."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RestApiConfig(AppConfig):
    """Label ``ccx_rest_api``."""

    name = "ccx_tenancy.rest_api"
    label = "ccx_rest_api"
    verbose_name = _("REST API")
    default_auto_field = "django.db.models.BigAutoField"
