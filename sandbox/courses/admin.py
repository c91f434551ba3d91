"""Courses in the admin."""

from django.contrib import admin

from sandbox.courses.models import Course


@admin.register(Course)
class CourseAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Find a course by its name or organization."""

    list_display = ("display_name", "id", "org", "start")
    list_filter = ("org",)
    search_fields = ("display_name", "org")
