from django.apps import AppConfig


class WorkflowConfig(AppConfig):
    name = "tests.hosts.openedx.standin.workflow"
    label = "workflow"
    default_auto_field = "django.db.models.AutoField"
