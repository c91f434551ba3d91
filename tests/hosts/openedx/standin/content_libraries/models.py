"""Libraries of the second kind and their teams."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from organizations.models import Organization


class ContentLibrary(models.Model):
    org = models.ForeignKey(Organization, on_delete=models.PROTECT)
    slug = models.SlugField(allow_unicode=True)

    def __str__(self):
        return f"lib:{self.org.short_name}:{self.slug}"


class ContentLibraryPermission(models.Model):
    library = models.ForeignKey(ContentLibrary, on_delete=models.CASCADE, related_name="permission_grants")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE)
    group = models.ForeignKey(Group, null=True, blank=True, on_delete=models.CASCADE)
    access_level = models.CharField(max_length=30)

    def __str__(self):
        return f"{self.access_level} on {self.library}"
