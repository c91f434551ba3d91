"""Answers that the platform keeps for everybody, in a cache: kept for each tenant's site by itself.

The footer for other services is kept by its language alone, and so the first site that is asked answers for all. Pages
for visitors are kept by the name of the host as it came in the request, which is not the site's where a proxy says the
site in ``X-Forwarded-Host``.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ccx_tenancy.context import current_tenant
from ccx_tenancy.hosts.openedx.targets import Entry, Target

#: Where the platform keeps its footer, and pages for visitors; and what the cache there is called.
FOOTER = "lms.djangoapps.branding.views"
PAGES = "common.djangoapps.util.cache"
CACHE = "cache"


def targets() -> list[Target]:
    """Return what is replaced."""
    return [
        Entry(vars(import_module(FOOTER)), CACHE, ("ConnectionProxy",), OfTheSite),
        Entry(vars(import_module(PAGES)), CACHE, ("BaseCache",), OfTheSite),
    ]


class OfTheSite:
    """A cache in which a tenant's site finds what was kept on that site."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def get(self, key: str, *args: Any, **kwargs: Any) -> Any:
        """Return what was kept."""
        return self._cache.get(_of_the_site(key), *args, **kwargs)

    def set(self, key: str, *args: Any, **kwargs: Any) -> Any:
        """Keep something."""
        return self._cache.set(_of_the_site(key), *args, **kwargs)


def _of_the_site(key: str) -> str:
    tenant = current_tenant()
    return key if tenant is None else f"ccx_tenancy.{tenant.key}.{key}"
