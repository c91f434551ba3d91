from django.apps import AppConfig


class EdxvalConfig(AppConfig):
    name = "tests.hosts.openedx.standin.edxval"
    label = "edxval"
    default_auto_field = "django.db.models.AutoField"
