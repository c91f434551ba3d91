"""Requests that name what is somebody else's get the answer of what does not exist."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from ccx_tenancy.middleware import answers, drf
from ccx_tenancy.partition import owners, policy
from ccx_tenancy.partition import requests as requested
from ccx_tenancy.partition.keys import Named
from ccx_tenancy.tenants import revisions

_GATE = "_ccx_tenancy_gate"

#: An attribute of a DRF view's class that is true where the view itself asks whether the keys may be named. Only for
#: views that name keys on behalf of somebody else, such as a seller who orders a CCX for a buyer's organization.
JUDGES_ITSELF = "judges_keys_itself"


class CoursePartitionMiddleware:
    """Looks for the organization of everything that looks like a key: in the path, the route's arguments, the query
    and the body; and answers 404 where it is somebody else's.

    On a tenant's site the site decides: another tenant's keys and the platform's own do not exist there, whoever asks,
    but for platform operators. Elsewhere the user decides (:func:`ccx_tenancy.partition.policy.may_name`). A user whom
    a token names is known inside DRF only, and is judged there.

    A browser that opens a page in Studio with no session is sent to sign in, whether there is anything of that key or
    not: an author whose session has ended gets in by a link.

    It knows the shape of keys and no routes. What belongs to nobody passes, and with no tenant everything does.

    Place it directly below ``TenantAccessMiddleware``, above all middleware that reads the course of a path. A request
    without a body costs a few microseconds and no query.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        drf.install()

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Let the view answer, and make sure that nobody else has answered for it."""
        if self._is_async:
            return self._acall(request)
        gate = _open(request)
        response: HttpResponseBase = self.get_response(request)
        if gate is not None:
            gate.check(response)
        return response

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        gate = _open(request) if revisions.is_fresh() else await sync_to_async(_open)(request)
        response: HttpResponseBase = await self.get_response(request)
        if gate is not None and gate.is_open_question:
            await sync_to_async(gate.check)(response)
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        """Look at the rest of the request, and answer where it is refused."""
        gate: _Gate | None = getattr(request, _GATE, None)
        if gate is None:
            return None
        try:
            gate.look()
        except requested.TooLarge as error:
            gate.is_viewed = True
            return answers.too_large(request, view, args, kwargs, str(error))
        if gate.allows(view):
            return None
        if gate.asks_to_sign_in(view):
            return redirect_to_login(request.get_full_path())
        return answers.refuse(request, view, args, kwargs)


def named_in(request: HttpRequest) -> Sequence[Named]:
    """Return what a request is known to name so far: nothing where the middleware is not used or there is no tenant."""
    gate: _Gate | None = getattr(request, _GATE, None)
    return () if gate is None else gate.all_named


class _Gate:
    """What one request names, and whether it may."""

    __slots__ = ("_known_user_passes", "_site", "all_named", "is_viewed", "named", "request", "surface", "tenant")

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.tenant, self.surface = answers.tenant_of(request, "CoursePartitionMiddleware")
        # The tenant whose site decides, if one does.
        self._site = self.tenant if self.surface != policy.STUDIO else None
        self.named: list[Named] = list(requested.named_in_path(request.path_info))
        # All of it, whoever's it is; ``named`` is what is still to be judged.
        self.all_named = self.named
        self.is_viewed = False
        # Set where DRF's user is still to be judged: whether the user known before would have passed.
        self._known_user_passes: bool | None = None

    @property
    def is_open_question(self) -> bool:
        """Whether the answer is still to be checked."""
        return self._known_user_passes is not None or (bool(self.named) and not self.is_viewed)

    def look(self) -> None:
        """Look at the route's arguments, the query and the body. Raises TooLarge.

        A route of a CCX that somebody bought may be sent blocks of its master course: the host's page for the schedule
        of a CCX calls them so. The CCX itself is judged as ever.
        """
        request = self.request
        match = request.resolver_match
        if match is not None:
            self.named += requested.named_in_route(match, request.path_info)
        masters = owners.masters_of(self.named) if self.surface != policy.STUDIO else frozenset()
        self.named += requested.named_in_query(request)
        in_body = requested.named_in_body(request)
        self.named += owners.without_blocks_of(masters, in_body) if masters else in_body

    def allows(self, view: Any) -> bool:
        """Whether the view may be called; where only DRF will know the user, it may, and the user is judged there."""
        self.is_viewed = True
        if not self.named:
            return True
        cls = drf.view_class(view)
        if getattr(cls, JUDGES_ITSELF, False):
            return True
        if self._site is not None:
            self.named = policy.foreign_to(self._site, self.named)
        else:
            self.named = policy.known(self.named)
        if not self.named:
            return True
        passes = self._passes(self._user)
        if cls is None:
            return passes
        if "HTTP_AUTHORIZATION" not in self.request.META:
            # Only an operator passes on a site: one with a token, at most, is not known yet.
            if self._site is not None:
                return passes
            if not passes and drf.asks_in_its_own_way(cls):
                return False
        self._known_user_passes = passes
        drf.add_judge(self.request, self._judge)
        return True

    def asks_to_sign_in(self, view: Any) -> bool:
        """Whether a refusal is that of a page in Studio to a browser of somebody who may be anybody."""
        return (
            self.surface == policy.STUDIO
            and self.request.method in ("GET", "HEAD")
            and not getattr(self._user, "is_authenticated", False)
            and "HTTP_AUTHORIZATION" not in self.request.META
            and drf.view_class(view) is None
            and "text/html" in self.request.META.get("HTTP_ACCEPT", "")
        )

    @property
    def _user(self) -> Any:
        return getattr(self.request, "user", None)

    def _passes(self, user: Any) -> bool:
        if self._site is not None:
            return policy.is_operator(user)
        surface = policy.STUDIO if self.surface == policy.STUDIO else policy.LMS
        return policy.may_name(user, self.named, surface, self.tenant)

    def _judge(self, request: Request) -> None:
        self._known_user_passes = None
        if not self._passes(request.user):
            raise Http404

    def check(self, response: HttpResponseBase) -> None:
        """Raise Http404 where an answer was given that nobody has judged: by middleware that answers in the place of
        the views, or by a DRF view that never asked who it is, to somebody who would not have passed."""
        if self._known_user_passes is not None:
            refused = not self._known_user_passes
        elif self.named and not self.is_viewed:
            if response.status_code == 404 or _is_preflight(self.request, response):
                return
            if self._site is not None:
                self.named = policy.foreign_to(self._site, self.named)
            else:
                self.named = policy.known(self.named)
            refused = bool(self.named) and not self._passes(self._user)
        else:
            return
        if refused:
            _release(response)
            raise Http404


def _release(response: HttpResponseBase) -> None:
    """Close what an answer that is not sent holds open, such as a file.

    Its own ``close`` would also announce the end of the request, in the middle of it: Django closes database
    connections then, and others empty their caches.
    """
    closers: list[Callable[[], object]] = getattr(response, "_resource_closers", [])
    while closers:
        with suppress(Exception):
            closers.pop()()


def _open(request: HttpRequest) -> _Gate | None:
    if not policy.has_tenants():
        return None
    gate = _Gate(request)
    setattr(request, _GATE, gate)
    return gate


def _is_preflight(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether this is the empty answer to a browser that asks whether it may ask."""
    return request.method == "OPTIONS" and not response.streaming and not getattr(response, "content", b"")
