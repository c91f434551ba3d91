"""A signed-in user acts only where a membership allows it."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import LazyObject, SimpleLazyObject, empty
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from ccx_tenancy.audit import api as audit
from ccx_tenancy.conf import conf
from ccx_tenancy.context import TenantContext
from ccx_tenancy.membership import api as membership
from ccx_tenancy.middleware import answers, drf
from ccx_tenancy.partition.policy import is_operator

REFUSE = "refuse"

_ACCESS = "_ccx_tenancy_access"


class TenantAccessMiddleware:
    """On a tenant's site everybody is anonymous who is no active member of that tenant.

    It holds for sessions and for what middleware above makes of a cookie, for tokens that DRF resolves inside the
    view, and for authenticators given to :func:`guard_authenticator`. The session itself is left alone: it stays good
    where it was made. ``ACCESS_DENIED`` can say ``"refuse"``: then such a request is answered 403. Platform operators
    pass, which the audit record says once per session, tenant and ``OPERATOR_PASS_SECONDS``. A view with an attribute
    ``answers_nobody`` is answered to everybody, as to somebody anonymous: how else would one become a member?

    Place it directly below the authentication. The user is looked at when somebody else asks for the user, and the
    memberships come from memory: it adds no query.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        drf.install()
        _guard_known_authenticators()

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Watch the user of the request."""
        if self._is_async:
            return self._acall(request)
        access = _watch(request)
        response: HttpResponseBase = self.get_response(request)
        if access is not None:
            access.record()
        return response

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        access = _watch(request)
        response: HttpResponseBase = await self.get_response(request)
        if access is not None and access.operator is not None:
            await sync_to_async(access.record)()
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        """Look again: middleware may have set another user since, in a process_view of its own. Refuse, if asked to."""
        access: _Access | None = getattr(request, _ACCESS, None)
        if access is None:
            return None
        access.watch()
        if conf.access_denied != REFUSE or getattr(view, "answers_nobody", False):
            return None
        # Looked at once more than needed where the view does not ask who it is.
        _ = bool(getattr(request, "user", None) and request.user.is_authenticated)
        return answers.refuse(request, view, args, kwargs, status=403) if access.denied else None


class _Access:
    """What one request on a tenant's site is allowed."""

    def __init__(self, request: HttpRequest, tenant: TenantContext) -> None:
        self.request = request
        self.tenant = tenant
        self.denied = False
        self.operator: Any = None
        self._user: Any = None
        self._auser: Any = None

    def watch(self) -> None:
        """Put a judged user in the place of the request's, unless it is one already."""
        request: Any = self.request
        user = getattr(request, "user", None)
        if user is not None and user is not self._user:
            self._user = request.user = SimpleLazyObject(lambda: self.judged(_unwrapped(user)))
        auser = getattr(request, "auser", None)
        if auser is not None and auser is not self._auser:

            async def judged_auser() -> Any:
                return self.judged(await auser())

            self._auser = request.auser = judged_auser

    def judged(self, user: Any) -> Any:
        """Return the user, or an anonymous one in the place of somebody who is no member here."""
        return user if self.admits(user) else AnonymousUser()

    def admits(self, user: Any) -> bool:
        """Whether the user may be somebody here; notes an operator's pass and a refusal."""
        if user is None or not user.is_authenticated:
            return True
        if is_operator(user):
            self.operator = user
            return True
        if membership.is_member(user, self.tenant):
            return True
        self.denied = True
        return False

    def judge(self, request: Request) -> None:
        """Judge the user whom DRF has found. Raises PermissionDenied where the setting says so."""
        if not self.admits(request.user):
            if conf.access_denied == REFUSE:
                raise PermissionDenied
            drf.make_anonymous(request)

    def record(self) -> None:
        """Write an operator's pass into the audit record, once in a while; outside of the view's transaction."""
        if self.operator is None or audit.is_recorded_pass(self.request, self.tenant.key):
            return
        session = getattr(self.request, "session", None)
        visit = f"{self.tenant.key}\n{self.operator.pk}\n{getattr(session, 'session_key', None) or ''}"
        if _is_new(hashlib.sha256(visit.encode()).hexdigest()):
            target = self.tenant.domain or ""
            audit.record_pass(self.request, tenant_key=self.tenant.key, actor=self.operator, target=target)


def _watch(request: HttpRequest) -> _Access | None:
    tenant, _ = answers.tenant_of(request, "TenantAccessMiddleware")
    if tenant is None:
        return None
    access = _Access(request, tenant)
    setattr(request, _ACCESS, access)
    access.watch()
    drf.add_judge(request, access.judge)
    return access


def _unwrapped(user: Any) -> Any:
    """Return the user behind a lazy one, so that lazy users do not pile up."""
    while isinstance(user, LazyObject):
        if user._wrapped is empty:
            user._setup()
        user = user._wrapped
    return user


def guard_authenticator(cls: Any) -> None:
    """Hold an authenticator class to the tenant where a view calls its ``authenticate(request)`` by hand, outside of
    DRF's own dispatch. Doing it again changes nothing."""
    original = cls.authenticate
    if getattr(original, _ACCESS, False):
        return

    def authenticate(self: Any, request: Any) -> Any:
        with drf.finding_out():
            result = original(self, request)
        access: _Access | None = getattr(getattr(request, "_request", request), _ACCESS, None)
        if not result or access is None or access.admits(result[0]):
            return result
        if conf.access_denied == REFUSE:
            raise PermissionDenied
        return None

    authenticate.__doc__ = original.__doc__
    setattr(authenticate, _ACCESS, True)
    cls.authenticate = authenticate


def _guard_known_authenticators() -> None:
    try:
        from edx_rest_framework_extensions.auth.jwt.authentication import JwtAuthentication
    except ImportError:
        return
    guard_authenticator(JwtAuthentication)


# Which passes were recorded lately: asked of this process first, then of the cache that all share.
_passes: OrderedDict[str, float] = OrderedDict()
_passes_lock = threading.Lock()
_MOST_PASSES = 10_000


def _is_new(visit: str) -> bool:
    seconds = conf.operator_pass_seconds
    now = monotonic()
    with _passes_lock:
        if _passes.get(visit, 0.0) > now:
            return False
        _passes[visit] = now + seconds
        _passes.move_to_end(visit)
        while len(_passes) > _MOST_PASSES:
            _passes.popitem(last=False)
    return cache.add(f"ccx_tenancy.pass.{visit}", 1, timeout=seconds)


def forget_passes() -> None:
    """Forget which passes this process has recorded."""
    with _passes_lock:
        _passes.clear()
