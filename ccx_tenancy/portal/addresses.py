"""Addresses of the portal's pages, for mails and for other servers. They never come from a request's ``Host``."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from ccx_tenancy.conf import conf

_URLS = "ccx_tenancy.portal.urls"


def absolute(name: str, *args: Any) -> str:
    """Return the address of a page by its name, such as ``order``: under ``PORTAL_URL``, where the portal stands."""
    return conf.portal_url + reverse(name, urlconf=_URLS, args=args)
