"""The app of the outbox."""

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    """The mails that the sandbox sent, to be read on a page."""

    name = "sandbox.outbox"
    label = "sandbox_outbox"
    verbose_name = "Sandbox"
