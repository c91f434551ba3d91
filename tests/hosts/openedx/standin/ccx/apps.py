from django.apps import AppConfig


class CcxConfig(AppConfig):
    name = "tests.hosts.openedx.standin.ccx"
    label = "ccx"
    default_auto_field = "django.db.models.AutoField"
