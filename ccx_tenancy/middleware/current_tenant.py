"""The tenant of a request, by its host name."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponsePermanentRedirect,
)
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve
from django.utils import translation

from ccx_tenancy.conf import conf
from ccx_tenancy.context import ARCHIVED, SUSPENDED, Enter, Pieces, Scope, TenantContext, push, remove
from ccx_tenancy.middleware import answers, drf
from ccx_tenancy.partition.picking import PICK_COOKIE, pick_of
from ccx_tenancy.partition.policy import STUDIO
from ccx_tenancy.site_config import snapshots
from ccx_tenancy.site_config.api import PREVIEW_COOKIE, draft_of_cookie
from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.index import HostEntry, index, platform_site_id, platform_site_ids

RETRY_AFTER_SECONDS = 3600


class CurrentTenantMiddleware:
    """Makes the tenant that answers on the request's host name current, for the view and for a streamed answer.

    The request gets ``tenant`` (a TenantContext or None) and ``tenancy_surface`` (``lms``, ``studio``, ``mfe``); its
    Site is the tenant's. An alias redirects to the primary LMS domain with path and query kept; a suspended tenant
    answers 503 with a page of its own, an archived one 404. A host name of no tenant has no tenant, never the one of
    the request before.

    Place it above everything that asks for the tenant or a site value, after ``CurrentSiteMiddleware`` where that is
    used. It asks no database while the index is warm.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer, or let the view answer inside the tenant."""
        if self._is_async:
            return self._acall(request)
        scope, answer = _enter(request)
        if answer is not None:
            return answer
        push(scope)
        try:
            return _finish(request, scope, self.get_response(request))
        finally:
            remove(scope)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        # One visit to a thread reads whatever is stale, so that neither entering nor get_value asks in the loop.
        if revisions.is_fresh() and PREVIEW_COOKIE not in request.COOKIES:
            scope, answer = _enter(request)
        else:
            scope, answer = await sync_to_async(_enter)(request)
        if answer is not None:
            return answer
        push(scope)
        try:
            if scope.site_id is not None and scope.preview is None:
                await _warm(scope.site_id)
            return _finish(request, scope, await self.get_response(request))
        finally:
            remove(scope)


async def _warm(site_id: int) -> None:
    if not snapshots.is_warm(site_id):
        await sync_to_async(snapshots.snapshot_of)(site_id)


def _enter(request: HttpRequest) -> tuple[Scope, HttpResponseBase | None]:
    host = raw_host(request)
    tenant = index().hosts.get(host)
    entry = HostEntry(tenant, "lms") if tenant is not None else index().entry(host)
    if entry is None:
        scope = Scope(None, _platform_site(host))
        request.tenant = None  # type: ignore[attr-defined]
        request.tenancy_surface = conf.host.surface(request)  # type: ignore[attr-defined]
        if PICK_COOKIE in request.COOKIES and request.tenancy_surface == STUDIO:  # type: ignore[attr-defined]
            scope.pick = pick_of(request.COOKIES[PICK_COOKIE])
    else:
        scope = Scope(entry.tenant, entry.tenant.site_id)
        request.tenant = entry.tenant  # type: ignore[attr-defined]
        request.tenancy_surface = "lms" if entry.surface == "alias" else entry.surface  # type: ignore[attr-defined]
    if scope.site_id is not None:
        conf.host.bind_site(request, scope.site_id)
    answer = _answer_instead(request, entry) if entry is not None else None
    if answer is None and scope.site_id is not None and PREVIEW_COOKIE in request.COOKIES:
        scope.preview = draft_of_cookie(request.COOKIES[PREVIEW_COOKIE], scope.site_id)
    return scope, answer


def raw_host(request: HttpRequest) -> str:
    """Return the host name the client asked for as it came, by the same rule as ``request.get_host()`` but without
    judging it; an empty text where there is none."""
    if settings.USE_X_FORWARDED_HOST and "HTTP_X_FORWARDED_HOST" in request.META:
        return cast(str, request.META["HTTP_X_FORWARDED_HOST"])
    return cast(str, request.META.get("HTTP_HOST") or request.META.get("SERVER_NAME") or "")


def _platform_site(host: str) -> int | None:
    """Return the Site of a host name of no tenant: its own, else the default site, unless that is a tenant's."""
    site_id = platform_site_id(host)
    if site_id is None:
        default: int | None = getattr(settings, "SITE_ID", None)
        return default if default in platform_site_ids() else None
    return site_id


def _answer_instead(request: HttpRequest, entry: HostEntry) -> HttpResponseBase | None:
    tenant = entry.tenant
    if tenant.state == ARCHIVED:
        return _page(request, tenant, "archived", 404)
    if tenant.state == SUSPENDED:
        answer = _page(request, tenant, "suspended", 503)
        answer["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return answer
    if entry.redirect_to is not None:
        return _redirect(request, entry.redirect_to)
    return None


def _page(request: HttpRequest, tenant: TenantContext, state: str, status: int) -> HttpResponse:
    with Enter(tenant), translation.override(_language(request, tenant)):
        values = snapshots.current().values
        name = values.get("PLATFORM_NAME") or values.get("platform_name") or tenant.domain or tenant.key
        answer: HttpResponse
        if answers.wants_json(request) or _is_of_an_api(request):
            answer = answers.problem(status, "This site is suspended." if state == SUSPENDED else "")
        else:
            context = {"platform_name": name, "tenant": tenant, "values": values}
            answer = HttpResponse(render_to_string(f"ccx_tenancy/{state}.html", context), status=status)
    answer["Cache-Control"] = "no-store"
    return answer


def _is_of_an_api(request: HttpRequest) -> bool:
    """Whether a DRF view would have answered, to somebody who does not ask for a page."""
    if "text/html" in request.headers.get("Accept", ""):
        return False
    try:
        return drf.view_class(resolve(request.path_info, getattr(request, "urlconf", None)).func) is not None
    except Resolver404:
        return False


def _language(request: HttpRequest, tenant: TenantContext) -> str:
    """Return the language of the tenant's site, or of the browser where the site names none that is installed."""
    wanted = snapshots.snapshot_of(tenant.site_id).values.get("LANGUAGE_CODE") if tenant.site_id else None
    if isinstance(wanted, str):
        with contextlib.suppress(LookupError):
            return translation.get_supported_language_variant(wanted)
    return translation.get_language_from_request(request)


def _redirect(request: HttpRequest, domain: str) -> HttpResponse:
    host = raw_host(request)
    port = host.rpartition(":")[2] if ":" in host and not host.endswith("]") else ""
    port = port if port.isdecimal() and 0 < int(port) < 65536 else ""
    location = f"{request.scheme}://{domain}{':' + port if port else ''}{request.get_full_path()}"
    answer = HttpResponsePermanentRedirect(location)
    if request.method not in ("GET", "HEAD"):
        answer.status_code = 308  # Unlike 301 it keeps method and body.
    return answer


def _finish(request: HttpRequest, scope: Scope, response: HttpResponseBase) -> HttpResponseBase:
    if scope.preview is not None:
        response["Cache-Control"] = "private, no-store"
    if response.streaming:
        stream, held = cast(Any, response), Pieces()
        keep = _streamed_async if stream.is_async else _streamed
        # What is left of the content when nobody reads on is closed inside the tenant, too.
        stream._resource_closers = [partial(_close, scope, held, closer) for closer in stream._resource_closers]
        # The content itself: what Django wraps around it does not pass the closing of an async generator on.
        stream.streaming_content = keep(scope, held, stream._iterator)
    return response


def _close(scope: Scope, held: Pieces, closer: Callable[[], object]) -> None:
    with held.piece(scope):
        closer()


def _streamed(scope: Scope, held: Pieces, content: Iterator[bytes]) -> Iterator[bytes]:
    """Give each piece of a streamed answer inside the tenant; between pieces the server sees none."""
    content = iter(content)
    while True:
        try:
            with held.piece(scope):
                piece = next(content)
        except StopIteration:
            return
        yield piece


async def _streamed_async(scope: Scope, held: Pieces, content: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    pieces = aiter(content)
    try:
        while True:
            try:
                with held.piece(scope):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            yield piece
    finally:
        if (close := getattr(pieces, "aclose", None)) is not None:
            with held.piece(scope):
                await close()
