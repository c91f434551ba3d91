"""The app of the Studio surface."""

from django.apps import AppConfig


class StudioConfig(AppConfig):
    """The pages of course authors."""

    name = "sandbox.studio"
    label = "sandbox_studio"
