"""Rows that change without passing our own ``save``: deletions, and the host's Site and Organization.

``organizations_moved`` is sent after the commit, with ``organization_ids``, when organizations came to a tenant or left
one. The sender is None.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.contrib.sites.models import Site
from django.db import DatabaseError, connections, transaction
from django.db.models.signals import post_delete, post_migrate, post_save
from django.dispatch import Signal, receiver
from organizations.models import Organization

from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.models import Revision, Tenant, TenantDomain, TenantOrganization, fold

organizations_moved = Signal()


def tell_moved(organization_ids: Iterable[int]) -> None:
    """Tell after the commit that organizations came to a tenant or left one. For rows written in bulk: those saved or
    deleted one by one are told of by themselves."""
    transaction.on_commit(partial(organizations_moved.send, sender=None, organization_ids=tuple(organization_ids)))


@receiver(post_save, sender=TenantOrganization)
@receiver(post_delete, sender=TenantOrganization)
def tell_of_organization(
    sender: Any, instance: TenantOrganization, created: bool = True, raw: bool = False, **kwargs: Any
) -> None:
    """An organization came to a tenant or left one."""
    if created and not raw:
        tell_moved([instance.organization_id])


@receiver(post_delete, sender=Tenant)
@receiver(post_delete, sender=TenantDomain)
@receiver(post_delete, sender=TenantOrganization)
def bump_tenants(sender: Any, **kwargs: Any) -> None:
    """The index is no longer true."""
    revisions.bump(revisions.TENANTS)


@receiver(post_save, sender=Site)
@receiver(post_delete, sender=Site)
@receiver(post_save, sender=Organization)
@receiver(post_delete, sender=Organization)
def follow_host_tables(
    sender: Any, instance: Any, signal: Any, using: str, created: bool = False, **kwargs: Any
) -> None:
    """A Site or an Organization changed: a renamed organization's folded name follows, and the index is not true.

    The host may save both before our tables exist (``migrate sites`` makes the default site): nothing to tell then.
    """
    try:
        with transaction.atomic(using=using):
            if sender is Organization and signal is post_save and not created:
                links = TenantOrganization.objects.using(using).filter(organization=instance)
                links.exclude(folded=fold(instance.short_name)).update(folded=fold(instance.short_name))
            revisions.bump(revisions.TENANTS)
    except DatabaseError:
        if Revision._meta.db_table in connections[using].introspection.table_names():
            raise


@receiver(post_migrate)
def forget_everything(sender: Any, **kwargs: Any) -> None:
    """Tables were migrated or emptied (``flush``): nothing that was read before is true."""
    if getattr(sender, "label", "") == Revision._meta.app_label:
        revisions.forget()
