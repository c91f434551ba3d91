"""Changes elsewhere that decide what connectors are told: a tenant was suspended, a connector was changed."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import m2m_changed, post_save

from ccx_tenancy.ccxcon import exports
from ccx_tenancy.ccxcon.models import Connector, CourseExport


def connect() -> None:
    """Listen. Doing it twice connects once."""
    from ccx_tenancy.tenants.api import Tenant

    post_save.connect(tenant_changed, sender=Tenant, dispatch_uid="ccx_tenancy.ccxcon.tenant")
    post_save.connect(connector_changed, sender=Connector, dispatch_uid="ccx_tenancy.ccxcon.connector")
    m2m_changed.connect(
        served_changed, sender=Connector.tenants.through, dispatch_uid="ccx_tenancy.ccxcon.connector_tenants"
    )


def tenant_changed(instance: Any, created: bool, raw: bool = False, **kwargs: Any) -> None:
    """What the connectors of a tenant know may no longer be offered, or may be again."""
    if not created and not raw:
        exports.resend(CourseExport.objects.filter(connector__tenants=instance, sent_version__isnull=False))


def connector_changed(instance: Connector, created: bool, raw: bool = False, **kwargs: Any) -> None:
    """A connector serves others now, or is enabled again."""
    if not created and not raw:
        exports.follow_connector(instance)


def served_changed(instance: Any, action: str, reverse: bool, **kwargs: Any) -> None:
    """A connector serves other tenants now."""
    if action.startswith("post_") and not reverse:
        exports.follow_connector(instance)
