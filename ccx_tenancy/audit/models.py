"""The table of the record. Other rooms write and read through :mod:`ccx_tenancy.audit.api`."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from jsonfield import JSONField

_ARGUMENTS_BEFORE_UPDATE_CONFLICTS = 3


class AppendOnly(TypeError):
    """Something tried to change or delete an entry of the record."""


class EntryQuerySet(models.QuerySet["AuditEntry"]):
    """Entries can be read and added; nothing else."""

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly("Entries of the audit record can be added and read, not changed or deleted.")

    update = _refuse
    delete = _refuse
    bulk_update = _refuse
    _raw_delete = _refuse

    def bulk_create(self, *args: Any, update_conflicts: bool = False, **kwargs: Any) -> list[AuditEntry]:
        """Add entries. Raises AppendOnly where it is asked to overwrite those that exist."""
        if update_conflicts or len(args) > _ARGUMENTS_BEFORE_UPDATE_CONFLICTS:
            self._refuse()
        return super().bulk_create(*args, **kwargs)


class AuditEntry(models.Model):
    """Who did what to which thing of which tenant, when, and what it was before and after.

    The actor and the tenant are written down, not linked: the entry must outlive both.
    """

    created = models.DateTimeField(default=timezone.now, editable=False, db_index=True)
    tenant_key = models.CharField(max_length=100, blank=True, editable=False)
    actor_id = models.BigIntegerField(null=True, blank=True, editable=False)
    actor = models.CharField(max_length=150, blank=True, editable=False, help_text=_("Empty: the system."))
    action = models.CharField(max_length=100, editable=False)
    target = models.CharField(max_length=255, blank=True, editable=False)
    before = JSONField(null=True, blank=True, editable=False)
    after = JSONField(null=True, blank=True, editable=False)
    request_id = models.CharField(max_length=100, blank=True, editable=False)

    objects = EntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering = ("-id",)
        base_manager_name = "objects"  # Django's own code is held to the rule, too.
        indexes = (
            models.Index(fields=["tenant_key", "-id"], name="ccx_audit_tenant"),
            models.Index(fields=["actor_id", "-id"], name="ccx_audit_actor"),
            models.Index(fields=["action", "-id"], name="ccx_audit_action"),
        )

    def __str__(self) -> str:
        return f"{self.action} {self.target}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add the entry. Raises AppendOnly where it exists already."""
        if not self._state.adding:
            raise AppendOnly("Entries of the audit record can be added and read, not changed or deleted.")
        kwargs["force_insert"] = True
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise AppendOnly."""
        raise AppendOnly("Entries of the audit record can be added and read, not changed or deleted.")
