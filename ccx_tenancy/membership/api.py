"""Members of organizations, their roles, and how one becomes a member: the door of the room.

Every change is one transaction, checked against the role of the acting user, recorded in the audit record, and told by
a signal after the commit (:mod:`ccx_tenancy.membership.signals`). Questions about one user are answered from memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from organizations.models import Organization

from ccx_tenancy.context import TenantContext, current_tenant
from ccx_tenancy.errors import InvalidInput, UnknownTenant
from ccx_tenancy.membership.csv_io import (
    ImportLine,
    ImportReport,
    export_members,
    import_invitations,
    import_members,
)
from ccx_tenancy.membership.invitations import (
    accept_invitation,
    find_invitation,
    in_state,
    invitations_of,
    invite,
    resend_invitation,
    revoke_invitation,
)
from ccx_tenancy.membership.joining import JoinRules, join, join_rules
from ccx_tenancy.membership.models import OrganizationInvitation, OrganizationMembership
from ccx_tenancy.membership.roles import (
    ADMIN,
    AUTHOR,
    LEARNER,
    OWNER,
    PERMISSIONS,
    RANKS,
    ROLES,
    STAFF,
    permissions_of,
    rank_of,
    roles_from,
)
from ccx_tenancy.membership.roster import (
    Change,
    Roster,
    State,
    added,
    at_least,
    authority_in,
    find_organization,
    removed,
    switched,
    with_role,
)
from ccx_tenancy.membership.snapshots import NOTHING, is_warm, memberships_of
from ccx_tenancy.tenants import index, revisions
from ccx_tenancy.tenants.api import Tenant, fold

__all__ = [
    "ADMIN",
    "AUTHOR",
    "LEARNER",
    "OWNER",
    "PERMISSIONS",
    "RANKS",
    "ROLES",
    "STAFF",
    "ImportLine",
    "ImportReport",
    "JoinRules",
    "OrganizationInvitation",
    "OrganizationMembership",
    "State",
    "accept_invitation",
    "add_member",
    "authority_in",
    "ensure_member",
    "export_members",
    "find_invitation",
    "find_organization",
    "has_permission",
    "has_role",
    "import_invitations",
    "import_members",
    "in_state",
    "invitations_of",
    "invite",
    "is_member",
    "is_warm",
    "join",
    "join_rules",
    "members_of",
    "memberships_of",
    "organizations_of",
    "permissions_in",
    "rank_in",
    "rank_of",
    "remove_member",
    "resend_invitation",
    "revoke_invitation",
    "roles_from",
    "set_active",
    "set_role",
]

AnyUser = AbstractBaseUser | AnonymousUser | None


# Changing


def add_member(
    user: AbstractBaseUser, organization: Organization | str, role: str = LEARNER, *, by: AbstractBaseUser | None = None
) -> OrganizationMembership:
    """Make a user a member of an organization (itself, or its short name in any case), and return the membership.

    A suspended member resumes, with that role. A member with that very role stays as is. ``by`` is the acting user,
    whose role there limits what is allowed; None is the system, and a platform operator (a superuser) may do all.

    Raises UnknownOrganization, UnknownRole, AlreadyMember for a member with another role, or NotAllowed.
    """
    found = find_organization(organization)
    return _change(user, found, added(user, found, role), by)


def set_role(
    user: AbstractBaseUser, organization: Organization | str, role: str, *, by: AbstractBaseUser | None = None
) -> OrganizationMembership:
    """Give a member another role, and return the membership. A suspended member stays suspended.

    Raises UnknownOrganization, UnknownRole, NotAMember, NotAllowed, or LastOwner.
    """
    found = find_organization(organization)
    return _change(user, found, with_role(user, found, role), by)


def set_active(
    user: AbstractBaseUser, organization: Organization | str, active: bool, *, by: AbstractBaseUser | None = None
) -> OrganizationMembership:
    """Suspend a member (``active`` False: the role is kept and gives nothing) or let one resume; return the membership.

    Raises UnknownOrganization, NotAMember, NotAllowed, or LastOwner.
    """
    found = find_organization(organization)
    return _change(user, found, switched(user, found, active), by)


def remove_member(
    user: AbstractBaseUser, organization: Organization | str, *, by: AbstractBaseUser | None = None
) -> None:
    """End a membership: the row goes, the audit record stays.

    Raises UnknownOrganization, NotAMember, NotAllowed, or LastOwner.
    """
    found = find_organization(organization)
    _apply(user, found, removed(user, found), by, by)


def ensure_member(
    user: AbstractBaseUser,
    organization: Organization | str,
    role: str = LEARNER,
    *,
    by: AbstractBaseUser | None = None,
    actor: AbstractBaseUser | None = None,
) -> OrganizationMembership:
    """Make a user an active member with at least that role, whatever there was before, and return the membership.

    ``actor`` is written into the audit record instead of ``by``. Raises UnknownOrganization, UnknownRole, NotAllowed.
    """
    found = find_organization(organization)
    roster = _apply(user, found, at_least(role), by, actor if actor is not None else by)
    return roster.membership(user)


def _change(user: AbstractBaseUser, organization: Organization, change: Change, by: Any) -> OrganizationMembership:
    return _apply(user, organization, change, by, by).membership(user)


def _apply(user: AbstractBaseUser, organization: Organization, change: Change, by: Any, actor: Any) -> Roster:
    if getattr(user, "pk", None) is None:
        raise InvalidInput(f"{user!r} is no saved account; a member is one.")
    with revisions.together():
        roster = Roster(organization, [user], authority=by)
        roster.put(user, change)
        roster.write(actor=actor)
        # Inside the transaction: it may have to read the row's number.
        if roster.has(user):
            roster.membership(user)
    return roster


# Asking about one user: from memory


def rank_in(user: AnyUser, organization: Organization | str) -> int:
    """Return the rank of a user's role in an organization (see ``RANKS``), 0 for who is no active member.

    Like the questions below it makes no query while the user's memberships are warm.
    """
    name = organization.short_name if isinstance(organization, Organization) else organization
    return _memberships(user).get(fold(name), 0)


def has_role(user: AnyUser, organization: Organization | str, role: str) -> bool:
    """Whether a user is an active member of an active organization with that role or a stronger one.

    False for None, anonymous users, and organizations that do not exist. Raises UnknownRole.
    """
    return rank_in(user, organization) >= rank_of(role)


def is_member(user: AnyUser, tenant: str | TenantContext | Tenant | None = None) -> bool:
    """Whether a user is an active member of any active organization of a tenant (None: of the current one).

    The tenant's state makes no difference: what it closes is decided elsewhere. False for None and anonymous users,
    and where there is no current tenant. Raises UnknownTenant for a key that no tenant has.
    """
    context = _context(tenant)
    if context is None:
        return False
    mine = _memberships(user)
    return bool(mine) and any(fold(name) in mine for name in context.organizations)


def permissions_in(user: AnyUser, organization: Organization | str) -> frozenset[str]:
    """Return the permissions (see ``PERMISSIONS``) that a user's role in an organization gives."""
    return permissions_of(rank_in(user, organization))


def has_permission(user: AnyUser, permission: str, organization: Organization | str) -> bool:
    """Whether a user's role in an organization gives a permission; a platform operator has all of them."""
    if getattr(user, "is_superuser", False) and getattr(user, "is_active", False):
        return permission in PERMISSIONS
    return permission in permissions_in(user, organization)


def _memberships(user: AnyUser) -> Mapping[str, int]:
    user_id = getattr(user, "pk", None)
    return NOTHING if user_id is None else memberships_of(user_id)


def _context(tenant: str | TenantContext | Tenant | None) -> TenantContext | None:
    if tenant is None:
        return current_tenant()
    if isinstance(tenant, TenantContext):
        return tenant
    key = tenant.key if isinstance(tenant, Tenant) else tenant
    found = index.by_key(key)
    if found is None:
        raise UnknownTenant(f"There is no tenant with the key {key!r}.")
    return found


# Lists


def organizations_of(user: AnyUser, role: str | None = None) -> QuerySet[Organization]:
    """Return the active organizations in which a user is an active member, with that role or a stronger one.

    One query; none for None and anonymous users, who have no organizations. Raises UnknownRole.
    """
    roles = roles_from(role if role is not None else LEARNER)
    user_id = getattr(user, "pk", None)
    organizations: QuerySet[Organization] = Organization.objects.order_by("short_name")
    if user_id is None:
        return organizations.none()
    return organizations.filter(
        active=True,
        tenancy_memberships__user_id=user_id,
        tenancy_memberships__active=True,
        tenancy_memberships__role__in=roles,
    )


def members_of(
    organization: Organization | str, role: str | None = None, *, suspended: bool = False
) -> QuerySet[OrganizationMembership]:
    """Return the active memberships of an organization, with that role or a stronger one, oldest first.

    ``suspended`` adds those that are suspended or wait for their account. User and organization come along: however
    long the list is, it is one query. Raises UnknownOrganization, UnknownRole.
    """
    found = find_organization(organization)
    rows = OrganizationMembership.objects.filter(organization=found).select_related("user", "organization")
    if not suspended:
        rows = rows.filter(active=True)
    if role is not None and rank_of(role) > 1:
        rows = rows.filter(role__in=roles_from(role))
    return rows.order_by("pk")
