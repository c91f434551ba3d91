"""Libraries of the second kind and their teams."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from opaque_keys.edx.locator import LibraryLocatorV2
from organizations.models import Organization


class ContentLibraryManager(models.Manager):
    def get_by_key(self, library_key):
        return self.get(org__short_name=library_key.org, slug=library_key.slug)


class ContentLibrary(models.Model):
    org = models.ForeignKey(Organization, on_delete=models.PROTECT)
    slug = models.SlugField(allow_unicode=True)

    objects = ContentLibraryManager()

    def __str__(self):
        return str(self.library_key)

    @property
    def library_key(self):
        return LibraryLocatorV2(org=self.org.short_name, slug=self.slug)


class ContentLibraryPermission(models.Model):
    library = models.ForeignKey(ContentLibrary, on_delete=models.CASCADE, related_name="permission_grants")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE)
    group = models.ForeignKey(Group, null=True, blank=True, on_delete=models.CASCADE)
    access_level = models.CharField(max_length=30)

    def __str__(self):
        return f"{self.access_level} on {self.library}"
