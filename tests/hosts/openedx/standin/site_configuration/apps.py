from django.apps import AppConfig


class SiteConfigurationConfig(AppConfig):
    name = "tests.hosts.openedx.standin.site_configuration"
    label = "site_configuration"
    default_auto_field = "django.db.models.AutoField"
