"""The page on which somebody with several tenants picks the one to see in Studio, or all of them again."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from ccx_tenancy.context import TenantContext, current_tenant
from ccx_tenancy.partition import policy
from ccx_tenancy.partition.picking import PICK_COOKIE, cookie_of
from ccx_tenancy.tenants import api as tenants

PAGE_SIZE = 50


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def tenant(request: HttpRequest) -> HttpResponseBase:
    """Show the tenants that the user may see in Studio, searched by ``q``, and keep the one that is picked
    (``tenant``: its key, empty for all) in a cookie.

    Raises Http404 on an LMS, in a Studio of one tenant's own, and for a tenant that the user may not pick.
    """
    if getattr(request, "tenancy_surface", "") != policy.STUDIO or current_tenant() is not None:
        raise Http404("Tenants are picked in a Studio that serves several.")
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    found = policy.tenants_to_pick(request.user)
    if request.method == "POST":
        return _pick(request, found)
    query = request.GET.get("q", "").replace("\x00", "").strip()
    names = {row.key: row.name for row in tenants.list_tenants().filter(key__in=[one.key for one in found])}
    rows = [
        {"key": one.key, "name": names.get(one.key, one.key)}
        for one in found
        if query.lower() in one.key or query.lower() in names.get(one.key, "").lower()
    ]
    context = {
        "rows": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "picked": policy.picked(request.user),
        "is_operator": policy.sees_everything(request.user, policy.STUDIO),
        "several": len(found) > 1,
        "query": query,
        "next": request.GET.get("next", ""),
        "desk": None,
        "current": "",
    }
    return render(request, "ccx_tenancy/pages/tenant.html", context)


def _pick(request: HttpRequest, found: list[TenantContext]) -> HttpResponseBase:
    key = request.POST.get("tenant", "")
    chosen = next((one for one in found if one.key == key), None)
    if key and chosen is None:
        raise Http404("There is no such tenant to pick.")
    answer = redirect(_following(request))
    if chosen is None:
        answer.delete_cookie(PICK_COOKIE, samesite=settings.SESSION_COOKIE_SAMESITE or None)
        messages.success(request, _("You see all your tenants again."))
        return answer
    answer.set_cookie(
        PICK_COOKIE,
        cookie_of(request.user, chosen),
        max_age=settings.SESSION_COOKIE_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite=settings.SESSION_COOKIE_SAMESITE or None,
    )
    messages.success(request, _("You see %(key)s alone now.") % {"key": chosen.key})
    return answer


def _following(request: HttpRequest) -> str:
    """Return where to go on: ``next`` where that is on this host, else the page itself."""
    there = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(there, {request.get_host()}, require_https=request.is_secure()):
        return there
    return "ccx_tenancy_pages:tenant"
