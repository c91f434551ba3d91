"""Memberships and invitations in Django's admin: to look at.

Who has a role in an organization sees its rows as far as that role reaches; the admin itself asks for ``is_staff``
besides. Changes are made by the API, the commands and the pages, which check who may make them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from ccx_tenancy.membership import api
from ccx_tenancy.membership.models import OrganizationInvitation, OrganizationMembership

if TYPE_CHECKING:
    Row = OrganizationMembership | OrganizationInvitation
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class _ByRole(ModelAdmin):
    """Answers the admin's questions by the user's role in the row's organization."""

    see = ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of the organizations in which the user has the permission; all for a platform operator."""
        rows = super().get_queryset(request)
        if request.user.is_superuser:
            return rows
        return rows.filter(organization__in=api.organizations_of(request.user, api.PERMISSIONS[self.see]))

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether there is any organization to look at."""
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        """By the role in the row's organization; without a row, in any organization."""
        user = request.user
        if obj is not None:
            return user.has_perm(self.see, obj.organization)
        if user.is_superuser:
            return user.is_active
        ranks = api.memberships_of(user.pk).values() if user.is_active and user.pk is not None else ()
        return any(rank >= api.rank_of(api.PERMISSIONS[self.see]) for rank in ranks)

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Nobody here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        """Nobody here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        """Platform operators, as a part of deleting an account or an organization; nobody on the pages of the rows."""
        match = request.resolver_match
        own = f"{self.opts.app_label}_{self.opts.model_name}_"
        is_own = match is not None and (match.url_name or "").startswith(own)
        return not is_own and request.user.is_superuser and request.user.is_active


@admin.register(OrganizationMembership)
class MembershipAdmin(_ByRole):
    """Who is a member of what."""

    see = "ccx_tenancy.view_members"
    list_display = ("user", "organization", "role", "active", "created")
    list_filter = ("role", "active")
    list_select_related = ("user", "organization")
    search_fields = ("user__username", "user__email", "organization__short_name")


@admin.register(OrganizationInvitation)
class InvitationAdmin(_ByRole):
    """Who is invited to what. The token is not shown: nobody has it but who got the mail."""

    see = "ccx_tenancy.manage_invitations"
    list_display = ("email", "organization", "role", "state", "invited_by_name", "expires")
    list_select_related = ("organization",)
    search_fields = ("email", "organization__short_name")
    fields = ("organization", "email", "role", "state", "invited_by_name", "expires", "sent", "accepted", "revoked")
    readonly_fields = fields
