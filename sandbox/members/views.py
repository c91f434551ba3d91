"""What an administrator of a tenant sees of its members. Who is invited sees the library's own page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from organizations.models import Organization

from ccx_tenancy import api
from ccx_tenancy.errors import TenancyError
from ccx_tenancy.membership import api as membership
from sandbox.members.forms import InviteForm


def managed_organizations(user: Any) -> list[Organization]:
    """Return the organizations of the current tenant whose members the user manages."""
    tenant = api.current_tenant()
    if tenant is None or not user.is_authenticated:
        return []
    found = Organization.objects.filter(short_name__in=tenant.organizations, active=True).order_by("short_name")
    return [one for one in found if membership.has_permission(user, "ccx_tenancy.manage_members", one)]


@login_required
def members(request: HttpRequest) -> HttpResponse:
    """List members and open invitations of the organizations that the user manages, and invite somebody."""
    user: Any = request.user
    organizations = managed_organizations(user)
    if not organizations:
        raise PermissionDenied
    form = InviteForm(organizations, request.POST or None)
    if request.method == "POST" and form.is_valid():
        email, organization, role = (form.cleaned_data[name] for name in ("email", "organization", "role"))
        try:
            api.invite(email, organization, role, invited_by=user)
        except TenancyError as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("%(email)s is invited.") % {"email": email})
            return redirect("members")
    rosters = [
        {"organization": one, "members": api.members_of(one), "invitations": membership.invitations_of(one)}
        for one in organizations
    ]
    return render(request, "members/members.html", {"rosters": rosters, "form": form})
