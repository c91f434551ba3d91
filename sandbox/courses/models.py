"""Courses, as small as the sandbox needs them."""

from __future__ import annotations

from typing import Any

from django.db import models
from opaque_keys.edx.django.models import CourseKeyField


class Course(models.Model):
    """A course, known by its key. ``org`` is the organization in the key, in lower case: organizations compare so."""

    id = CourseKeyField(primary_key=True, max_length=255)  # type: ignore[no-untyped-call]
    org = models.CharField(max_length=255, db_index=True, editable=False)
    display_name = models.CharField(max_length=255)
    short_description = models.TextField(blank=True)
    start = models.DateField()

    class Meta:
        ordering = ("display_name", "id")

    def __str__(self) -> str:
        return self.display_name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, with the organization taken from the key."""
        self.org = self.id.org.lower()
        super().save(*args, **kwargs)
