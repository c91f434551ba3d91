"""Plain Django: our own tables, Django's Site."""

from __future__ import annotations

from typing import Any

from django.contrib.sites.models import Site
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from ccx_tenancy.conf import conf
from ccx_tenancy.site_config.store import OwnTable


class StandaloneHost:
    """The host where there is no Open edX: site values in our own table."""

    def __init__(self) -> None:
        self.site_values = OwnTable()

    def surface(self, request: HttpRequest) -> str:
        """Return the surface that ``CCX_TENANCY["SURFACE"]`` says."""
        return conf.surface

    def bind_site(self, request: HttpRequest, site_id: int) -> None:
        """Set ``request.site`` to the Site, read when it is first used and then kept by Django's own cache."""
        site: Any = SimpleLazyObject(lambda: Site.objects._get_site_by_id(site_id))  # type: ignore[attr-defined]
        request.site = site
