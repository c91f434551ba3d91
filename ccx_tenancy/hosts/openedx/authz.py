"""openedx-authz, the host's coming way to keep roles: used where the package is installed and its flag is on.

It stands in releases after Teak. Its roles are given for one course or library each, so an author of an organization
has one for each; a new course is covered at the next change of a membership, or by ``host_roles apply``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from importlib import import_module
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import Q

from ccx_tenancy.errors import TenancyError
from ccx_tenancy.partition import owners

PACKAGE = "openedx_authz"
#: The package's functions for the roles of users, with the parameters by which they are called.
API = "openedx_authz.api.users"
FUNCTIONS = {
    "assign_role_to_user_in_scope": ("user_external_key", "role_external_key", "scope_external_key"),
    "unassign_role_from_user": ("user_external_key", "role_external_key", "scope_external_key"),
    "get_user_role_assignments": ("user_external_key",),
}
#: Where the host keeps its flag, and the flag's name.
TOGGLES = "openedx.core.toggles"
FLAG = "AUTHZ_COURSE_AUTHORING_FLAG"

#: The host's models of courses and of libraries.
COURSES = "course_overviews.CourseOverview"
LIBRARIES = "content_libraries.ContentLibrary"

COURSE_ROLE = "course_staff"
LIBRARY_ROLE = "library_author"


def is_on() -> bool:
    """Whether the package is installed and the host's flag for it is on."""
    if not apps.is_installed(PACKAGE):
        return False
    try:
        flag = getattr(import_module(TOGGLES), FLAG)
    except (ImportError, AttributeError):
        return False
    return bool(flag.is_enabled())


def scopes_of(organizations: Collection[str]) -> dict[str, list[tuple[str, str]]]:
    """Return the courses (CCX included) and libraries of organizations, each with the role that an author has there.

    A CCX that was bought is its buyer's. Two queries.
    """
    found: dict[str, list[tuple[str, str]]] = {name: [] for name in organizations}
    if not found:
        return found
    spelled = {name.lower(): name for name in found}
    courses: Any = apps.get_model(COURSES)._base_manager
    named = Q(pk__in=[])
    for name in organizations:
        named |= Q(org__iexact=name)
    runners = {one.key: one.runner for one in owners.bought()}
    for organization, key in courses.filter(named).values_list("org", "id"):
        if str(key) not in runners:
            found[spelled[organization.lower()]].append((str(key), COURSE_ROLE))
    for bought, runner in runners.items():
        if runner in spelled:
            found[spelled[runner]].append((bought, COURSE_ROLE))
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


def assign(user_id: int, role: str, scope: str) -> None:
    """Give a role. Raises TenancyError where the package refuses."""
    _call("assign_role_to_user_in_scope", usernames([user_id])[user_id], role, scope)


def withdraw(user_id: int, role: str, scope: str) -> None:
    """Take a role; from an account that is gone there is nothing to take."""
    for name in usernames([user_id]).values():
        _call("unassign_role_from_user", name, role, scope)


def _call(function: str, *values: str) -> Any:
    called = getattr(import_module(API), function)
    try:
        return called(**dict(zip(FUNCTIONS[function], values, strict=True)))
    except ValueError as error:
        raise TenancyError(f"openedx-authz refuses {function}({', '.join(values)}): {error}") from error
