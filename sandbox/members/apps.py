"""The app of members."""

from django.apps import AppConfig


class MembersConfig(AppConfig):
    """Who belongs to a tenant, and how one is invited and comes in."""

    name = "sandbox.members"
    label = "sandbox_members"
