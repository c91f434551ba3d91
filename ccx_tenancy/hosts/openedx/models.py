"""What the host's history cannot say: who made a change of site values, and why."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class RevisionNote(models.Model):
    """Actor and reason of one row of the host's SiteConfigurationHistory, named by its id. Never changed.

    The id stands alone, without a foreign key: our tables must not stand in the way of the host's own migrations.
    """

    history_id = models.BigIntegerField(unique=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    actor_name = models.CharField(max_length=150, blank=True)
    reason = models.CharField(max_length=255, blank=True)

    def __str__(self) -> str:
        return f"{self.actor_name or 'system'}: {self.reason}"
