"""The app of courses."""

from django.apps import AppConfig


class CoursesConfig(AppConfig):
    """Courses, and the data that the sandbox starts with."""

    name = "sandbox.courses"
    label = "sandbox_courses"
    verbose_name = "Sandbox"
