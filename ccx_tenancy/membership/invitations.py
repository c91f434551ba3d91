"""Invitations: an e-mail address is offered a role in an organization.

The token is told once, in the mail; the table holds its SHA-256. An invitation is accepted once, by an account with
that very address, before it expires, and stands on its inviter: it can give what the inviter could give at the moment
of acceptance. So an administrator who is removed leaves no back door behind.
"""

from __future__ import annotations

import contextlib
import secrets
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sites.models import Site
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.utils import timezone
from organizations.models import Organization

from ccx_tenancy.audit import api as audit
from ccx_tenancy.conf import conf
from ccx_tenancy.context import Enter, TenantContext
from ccx_tenancy.errors import (
    AlreadyInvited,
    AlreadyMember,
    InvalidInput,
    InvalidState,
    InvitationClosed,
    NotAllowed,
    UnknownInvitation,
    WrongRecipient,
)
from ccx_tenancy.membership.models import OrganizationInvitation, OrganizationMembership, digest, fold_email
from ccx_tenancy.membership.roles import RANKS, check_authority, rank_of
from ccx_tenancy.membership.roster import Roster, State, authority_in, find_organization
from ccx_tenancy.membership.site_values import values_of
from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.api import owner_of

_TOKEN_BYTES = 32
STATES = ("open", "accepted", "revoked", "expired")


def invite(
    email: str, organization: Organization | str, role: str, *, invited_by: AbstractBaseUser | None
) -> OrganizationInvitation:
    """Invite an e-mail address to an organization, and return the invitation, with its ``token`` this once.

    The mail goes out after the commit, from the tenant's own address, with a link to its primary domain. ``invited_by``
    is the acting user (None: the system), who must be an administrator there, or stronger, and gives no role above
    the own. An open invitation that has expired gives way to the new one.

    Raises InvalidInput for what is no address, UnknownOrganization, UnknownRole, NotAllowed, AlreadyInvited, or
    AlreadyMember where the account of that address has that role, a stronger one, or is suspended; InvalidState where
    there is no domain to link to.
    """
    rank = rank_of(role)
    address = _checked_address(email)
    with revisions.together():
        found = _locked(find_organization(organization))
        _check_authority(invited_by, found, role, address)
        tenant = owner_of(found.short_name)
        _domain_of(tenant)
        _refuse_member(address, found, rank, tenant)
        key = digest(fold_email(address))
        others = OrganizationInvitation.objects.select_for_update().filter(organization=found, open_key=key)
        for other in others:
            if other.state == "open":
                raise AlreadyInvited(
                    f"{address} is invited to {found.short_name} as {other.role} until"
                    f" {other.expires:%Y-%m-%d %H:%M} UTC; send it again, or revoke it first."
                )
            other.open_key = None
            other.save()
        invitation = OrganizationInvitation(organization=found, email=address, open_key=key, role=role)
        _renew(invitation, invited_by)
        _record("invite", invitation, tenant, invited_by)
        _send_after_commit(invitation, tenant)
    return invitation


def resend_invitation(
    invitation: OrganizationInvitation | int, *, by: AbstractBaseUser | None
) -> OrganizationInvitation:
    """Send an open or expired invitation again, with a new token and a new term; the old token is void.

    It stands on ``by`` from now on. Raises UnknownInvitation, InvitationClosed, NotAllowed, AlreadyInvited.
    """
    with revisions.together():
        found = _locked_invitation(invitation)
        _check_authority(by, found.organization, found.role, found.email)
        if found.state not in ("open", "expired"):
            raise _closed(found)
        key = digest(fold_email(found.email))
        if found.open_key is None and OrganizationInvitation.objects.filter(
            organization=found.organization, open_key=key
        ):
            raise AlreadyInvited(f"{found.email} has another invitation to {found.organization.short_name}.")
        found.open_key = key
        tenant = owner_of(found.organization.short_name)
        _domain_of(tenant)
        _renew(found, by)
        _record("resend", found, tenant, by)
        _send_after_commit(found, tenant)
    return found


def revoke_invitation(
    invitation: OrganizationInvitation | int, *, by: AbstractBaseUser | None
) -> OrganizationInvitation:
    """End an invitation that is not accepted. Raises UnknownInvitation, InvitationClosed, NotAllowed."""
    with revisions.together():
        found = _locked_invitation(invitation)
        _check_authority(by, found.organization, found.role, found.email)
        if found.state not in ("open", "expired"):
            raise _closed(found)
        found.open_key, found.revoked = None, timezone.now()
        found.save()
        _record("revoke", found, owner_of(found.organization.short_name), by)
    return found


def accept_invitation(token: str, user: AbstractBaseUser) -> OrganizationMembership:
    """Make the user a member as the invitation says, and return the membership. A stronger role stays.

    Raises UnknownInvitation; InvitationClosed where it was accepted, revoked or has expired; WrongRecipient where the
    account has another e-mail address; NotAllowed where the inviter may no longer give that role, or the member is
    suspended. Of many at the same moment one is accepted.
    """
    with revisions.together():
        found = _locked_invitation(find_invitation(token))
        if found.token_hash != digest(token):
            raise _unknown()  # Sent again at the same moment: another token is good now.
        if found.state != "open":
            raise _closed(found)
        _check_recipient(user, found)
        inviter: Any = found.invited_by
        if inviter is None and found.invited_by_name:
            raise NotAllowed(
                f"The account of {found.invited_by_name}, who invited {found.email}, is gone; an administrator of"
                f" {found.organization.short_name} can send the invitation again."
            )
        roster = Roster(found.organization, [user], authority=inviter)
        roster.put(user, partial(_accepted, user=user, invitation=found))
        roster.write(actor=user)
        found.open_key, found.accepted = None, timezone.now()
        found.accepted_by_id = user.pk
        found.save()
        _record("accept", found, owner_of(found.organization.short_name), user)
        return roster.membership(user)


def _accepted(before: State | None, *, user: AbstractBaseUser, invitation: OrganizationInvitation) -> State:
    if before is not None and not before.active and not before.pending:
        raise NotAllowed(
            f"{user.get_username()} is suspended in {invitation.organization.short_name}; an administrator there lets"
            " members resume."
        )
    stays = before is not None and RANKS[before.role] >= RANKS[invitation.role]
    return State(before.role if stays and before is not None else invitation.role)


def find_invitation(token: str) -> OrganizationInvitation:
    """Return the invitation of a token, whatever its state, with its organization. Raises UnknownInvitation."""
    rows = OrganizationInvitation.objects.select_related("organization")
    found = rows.filter(token_hash=digest(token)).first() if isinstance(token, str) else None
    if found is None:
        raise _unknown()
    return found


def invitations_of(organization: Organization | str, *, state: str | None = "open") -> QuerySet[OrganizationInvitation]:
    """Return the invitations to an organization in one state (None: in any), newest first.

    States are ``"open"``, ``"accepted"``, ``"revoked"`` and ``"expired"``. Raises UnknownOrganization, InvalidInput.
    """
    rows = OrganizationInvitation.objects.filter(organization=find_organization(organization))
    rows = rows.select_related("organization", "invited_by", "accepted_by").order_by("-pk")
    return rows if state is None else rows.filter(in_state(state))


def in_state(state: str) -> Q:
    """Return the condition under which an invitation is in one of ``STATES``. Raises InvalidInput."""
    if state == "accepted":
        return Q(accepted__isnull=False)
    if state == "revoked":
        return Q(accepted=None, revoked__isnull=False)
    if state == "open":
        return Q(accepted=None, revoked=None, expires__gt=timezone.now())
    if state == "expired":
        return Q(accepted=None, revoked=None, expires__lte=timezone.now())
    raise InvalidInput(f"There is no state {state!r} of an invitation; allowed are {', '.join(STATES)}.")


# Rules


def _checked_address(email: str) -> str:
    address = email.strip() if isinstance(email, str) else ""
    try:
        validate_email(address)
    except ValidationError:
        raise InvalidInput(f"{email!r} is no e-mail address.") from None
    if not address.rpartition("@")[0].isascii():
        # Django admits two letters that are not ASCII and become ASCII in lower case.
        raise InvalidInput(f"{email!r} is no e-mail address: before the @ only ASCII letters are allowed.")
    if len(address) > 254:
        raise InvalidInput(f"The e-mail address has {len(address)} characters; allowed are 254.")
    return address


def _locked(organization: Organization) -> Organization:
    return Organization.objects.select_for_update().get(pk=organization.pk)


def _locked_invitation(invitation: OrganizationInvitation | int) -> OrganizationInvitation:
    """Lock the organization, then the invitation: in the order in which members are changed."""
    number = invitation.pk if isinstance(invitation, OrganizationInvitation) else invitation
    row = OrganizationInvitation.objects.filter(pk=number).first()
    if row is None:
        raise _unknown()
    organization = _locked(row.organization)
    row = OrganizationInvitation.objects.select_for_update().get(pk=number)
    row.organization = organization
    return row


def _check_authority(by: Any, organization: Organization, role: str, whom: str) -> None:
    check_authority(authority_in(by, organization, lock=True), role, whom=whom, organization=organization.short_name)


def _refuse_member(email: str, organization: Organization, rank: int, tenant: TenantContext | None) -> None:
    account = conf.account_policy.find_many([email], tenant).get(email)
    if account is None:
        return
    row = OrganizationMembership.objects.filter(user_id=account.pk, organization=organization).first()
    if row is None or row.pending:
        return
    if not row.active:
        raise AlreadyMember(f"{email} is suspended in {organization.short_name}; let the member resume instead.")
    if RANKS[row.role] >= rank:
        raise AlreadyMember(f"{email} is {row.role} of {organization.short_name} already.")


def _check_recipient(user: AbstractBaseUser, invitation: OrganizationInvitation) -> None:
    if getattr(user, "pk", None) is None:
        raise WrongRecipient("An invitation is accepted by a saved account.")
    email = str(getattr(user, get_user_model().get_email_field_name(), "") or "")
    if fold_email(email) != fold_email(invitation.email):
        raise WrongRecipient(
            "The invitation is bound to the e-mail address that it was sent to, and this account has another one."
        )


def _unknown() -> UnknownInvitation:
    return UnknownInvitation("There is no such invitation. It may have been sent again since, with another link.")


def _closed(invitation: OrganizationInvitation) -> InvitationClosed:
    reasons = {
        "accepted": "was accepted already",
        "revoked": "was revoked",
        "expired": f"expired on {invitation.expires:%Y-%m-%d %H:%M} UTC",
    }
    return InvitationClosed(f"The invitation to {invitation.organization.short_name} {reasons[invitation.state]}.")


def _renew(invitation: OrganizationInvitation, by: Any) -> None:
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    invitation.token_hash = digest(token)
    invitation.invited_by_id = by.pk if by is not None else None
    invitation.invited_by_name = by.get_username()[:150] if by is not None else ""
    invitation.expires = timezone.now() + timedelta(days=conf.invitation_days)
    invitation.sent = None
    invitation.save()
    invitation.token = token


def _record(action: str, invitation: OrganizationInvitation, tenant: TenantContext | None, actor: Any) -> None:
    audit.record(
        f"invitation.{action}",
        tenant_key=tenant.key if tenant else "",
        actor=actor,
        target=f"{invitation.email} to {invitation.organization.short_name}",
        after={"invitation": invitation.pk, "role": invitation.role, "state": invitation.state},
    )


# The mail


def _domain_of(tenant: TenantContext | None) -> str:
    if tenant is None:
        return str(Site.objects.get_current().domain)
    if tenant.domain is None:
        raise InvalidState(f"The tenant {tenant.key!r} has no LMS domain, so an invitation has no site to lead to.")
    return tenant.domain


def _send_after_commit(invitation: OrganizationInvitation, tenant: TenantContext | None) -> None:
    def send() -> None:
        _send(invitation, tenant)

    # Robust, so that a failure is logged and stops nobody: what is committed stands, and the list shows an invitation
    # that was not sent, to be sent again.
    transaction.on_commit(send, robust=True)


def _send(invitation: OrganizationInvitation, tenant: TenantContext | None) -> None:
    values = values_of(tenant)
    name = values.get("PLATFORM_NAME") or values.get("platform_name") or _domain_of(tenant)
    context = {
        "platform_name": name,
        "organization": invitation.organization,
        "role": invitation.get_role_display(),
        "invited_by": invitation.invited_by_name,
        "expires": invitation.expires,
        "link": conf.invitation_url.format(domain=_domain_of(tenant), token=invitation.token),
        "tenant": tenant,
    }
    with Enter(tenant) if tenant is not None else contextlib.nullcontext():
        subject = " ".join(render_to_string("ccx_tenancy/invitation/subject.txt", context).split())
        message = EmailMultiAlternatives(
            subject,
            render_to_string("ccx_tenancy/invitation/body.txt", context),
            values.get("email_from_address") or settings.DEFAULT_FROM_EMAIL,
            [invitation.email],
        )
        message.attach_alternative(render_to_string("ccx_tenancy/invitation/body.html", context), "text/html")
        message.send()
    invitation.sent = timezone.now()
    OrganizationInvitation.objects.filter(pk=invitation.pk, token_hash=invitation.token_hash).update(
        sent=invitation.sent
    )
