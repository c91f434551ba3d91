from django.apps import AppConfig


class ContentLibrariesConfig(AppConfig):
    name = "tests.hosts.openedx.standin.content_libraries"
    label = "content_libraries"
    default_auto_field = "django.db.models.AutoField"
