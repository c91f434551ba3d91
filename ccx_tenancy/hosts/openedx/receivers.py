"""Changes of the host's site values, whoever makes them: our API, the host's admin, its commands."""

from __future__ import annotations

from typing import Any

import crum
from django.apps import apps
from django.conf import settings
from django.db.models.signals import post_delete, post_save, pre_save
from organizations.models import Organization

from ccx_tenancy.hosts.openedx import enrollment, notes, projection, registration, rows
from ccx_tenancy.hosts.openedx.models import RevisionNote
from ccx_tenancy.membership import signals
from ccx_tenancy.site_config.freshness import bump_site
from ccx_tenancy.tenants.signals import organizations_moved


def connect() -> None:
    """Listen to the host's two models. Doing it twice connects once."""
    configuration = apps.get_model("site_configuration.SiteConfiguration")
    history = apps.get_model("site_configuration.SiteConfigurationHistory")
    post_save.connect(bump, sender=configuration, dispatch_uid="ccx_tenancy.openedx.saved")
    post_delete.connect(bump, sender=configuration, dispatch_uid="ccx_tenancy.openedx.deleted")
    post_save.connect(keep_note, sender=history, dispatch_uid="ccx_tenancy.openedx.history")
    role = apps.get_model("student.CourseAccessRole")
    pre_save.connect(enrollment.check_role, sender=role, dispatch_uid="ccx_tenancy.openedx.role")
    post_save.connect(
        registration.join, sender=settings.AUTH_USER_MODEL, dispatch_uid="ccx_tenancy.openedx.registration"
    )
    for model in rows.models_with_parents():
        pre_save.connect(rows.check_parents, sender=model, dispatch_uid="ccx_tenancy.openedx.parents")
    for signal in (signals.membership_added, signals.membership_changed, signals.membership_removed):
        signal.connect(projection.follow, dispatch_uid="ccx_tenancy.openedx.projection")
    organizations_moved.connect(projection.follow_organizations, dispatch_uid="ccx_tenancy.openedx.moved")
    post_save.connect(
        projection.follow_organization, sender=Organization, dispatch_uid="ccx_tenancy.openedx.organization"
    )


def bump(sender: Any, instance: Any, raw: bool = False, **kwargs: Any) -> None:
    """The values of a site changed: every process reads them again, within ``FRESHNESS_SECONDS``."""
    bump_site(instance.site_id)


def keep_note(sender: Any, instance: Any, created: bool, raw: bool, **kwargs: Any) -> None:
    """Keep actor and reason of a history row. A save that is not ours has the user of the request as its actor."""
    if raw or not created:
        return
    note = notes.current() or notes.Note(crum.get_current_user(), "")
    note.history_id = instance.pk
    actor = note.actor if getattr(note.actor, "pk", None) is not None else None
    if actor is not None or note.reason:
        RevisionNote.objects.create(
            history_id=instance.pk,
            actor_id=getattr(actor, "pk", None),
            actor_name=actor.get_username() if actor is not None else "",
            reason=note.reason[:255],
        )
