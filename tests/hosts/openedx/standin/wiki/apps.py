from django.apps import AppConfig


class WikiConfig(AppConfig):
    name = "tests.hosts.openedx.standin.wiki"
    label = "wiki"
    default_auto_field = "django.db.models.AutoField"
