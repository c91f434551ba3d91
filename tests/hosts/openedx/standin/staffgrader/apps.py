from django.apps import AppConfig


class StaffGraderConfig(AppConfig):
    name = "tests.hosts.openedx.standin.staffgrader"
    label = "staffgrader"
    default_auto_field = "django.db.models.AutoField"
