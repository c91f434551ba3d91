"""Launches from another learning platform by LTI (``ENABLE_LTI_PROVIDER``): who comes so gets an account by that.

The platform knows its consumers, and not for whom: with the key and secret of one, any course of any site is launched.
So a tenant's site names the consumers whose learners it takes, by their keys, in ``LTI_CONSUMERS``; a learner that one
of them launches is a learner of the tenant. Others are refused as the platform refuses who has to sign in.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import apps
from django.core.exceptions import PermissionDenied

from ccx_tenancy.context import TenantContext
from ccx_tenancy.hosts.openedx import registration, rows
from ccx_tenancy.hosts.openedx.targets import Target
from ccx_tenancy.membership import api as membership
from ccx_tenancy.site_config import helpers

#: The platform's app, which is there only where it is switched on; and where it signs in who is launched.
APP = "lms.djangoapps.lti_provider"
USERS = "lms.djangoapps.lti_provider.users"
#: The site's value: a list of keys of consumers.
CONSUMERS = "LTI_CONSUMERS"


def targets() -> list[Target]:
    """Return what is replaced; nothing where the platform takes no launches."""
    if not apps.is_installed(APP):
        return []
    parameters = ("request", "lti_user_id", "lti_consumer")
    return [Target(import_module(USERS), "authenticate_lti_user", parameters, _make_authenticate)]


def _make_authenticate(original: Any) -> Any:
    def authenticate_lti_user(request: Any, lti_user_id: Any, lti_consumer: Any) -> Any:
        tenant: TenantContext | None = getattr(request, "tenant", None)
        if tenant is None:
            return original(request, lti_user_id, lti_consumer)
        account = _account_of(lti_user_id, lti_consumer)
        if account is not None and membership.is_member(account, tenant):
            return original(request, lti_user_id, lti_consumer)
        if not _is_taken(lti_consumer):
            if account is None and lti_consumer.require_user_account:
                # No account is made: it is for who is signed in here already.
                return original(request, lti_user_id, lti_consumer)
            raise PermissionDenied
        with registration.admitting(request):
            if account is not None:
                _admit(account, tenant)
            return original(request, lti_user_id, lti_consumer)

    return authenticate_lti_user


def _account_of(lti_user_id: Any, lti_consumer: Any) -> Any:
    model: Any = import_module(USERS).LtiUser
    found = model._base_manager.filter(lti_user_id=lti_user_id, lti_consumer=lti_consumer).first()
    return None if found is None else found.edx_user


def _is_taken(lti_consumer: Any) -> bool:
    taken = helpers.get_value(CONSUMERS)
    return isinstance(taken, list | tuple) and lti_consumer.consumer_key in taken


def _admit(account: Any, tenant: TenantContext) -> None:
    """Make an account that has come before, elsewhere, a learner here. Raises PermissionDenied if it is suspended."""
    there = membership.OrganizationMembership.objects.filter(user_id=account.pk)
    if there.filter(organization__tenant_organization__tenant_id=tenant.id).exists():
        raise PermissionDenied
    with rows.uncut():
        registration.admit(account, tenant)
