"""Write to the record and read it."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from ccx_tenancy.audit.export import FORMATS, guarded, lines
from ccx_tenancy.audit.models import AppendOnly, AuditEntry

__all__ = [
    "FORMATS",
    "OPERATOR_PASS",
    "AppendOnly",
    "current_request_id",
    "entries",
    "guarded",
    "is_recorded_pass",
    "lines",
    "record",
    "record_each",
    "record_pass",
    "set_request_id",
]

#: The action of an entry that says that a platform operator used a tenant's site, or looked into a tenant.
OPERATOR_PASS = "operator.pass"  # noqa: S105 - no password
_PASSES = "_ccx_tenancy_passes"

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
    entry = _entry(action, tenant_key, actor, target)
    entry.before, entry.after = before, after
    entry.save()
    return entry


def record_each(action: str, targets: Iterable[str], *, tenant_key: str = "", actor: Any = None) -> None:
    """Add one entry for each target, as :func:`record` does, all by one query."""
    AuditEntry.objects.bulk_create([_entry(action, tenant_key, actor, target) for target in targets])


def _entry(action: str, tenant_key: str, actor: Any, target: str) -> AuditEntry:
    return AuditEntry(
        action=action,
        tenant_key=tenant_key,
        actor_id=getattr(actor, "pk", None),
        actor=actor.get_username() if actor is not None and getattr(actor, "pk", None) else "",
        target=target[:255],
        request_id=_request_id.get(),
    )


def record_pass(request: Any, *, tenant_key: str, actor: Any, target: str) -> None:
    """Say that an operator looks into a tenant (an empty key: into all): once for each request and tenant, whoever of
    the rooms above asks for it. ``request`` is Django's own."""
    passes: set[str] = request.__dict__.setdefault(_PASSES, set())
    if tenant_key not in passes:
        passes.add(tenant_key)
        record(OPERATOR_PASS, tenant_key=tenant_key, actor=actor, target=target)


def is_recorded_pass(request: Any, tenant_key: str) -> bool:
    """Whether the record says of this request that an operator looks into that tenant."""
    return tenant_key in request.__dict__.get(_PASSES, ())


def entries(
    *,
    tenant_key: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    action: str = "",
    actor: str | None = None,
) -> QuerySet[AuditEntry]:
    """Return the entries, newest first: of one tenant, from a moment on, before another, of one action (with a dot at
    its end: of all that begin so), of one actor (an empty name: the system)."""
    found = AuditEntry.objects.all()
    if tenant_key is not None:
        found = found.filter(tenant_key=tenant_key)
    if since is not None:
        found = found.filter(created__gte=since)
    if until is not None:
        found = found.filter(created__lt=until)
    if action:
        found = found.filter(action__startswith=action) if action.endswith(".") else found.filter(action=action)
    return found if actor is None else found.filter(actor=actor)
