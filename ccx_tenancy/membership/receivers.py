"""Rows that change without passing our own functions: the host's accounts and organizations."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.db.models.signals import post_delete, post_save, pre_save
from django.dispatch import receiver
from organizations.models import Organization

from ccx_tenancy.membership.freshness import bump_organizations, bump_users
from ccx_tenancy.membership.models import OrganizationMembership
from ccx_tenancy.membership.roster import Roster, State
from ccx_tenancy.tenants import revisions

_CHANGED = "_ccx_membership_changed"


@receiver(post_delete, sender=settings.AUTH_USER_MODEL)
def forget_user(sender: Any, instance: Any, **kwargs: Any) -> None:
    """The memberships of a deleted account went with it."""
    bump_users([instance.pk])


@receiver(post_save, sender=settings.AUTH_USER_MODEL)
def begin_pending(
    sender: Any, instance: Any, created: bool, raw: bool, update_fields: Collection[str] | None, **kwargs: Any
) -> None:
    """An account became active: memberships that waited for it begin."""
    unrelated = update_fields is not None and "is_active" not in update_fields
    if raw or created or unrelated or not getattr(instance, "is_active", False):
        return
    waiting = OrganizationMembership.objects.filter(user_id=instance.pk, pending=True).select_related("organization")
    with revisions.together():
        for row in waiting.order_by("organization_id"):
            roster = Roster(row.organization, [instance], authority=None)
            roster.put(instance, _begun)
            roster.write(actor=instance)


def _begun(before: State | None) -> State | None:
    return State(before.role) if before is not None and before.pending else before


@receiver(pre_save, sender=Organization)
def compare_organization(sender: Any, instance: Organization, using: str, **kwargs: Any) -> None:
    """Remember whether a save changes what memberships depend on: the name and whether it is active."""
    before = Organization.objects.using(using).filter(pk=instance.pk) if instance.pk is not None else None
    found = before.values_list("short_name", "active").first() if before is not None else None
    setattr(instance, _CHANGED, found is not None and found != (instance.short_name, instance.active))


@receiver(post_save, sender=Organization)
def follow_organization(sender: Any, instance: Organization, **kwargs: Any) -> None:
    """An organization was renamed or switched: for all its members something has changed."""
    if instance.__dict__.pop(_CHANGED, False):
        bump_organizations()


@receiver(post_delete, sender=Organization)
def forget_organization(sender: Any, instance: Organization, using: str, **kwargs: Any) -> None:
    """The memberships of a deleted organization went with it."""
    bump_organizations()
