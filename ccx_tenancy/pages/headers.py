"""What a browser is told about our pages: no script, nothing from elsewhere, no frame around them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.response import HttpResponseBase

#: What the pages themselves need; a project that overrides a template with more sets the header itself, which stays.
_SOURCES = "default-src 'none'; style-src {static}; img-src {static}; font-src {static}; base-uri 'none'"
_RULES = "; frame-ancestors 'none'"
_FORMS = "; form-action 'self'"


def guarded(*, leaves: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a view answer with those headers.

    ``leaves`` says that its form may end on another server: browsers hold the redirects that follow a form to
    ``form-action``. The address of a page is told to this site alone; not even to it would be too little, because a
    browser then hides where a form comes from, too, and Django's protection from forged forms refuses it.
    """

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def answered(*args: Any, **kwargs: Any) -> HttpResponseBase:
            response = view(*args, **kwargs)
            policy = _SOURCES.format(static=_static_source()) + _RULES + ("" if leaves else _FORMS)
            response.headers.setdefault("Content-Security-Policy", policy)
            response.headers.setdefault("X-Frame-Options", "DENY")
            response.headers.setdefault("Referrer-Policy", "same-origin")
            response.headers.setdefault("X-Content-Type-Options", "nosniff")
            return response

        return answered

    return decorate


def _static_source() -> str:
    """Return where our style sheet comes from: this site, and the server of static files where it is another one."""
    parts = urlsplit(settings.STATIC_URL or "")
    return f"'self' {parts.scheme or 'https'}://{parts.netloc}" if parts.netloc else "'self'"
