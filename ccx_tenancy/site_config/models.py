"""The tables of the room, for hosts that have none of their own. Other rooms use ``ccx_tenancy.site_config.api``."""

from __future__ import annotations

from collections.abc import Set
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.sites.models import Site
from django.db import IntegrityError, models, router, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from jsonfield import JSONField
from model_utils.models import TimeStampedModel

from ccx_tenancy.errors import StaleRevision
from ccx_tenancy.site_config.freshness import bump_site, bump_sites
from ccx_tenancy.tenants.telling import TellingQuerySet


class SiteConfigurationQuerySet(TellingQuerySet["SiteConfiguration"]):
    """Writing many rows at once tells all processes; a history it has not: that is what ``set_site_values`` is for."""

    concerns = "site_id"

    def tell(self, concerned: Set[int]) -> None:
        """Bump the revisions of those sites."""
        bump_sites(concerned)


class SiteConfiguration(TimeStampedModel):
    """The JSON values of one site. Every change is a new revision, with its history, in one transaction."""

    site = models.OneToOneField(Site, on_delete=models.CASCADE, related_name="tenancy_configuration")
    enabled = models.BooleanField(default=True, help_text=_("A disabled configuration has no values."))
    site_values = JSONField(default=dict, blank=True)
    revision = models.PositiveIntegerField(default=0, editable=False)

    objects = SiteConfigurationQuerySet.as_manager()

    class Meta:
        verbose_name = _("site configuration")
        verbose_name_plural = _("site configurations")

    def __str__(self) -> str:
        return f"{self.site.domain} (revision {self.revision})"

    def save(self, *args: Any, actor: Any = None, reason: str = "", **kwargs: Any) -> None:
        """Save as the next revision, with its history. Raises StaleRevision where another writer was faster."""
        using = kwargs.get("using") or router.db_for_write(type(self), instance=self)
        self.revision += 1
        try:
            with transaction.atomic(using=using):
                super().save(*args, **kwargs)
                SiteConfigurationRevision.objects.using(using).create(
                    site=self.site,
                    revision=self.revision,
                    enabled=self.enabled,
                    site_values=self.site_values,
                    actor_id=getattr(actor, "pk", None),
                    actor_name=actor.get_username() if actor is not None else "",
                    reason=reason[:255],
                )
                bump_site(self.site_id)
        except IntegrityError:
            self.revision -= 1
            found = SiteConfigurationRevision.objects.using(using).filter(site=self.site).first()
            if found is None or found.revision <= self.revision:
                raise
            raise StaleRevision(
                f"The configuration of {self.site.domain} is at revision {found.revision} by now, not"
                f" {self.revision}; read it again.",
                expected=self.revision,
                actual=found.revision,
            ) from None

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete, and bump the site's revision in the same transaction. The history stays."""
        with transaction.atomic(using=kwargs.get("using") or router.db_for_write(type(self), instance=self)):
            deleted = super().delete(*args, **kwargs)
            bump_site(self.site_id)
        return deleted


class SiteConfigurationRevision(models.Model):
    """The values of a site after one change: who made it, when and why. Never changed."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="tenancy_revisions")
    revision = models.PositiveIntegerField()
    enabled = models.BooleanField()
    site_values = JSONField(default=dict)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    actor_name = models.CharField(max_length=150, blank=True)
    reason = models.CharField(max_length=255, blank=True)
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-revision",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "revision"], name="ccx_site_config_one_revision")
        ]

    def __str__(self) -> str:
        return f"revision {self.revision}"


class SiteConfigurationDraft(TimeStampedModel):
    """What somebody is preparing for a site: values, and the revision they started from. One for each author."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="tenancy_drafts")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    site_values = JSONField(default=dict)
    base_revision = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["site", "author"], name="ccx_site_config_one_draft")]

    def __str__(self) -> str:
        return f"draft on revision {self.base_revision}"
