from django.apps import AppConfig


class SplitModulestoreDjangoConfig(AppConfig):
    name = "tests.hosts.openedx.standin.split_modulestore_django"
    label = "split_modulestore_django"
    default_auto_field = "django.db.models.AutoField"
