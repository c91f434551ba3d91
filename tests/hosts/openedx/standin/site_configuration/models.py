"""The table of site values and its history, written by a receiver as in the host."""

import collections

from django.contrib.sites.models import Site
from django.db import models
from django.db.models.signals import post_save
from django.dispatch import receiver
from jsonfield.fields import JSONField
from model_utils.models import TimeStampedModel


def _values():
    return JSONField(null=False, blank=True, default=dict, load_kwargs={"object_pairs_hook": collections.OrderedDict})


class SiteConfiguration(models.Model):
    site = models.OneToOneField(Site, related_name="configuration", on_delete=models.CASCADE)
    enabled = models.BooleanField(default=False)
    site_values = _values()

    def __str__(self):
        return str(self.site)

    def get_value(self, name, default=None):
        return self.site_values.get(name, default) if self.enabled else default

    @classmethod
    def get_configuration_for_org(cls, org, select_related=None):
        rows = cls.objects.filter(enabled=True)
        for row in rows.select_related(*select_related) if select_related is not None else rows:
            if org in _listed(row):
                return row
        return None

    @classmethod
    def get_value_for_org(cls, org, name, default=None):
        row = cls.get_configuration_for_org(org)
        return default if row is None else row.get_value(name, default)

    @classmethod
    def get_all_orgs(cls):
        return {org for row in cls.objects.filter(enabled=True) for org in _listed(row)}

    @classmethod
    def has_org(cls, org):
        return org in cls.get_all_orgs()


def _listed(row):
    wanted = row.get_value("course_org_filter", [])
    return wanted if isinstance(wanted, list) else [wanted]


class SiteConfigurationHistory(TimeStampedModel):
    site = models.ForeignKey(Site, related_name="configuration_histories", on_delete=models.CASCADE)
    enabled = models.BooleanField(default=False)
    site_values = _values()

    class Meta:
        get_latest_by = "modified"
        ordering = ("-modified", "-created")

    def __str__(self):
        return str(self.site)


@receiver(post_save, sender=SiteConfiguration)
def update_site_configuration_history(sender, instance, created, **kwargs):
    if created or not hasattr(instance, "skip_history_when_saving"):
        SiteConfigurationHistory.objects.create(
            site=instance.site, site_values=instance.site_values, enabled=instance.enabled
        )
