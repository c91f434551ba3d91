"""An e-mail backend that sends nothing: it keeps the mails for the outbox page."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from sandbox.outbox.models import Mail


class EmailBackend(BaseEmailBackend):
    """Keeps each mail as a row."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Keep the mails, and return how many they are."""
        for message in email_messages:
            Mail.objects.create(
                sender=message.from_email,
                recipients=", ".join(message.recipients()),
                subject=str(message.subject),
                text=str(message.body),
            )
        return len(email_messages)
