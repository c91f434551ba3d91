"""Write to the record and read it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from django.db.models import QuerySet

from ccx_tenancy.audit.models import AppendOnly, AuditEntry

__all__ = ["AppendOnly", "current_request_id", "entries", "record", "set_request_id"]

_request_id: ContextVar[str] = ContextVar("ccx_tenancy_request_id", default="")


def set_request_id(request_id: str) -> None:
    """Say which request the entries that follow in this context belong to (cut at 100 characters)."""
    _request_id.set(request_id[:100])


def current_request_id() -> str:
    """Return the id given to :func:`set_request_id`, or an empty text."""
    return _request_id.get()


def record(
    action: str,
    *,
    tenant_key: str = "",
    actor: Any = None,
    target: str = "",
    before: Any = None,
    after: Any = None,
) -> AuditEntry:
    """Add one entry, in the current transaction, and return it.

    ``action`` is a dotted verb such as ``tenant.suspend``; ``actor`` a user or None for the system; ``target`` names
    the thing; ``before`` and ``after`` are JSON values with secrets already masked.
    """
    return AuditEntry.objects.create(
        action=action,
        tenant_key=tenant_key,
        actor_id=getattr(actor, "pk", None),
        actor=actor.get_username() if actor is not None and getattr(actor, "pk", None) else "",
        target=target[:255],
        before=before,
        after=after,
        request_id=_request_id.get(),
    )


def entries(*, tenant_key: str | None = None) -> QuerySet[AuditEntry]:
    """Return the entries, newest first; of one tenant where its key is given."""
    found = AuditEntry.objects.all()
    return found if tenant_key is None else found.filter(tenant_key=tenant_key)
