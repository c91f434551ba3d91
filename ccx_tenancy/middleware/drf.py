"""Who a request is, where Django REST framework finds it out inside the view.

A token's user is unknown to middleware: each view resolves it with authenticators of its own. All of them pass one
method of DRF's request, ``_authenticate``, which is wrapped once for the process; where a release has it no more,
``APIView.perform_authentication`` is. A self-test says at start-up which one holds, and refuses to go on with neither.

Only requests that carry judges are touched: what did not come through our middleware is as it was.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, MutableMapping
from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import authentication
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.views import APIView

Judge = Callable[[Request], None]

_JUDGES = "_ccx_tenancy_judges"
_WRAPPED = "_ccx_tenancy_wrapped"
_CLOSURES = 6


_finding_out: ContextVar[bool] = ContextVar("ccx_tenancy_finding_out", default=False)


@contextlib.contextmanager
def finding_out() -> Iterator[None]:
    """Say that the code inside finds out whose a token is: an account that it looks for may be anybody's."""
    token = _finding_out.set(True)
    try:
        yield
    finally:
        _finding_out.reset(token)


def is_finding_out() -> bool:
    """Whether somebody is finding out now who a request is."""
    return _finding_out.get()


def add_judge(request: HttpRequest, judge: Judge) -> None:
    """Have ``judge`` called with the DRF request as soon as DRF knows its user. It may change the user, or raise what
    a view may raise."""
    judges: list[Judge] | None = getattr(request, _JUDGES, None)
    if judges is None:
        judges = []
        setattr(request, _JUDGES, judges)
    judges.append(judge)


def _follow(request: Request) -> None:
    for judge in getattr(request._request, _JUDGES, ()):
        judge(request)


def install() -> str:
    """Wrap DRF's authentication, once for the process, and return the name of what was wrapped.

    Raises ImproperlyConfigured where this release of DRF calls neither of the two methods.
    """
    for owner, name in ((Request, "_authenticate"), (APIView, "perform_authentication")):
        if hasattr(owner, name):
            _wrap(owner, name)
            if _is_followed():
                return f"{owner.__name__}.{name}"
    raise ImproperlyConfigured(
        "This release of Django REST framework calls neither Request._authenticate nor"
        " APIView.perform_authentication: the users of tokens cannot be held to their tenant."
    )


def _wrap(owner: Any, name: str) -> None:
    original = getattr(owner, name)
    if getattr(original, _WRAPPED, False):
        return

    @functools.wraps(original)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        with finding_out():
            result = original(self, *args, **kwargs)
        _follow(args[0] if args else self)
        return result

    setattr(wrapper, _WRAPPED, True)
    setattr(owner, name, wrapper)


class _Nobody(authentication.BaseAuthentication):
    def authenticate(self, request: Request) -> None:
        return None


def _is_followed() -> bool:
    """Whether the authentication of a view is seen: tried out with a request of our own."""
    seen: list[Request] = []
    request = HttpRequest()
    add_judge(request, seen.append)
    APIView().perform_authentication(Request(request, authenticators=[_Nobody()]))
    return bool(seen)


def make_anonymous(request: Request) -> None:
    """Make the user of a DRF request what an unauthenticated one is."""
    unauthenticated: Any = request
    defaults: Any = api_settings
    unauthenticated._authenticator = None
    unauthenticated.user = defaults.UNAUTHENTICATED_USER() if defaults.UNAUTHENTICATED_USER else None
    unauthenticated.auth = defaults.UNAUTHENTICATED_TOKEN() if defaults.UNAUTHENTICATED_TOKEN else None


def view_class(view: Any) -> type[APIView] | None:
    """Return the class of a DRF view, also where a decorator hides it in a closure; None for other views."""
    try:
        return _classes[view]
    except (KeyError, TypeError):
        found = _find_class(view)
    with contextlib.suppress(TypeError):  # Not every callable can be remembered.
        _classes[view] = found
    return found


_classes: MutableMapping[Any, type[APIView] | None] = WeakKeyDictionary()


def _find_class(view: Any) -> type[APIView] | None:
    left = [view]
    for _ in range(_CLOSURES):
        deeper: list[Any] = []
        for function in left:
            found = getattr(function, "cls", None) or getattr(function, "view_class", None)
            if isinstance(found, type) and issubclass(found, APIView):
                return found
            if (wrapped := getattr(function, "__wrapped__", None)) is not None:
                deeper.append(wrapped)
            for cell in getattr(function, "__closure__", None) or ():
                try:
                    content = cell.cell_contents
                except ValueError:  # Not filled yet.
                    continue
                if isinstance(content, type) and issubclass(content, APIView):
                    return content
                if callable(content):
                    deeper.append(content)
        left = deeper
    return None


def asks_in_its_own_way(cls: type[APIView]) -> bool:
    """Whether a view has a ``perform_authentication`` of its own, which may never ask who it is."""
    return cls.perform_authentication is not APIView.perform_authentication


def answer(error: Exception, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
    """Return what a DRF view would answer had it raised ``error`` itself: the host's exception handler, the renderer
    that was negotiated, the view's headers. None where it cannot be asked."""
    cls = getattr(view, "cls", None)
    if not (isinstance(cls, type) and issubclass(cls, APIView)):
        return None
    instance: Any = cls(**getattr(view, "initkwargs", {}))
    actions: Any = getattr(view, "actions", None)
    if actions is not None:
        instance.action_map = actions
        for method, action in actions.items():
            setattr(instance, method, getattr(instance, action))
    instance.setup(request, *args, **kwargs)
    instance.request = drf_request = instance.initialize_request(request, *args, **kwargs)
    instance.headers = instance.default_response_headers
    response = instance.handle_exception(error)
    instance.response = instance.finalize_response(drf_request, response, *args, **kwargs)
    found: HttpResponseBase = instance.response
    return found
