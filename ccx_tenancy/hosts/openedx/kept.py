"""Answers that the platform keeps for everybody, in a cache: kept for each tenant's site by itself.

The footer for other services is kept by its language alone, and so the first site that is asked answers for all. Pages
for visitors are kept by the name of the host as it came in the request, which is not the site's where a proxy says the
site in ``X-Forwarded-Host``. Those, and whatever else is kept by Django's ``cache_page`` (the configuration of MFEs,
for five minutes), are kept on a tenant's site under its present values: a change is seen at once. What a draft looks
like is not kept at all.

Answers to open assessments are kept by their ids, which name no course: behind the cache stand tables that are cut.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import crum
from django.conf import settings

from ccx_tenancy.context import current_scope, current_tenant
from ccx_tenancy.hosts.openedx.targets import Entry, Target
from ccx_tenancy.site_config.freshness import shard_of
from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.index import index

#: Where the platform keeps its footer, pages for visitors, and answers; and what the cache there is called.
FOOTER = "lms.djangoapps.branding.views"
PAGES = "common.djangoapps.util.cache"
ANSWERS = "submissions.api"
CACHE = "cache"
#: Where Django keeps whole pages, and where it makes the keys under which it does.
DJANGO_PAGES = "django.middleware.cache"
DJANGO_KEYS = "django.utils.cache"

#: Where a request remembers under which numbers it looked first: what it makes then may be newer, and never older.
_NUMBERS = "_ccx_tenancy_kept_under"


def targets() -> list[Target]:
    """Return what is replaced."""
    pages, keys = import_module(DJANGO_PAGES), import_module(DJANGO_KEYS)
    learned = ("request", "response", "cache_timeout", "key_prefix", "cache")
    return [
        Entry(vars(import_module(FOOTER)), CACHE, ("ConnectionProxy",), OfTheSite),
        Entry(vars(import_module(PAGES)), CACHE, ("BaseCache",), OfTheSite),
        Entry(vars(import_module(ANSWERS)), CACHE, ("ConnectionProxy",), OfTheTenant),
        Target(pages.FetchFromCacheMiddleware, "process_request", ("self", "request"), _make_process_request),
        Target(keys, "get_cache_key", ("request", "key_prefix", "method", "cache"), _make_get_cache_key),
        Target(keys, "learn_cache_key", learned, _make_learn_cache_key),
    ]


class _Kept:
    """A cache, with all that it has."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)


class OfTheTenant(_Kept):
    """A cache in which a tenant's sites find what was kept on one of them."""

    def get(self, key: str, *args: Any, **kwargs: Any) -> Any:
        """Return what was kept."""
        return self._cache.get(_of_the_tenant(key), *args, **kwargs)

    def set(self, key: str, *args: Any, **kwargs: Any) -> Any:
        """Keep something."""
        return self._cache.set(_of_the_tenant(key), *args, **kwargs)

    def delete(self, key: str, *args: Any, **kwargs: Any) -> Any:
        """Forget what was kept: by this tenant, or by the platform for all of them, and by the platform."""
        tenant = current_tenant()
        tenants = index().tenants.values() if tenant is None else (tenant,)
        return self._cache.delete_many([key, *(_at(one.key, key) for one in tenants)], *args, **kwargs)


def _of_the_tenant(key: str) -> str:
    tenant = current_tenant()
    return key if tenant is None else _at(tenant.key, key)


def _at(place: str, key: str) -> str:
    return f"ccx_tenancy.{place}.{key}"


class OfTheSite(_Kept):
    """A cache in which a tenant's site finds what was kept on that very site since its values were changed, and a draft
    finds and leaves nothing."""

    def get(self, key: str, default: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Return what was kept."""
        return default if _is_preview() else self._cache.get(_of_the_site(key), default, *args, **kwargs)

    def set(self, key: str, *args: Any, **kwargs: Any) -> Any:
        """Keep something."""
        return None if _is_preview() else self._cache.set(_of_the_site(key), *args, **kwargs)

    def delete(self, key: str, *args: Any, **kwargs: Any) -> Any:
        """Forget what was kept on this site."""
        return self._cache.delete(_of_the_site(key), *args, **kwargs)


def _is_preview() -> bool:
    scope = current_scope()
    return scope is not None and scope.preview is not None


def _of_the_site(key: str) -> str:
    tenant = current_tenant()
    if tenant is None or tenant.site_id is None:
        return _of_the_tenant(key)
    return _at(".".join(map(str, (tenant.key, tenant.site_id, *_numbers_of(tenant.site_id)))), key)


def _numbers_of(site_id: int) -> tuple[int, int]:
    view = revisions.view()
    now = view.number(revisions.TENANTS), view.number(shard_of(site_id))
    request: Any = crum.get_current_request()
    if request is None:
        return now
    looked_under: dict[int, tuple[int, int]] = request.__dict__.setdefault(_NUMBERS, {})
    return looked_under.setdefault(site_id, now)


def _make_process_request(original: Any) -> Any:
    def process_request(self: Any, request: Any) -> Any:
        if _is_preview():
            request._cache_update_cache = False
            return None
        return original(self, request)

    return process_request


def _make_get_cache_key(original: Any) -> Any:
    def get_cache_key(request: Any, key_prefix: Any = None, method: str = "GET", cache: Any = None) -> Any:
        return original(request, _prefix(key_prefix), method, cache)

    return get_cache_key


def _make_learn_cache_key(original: Any) -> Any:
    def learn_cache_key(
        request: Any, response: Any, cache_timeout: Any = None, key_prefix: Any = None, cache: Any = None
    ) -> Any:
        return original(request, response, cache_timeout, _prefix(key_prefix), cache)

    return learn_cache_key


def _prefix(given: str | None) -> str:
    return _of_the_site(settings.CACHE_MIDDLEWARE_KEY_PREFIX if given is None else given)
