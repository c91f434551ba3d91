"""Answers that the platform keeps for everybody, in a cache: kept for each tenant's site by itself.

The footer for other services is kept by its language alone, and so the first site that is asked answers for all. Pages
for visitors are kept by the name of the host as it came in the request, which is not the site's where a proxy says the
site in ``X-Forwarded-Host``. Answers to open assessments are kept by their ids, which name no course: behind the cache
stand tables that are cut.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ccx_tenancy.context import current_tenant
from ccx_tenancy.hosts.openedx.targets import Entry, Target
from ccx_tenancy.tenants.index import index

#: Where the platform keeps its footer, pages for visitors, and answers; and what the cache there is called.
FOOTER = "lms.djangoapps.branding.views"
PAGES = "common.djangoapps.util.cache"
ANSWERS = "submissions.api"
CACHE = "cache"


def targets() -> list[Target]:
    """Return what is replaced."""
    return [
        Entry(vars(import_module(FOOTER)), CACHE, ("ConnectionProxy",), OfTheSite),
        Entry(vars(import_module(PAGES)), CACHE, ("BaseCache",), OfTheSite),
        Entry(vars(import_module(ANSWERS)), CACHE, ("ConnectionProxy",), OfTheSite),
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

    def delete(self, key: str, *args: Any, **kwargs: Any) -> Any:
        """Forget what was kept: on this site, or by the platform on all of them, and by the platform."""
        tenant = current_tenant()
        tenants = index().tenants.values() if tenant is None else (tenant,)
        return self._cache.delete_many([key, *(_at(one.key, key) for one in tenants)], *args, **kwargs)


def _of_the_site(key: str) -> str:
    tenant = current_tenant()
    return key if tenant is None else _at(tenant.key, key)


def _at(tenant: str, key: str) -> str:
    return f"ccx_tenancy.{tenant}.{key}"
