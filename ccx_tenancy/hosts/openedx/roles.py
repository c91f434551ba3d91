"""What the host itself gives a user: course teams, organization roles, teams of v2 libraries; by its own tables, and by
openedx-authz where that is installed."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from django.apps import apps
from django.db.models import Q, QuerySet
from opaque_keys import InvalidKeyError
from opaque_keys.edx import keys
from opaque_keys.edx.django.models import CourseKeyField
from opaque_keys.edx.keys import AssetKey, CourseKey, LearningContextKey, UsageKey
from opaque_keys.edx.locator import LibraryLocatorV2

from ccx_tenancy.hosts.openedx import authz
from ccx_tenancy.ports import DirectRoles
from ccx_tenancy.tenants.api import owner_of

#: The role of who may run CCXs of a course. It opens nothing of the course itself.
COACH = "ccx_coach"
#: Roles of a course or library team that open Studio; in the LMS every role but the coach's counts.
STUDIO_ROLES = ("instructor", "staff", "library_user")
#: What a text ends with that names all keys that begin so.
ALL = "*"
#: The kinds of keys that lie in something; the last one is not in every release of opaque-keys.
_KINDS = (LearningContextKey, UsageKey, AssetKey, *filter(None, (getattr(keys, "ContainerKey", None),)))


def direct_roles(user: Any, surface: str) -> DirectRoles:
    """Return the keys and organizations on which the user holds a role of the host. Two queries."""
    rows = _access_roles(user, surface).values_list("org", "course_id")
    keys: set[str] = set()
    organizations: set[str] = set()
    for organization, key in rows:
        if key:
            keys.add(str(key))
        elif organization:
            organizations.add(organization)
    keys.update(granted_libraries(user), authz.granted(user, surface))
    return DirectRoles(keys=frozenset(keys), organizations=frozenset(organizations))


def has_direct_role(user: Any, organization: str, key: str, surface: str) -> bool:
    """Whether the user holds a role of the host on the course or library of ``key``, or, for an organization that no
    tenant owns, on the organization; without a key, on anything of the organization. One query, or two."""
    if not key:
        return _has_role_in(user, organization, surface)
    context = context_of(key) or _context_of_all(key)
    if context is not None and str(context) in authz.granted(user, surface):
        return True
    if isinstance(context, LibraryLocatorV2):
        granted = library_grants(user.pk).filter(
            library__org__short_name__iexact=context.org, library__slug=context.slug
        )
        if granted.exists():
            return True
    wanted = Q(pk__in=[])
    if isinstance(context, CourseKey):
        wanted |= Q(course_id=context)
    if owner_of(organization) is None:
        # No tenant's wall is in question, and a role on the organization is one on all that is in it.
        wanted |= Q(org__iexact=organization, course_id=CourseKeyField.Empty)
    return bool(wanted) and _access_roles(user, surface).filter(wanted).exists()


def _has_role_in(user: Any, organization: str, surface: str) -> bool:
    rows = _access_roles(user, surface).filter(org__iexact=organization)
    if owner_of(organization) is not None:
        # In a tenant a role on the whole organization comes with a membership, or does not count.
        rows = rows.exclude(course_id=CourseKeyField.Empty)
    if rows.exists():
        return True
    grants: bool = library_grants(user.pk).filter(library__org__short_name__iexact=organization).exists()
    return grants


def _context_of_all(key: str) -> Any:
    """Return the course all of whose blocks are named, by the beginning that their keys have in common, or None: so
    Studio asks how many tags each has. Not where another course of the organization begins so, too."""
    namespace, _, rest = key.partition(":")
    if namespace != "block-v1" or not rest.endswith(ALL):
        return None
    course = context_of(f"course-v1:{rest[: -len(ALL)]}")
    if course is None:
        return None
    courses: Any = apps.get_model("course_overviews.CourseOverview")
    names = courses._base_manager.filter(org__iexact=course.org).values_list("id", flat=True)
    return None if any(str(one).startswith(str(course)) and one != course for one in names) else course


def context_of(key: str) -> Any:
    """Return the key of the course or library that a key of any kind lies in, or None for what is no key."""
    for kind in _KINDS:
        try:
            found = kind.from_string(key)
        except InvalidKeyError:
            continue
        if isinstance(found, LearningContextKey):
            return found
        return getattr(found, "context_key", None) or getattr(found, "course_key", None)
    return None


def known_roles(user: Any) -> list[Any]:
    """Return the user's roles in course teams and organizations, from where the host keeps them for a request: it
    asks for them too, so there is no query more. None for nobody."""
    if user is None or not user.is_authenticated:
        return []
    cache = getattr(user, "_roles", None)
    if cache is None:
        # Where the host's own checks look first, and put it.
        cache = user._roles = import_module("common.djangoapps.student.roles").RoleCache(user)
    return list(cache.all_roles_set)


def given_organizations(user_id: int) -> QuerySet[Any]:
    """Return the organizations, by their short names, on which a user holds a role of the host; as a query."""
    rows: QuerySet[Any] = apps.get_model("student.CourseAccessRole").objects.filter(user_id=user_id)
    return rows.filter(course_id=CourseKeyField.Empty).exclude(org="").values("org")


def granted_libraries(user: Any) -> list[str]:
    """Return the keys of the v2 libraries in whose team the user is. One query."""
    if user is None or not user.is_authenticated:
        return []
    rows = library_grants(user.pk).values_list("library__org__short_name", "library__slug")
    return [f"lib:{organization}:{slug}" for organization, slug in rows]


def in_teams_of(organizations: Iterable[str]) -> QuerySet[Any]:
    """Return the ids of the users with a role of the host on something of those organizations, as a query."""
    rows: QuerySet[Any] = apps.get_model("student.CourseAccessRole").objects.filter(org__in=list(organizations))
    return rows.values("user_id")


def grantees_in(organizations: Iterable[str]) -> QuerySet[Any]:
    """Return the ids of the users in the teams of v2 libraries of those organizations, as a query of its own."""
    grants: Any = apps.get_model("content_libraries.ContentLibraryPermission").objects
    rows: QuerySet[Any] = grants.filter(library__org__short_name__in=list(organizations), user__isnull=False)
    return rows.values("user_id")


def teams_of(user_id: int, organizations: Iterable[str]) -> QuerySet[Any]:
    """Return the roles of a user that open a course of those organizations in Studio, as a query."""
    teams: Any = apps.get_model("student.CourseAccessRole").objects
    rows: QuerySet[Any] = teams.filter(user_id=user_id, role__in=STUDIO_ROLES, org__in=list(organizations))
    return rows.exclude(course_id=CourseKeyField.Empty)


def in_teams_with(user_id: int) -> QuerySet[Any]:
    """Return the ids of the users in those teams of one course in which a user is that opens Studio, as a query."""
    teams: Any = apps.get_model("student.CourseAccessRole").objects
    courses = teams.filter(user_id=user_id, role__in=STUDIO_ROLES).exclude(course_id=CourseKeyField.Empty)
    rows: QuerySet[Any] = teams.filter(course_id__in=courses.values("course_id"))
    return rows.values("user_id")


def grantees_with(user_id: int) -> QuerySet[Any]:
    """Return the ids of the users in the teams of v2 libraries in which a user is, as a query."""
    grants: Any = apps.get_model("content_libraries.ContentLibraryPermission").objects
    libraries = library_grants(user_id).values("library_id")
    rows: QuerySet[Any] = grants.filter(library__in=libraries, user__isnull=False)
    return rows.values("user_id")


def _access_roles(user: Any, surface: str) -> QuerySet[Any]:
    rows: QuerySet[Any] = apps.get_model("student.CourseAccessRole").objects.filter(user_id=user.pk)
    return rows.filter(role__in=STUDIO_ROLES) if surface == "studio" else rows.exclude(role=COACH)


def library_grants(user_id: int) -> QuerySet[Any]:
    """Return the rows of teams of v2 libraries in which a user is, or a group of the user's."""
    grants: Any = apps.get_model("content_libraries.ContentLibraryPermission").objects
    found: QuerySet[Any] = grants.filter(Q(user_id=user_id) | Q(group__user=user_id))
    return found
