"""Look at a draft on its own site: the admin may run under another host name, whose cookies the site never gets."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from ccx_tenancy.conf import conf
from ccx_tenancy.context import current_scope
from ccx_tenancy.site_config.api import PREVIEW_COOKIE, draft_of_cookie


@never_cache
@require_GET
def preview(request: HttpRequest) -> HttpResponse:
    """Take the signed value of ``?token=`` as this site's preview cookie, and lead to the site's first page.

    A value that is forged, too old, of another site or of a draft that is gone gets 403 and no cookie.
    """
    token = request.GET.get("token", "")
    scope = current_scope()
    site_id = scope.site_id if scope is not None else None
    if site_id is None or draft_of_cookie(token, site_id) is None:
        message = _(
            "This preview link is not good (any more) on this site: it is for one draft on its own site, and for a"
            " limited time. Press Preview in the admin again."
        )
        return HttpResponse(message, status=403, content_type="text/plain; charset=utf-8")
    answer = HttpResponseRedirect("/")
    answer.set_cookie(
        PREVIEW_COOKIE,
        token,
        max_age=conf.preview_seconds,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure(),
    )
    answer["Referrer-Policy"] = "no-referrer"
    return answer


@never_cache
@require_safe
def clear_preview(request: HttpRequest) -> HttpResponse:
    """End the preview in this browser, and lead to the site's first page."""
    answer = HttpResponseRedirect("/")
    answer.delete_cookie(PREVIEW_COOKIE, samesite="Lax")
    return answer
