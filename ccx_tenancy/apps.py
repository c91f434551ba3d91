"""The app that an Open edX host loads as a plug-in; it brings the others along."""

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.utils.translation import gettext_lazy as _


class TenancyConfig(AppConfig):
    """Label ``ccx_tenancy``: commands, templates, checks, and the Celery signals."""

    name = "ccx_tenancy"
    label = "ccx_tenancy"
    verbose_name = _("Tenancy")
    default_auto_field = "django.db.models.BigAutoField"

    plugin_app = {
        "url_config": {
            service: {"namespace": "", "regex": "", "relative_path": "urls"}
            for service in ("lms.djangoapp", "cms.djangoapp")
        },
        "settings_config": {
            "lms.djangoapp": {
                "common": {"relative_path": "hosts.openedx.settings.common"},
                "production": {"relative_path": "hosts.openedx.settings.production"},
                "test": {"relative_path": "hosts.openedx.settings.test"},
            },
            "cms.djangoapp": {
                "common": {"relative_path": "hosts.openedx.settings.common"},
                "production": {"relative_path": "hosts.openedx.settings.production"},
                "test": {"relative_path": "hosts.openedx.settings.test"},
            },
        },
    }

    def ready(self) -> None:
        """Register the checks and connect the Celery signals. An Open edX where we are not effective serves nothing."""
        from ccx_tenancy import celery
        from ccx_tenancy.backends.checks import check_backends
        from ccx_tenancy.conf import check_settings
        from ccx_tenancy.hosts.openedx.checks import check_plugin, refuse_requests_unless_effective
        from ccx_tenancy.hosts.openedx.static import check_static_files

        register(check_settings, Tags.security)
        register(check_plugin, Tags.security)
        register(check_static_files, Tags.security)
        register(check_backends, Tags.security)
        refuse_requests_unless_effective()
        celery.connect()
