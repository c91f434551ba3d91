"""The tenant travels with a Celery task, in the message's headers and never in its arguments.

Publishing inside a tenant adds its key; before the task runs in a worker that tenant becomes current, and after it no
longer. The worker publishes retries, the next task of a chain, the parts of a group and the body of a chord inside
the task, so they carry the key on. A task published without a tenant runs without one. A task run in place (eager)
stays in its caller's tenant.
"""

from __future__ import annotations

import logging
from typing import Any

from celery.signals import before_task_publish, task_postrun, task_prerun
from django.db import DatabaseError, close_old_connections

from ccx_tenancy.context import ARCHIVED, Scope, TenantContext, current_tenant, push, remove
from ccx_tenancy.errors import UnknownTenant
from ccx_tenancy.tenants.api import tenant_context

HEADER = "ccx_tenancy_tenant"
_SCOPE = "_ccx_tenancy_scope"

logger = logging.getLogger(__name__)


def connect() -> None:
    """Connect the three signals. Called when the app is ready; calling it again changes nothing."""
    before_task_publish.connect(add_header, dispatch_uid="ccx_tenancy.add_header")
    task_prerun.connect(enter, dispatch_uid="ccx_tenancy.enter")
    task_postrun.connect(leave, dispatch_uid="ccx_tenancy.leave")


def add_header(headers: dict[str, Any] | None = None, **kwargs: Any) -> None:
    """Write the current tenant's key into the headers of a message that is about to be published."""
    if headers is None:
        return
    tenant = current_tenant()
    if tenant is None:
        headers.pop(HEADER, None)  # A retry copies the headers of the first attempt.
    else:
        headers[HEADER] = tenant.key


def enter(task: Any = None, **kwargs: Any) -> None:
    """Make the tenant of the message current before its task runs.

    A key that no tenant has any more, or that cannot be looked up, gives a tenant that sees nothing: Celery ignores
    what a signal raises, so the task cannot be stopped here, and without a tenant it would see what belongs to the
    platform.
    """
    request = task.request
    if request.is_eager:
        return
    key = getattr(request, HEADER, None) or (request.headers or {}).get(HEADER)
    scope = Scope(None, None) if key is None else _scope_of(task, key)
    setattr(request, _SCOPE, scope)
    push(scope)


def _scope_of(task: Any, key: str) -> Scope:
    try:
        try:
            return tenant_context(key).make_scope()
        except DatabaseError:
            # A worker that was idle for long has a connection that the server has closed: Django makes another.
            close_old_connections()
            return tenant_context(key).make_scope()
    except UnknownTenant:
        logger.error("Task %s was published in the tenant %r, which is gone: it sees nothing.", task.name, key)
    except Exception:
        logger.exception(
            "Task %s was published in the tenant %r, which cannot be read: it sees nothing.", task.name, key
        )
    return Scope(TenantContext(0, key, ARCHIVED, None, frozenset()), None)


def leave(task: Any = None, **kwargs: Any) -> None:
    """Leave the tenant again, whatever became of the task."""
    scope = getattr(task.request, _SCOPE, None)
    if scope is not None:
        remove(scope)
