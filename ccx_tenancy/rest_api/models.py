"""The tables of the room: API keys, and the answers kept for idempotency keys."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from jsonfield import JSONField
from model_utils.models import TimeStampedModel


class ApiKey(TimeStampedModel):
    """A key of one tenant. It acts as the user who made it, within its scopes, while that user could make it.

    ``prefix`` finds it and may be shown; of the secret there is only the SHA-256.
    """

    tenant = models.ForeignKey("ccx_tenants.Tenant", on_delete=models.CASCADE, related_name="+", editable=False)
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    scopes = JSONField(default=list)
    maker = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    maker_name = models.CharField(max_length=150, editable=False)
    expires = models.DateTimeField(editable=False)
    last_used = models.DateTimeField(null=True, editable=False)
    revoked = models.DateTimeField(null=True, editable=False)

    #: The whole key, on the object that ``make_key`` returns, and nowhere else.
    secret: str | None = None

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ("-id",)
        indexes: ClassVar = [models.Index(fields=["tenant", "-id"], name="ccx_rest_api_key_list")]

    def __str__(self) -> str:
        return f"{self.prefix} of {self.tenant_id}"

    @property
    def state(self) -> str:
        """``"revoked"``, ``"expired"`` or ``"active"``."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires <= timezone.now() else "active"


class IdempotencyRecord(models.Model):
    """One ``Idempotency-Key`` of one caller: the request it came with, and the answer it got.

    ``status`` is NULL while the first request is at work; ``claim`` tells the one at work from one that took over.
    ``answer`` is sealed: it may hold a secret that is shown once.
    """

    caller = models.CharField(max_length=40)
    key_hash = models.CharField(max_length=64)
    request_hash = models.CharField(max_length=64)
    claim = models.CharField(max_length=32)
    claimed = models.DateTimeField(default=timezone.now)
    created = models.DateTimeField(default=timezone.now, db_index=True)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["caller", "key_hash"], name="ccx_rest_api_once_per_caller")
        ]

    def __str__(self) -> str:
        return f"{self.caller} {self.key_hash[:12]}"
