"""Our editor of site values over the host's own table, in the place of the host's plain form.

The host's admin of the history stays: it shows the same rows.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin

from ccx_tenancy.conf import conf
from ccx_tenancy.hosts.openedx import OpenEdxHost
from ccx_tenancy.hosts.openedx.values import HostTable
from ccx_tenancy.site_config.admin import SiteValuesAdmin


class HostValuesAdmin(SiteValuesAdmin):
    """The host's configurations of sites: edited, reviewed, published, looked back at and undone."""

    def is_in_use(self) -> bool:
        """Whether the host's table is where site values are kept."""
        return isinstance(conf.host.site_values, HostTable)


def register(site: admin.AdminSite) -> None:
    """Put our editor in the place of the host's form on an admin site, where our adapter is the one in use."""
    model: Any = apps.get_model("site_configuration.SiteConfiguration")
    if not isinstance(conf.host, OpenEdxHost):
        return
    if site.is_registered(model):
        site.unregister(model)
    site.register(model, HostValuesAdmin)


register(admin.site)
