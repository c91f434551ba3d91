"""Members, invitations, and the caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from ccx_tenancy import api
from ccx_tenancy.conf import conf
from ccx_tenancy.errors import InvalidValues, Problem
from ccx_tenancy.membership import api as membership
from ccx_tenancy.rest_api.access import MEMBER
from ccx_tenancy.rest_api.idempotency import idempotent
from ccx_tenancy.rest_api.pagination import paginate
from ccx_tenancy.rest_api.v1 import serializers as forms
from ccx_tenancy.rest_api.v1.base import Operation, View
from ccx_tenancy.tenants import api as tenants

VIEW_MEMBERS = "ccx_tenancy.view_members"
MANAGE_MEMBERS = "ccx_tenancy.manage_members"
MANAGE_INVITATIONS = "ccx_tenancy.manage_invitations"


class OfOrganizations(View):
    """What memberships and invitations have in common: they belong to an organization of a tenant."""

    def narrowed(self, rows: QuerySet[Any], query: Any) -> QuerySet[Any]:
        """Return the rows that the caller may see, and that the filters name."""
        caller, permission = self.caller, self.operation.permission
        caller.check_any(permission)
        link = "organization__tenant_organization__"
        if not caller.is_operator:
            rows = rows.filter(**{f"{link}folded__in": caller.organizations(permission)})
        elif caller.host is not None:
            rows = rows.filter(**{f"{link}tenant__key": caller.host.key})
        else:
            rows = rows.filter(**{f"{link}isnull": False})
        if "tenant" in query:
            rows = rows.filter(**{f"{link}tenant__key": query["tenant"]})
        if "organization" in query:
            rows = rows.filter(**{f"{link}folded": tenants.fold(query["organization"])})
        return rows

    def checked(self, row: Any) -> Any:
        """Return a row that the caller may see. Raises Http404, or PermissionDenied."""
        if row is None:
            raise Http404
        self.organization(row.organization.short_name)
        return row

    def allowed(self, wanted: Mapping[str, Any]) -> str:
        """Return the organization that a body names. Raises Http404, or PermissionDenied."""
        return self.organization(wanted["organization"])

    def organization(self, short_name: str) -> str:
        """Return the name of an organization in which the caller may do this. Raises Http404, or PermissionDenied."""
        owner = tenants.owner_of(short_name)
        if owner is None:
            raise Http404
        self.caller.check_organization(owner.key, short_name, self.operation.permission)
        return short_name


class Members(OfOrganizations):
    """The members of the organizations in which the caller may see them."""

    group = "members"
    route = "members"
    operations = {
        "get": Operation("List members", VIEW_MEMBERS, query=forms.MemberQuery, response=forms.MemberListSerializer),
        "post": Operation(
            "Add a member",
            MANAGE_MEMBERS,
            request=forms.NewMemberSerializer,
            response=forms.MemberSerializer,
            status=201,
            errors=(404, 409),
            idempotent=True,
        ),
    }

    def get(self, request: Request) -> Response:
        """Answer a page."""
        query = self.query(request)
        every = membership.OrganizationMembership.objects.select_related("user", "organization")
        rows = self.narrowed(every, query)
        if "role" in query:
            rows = rows.filter(role=query["role"])
        if query["active"] is not None:
            rows = rows.filter(active=query["active"])
        if query["search"]:
            rows = rows.filter(Q(user__username__icontains=query["search"]) | Q(user__email__icontains=query["search"]))
        page, following = paginate(rows, request, cursor=query["cursor"], size=query["limit"])
        return self.answer({"next": following, "results": page})

    @idempotent
    def post(self, request: Request) -> Response:
        """Add one."""
        wanted = self.body(request)
        name = self.allowed(wanted)
        row = api.add_member(self._account(wanted["user"], name), name, wanted["role"], by=self.caller.user)
        return self.answer(row, Location=f"{request.path}{row.pk}/")

    def _account(self, identifier: str, organization: str) -> Any:
        """Return the account that is meant: an operator's any, an administrator's among the tenant's own people, so
        that no answer tells who has an account elsewhere. Raises InvalidValues."""
        owner = tenants.owner_of(organization)
        assert owner is not None
        user = conf.account_policy.find(identifier, owner)
        if user is None or not (self.caller.is_operator or membership.is_member(user, owner)):
            raise InvalidValues(
                [Problem("user", f"the tenant {owner.key!r} has nobody of the name {identifier!r}; invite the person.")]
            )
        return user


class Member(OfOrganizations):
    """One membership."""

    group = "members"
    route = "member"
    operations = {
        "get": Operation("Show a member", VIEW_MEMBERS, response=forms.MemberSerializer),
        "patch": Operation(
            "Change a member's role, suspend or resume a member",
            MANAGE_MEMBERS,
            request=forms.MemberChangeSerializer,
            response=forms.MemberSerializer,
            errors=(409,),
        ),
        "delete": Operation("Remove a member", MANAGE_MEMBERS, status=204, errors=(409,)),
    }

    def get(self, request: Request, number: int) -> Response:
        """Answer it."""
        return self.answer(self._row(number))

    def patch(self, request: Request, number: int) -> Response:
        """Change it, all or nothing."""
        row = self._row(number)
        wanted = self.body(request)
        with transaction.atomic():
            if "role" in wanted:
                api.set_role(row.user, row.organization, wanted["role"], by=self.caller.user)
            if "active" in wanted:
                membership.set_active(row.user, row.organization, wanted["active"], by=self.caller.user)
        return self.answer(self._row(number))

    def delete(self, request: Request, number: int) -> Response:
        """End it."""
        row = self._row(number)
        api.remove_member(row.user, row.organization, by=self.caller.user)
        return self.answer(None)

    def _row(self, number: int) -> membership.OrganizationMembership:
        rows = membership.OrganizationMembership.objects.select_related("user", "organization")
        found: membership.OrganizationMembership = self.checked(rows.filter(pk=number).first())
        return found


class Invitations(OfOrganizations):
    """The invitations to the organizations that the caller administers."""

    group = "invitations"
    route = "invitations"
    operations = {
        "get": Operation(
            "List invitations",
            MANAGE_INVITATIONS,
            query=forms.InvitationQuery,
            response=forms.InvitationListSerializer,
        ),
        "post": Operation(
            "Invite somebody",
            MANAGE_INVITATIONS,
            request=forms.NewInvitationSerializer,
            response=forms.InvitationSerializer,
            status=201,
            errors=(404, 409),
            idempotent=True,
        ),
    }

    def get(self, request: Request) -> Response:
        """Answer a page."""
        query = self.query(request)
        every = membership.OrganizationInvitation.objects.select_related("organization")
        rows = self.narrowed(every, query)
        if "state" in query:
            rows = rows.filter(membership.in_state(query["state"]))
        if query["search"]:
            rows = rows.filter(email__icontains=query["search"])
        page, following = paginate(rows, request, cursor=query["cursor"], size=query["limit"], newest_first=True)
        return self.answer({"next": following, "results": page})

    @idempotent
    def post(self, request: Request) -> Response:
        """Send one."""
        wanted = self.body(request)
        name = self.allowed(wanted)
        made = api.invite(wanted["email"], name, wanted["role"], invited_by=self.caller.user)
        return self.answer(made, Location=f"{request.path}{made.pk}/")


class OfInvitation(OfOrganizations):
    """What the views of one invitation have in common."""

    group = "invitations"

    def row(self, number: int) -> membership.OrganizationInvitation:
        """Return it. Raises Http404, or PermissionDenied."""
        rows = membership.OrganizationInvitation.objects.select_related("organization")
        found: membership.OrganizationInvitation = self.checked(rows.filter(pk=number).first())
        return found


class Invitation(OfInvitation):
    """One invitation."""

    route = "invitation"
    operations = {
        "get": Operation("Show an invitation", MANAGE_INVITATIONS, response=forms.InvitationSerializer),
        "delete": Operation("Revoke an invitation", MANAGE_INVITATIONS, status=204, errors=(409,)),
    }

    def get(self, request: Request, number: int) -> Response:
        """Answer it."""
        return self.answer(self.row(number))

    def delete(self, request: Request, number: int) -> Response:
        """Revoke it."""
        membership.revoke_invitation(self.row(number), by=self.caller.user)
        return self.answer(None)


class ResendInvitation(OfInvitation):
    """One invitation, once more."""

    route = "invitation_resend"
    operations = {
        "post": Operation(
            "Send an invitation again, with a new link and a new term",
            MANAGE_INVITATIONS,
            response=forms.InvitationSerializer,
            errors=(409,),
        ),
    }

    def post(self, request: Request, number: int) -> Response:
        """Send it."""
        return self.answer(membership.resend_invitation(self.row(number), by=self.caller.user))


class Me(View):
    """Who the caller is, and what roles the caller has here."""

    route = "me"
    operations = {"get": Operation("Show who you are", response=forms.MeSerializer)}

    def get(self, request: Request) -> Response:
        """Answer it."""
        caller = self.caller
        caller.check_any(MEMBER)
        mine = [
            {
                "key": key,
                "domain": caller.contexts[key].domain,
                "roles": [
                    {"organization": name, "role": membership.ROLES[ranks[tenants.fold(name)] - 1]}
                    for name in sorted(caller.contexts[key].organizations)
                    if tenants.fold(name) in ranks
                ],
            }
            for key, ranks in sorted(caller.ranks.items())
        ]
        return self.answer(
            {
                "username": caller.user.get_username(),
                "email": caller.user.email,
                "operator": caller.is_operator,
                "api_key": caller.key,
                "tenants": mine,
            }
        )
