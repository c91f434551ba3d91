"""Joining: who becomes a learner of a tenant by registering on its site.

Three values of the site decide. ``JOIN_POLICY``: ``"open"`` admits everybody, ``"email_domains"`` the addresses of
``JOIN_EMAIL_DOMAINS``, ``"invitation"`` only who holds an invitation. ``JOIN_ORGANIZATION`` names the organization,
where the tenant has several. Without a value ``CCX_TENANCY["JOIN_POLICY"]`` applies, which is ``"invitation"``:
forgetting to decide must not open somebody's academy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from organizations.models import Organization

from ccx_tenancy.conf import conf
from ccx_tenancy.context import TenantContext
from ccx_tenancy.errors import JoinRefused, UnknownTenant
from ccx_tenancy.membership.invitations import accept_invitation, find_invitation
from ccx_tenancy.membership.models import OrganizationMembership
from ccx_tenancy.membership.roles import LEARNER
from ccx_tenancy.membership.roster import Roster, State
from ccx_tenancy.membership.site_values import values_of
from ccx_tenancy.tenants import index, revisions
from ccx_tenancy.tenants.api import Tenant, TenantOrganization, fold, normalize_host, require_tenant

OPEN = "open"
EMAIL_DOMAINS = "email_domains"
INVITATION = "invitation"
POLICIES = (OPEN, EMAIL_DOMAINS, INVITATION)


@dataclass(frozen=True, slots=True)
class JoinRules:
    """How one joins a tenant's site: ``policy``, the e-mail ``domains`` it admits, and to which organization."""

    policy: str
    domains: frozenset[str]
    organization: Organization


def join(
    user: AbstractBaseUser, tenant: str | TenantContext | Tenant | None = None, *, invitation: str | None = None
) -> OrganizationMembership:
    """Make a user who registers on a tenant's site (None: the current tenant's) a member, and return the membership.

    It is part of the caller's transaction, so that an account that may not join is not made. ``invitation`` is the
    token of one: it is accepted instead of asking the policy. A member stays what they are; a suspended one stays out.

    Under ``"email_domains"`` the membership of an account that is not active is pending: it begins when the account
    becomes active, because until then nobody has shown that the address is theirs.

    Raises JoinRefused with the reason, UnknownTenant, NoCurrentTenant, and what ``accept_invitation`` raises.
    """
    context = _context(tenant)
    if invitation is not None:
        offered = find_invitation(invitation).organization.short_name
        if fold(offered) not in {fold(name) for name in context.organizations}:
            raise JoinRefused(f"The invitation is to {offered}, which is no organization of {context.key!r}.")
        return accept_invitation(invitation, user)
    with revisions.together():
        rules = join_rules(context)
        pending = _check(user, context, rules)

        def change(before: State | None) -> State:
            if before is None:
                return State(LEARNER, active=not pending, pending=pending)
            if not before.active and not before.pending:
                raise JoinRefused(
                    f"{user.get_username()} is suspended in {rules.organization.short_name}; an administrator there"
                    " lets members resume."
                )
            return before

        roster = Roster(rules.organization, [user], authority=None)
        roster.put(user, change)
        roster.write(actor=user)
        return roster.membership(user)


def join_rules(tenant: str | TenantContext | Tenant | None = None) -> JoinRules:
    """Return how one joins a tenant's site now. Raises JoinRefused where its values say something impossible."""
    context = _context(tenant)
    values = values_of(context)
    policy = values.get("JOIN_POLICY") or conf.join_policy
    if policy not in POLICIES:
        raise JoinRefused(
            f"The site of {context.key!r} has the JOIN_POLICY {policy!r}; allowed are {', '.join(POLICIES)}."
        )
    domains = values.get("JOIN_EMAIL_DOMAINS") or ()
    if not isinstance(domains, list | tuple) or not all(isinstance(one, str) for one in domains):
        raise JoinRefused(f"The site of {context.key!r} has JOIN_EMAIL_DOMAINS that are no list of domains.")
    return JoinRules(
        policy=policy,
        domains=frozenset(name for one in domains if (name := normalize_host(one)) is not None),
        organization=_organization(context, values.get("JOIN_ORGANIZATION")),
    )


def _check(user: AbstractBaseUser, tenant: TenantContext, rules: JoinRules) -> bool:
    """Return whether the membership has to wait for the account. Raises JoinRefused."""
    if rules.policy == OPEN:
        return False
    if rules.policy == INVITATION:
        raise JoinRefused(f"{tenant.key!r} admits only who holds an invitation.")
    email = str(getattr(user, get_user_model().get_email_field_name(), "") or "")
    domain = normalize_host(email.rpartition("@")[2]) if "@" in email else None
    if domain is None or domain not in rules.domains:
        raise JoinRefused(
            f"{tenant.key!r} admits e-mail addresses at {', '.join(sorted(rules.domains)) or 'no domain yet'};"
            f" {email!r} is none of them. An invitation is the other way in."
        )
    return not getattr(user, "is_active", False)


def _organization(tenant: TenantContext, wanted: Any) -> Organization:
    links = TenantOrganization.objects.filter(tenant_id=tenant.id).select_related("organization").order_by("pk")
    if wanted:
        for link in links:
            if isinstance(wanted, str) and link.folded == fold(wanted):
                return link.organization
        allowed = ", ".join(link.organization.short_name for link in links) or "none yet"
        raise JoinRefused(
            f"JOIN_ORGANIZATION is {wanted!r}, which is no organization of {tenant.key!r}; allowed are {allowed}."
        )
    first = links.first()
    if first is None:
        raise JoinRefused(f"{tenant.key!r} has no organization to join yet.")
    return first.organization


def _context(tenant: str | TenantContext | Tenant | None) -> TenantContext:
    if tenant is None:
        return require_tenant()
    if isinstance(tenant, TenantContext):
        return tenant
    key = tenant.key if isinstance(tenant, Tenant) else tenant
    found = index.by_key(key)
    if found is None:
        raise UnknownTenant(f"There is no tenant with the key {key!r}.")
    return found
