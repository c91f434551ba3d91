"""The app of the LMS surface."""

from django.apps import AppConfig


class LmsConfig(AppConfig):
    """The pages of learners."""

    name = "sandbox.lms"
    label = "sandbox_lms"
