"""The Site of a request as the host sees it: the one we found, with its configuration as it is now.

The host keeps Sites for 300 seconds, and with each its SiteConfiguration, so a change is not seen even in the process
that made it. Here a Site is kept while its revision stands: each change makes a new object, which asks for its
configuration when it is first used, and nobody sees another request's object change.
"""

from __future__ import annotations

from typing import Any, cast

from django.contrib.sites.models import Site
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from edx_django_utils.cache import RequestCache

from ccx_tenancy.conf import conf
from ccx_tenancy.site_config.freshness import shard_of
from ccx_tenancy.tenants import revisions

_CACHE = "openedx.sites"

#: Where the host keeps, for a request, which configuration is current, without saying of which site.
SITE_CONFIG_NAMESPACE = "site_config"


def bind(request: HttpRequest, site_id: int) -> None:
    """Make the Site of that id the request's. No query where the host found it too, or the process knows it; else one
    when it is first used."""
    found = getattr(request, "site", None)
    if found is not None and found.pk == site_id:
        site: Any = site_of(site_id, found)
    else:
        site = _kept(site_id) or SimpleLazyObject(lambda: site_of(site_id))
        RequestCache(SITE_CONFIG_NAMESPACE).clear()
    request.site = site


def site_of(site_id: int, found: Site | None = None) -> Site:
    """Return the Site in its present state; ``found`` is the host's object of it, where there is one."""
    kept = _kept(site_id)
    if kept is None:
        if found is None:
            manager: Any = Site.objects
            found = cast(Site, revisions.from_any_thread(lambda: manager._get_site_by_id(site_id)))
        view = revisions.view()
        kept = _copy(found)
        _cache(view).put((site_id, view.number(revisions.TENANTS)), view.number(shard_of(site_id)), kept)
    return kept


def _kept(site_id: int) -> Site | None:
    view = revisions.view()
    return _cache(view).get((site_id, view.number(revisions.TENANTS)), view.number(shard_of(site_id)))


def _cache(view: revisions.View) -> revisions.LRU[Site]:
    cache: revisions.LRU[Site] | None = view.caches.get(_CACHE)
    return cache or view.caches.setdefault(_CACHE, revisions.LRU(lambda: conf.values_cache_size))


def _copy(site: Site) -> Site:
    """Return the same row as an object of its own, without the relations that the host has read for it."""
    names = [field.attname for field in site._meta.concrete_fields]
    return type(site).from_db(site._state.db, names, [getattr(site, name) for name in names])
