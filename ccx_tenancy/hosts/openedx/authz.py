"""openedx-authz, the host's coming way to keep roles: used where the package is installed and its flag is on.

It stands in releases after Teak. Its roles are given for one course or library each, so an author of an organization
has one for each; a new course is covered at the next change of a membership, or by ``host_roles apply``. CCXs have no
roles there, and courses with keys of the old form neither: the package refuses both.

Tried against its versions 0.23, 1.11 and 1.35. It keeps roles in its tables and, for each process, in memory; a
rollback undoes the first alone, which :func:`forget` makes up for.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Collection, Iterable
from importlib import import_module
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError
from django.db.models import Q

from ccx_tenancy.errors import TenancyError

logger = logging.getLogger(__name__)

PACKAGE = "openedx_authz"
#: The package's functions for the roles of users, with the parameters by which they are called.
API = "openedx_authz.api.users"
FUNCTIONS = {
    "assign_role_to_user_in_scope": ("user_external_key", "role_external_key", "scope_external_key"),
    "unassign_role_from_user": ("user_external_key", "role_external_key", "scope_external_key"),
    "get_user_role_assignments": ("user_external_key",),
}
#: The package's class that holds the roles in memory, and its method to have every process read them anew.
MEMORY = "openedx_authz.engine.enforcer"
ENFORCER = "AuthzEnforcer"
INVALIDATE = "invalidate_policy_cache"
#: Where the host keeps its flag, and the flag's name.
TOGGLES = "openedx.core.toggles"
FLAG = "AUTHZ_COURSE_AUTHORING_FLAG"

#: The host's models of courses and of libraries.
COURSES = "course_overviews.CourseOverview"
LIBRARIES = "content_libraries.ContentLibrary"

COURSE_ROLE = "course_staff"
LIBRARY_ROLE = "library_author"

#: What roles on a course open Studio; those on a library all do. In the LMS every role but the coach's counts.
STUDIO_ROLES = ("course_admin", "course_staff", "course_editor", "course_auditor")
LIBRARY_ROLES = "library_"
COACH = "ccx_coach"
STUDIO = "studio"
#: What a scope ends with that is all of an organization, or of the platform.
EVERYTHING = "*"

#: What we gave ourselves.
GIVEN = "ccx_openedx.ProjectedRole"

#: How a key begins for which the package takes roles, among those that the host's table of courses holds.
COURSE_SCOPE = "course-v1:"
LIBRARY_SCOPE = "lib:"


def is_installed() -> bool:
    """Whether the package is among the installed apps."""
    return apps.is_installed(PACKAGE)


def is_on() -> bool:
    """Whether the package is installed and the host's flag for it is on: for all courses, and not for some."""
    if not is_installed():
        return False
    try:
        flag = getattr(import_module(TOGGLES), FLAG)
    except (ImportError, AttributeError):
        return False
    return bool(flag.is_enabled())


def scopes_of(organizations: Collection[str]) -> dict[str, list[tuple[str, str]]]:
    """Return the courses and libraries of organizations, each with the role that an author has there. Two queries."""
    found: dict[str, list[tuple[str, str]]] = {name: [] for name in organizations}
    if not found:
        return found
    spelled = {name.lower(): name for name in found}
    courses: Any = apps.get_model(COURSES)._base_manager
    named = Q(pk__in=[])
    for name in organizations:
        named |= Q(org__iexact=name)
    for organization, key in courses.filter(named).values_list("org", "id"):
        if str(key).startswith(COURSE_SCOPE):
            found[spelled[organization.lower()]].append((str(key), COURSE_ROLE))
    libraries: Any = apps.get_model(LIBRARIES)._base_manager
    rows = libraries.filter(org__short_name__in=list(organizations)).values_list("org__short_name", "slug")
    for organization, slug in rows:
        found[spelled[organization.lower()]].append((f"lib:{organization}:{slug}", LIBRARY_ROLE))
    return found


def usernames(user_ids: Iterable[int]) -> dict[int, str]:
    """Return the names of accounts by id. One query."""
    rows = get_user_model()._base_manager.filter(pk__in=set(user_ids))
    return {row.pk: row.get_username() for row in rows}


def assigned(username: str) -> set[tuple[str, str]]:
    """Return the scopes and roles that a user has."""
    assignments = _call("get_user_role_assignments", username)
    return {
        (assignment.scope.external_key, role.external_key) for assignment in assignments for role in assignment.roles
    }


def granted(user: Any, surface: str) -> frozenset[str]:
    """Return the courses and libraries on each of which somebody gave the user a role that counts on that surface; none
    where the package is not installed. What a membership gave is not among them, and ends with the membership."""
    if not is_installed() or user is None or not user.is_authenticated:
        return frozenset()
    try:
        found = assigned(user.get_username())
    except TenancyError:
        logger.exception("Roles of openedx-authz do not count for %s.", user.get_username())
        return frozenset()
    rows = apps.get_model(GIVEN)._default_manager.filter(user_id=user.pk).values_list("scope", "role")
    return frozenset(
        scope for scope, role in found.difference(rows) if _counts(role, surface) and not scope.endswith(EVERYTHING)
    )


def _counts(role: str, surface: str) -> bool:
    return role in STUDIO_ROLES or role.startswith(LIBRARY_ROLES) if surface == STUDIO else role != COACH


def assign(user_id: int, role: str, scope: str) -> None:
    """Give a role. Raises TenancyError where the package refuses."""
    _call("assign_role_to_user_in_scope", usernames([user_id])[user_id], role, scope)


def withdraw(user_id: int, role: str, scope: str) -> None:
    """Take a role; from an account that is gone there is nothing to take."""
    for name in usernames([user_id]).values():
        _call("unassign_role_from_user", name, role, scope)


def forget() -> None:
    """Have every process read the roles from the tables again, after a rollback: what was never given is still in this
    one's memory, and would be allowed there. Does nothing where the package is not installed."""
    if not is_installed():
        return
    try:
        getattr(getattr(import_module(MEMORY), ENFORCER), INVALIDATE)()
    except (ImportError, AttributeError, DatabaseError):
        logger.exception("openedx-authz may still allow in this process what was rolled back: restart it.")


def problems() -> list[str]:
    """Return a sentence for each thing that we call and the installed package does not have as we know it."""
    found = [problem for name in FUNCTIONS if (problem := _problem(name)) is not None]
    try:
        getattr(getattr(import_module(MEMORY), ENFORCER), INVALIDATE)
    except (ImportError, AttributeError) as missing:
        found.append(f"openedx-authz: {missing}.")
    return found


def _problem(function: str) -> str | None:
    parameters = FUNCTIONS[function]
    try:
        signature = inspect.signature(getattr(import_module(API), function))
    except (ImportError, AttributeError) as missing:
        return f"openedx-authz: {missing}."
    try:
        signature.bind(**dict.fromkeys(parameters))
    except TypeError:
        return f"{API}.{function} is called with ({', '.join(parameters)}) and takes {signature}."
    return None


def _call(function: str, *values: str) -> Any:
    problem = _problem(function)
    if problem is not None:
        raise TenancyError(
            f"This release of openedx-authz is not known. {problem} Use a release of ccx-tenancy that knows it; until"
            " then CCX_TENANCY['PROJECT_ROLES'] = False lets memberships change, and gives no roles of the host."
        )
    try:
        return getattr(import_module(API), function)(**dict(zip(FUNCTIONS[function], values, strict=True)))
    except (ValueError, ObjectDoesNotExist) as error:
        raise TenancyError(f"openedx-authz refuses {function}({', '.join(values)}): {error}") from error
