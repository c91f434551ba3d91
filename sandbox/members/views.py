"""What an administrator of a tenant sees of its members, and what somebody who is invited sees."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from organizations.models import Organization

from ccx_tenancy import api
from ccx_tenancy.conf import conf
from ccx_tenancy.errors import TenancyError, UnknownInvitation
from ccx_tenancy.membership import api as membership
from ccx_tenancy.tenants.api import fold
from sandbox.members.forms import InvitedForm, InviteForm, PasswordForm


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


@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Let somebody who has the link accept: signed in, with the password of the account, or with a new account."""
    found = _invitation(token)
    if found.state != "open":
        return render(request, "members/invitation_closed.html", {"invitation": found}, status=410)
    account: Any = conf.account_policy.find(found.email, api.current_tenant())
    form: InvitedForm | PasswordForm | None
    if account is None:
        form = InvitedForm(found.email, request.POST or None)
    elif request.user == account:
        form = None
    else:
        form = PasswordForm(account, request.POST or None)
    refused = ""
    if request.method == "POST" and (form is None or form.is_valid()):
        try:
            with transaction.atomic():
                user = account if form is None else form.save()
                api.accept_invitation(token, user)
        except TenancyError as error:
            refused = str(error)
        else:
            return _welcome(request, user, found.organization)
    context = {"invitation": found, "form": form, "has_account": account is not None, "refused": refused}
    return render(request, "members/invitation.html", context)


def _invitation(token: str) -> membership.OrganizationInvitation:
    """Return the invitation of a token. Not found where there is none, or it is to another tenant's organization."""
    tenant = api.current_tenant()
    if tenant is None:
        raise Http404("Invitations are accepted on the tenant's own site.")
    try:
        found = membership.find_invitation(token)
    except UnknownInvitation as error:
        raise Http404(str(error)) from error
    if fold(found.organization.short_name) not in {fold(name) for name in tenant.organizations}:
        raise Http404("The invitation is to an organization of another site.")
    return found


def _welcome(request: HttpRequest, user: User, organization: Organization) -> HttpResponse:
    login(request, user, backend="ccx_tenancy.backends.OrganizationMemberBackend")
    messages.success(request, _("You are a member of %(organization)s now.") % {"organization": organization.name})
    return redirect("home")
