"""The pages. Each asks the Python API, which checks the rules again; what it refuses is shown by its own words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from ccx_tenancy.audit import api as audit
from ccx_tenancy.errors import TenancyError
from ccx_tenancy.membership import api as membership
from ccx_tenancy.pages.desk import (
    EDIT_CONFIGURATION,
    MANAGE_INVITATIONS,
    MANAGE_MEMBERS,
    VIEW_AUDIT,
    VIEW_MEMBERS,
    Desk,
    organizations_with,
    page,
)
from ccx_tenancy.pages.forms import InviteForm, ValueForm
from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.site_config.schema import KnownKey, known_keys

PAGE_SIZE = 50
HISTORY_LENGTH = 50
_FORM = ("GET", "HEAD", "POST")


def _render(request: HttpRequest, desk: Desk, name: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    context = {"desk": desk, "current": name.partition("_")[0], **context}
    return render(request, f"ccx_tenancy/pages/{name}.html", context, status=status)


def _paged(request: HttpRequest, rows: QuerySet[Any]) -> Page[Any]:
    return Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))


def _tried(request: HttpRequest, act: Callable[[], Any], done: str) -> bool:
    """Do it and say so, or say why it was refused."""
    try:
        act()
    except TenancyError as refused:
        messages.error(request, str(refused))
        return False
    messages.success(request, done)
    return True


@page(VIEW_MEMBERS)
def start(request: HttpRequest, desk: Desk) -> HttpResponseBase:
    """Go to the first page that the user may open."""
    return redirect(f"ccx_tenancy_pages:{desk.menu[0]}")


# Members


@page(VIEW_MEMBERS)
def members(request: HttpRequest, desk: Desk) -> HttpResponseBase:
    """List the members of the organizations, searched by ``q`` and filtered by ``role``, 50 a page."""
    rows = membership.OrganizationMembership.objects.filter(organization__in=desk.organizations)
    query, role = request.GET.get("q", "").replace("\x00", "").strip(), request.GET.get("role", "")
    if query:
        rows = rows.filter(Q(user__username__icontains=query) | Q(user__email__icontains=query))
    if role in membership.ROLES:
        rows = rows.filter(role=role)
    managed = {one.pk for one in organizations_with(desk.tenant, desk.user, MANAGE_MEMBERS)}
    rows = rows.select_related("user", "organization").order_by("organization__short_name", "user__username")
    context = {
        "rows": _paged(request, rows),
        "query": query,
        "role": role,
        "roles": membership.ROLES,
        "managed": managed,
        "given": desk.roles if managed else [],
    }
    return _render(request, desk, "members", context)


@page(MANAGE_MEMBERS, "POST")
def member(request: HttpRequest, desk: Desk, pk: int) -> HttpResponseBase:
    """Change a member's role (``role``), or suspend, resume or remove the member (``do``)."""
    row = (
        membership.OrganizationMembership.objects.filter(pk=pk, organization__in=desk.organizations)
        .select_related("user", "organization")
        .first()
    )
    if row is None:
        raise Http404("There is no such member.")
    who: dict[str, Any] = {"user": row.user.get_username(), "organization": row.organization.short_name}
    role, do = request.POST.get("role", ""), request.POST.get("do", "role")
    acts: dict[str, tuple[Callable[[], Any], str]] = {
        "role": (
            lambda: membership.set_role(row.user, row.organization, role, by=desk.user),
            _("%(user)s is %(role)s in %(organization)s now.") % {**who, "role": role},
        ),
        "suspend": (
            lambda: membership.set_active(row.user, row.organization, False, by=desk.user),
            _("%(user)s is suspended in %(organization)s.") % who,
        ),
        "resume": (
            lambda: membership.set_active(row.user, row.organization, True, by=desk.user),
            _("%(user)s is active in %(organization)s again.") % who,
        ),
        "remove": (
            lambda: membership.remove_member(row.user, row.organization, by=desk.user),
            _("%(user)s is no member of %(organization)s any more.") % who,
        ),
    }
    if do not in acts:
        raise Http404("There is no such step.")
    act, done = acts[do]
    _tried(request, act, done)
    return redirect("ccx_tenancy_pages:members")


# Invitations


@page(MANAGE_INVITATIONS, *_FORM)
def invitations(request: HttpRequest, desk: Desk) -> HttpResponseBase:
    """List the invitations, newest first, and invite."""
    form = InviteForm(desk.organizations, desk.roles, request.POST or None)
    if request.method == "POST" and form.is_valid():
        email, organization, role = (form.cleaned_data[name] for name in ("email", "organization", "role"))
        if _tried(
            request,
            lambda: membership.invite(email, organization, role, invited_by=desk.user),
            _("%(email)s is invited.") % {"email": email},
        ):
            return redirect("ccx_tenancy_pages:invitations")
    rows = membership.OrganizationInvitation.objects.filter(organization__in=desk.organizations)
    rows = rows.select_related("organization").order_by("-pk")
    return _render(request, desk, "invitations", {"rows": _paged(request, rows), "form": form})


@page(MANAGE_INVITATIONS, "POST")
def invitation(request: HttpRequest, desk: Desk, pk: int) -> HttpResponseBase:
    """Send an invitation again, or revoke it (``do``)."""
    row = membership.OrganizationInvitation.objects.filter(pk=pk, organization__in=desk.organizations).first()
    if row is None:
        raise Http404("There is no such invitation.")
    found = row
    if request.POST.get("do") == "revoke":
        _tried(
            request,
            lambda: membership.revoke_invitation(found, by=desk.user),
            _("The invitation of %(email)s is revoked.") % {"email": row.email},
        )
    else:
        _tried(
            request,
            lambda: membership.resend_invitation(found, by=desk.user),
            _("%(email)s gets another mail.") % {"email": row.email},
        )
    return redirect("ccx_tenancy_pages:invitations")


# Configuration


def _writable() -> list[KnownKey]:
    return [known for known in known_keys().values() if known.tenant_writable]


@page(EDIT_CONFIGURATION)
def configuration(request: HttpRequest, desk: Desk) -> HttpResponseBase:
    """List the values that the tenant may set itself, by group, each with what it does."""
    stored = site_config.current_values(desk.site)
    groups: dict[str, list[dict[str, Any]]] = {}
    for known in _writable():
        entry = {"known": known, "is_set": known.key in stored.values, "value": stored.values.get(known.key)}
        groups.setdefault(known.group, []).append(entry)
    return _render(request, desk, "configuration", {"groups": sorted(groups.items()), "stored": stored})


@page(EDIT_CONFIGURATION, *_FORM)
def value(request: HttpRequest, desk: Desk, name: str) -> HttpResponseBase:
    """Change one value. The revision seen goes along, so that nobody's change is overwritten unseen."""
    known = known_keys().get(name)
    if known is None or not known.tenant_writable:
        raise Http404("There is no such value that a tenant may set.")
    stored = site_config.current_values(desk.site)
    is_stored = name in stored.values
    form = ValueForm(known, stored.values.get(name), is_stored, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            _store(desk, name, form, is_stored, int(request.POST.get("revision", "-1")))
        except (TenancyError, ValueError) as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("%(name)s is changed.") % {"name": name})
            return redirect("ccx_tenancy_pages:configuration")
    context = {"known": known, "form": form, "stored": stored, "is_stored": is_stored}
    return _render(request, desk, "configuration_value", context)


def _store(desk: Desk, name: str, form: ValueForm, is_stored: bool, expected: int) -> None:
    reason = form.cleaned_data["reason"]
    if form.is_unset:
        if is_stored:
            site_config.unset_site_values(desk.site, [name], actor=desk.user, reason=reason, expected=expected)
        return
    values = {name: form.cleaned_data["value"]}
    site_config.set_site_values(desk.site, values, actor=desk.user, reason=reason, expected=expected)


@page(EDIT_CONFIGURATION)
def history(request: HttpRequest, desk: Desk) -> HttpResponseBase:
    """Show the changes of the site's values, newest first, those older than ``before``: who, when, why and what."""
    asked = request.GET.get("before", "")
    before = int(asked) if re.fullmatch(r"[0-9]{1,18}", asked) else None
    rows = site_config.history(desk.site, limit=HISTORY_LENGTH + 1, before=before)
    older = rows[HISTORY_LENGTH - 1].revision if len(rows) > HISTORY_LENGTH else None
    return _render(request, desk, "history", {"rows": rows[:HISTORY_LENGTH], "older": older})


# The record


@page(VIEW_AUDIT)
def audit_record(request: HttpRequest, desk: Desk) -> HttpResponseBase:
    """Show the tenant's audit record, newest first, 50 a page."""
    return _render(request, desk, "audit", {"rows": _paged(request, audit.entries(tenant_key=desk.tenant.key))})


@page(VIEW_AUDIT)
def audit_export(request: HttpRequest, desk: Desk) -> HttpResponseBase:
    """Give the tenant's whole audit record as CSV, oldest first; it is read from the database as it is sent."""
    answer = StreamingHttpResponse(audit.lines(audit.entries(tenant_key=desk.tenant.key), "csv"))
    answer["Content-Type"] = "text/csv; charset=utf-8"
    answer["Content-Disposition"] = f'attachment; filename="audit-{desk.tenant.key}.csv"'
    return answer
