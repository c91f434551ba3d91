from django.apps import AppConfig


class StudentConfig(AppConfig):
    name = "tests.hosts.openedx.standin.student"
    label = "student"
    default_auto_field = "django.db.models.AutoField"
