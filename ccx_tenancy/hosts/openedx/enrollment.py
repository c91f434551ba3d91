"""Nobody is enrolled, and nobody gets a role, in a course of a tenant of which they are no member.

The host asks ``CourseEnrollmentStarted`` wherever it enrolls: the page, the API, lists of instructors, coaches of a
CCX, tasks and commands. Roles of a course or an organization are rows of one table, whoever gives them.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _

from ccx_tenancy.conf import conf
from ccx_tenancy.context import TenantContext, current_tenant
from ccx_tenancy.hosts.openedx.roles import COACH
from ccx_tenancy.membership import api as membership
from ccx_tenancy.partition import owners, policy
from ccx_tenancy.tenants import index
from ccx_tenancy.tenants.api import fold


class RoleRefused(PermissionDenied):
    """A role was to be given in a tenant's organization to somebody who is no member of that tenant."""


def may_enroll(user: Any, key: Any) -> bool:
    """Whether a user may be enrolled in the course of ``key`` (a key object or its text).

    In a tenant's course: its active members, who has a role in that very course, and platform operators. In a course of
    the platform's own: everybody, but not by way of a tenant's site. No query for a member whose memberships are warm.
    """
    if not policy.has_tenants() or policy.is_operator(user):
        return True
    return all(_may_enroll(user, one.organization, str(key)) for one in policy.named_by_key(key))


def _may_enroll(user: Any, organization: str, key: str) -> bool:
    owner = _owner_of(organization)
    if owner is None:
        return current_tenant() is None
    return membership.is_member(user, owner) or conf.host.has_direct_role(user, organization, key, policy.LMS)


def check_role(sender: Any, instance: Any, raw: bool = False, **kwargs: Any) -> None:
    """Receiver before a row of the host's ``CourseAccessRole`` is saved. Raises RoleRefused."""
    if raw or not policy.has_tenants():
        return
    if instance.role == COACH:
        # It says that somebody may run a CCX of the course, and opens nothing of the course itself.
        return
    runner = owners.run_by(str(instance.course_id)) if instance.course_id else None
    organization = runner or instance.org or getattr(instance.course_id, "org", None)
    owner = _owner_of(organization) if organization else None
    user = instance.user
    if owner is None or policy.is_operator(user) or membership.is_member(user, owner):
        return
    if conf.surface == policy.STUDIO and policy.sees_everything(user, policy.STUDIO):
        # Who makes a course gets the roles of its team: refused them, it would be left behind half made.
        return
    raise RoleRefused(
        _("%(user)s is no member of %(organization)s. Make them one first; roles there are for its members.")
        % {"user": user.get_username(), "organization": organization}
    )


def _owner_of(organization: str) -> TenantContext | None:
    return index.index().organizations.get(fold(organization))
