"""The tables of the room. Other rooms use :mod:`ccx_tenancy.tenants.api`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar

from django.contrib.sites.models import Site
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models, router, transaction
from django.utils.translation import gettext_lazy as _
from model_utils.models import TimeStampedModel
from organizations.models import Organization

from ccx_tenancy.constraints import check
from ccx_tenancy.context import ACTIVE, ARCHIVED, SUSPENDED
from ccx_tenancy.errors import InvalidDomain
from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.hostnames import normalize_domain


def first_number() -> int:
    """Return the number a revision starts with: the time in microseconds, above any that an emptied table had."""
    return time.time_ns() // 1000


KEY_PATTERN = r"^[a-z0-9](?:[a-z0-9_-]{0,98}[a-z0-9])?$"
KEY_MEANING = _(
    "A key is 1 to 100 lower-case letters, digits, hyphens and underscores, and starts and ends with a letter or digit."
)


Row = TypeVar("Row", bound=models.Model, covariant=True)


class BumpingQuerySet(models.QuerySet[Row]):
    """Writing many rows at once tells all processes, as saving one does."""

    def update(self, **kwargs: Any) -> int:
        """Update, and bump the revision in the same transaction; ``bulk_update`` comes by here, too."""
        with transaction.atomic(using=self.db):
            changed = super().update(**kwargs)
            revisions.bump(revisions.TENANTS)
        return changed

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, *args: Any, **kwargs: Any) -> list[Row]:
        """Create, and bump the revision in the same transaction."""
        with transaction.atomic(using=self.db):
            made = super().bulk_create(*args, **kwargs)
            revisions.bump(revisions.TENANTS)
        return made


class BumpingModel(models.Model):
    """A row of the index: saving it is one transaction with the bump that tells all processes.

    Deleting is too, by a signal, which Django sends within the deletion's transaction.
    """

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and bump the revision in the same transaction."""
        with transaction.atomic(using=kwargs.get("using") or router.db_for_write(type(self), instance=self)):
            super().save(*args, **kwargs)
            revisions.bump(revisions.TENANTS)


class Tenant(BumpingModel, TimeStampedModel):
    """A customer: one or more domains, one or more organizations, one state."""

    class State(models.TextChoices):
        """``active``: its sites answer. ``suspended``: they answer 503. ``archived``: they answer 404."""

        ACTIVE = ACTIVE, _("active")
        SUSPENDED = SUSPENDED, _("suspended")
        ARCHIVED = ARCHIVED, _("archived")

    key = models.CharField(
        max_length=100, unique=True, validators=[RegexValidator(KEY_PATTERN, KEY_MEANING)], help_text=KEY_MEANING
    )
    name = models.CharField(max_length=255, help_text=_("What people call it."))
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE, editable=False)

    objects: ClassVar[models.Manager[Tenant]] = BumpingQuerySet.as_manager()

    class Meta:
        ordering = ("key",)
        constraints: ClassVar = [check(models.Q(state__in=[ACTIVE, SUSPENDED, ARCHIVED]), "ccx_tenants_known_state")]

    def __str__(self) -> str:
        return self.key


class TenantDomain(BumpingModel, TimeStampedModel):
    """A host name of a tenant, in its one spelling.

    ``is_primary`` is True or NULL, never False: a unique index ignores NULLs on every database we run on, which makes
    "one primary per tenant and surface" a constraint of the table.
    """

    class Surface(models.TextChoices):
        """``lms`` has a Site of its own; ``alias`` redirects to the tenant's primary LMS domain."""

        LMS = "lms", _("LMS")
        STUDIO = "studio", _("Studio")
        MFE = "mfe", _("MFE")
        ALIAS = "alias", _("alias")

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="domains")
    domain = models.CharField(max_length=253, unique=True)
    surface = models.CharField(max_length=10, choices=Surface.choices, default=Surface.LMS)
    is_primary = models.BooleanField(
        null=True, blank=True, choices=[(True, _("yes")), (None, _("no"))], help_text=_("One per tenant and surface.")
    )
    site = models.OneToOneField(
        Site,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="tenant_domain",
        help_text=_("The site whose configuration applies. Only an LMS domain has one."),
    )

    objects: ClassVar[models.Manager[TenantDomain]] = BumpingQuerySet.as_manager()

    class Meta:
        ordering = ("domain",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "surface", "is_primary"], name="ccx_tenants_one_primary"),
            check(models.Q(is_primary__isnull=True) | models.Q(is_primary=True), "ccx_tenants_primary_true_or_null"),
            check(models.Q(surface__in=["lms", "studio", "mfe", "alias"]), "ccx_tenants_known_surface"),
        ]

    def __str__(self) -> str:
        return self.domain

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save in the one spelling. Raises InvalidDomain where it is no host name."""
        self.domain = normalize_domain(self.domain)
        self.is_primary = self.is_primary or None
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """Bring the domain into its one spelling. Raises ValidationError where it is no host name."""
        try:
            self.domain = normalize_domain(self.domain)
        except InvalidDomain as error:
            raise ValidationError({"domain": str(error)}) from error
        if self.is_primary is False:
            self.is_primary = None


class TenantOrganization(BumpingModel, TimeStampedModel):
    """An organization belongs to at most one tenant.

    ``folded`` is the short name in lower case: unique, so that no two tenants hold names that differ only in case,
    whatever the collation of the organizations' table.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="tenant_organizations")
    organization = models.OneToOneField(Organization, on_delete=models.CASCADE, related_name="tenant_organization")
    folded = models.CharField(max_length=255, unique=True, editable=False)

    objects: ClassVar[models.Manager[TenantOrganization]] = BumpingQuerySet.as_manager()

    class Meta:
        ordering = ("folded",)

    def __str__(self) -> str:
        return self.folded

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, with the folded name taken from the organization."""
        self.folded = fold(self.organization.short_name)
        super().save(*args, **kwargs)


class Revision(models.Model):
    """A number that grows with every change under ``name``. Written by :func:`ccx_tenancy.tenants.revisions.bump`."""

    name = models.CharField(max_length=50, primary_key=True)
    number = models.BigIntegerField(default=first_number)

    def __str__(self) -> str:
        return f"{self.name} {self.number}"


def fold(short_name: str) -> str:
    """Return the form in which organizations are compared: the host compares their names without regard to case."""
    return short_name.lower()


def folded_set(short_names: Iterable[str]) -> frozenset[str]:
    """Return the folded forms of several names."""
    return frozenset(fold(name) for name in short_names)
