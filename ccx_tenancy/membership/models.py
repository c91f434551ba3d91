"""The tables of the room. Other rooms use :mod:`ccx_tenancy.membership.api`."""

from __future__ import annotations

import hashlib
from collections.abc import Set
from typing import Any, ClassVar

from django.conf import settings
from django.db import models, router, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from model_utils.models import TimeStampedModel
from organizations.models import Organization

from ccx_tenancy.constraints import check
from ccx_tenancy.membership.freshness import bump_users
from ccx_tenancy.membership.roles import ADMIN, AUTHOR, LEARNER, OWNER, ROLES, STAFF
from ccx_tenancy.tenants.telling import TellingQuerySet


class Role(models.TextChoices):
    """The roles as a form shows them, weakest first."""

    LEARNER = LEARNER, _("learner")
    STAFF = STAFF, _("staff")
    AUTHOR = AUTHOR, _("author")
    ADMIN = ADMIN, _("administrator")
    OWNER = OWNER, _("owner")


class MembershipQuerySet(TellingQuerySet["OrganizationMembership"]):
    """Writing many memberships at once tells all processes of their users."""

    concerns = "user_id"

    def tell(self, concerned: Set[int]) -> None:
        """Bump the revisions of those users."""
        bump_users(concerned)


class OrganizationMembership(TimeStampedModel):
    """A user belongs to an organization, with a role.

    A suspended membership is not ``active``: it keeps its role and gives nothing. ``pending`` (never together with
    ``active``) is one that begins when the account becomes active, because its e-mail address is confirmed then.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tenancy_memberships")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="tenancy_memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.LEARNER)
    active = models.BooleanField(default=True, help_text=_("A suspended membership gives nothing."))
    pending = models.BooleanField(default=False, editable=False)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        ordering = ("id",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "organization"], name="ccx_membership_once"),
            check(models.Q(role__in=ROLES), "ccx_membership_known_role"),
            check(models.Q(active=False) | models.Q(pending=False), "ccx_membership_active_or_pending"),
        ]
        indexes: ClassVar = [
            # A list of members, whole or by role, in its order; that of a user's organizations has the unique one.
            models.Index(fields=["organization", "active", "role", "id"], name="ccx_membership_list"),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.user_id} in {self.organization_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and bump the user's revision in the same transaction."""
        with transaction.atomic(using=kwargs.get("using") or router.db_for_write(type(self), instance=self)):
            super().save(*args, **kwargs)
            bump_users([self.user_id])

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete, and bump the user's revision in the same transaction."""
        with transaction.atomic(using=kwargs.get("using") or router.db_for_write(type(self), instance=self)):
            deleted = super().delete(*args, **kwargs)
            bump_users([self.user_id])
        return deleted


def fold_email(email: str) -> str:
    """Return the form in which addresses are compared: without regard to case, where they are plain ASCII.

    Letters of other alphabets are left: some of them become ASCII letters in lower case, and with them somebody
    else's address.
    """
    return email.lower() if email.isascii() else email


def digest(text: str) -> str:
    """Return the SHA-256 of a text in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


class OrganizationInvitation(TimeStampedModel):
    """An e-mail address is invited to an organization, with a role.

    The token is known only to who gets the mail: the table holds its SHA-256. ``open_key`` is the SHA-256 of the
    address while the invitation is open and NULL afterwards; a unique index ignores NULLs on every database we run on,
    which makes "one open invitation per address and organization" a constraint of the table.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="tenancy_invitations")
    email = models.EmailField(max_length=254, editable=False)
    open_key = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001 - NULL is not unique.
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.LEARNER, editable=False)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    # Empty: the system. It tells an inviter whose account is gone from none.
    invited_by_name = models.CharField(max_length=150, blank=True, editable=False)
    expires = models.DateTimeField(editable=False)
    sent = models.DateTimeField(null=True, editable=False)
    accepted = models.DateTimeField(null=True, editable=False)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    revoked = models.DateTimeField(null=True, editable=False)

    #: The secret itself, on the object that ``invite`` or ``resend_invitation`` returns, and nowhere else.
    token: str | None = None

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ("-id",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "open_key"], name="ccx_membership_one_open_invitation"),
            check(models.Q(role__in=ROLES), "ccx_membership_invited_role"),
        ]
        indexes: ClassVar = [models.Index(fields=["organization", "-id"], name="ccx_membership_invited")]

    def __str__(self) -> str:
        return f"{self.email} to {self.organization_id} as {self.role}"

    @property
    def state(self) -> str:
        """``"accepted"``, ``"revoked"``, ``"expired"`` or ``"open"``."""
        if self.accepted is not None:
            return "accepted"
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires <= timezone.now() else "open"
