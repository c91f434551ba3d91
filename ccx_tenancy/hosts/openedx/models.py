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


class ProjectedRole(models.Model):
    """A role of the host that a membership gave: what may be taken back when the membership ends."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    system = models.CharField(max_length=32)
    scope = models.CharField(max_length=255)
    role = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("user", "system", "scope", "role"), name="ccx_openedx_projected_once")
        ]

    def __str__(self) -> str:
        return f"{self.system}: {self.role} {self.scope}"
