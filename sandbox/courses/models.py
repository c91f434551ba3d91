"""Courses, as small as the sandbox needs them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from opaque_keys.edx.django.models import CourseKeyField


class Course(models.Model):
    """A course, known by its key. ``org`` is the organization in the key, in lower case: organizations compare so."""

    id = CourseKeyField(primary_key=True, max_length=255)  # type: ignore[no-untyped-call]
    org = models.CharField(max_length=255, db_index=True, editable=False)
    display_name = models.CharField(max_length=255)
    short_description = models.TextField(blank=True)
    start = models.DateField()
    overview = models.TextField(blank=True)
    # The parts that can be bought alone: {"locator", "title", "subchapters"} each, in order.
    chapters = models.JSONField(default=list, blank=True)
    # Whether custom courses may be made of it, and the address of the connector that sells them.
    enable_ccx = models.BooleanField(default=False)
    ccx_connector = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ("display_name", "id")

    def __str__(self) -> str:
        return self.display_name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, with the organization taken from the key."""
        self.org = self.id.org.lower()
        super().save(*args, **kwargs)


class CustomCourse(models.Model):
    """A custom course (CCX) that was made of a course, for a coach."""

    master = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="custom_courses")
    coach = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    display_name = models.CharField(max_length=255)
    seats = models.PositiveIntegerField()
    # Locators of the chapters it has; none: all of them.
    chapters = models.JSONField(default=None, null=True)
    start = models.DateTimeField()
    due = models.DateTimeField(null=True)

    class Meta:
        ordering = ("display_name", "id")

    def __str__(self) -> str:
        return self.display_name

    @property
    def key(self) -> str:
        """Its key, made of its master's and its number."""
        return f"ccx-v1:{str(self.master_id).partition(':')[2]}+ccx@{self.pk}"


class Enrollment(models.Model):
    """A learner's seat in a custom course."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    custom_course = models.ForeignKey(CustomCourse, on_delete=models.CASCADE, related_name="enrollments")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "custom_course"], name="sandbox_one_seat_each")]

    def __str__(self) -> str:
        return f"{self.user} in {self.custom_course}"


class ServiceAccount(models.Model):
    """Another service that signs in by client credentials, and the user it acts as."""

    client_id = models.CharField(max_length=255, unique=True)
    secret_hash = models.CharField(max_length=255)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return self.client_id
