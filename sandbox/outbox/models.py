"""The mails that were sent."""

from __future__ import annotations

from django.db import models


class Mail(models.Model):
    """One mail, as its recipients would read it in plain text."""

    sent = models.DateTimeField(auto_now_add=True)
    sender = models.CharField(max_length=255)
    recipients = models.TextField()
    subject = models.TextField()
    text = models.TextField()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.subject
