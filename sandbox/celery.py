"""The Celery application: eager, so that the sandbox needs no broker."""

from celery import Celery

app = Celery("sandbox")
app.config_from_object("django.conf:settings", namespace="CELERY")
