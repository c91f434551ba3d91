"""The app of memberships and invitations."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MembershipConfig(AppConfig):
    """Label ``ccx_membership``."""

    name = "ccx_tenancy.membership"
    label = "ccx_membership"
    verbose_name = _("Membership")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the signals."""
        from ccx_tenancy.membership import receivers  # noqa: F401
