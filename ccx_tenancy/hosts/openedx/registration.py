"""Who registers on a tenant's site becomes its member in the same transaction, or does not get an account.

Before the host looks at the form at all, the rules of the site are asked (``JOIN_POLICY``): who may not join learns
nothing about any account. Then whether name and address are free, on the whole platform, because accounts are shared:
the answer is the same whoever has them, but that somebody does, it cannot hide (docs/decisions/0011). Where the site
admits by invitation or by address, only those who are invited or admitted get that far.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import crum
from django.core.exceptions import PermissionDenied
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _

from ccx_tenancy.conf import conf
from ccx_tenancy.context import TenantContext
from ccx_tenancy.errors import JoinRefused, TenancyError
from ccx_tenancy.membership import api as membership
from ccx_tenancy.membership.api import JoinRules
from ccx_tenancy.partition import policy
from ccx_tenancy.tenants.api import normalize_host

_REGISTERING = "_ccx_tenancy_registering"
_ADMITTING = "_ccx_tenancy_admitting"

#: Fields of the form in which the token of an invitation may come: by itself, or in the address to go on to.
INVITATION = "invitation"
NEXT = "next"


@dataclass(frozen=True, slots=True)
class Refusal(Exception):
    """Why somebody may not register here; ``status`` is that of the answer."""

    text: str
    status: int


def check(form: Mapping[str, Any]) -> None:
    """Ask whether somebody with that form may register on the site of the current request. Raises Refusal.

    Whoever gets through becomes a member as soon as the account is made. Where there is no tenant nothing is asked.
    """
    request = crum.get_current_request()
    tenant = _site_of(request)
    if tenant is None:
        return
    email = str(form.get("email") or "")
    token = token_in(form)
    refused = Refusal(_("Registration on this site is for those who are invited or admitted to it."), 403)
    try:
        if token is not None:
            found = membership.find_invitation(token)
            if found.state != "open" or found.email.lower() != email.lower():
                raise refused
        elif not _admits(membership.join_rules(tenant), email):
            raise refused
    except TenancyError:
        raise refused from None
    if conf.account_policy.taken(tenant, username=str(form.get("username") or ""), email=email):
        raise Refusal(
            _("This user name or e-mail address cannot be used to register here. If it is yours, sign in instead."), 409
        )
    setattr(request, _REGISTERING, (tenant, token))


def _admits(rules: JoinRules, email: str) -> bool:
    if rules.policy == "email_domains":
        return normalize_host(email.rpartition("@")[2]) in rules.domains
    return rules.policy == "open"


def token_in(form: Mapping[str, Any]) -> str | None:
    """Return the token of the invitation with which somebody registers, or None."""
    given = form.get(INVITATION)
    if isinstance(given, str) and given:
        return given
    after = form.get(NEXT)
    if not isinstance(after, str) or not after:
        return None
    try:
        match = resolve(urlsplit(after).path)
    except (Resolver404, ValueError):
        return None
    return str(match.kwargs["token"]) if match.url_name == "accept" and "token" in match.kwargs else None


@contextlib.contextmanager
def admitting(request: Any) -> Iterator[None]:
    """Have each account that the code inside makes be a learner of the request's tenant: somebody who may vouches."""
    setattr(request, _ADMITTING, True)
    try:
        yield
    finally:
        delattr(request, _ADMITTING)


def admit(user: Any, tenant: TenantContext) -> None:
    """Make somebody a learner of the tenant. Raises JoinRefused where its site's values say something impossible."""
    membership.ensure_member(user, membership.join_rules(tenant).organization)


def join(sender: Any, instance: Any, created: bool, raw: bool = False, **kwargs: Any) -> None:
    """Receiver after an account is saved: make a new one a member of the tenant on whose site it is made.

    By registering: as the site's rules or the invitation say. A learner by staff of the tenant, who make accounts for a
    list of them, or where somebody vouches (:func:`admitting`). Raises PermissionDenied where it cannot be, and with it
    the account is not made either.
    """
    if raw or not created:
        return
    request = crum.get_current_request()
    tenant = _site_of(request)
    if tenant is None:
        return
    registering: tuple[TenantContext, str | None] | None = request.__dict__.pop(_REGISTERING, None)
    try:
        if registering is not None:
            membership.join(instance, tenant, invitation=registering[1])
        elif getattr(request, _ADMITTING, False):
            admit(instance, tenant)
        elif _is_staff_of(tenant, request.user):
            membership.ensure_member(instance, membership.join_rules(tenant).organization, actor=request.user)
    except JoinRefused as error:
        raise PermissionDenied(str(error)) from error
    except TenancyError as error:
        raise PermissionDenied(_("The invitation cannot be accepted.")) from error


def _site_of(request: Any) -> TenantContext | None:
    if request is None or getattr(request, "tenancy_surface", policy.STUDIO) == policy.STUDIO:
        return None
    tenant: TenantContext | None = request.tenant
    return tenant


def _is_staff_of(tenant: TenantContext, user: Any) -> bool:
    if policy.is_operator(user):
        return True
    return any(membership.has_role(user, name, membership.STAFF) for name in tenant.organizations)
