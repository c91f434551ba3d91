"""Studio's lists and doors, cut to what the person who asks sees: what the patches put in the host's functions' place.

The gate refuses a request that *names* what is somebody else's. Here is what names nothing, or names it by an id that
says no organization: lists, taxonomies, the token for the search engine; and what would make
something new outside of the tenant.

Each function asks :func:`ccx_tenancy.hosts.openedx.sight.sight_of`. It is None, and the host's own function answers
alone, where there is no tenant, for platform operators, and outside of requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

from django.apps import apps
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet

from ccx_tenancy.hosts.openedx import rows_in_studio, sources
from ccx_tenancy.hosts.openedx.features import feature
from ccx_tenancy.hosts.openedx.sight import Sight, organization_of, sight_of, sight_of_request
from ccx_tenancy.hosts.openedx.targets import Entry, Patch, Target, module_if_there, of_managers

#: Where the host's functions live.
AUTH = "common.djangoapps.student.auth"
COURSE_VIEWS = "cms.djangoapps.contentstore.views.course"
LIBRARY_VIEWS = "cms.djangoapps.contentstore.views.library"
LIBRARY_PERMISSIONS = "openedx.core.djangoapps.content_libraries.permissions"
#: Where releases after Teak ask for one library, and for one course: their own rules or openedx-authz.
LIBRARY_CHECKS = "openedx.core.djangoapps.content_libraries.api.libraries"
LIBRARY_CHECK = "user_has_permission_across_lib_authz_systems"
COURSE_CHECKS = "openedx.core.djangoapps.authz.decorators"
TAGGING = "openedx.core.djangoapps.content_tagging"
TAGGED_BY = "openedx_tagging.core.tagging.rest_api.v1.serializers"
SEARCH = "openedx.core.djangoapps.content.search.api"
CLIPBOARD = "openedx.core.djangoapps.content_staging.api"
ORGANIZATIONS = "organizations.api"

#: Permissions of v2 libraries that are about one library.
LIBRARY_RULES = (
    "content_libraries.learn_from_library",
    "content_libraries.view_library",
    "content_libraries.edit_library",
    "content_libraries.view_library_team",
    "content_libraries.edit_library_team",
    "content_libraries.delete_library",
)

#: Permissions on taxonomies: what shows one, and what changes it, its tags, or for whom it is.
SEEING_TAXONOMY = (
    "oel_tagging.view_taxonomy",
    "oel_tagging.list_tag",
    "oel_tagging.view_tag",
    "oel_tagging.view_objecttag_taxonomy",
    "oel_tagging.change_objecttag_taxonomy",
    "oel_tagging.can_tag_object",
)
CHANGING_TAXONOMY = (
    "oel_tagging.change_taxonomy",
    "oel_tagging.delete_taxonomy",
    "oel_tagging.update_orgs",
    "oel_tagging.add_tag",
    "oel_tagging.change_tag",
    "oel_tagging.delete_tag",
)

#: What the filter of the search token is made with.
SEARCH_PARTS = ("MAX_ORGS_IN_FILTER", "MAX_ACCESS_IDS_IN_FILTER", "_get_user_orgs", "get_access_ids_for_request")


def _model(label: str) -> Any:
    return apps.get_model(label)


# Rights on courses and old libraries


def _permissions() -> list[Target]:
    parameters = ("user", "course_key", "org", "service_variant")
    targets = [Target(import_module(AUTH), "get_user_permissions", parameters, make_user_permissions)]
    checks = module_if_there(COURSE_CHECKS)
    if checks is not None:
        # Where the host's flag is on for a course, openedx-authz is asked in its place; global staff may do anything.
        parameters = ("user", "authz_permission", "course_key", "legacy_permission")
        targets.append(Target(checks, "user_has_course_permission", parameters, make_course_check))
    return targets


def make_user_permissions(original: Any) -> Any:
    def get_user_permissions(user: Any, course_key: Any, org: Any = None, service_variant: Any = None) -> Any:
        sight = sight_of(user)
        if sight is not None and not (sight.sees_key(course_key) if org is None else sight.sees(org)):
            return 0
        return original(user, course_key, org=org, service_variant=service_variant)

    return get_user_permissions


def make_course_check(original: Any) -> Any:
    def user_has_course_permission(
        user: Any, authz_permission: Any, course_key: Any, legacy_permission: Any = None
    ) -> bool:
        sight = sight_of(user)
        if sight is not None and not sight.sees_key(course_key):
            return False
        return bool(original(user, authz_permission, course_key, legacy_permission))

    return user_has_course_permission


# Courses


def _courses() -> list[Target]:
    owner = _model("course_overviews.CourseOverview")
    parameters = ("cls", "orgs", "filter_", "active_only", "course_keys")
    return [Target(owner, "get_all_courses", parameters, make_all_courses, is_classmethod=True)]


def make_all_courses(original: Any) -> Any:
    def get_all_courses(cls: Any, *args: Any, **kwargs: Any) -> Any:
        rows = original(cls, *args, **kwargs)
        sight = sight_of_request()
        return rows if sight is None else sight.courses(rows)

    return get_all_courses


# Libraries with a team


def _libraries() -> list[Target]:
    import_module(LIBRARY_PERMISSIONS)
    perms = import_module("bridgekeeper").perms
    targets: list[Target] = [Entry(perms, name, ("Rule",), make_library_rule) for name in LIBRARY_RULES]
    checks = module_if_there(LIBRARY_CHECKS)
    if hasattr(checks, LIBRARY_CHECK):
        # What the rules refuse, openedx-authz may allow: to global staff everything.
        parameters = ("user", "permission", "library_obj")
        targets.append(Target(checks, LIBRARY_CHECK, parameters, make_library_check))
    return targets


def make_library_rule(original: Any) -> Any:
    """Return the host's rule, for libraries in sight only."""
    rules: Any = import_module("bridgekeeper.rules")

    class InSight(rules.Rule):  # type: ignore[misc]
        def query(self, user: Any) -> Any:
            sight = sight_of(user)
            if sight is None:
                return rules.UNIVERSAL
            return sight.of_organizations("org__") | sight.with_grant()

        def check(self, user: Any, instance: Any = None) -> bool:
            return instance is None or _may_see_library(user, instance)

    return original & InSight()


def make_library_check(original: Any) -> Any:
    def user_has_permission_across_lib_authz_systems(user: Any, permission: Any, library_obj: Any) -> bool:
        return _may_see_library(user, library_obj) and bool(original(user, permission, library_obj))

    return user_has_permission_across_lib_authz_systems


def _may_see_library(user: Any, library: Any) -> bool:
    sight = sight_of(user)
    if sight is None or sight.sees(organization_of(library)):
        return True
    return str(library.library_key) in sight.granted_libraries


# Taxonomies and their tags


def _taxonomies() -> list[Target]:
    import_module(f"{TAGGING}.rules")
    registry = import_module("rules.permissions").permissions
    filters = import_module(f"{TAGGING}.rest_api.v1.filters")
    parameters, also = ("self", "request", "queryset", "_"), (("self", "request", "queryset", "view"),)
    seen = filters.UserOrgFilterBackend, filters.ObjectTagTaxonomyOrgFilterBackend
    return [
        *(Entry(registry, name, ("Predicate",), make_seeing_rule) for name in SEEING_TAXONOMY),
        *(Entry(registry, name, ("Predicate",), make_changing_rule) for name in CHANGING_TAXONOMY),
        Target(seen[0], "filter_queryset", parameters, _filter_at("pk"), also=also),
        Target(seen[1], "filter_queryset", parameters, _filter_at("taxonomy_id"), also=also),
        Target(
            import_module(f"{TAGGING}.api"),
            "set_taxonomy_orgs",
            ("taxonomy", "all_orgs", "orgs", "relationship"),
            make_set_taxonomy_orgs,
        ),
        Entry(
            import_module(TAGGED_BY).ObjectTagUpdateByTaxonomySerializer._declared_fields,
            "taxonomy",
            ("PrimaryKeyRelatedField",),
            make_field_of_taxonomies,
        ),
    ]


def make_seeing_rule(original: Any) -> Any:
    """Return the host's rule, for taxonomies in sight only."""
    return original & _predicate(_sees_taxonomy)


def make_changing_rule(original: Any) -> Any:
    """Return the host's rule, for taxonomies only that are nobody else's as well."""
    return original & _predicate(_owns_taxonomy)


def _predicate(decide: Callable[[Sight, list[str | None]], bool]) -> Any:
    def in_sight(user: Any, item: Any = None) -> bool:
        taxonomy = getattr(item, "taxonomy", None) or item
        sight = sight_of(user) if getattr(taxonomy, "pk", None) is not None else None
        return sight is None or decide(sight, _organizations_of(taxonomy))

    return import_module("rules").predicate(in_sight)


def _organizations_of(taxonomy: Any) -> list[str | None]:
    """Return the short names of the organizations a taxonomy is for, None among them where it is for all."""
    return [organization_of(row) if row.org_id else None for row in taxonomy.taxonomyorg_set.all()]


def _sees_taxonomy(sight: Sight, organizations: list[str | None]) -> bool:
    if not organizations:
        return not sight.is_of_tenants
    return any(name is None or sight.sees_or_works_in(name) for name in organizations)


def _owns_taxonomy(sight: Sight, organizations: list[str | None]) -> bool:
    if not organizations:
        return not sight.is_of_tenants
    return all(sight.sees(name) if name is not None else not sight.is_of_tenants for name in organizations)


def _filter_at(taxonomy: str) -> Callable[[Any], Any]:
    def make(original: Any) -> Any:
        def filter_queryset(self: Any, request: Any, queryset: Any, view: Any) -> Any:
            rows = original(self, request, queryset, view)
            sight = sight_of(request.user)
            return rows if sight is None else rows.filter(_taxonomies_in(sight, taxonomy))

        return filter_queryset

    return make


def _taxonomies_in(sight: Sight, taxonomy: str) -> Q:
    """Return the condition for rows whose taxonomy, found at ``taxonomy``, is in sight."""
    links = _model("content_tagging.TaxonomyOrg").objects.filter(taxonomy=OuterRef(taxonomy))
    found = Q(org=None) | sight.of_organizations("org__")
    if sight.worked_in:
        # The platform itself shows who is in a course's team what the course may be tagged with.
        found |= Q(org__tenant_organization__folded__in=sorted(sight.worked_in))
    seen = Q(Exists(links.filter(found)))
    return seen if sight.is_of_tenants else seen | ~Q(Exists(links))


def make_field_of_taxonomies(original: Any) -> Any:
    """Return the host's field for a taxonomy's number, to which those out of sight are unknown: a refusal would say
    their names."""

    def get_queryset(self: Any) -> Any:
        found = type(original).get_queryset(self)
        sight = sight_of_request()
        return found if sight is None else found.filter(_taxonomies_in(sight, "pk"))

    made = type("TaxonomyInSight", (type(original),), {"get_queryset": get_queryset})
    return made(*original._args, **original._kwargs)


def make_set_taxonomy_orgs(original: Any) -> Any:
    def set_taxonomy_orgs(taxonomy: Any, all_orgs: bool = False, orgs: Any = None, **kwargs: Any) -> Any:
        sight = sight_of_request()
        if sight is not None and sight.is_of_tenants:
            if all_orgs:
                raise PermissionDenied("A taxonomy for the organizations of all tenants is the platform's to make.")
            # One of nobody would be the platform's, and out of its maker's sight.
            orgs = [org for org in orgs or () if sight.sees(org.short_name)] or list(sight.organizations())
        return original(taxonomy, all_orgs=all_orgs, orgs=orgs, **kwargs)

    return set_taxonomy_orgs


# The token with which a browser asks the search engine


def _search() -> list[Target]:
    search = import_module(SEARCH)
    for part in SEARCH_PARTS:
        getattr(search, part)
    return [Target(search, "_get_meili_access_filter", ("request",), make_access_filter)]


def make_access_filter(original: Any) -> Any:
    def _get_meili_access_filter(request: Any) -> dict[str, Any]:
        sight = sight_of(request.user)
        if sight is None:
            return original(request)  # type: ignore[no-any-return]
        search: Any = import_module(SEARCH)
        names = sorted(sight.scope)[: search.MAX_ORGS_IN_FILTER]
        if not request.user.is_staff:
            given = set(search._get_user_orgs(request))
            names = [name for name in names if name in given]
        found = search.get_access_ids_for_request(request, omit_orgs=names)
        seen = _seen_ids(sight, found)
        ids = [one for one in found if one in seen][: search.MAX_ACCESS_IDS_IN_FILTER]
        return {"filter": f"org IN {names} OR access_id IN {ids}"}

    return _get_meili_access_filter


def _seen_ids(sight: Sight, ids: Iterable[int]) -> set[int]:
    rows = _model("search.SearchAccess").objects.filter(id__in=list(ids)).values_list("id", "context_key")
    return {pk for pk, key in rows if sight.sees_context(key)}


# Organizations


def _organizations() -> list[Target]:
    views = import_module(COURSE_VIEWS)
    api = import_module(ORGANIZATIONS)
    return [
        Target(api, "get_organizations", (), make_get_organizations),
        Target(api, "ensure_organization", ("organization_short_name",), make_ensure_organization),
        Target(views, "get_allowed_organizations", ("user",), make_allowed_organizations),
        Target(views, "get_allowed_organizations_for_libraries", ("user",), make_allowed_organizations),
        Target(views, "user_can_create_organizations", ("user",), make_can_create_organizations),
    ]


def make_get_organizations(original: Any) -> Any:
    def get_organizations() -> Any:
        sight = sight_of_request()
        if sight is None:
            return original()
        # What the host's function reads, but for the condition: to cut its list afterwards would take one query more.
        return import_module("organizations.serializers").serialize_organizations(sight.organizations())

    return get_organizations


def make_ensure_organization(original: Any) -> Any:
    def ensure_organization(organization_short_name: str) -> Any:
        sight = sight_of_request()
        # To people of tenants an organization that is to be made is out of sight, too: it would be nobody's.
        if sight is not None and not sight.sees_or_works_in(organization_short_name):
            exceptions = import_module("organizations.exceptions")
            raise exceptions.InvalidOrganizationException(f"There is no organization {organization_short_name!r}.")
        return original(organization_short_name)

    return ensure_organization


def make_allowed_organizations(original: Any) -> Any:
    def get_allowed_organizations(user: Any) -> Any:
        sight = sight_of(user)
        if sight is None or not sight.is_of_tenants:
            return original(user) if sight is None else [name for name in original(user) if sight.sees(name)]
        if user.is_staff:
            return sorted(sight.scope)
        found = original(user)
        if isinstance(found, QuerySet):  # Which the host may never read.
            return found.filter(Q(short_name__in=sorted(sight.scope)) | _worked_in(sight))
        # Where anybody may create, the host names no organization: any would do.
        everywhere = not found and not feature("ENABLE_CREATOR_GROUP", False)
        return sorted(sight.scope) if everywhere else [name for name in found if sight.sees_or_works_in(name)]

    return get_allowed_organizations


def _worked_in(sight: Sight) -> Q:
    """Return the condition for organizations of whose courses' teams the user is, as a member of their tenant."""
    return Q(tenant_organization__folded__in=sorted(sight.worked_in)) if sight.worked_in else Q(pk__in=[])


def make_can_create_organizations(original: Any) -> Any:
    def user_can_create_organizations(user: Any) -> bool:
        sight = sight_of(user)
        return (sight is None or not sight.is_of_tenants) and bool(original(user))

    return user_can_create_organizations


# Creating


def _creating() -> list[Target]:
    return [
        Target(import_module(AUTH), "is_content_creator", ("user", "org"), make_may_create),
        Target(import_module(LIBRARY_VIEWS), "user_can_create_library", ("user", "org"), make_may_create),
    ]


def make_may_create(original: Any) -> Any:
    """Return the host's check, for organizations in sight, and only for those that the host's record of a course
    creator names, where it names some."""

    def may_create(user: Any, org: Any) -> bool:
        sight = sight_of(user)
        if sight is not None and not (sight.sees_or_works_in(org) and (user.is_staff or _is_named_creator(sight, org))):
            return False
        return bool(original(user, org))

    return may_create


def _is_named_creator(sight: Sight, organization: str) -> bool:
    row = _model("course_creators.CourseCreator").objects.filter(user_id=sight.user.pk).first()
    if row is None or row.state != row.GRANTED or row.all_organizations:
        return True
    return row.organizations.filter(short_name__iexact=organization).exists() or sight.has_role_in(organization)


# Links between libraries and courses


def _links() -> list[Target]:
    return [
        Target(
            _model(f"contentstore.{name}"),
            "filter_links",
            ("cls", "link_filter"),
            make_links,
            is_classmethod=True,
            also=(("cls", "use_top_level_parents", "link_filter"),),
        )
        for name in ("ComponentLink", "ContainerLink")
    ]


def make_links(original: Any) -> Any:
    def filter_links(cls: Any, **link_filter: Any) -> Any:
        sight = sight_of_request()
        return original(cls, **(link_filter if sight is None else link_filter | _in_sight(sight, cls, link_filter)))

    return filter_links


def _in_sight(sight: Sight, cls: Any, link_filter: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the conditions by which both ends of a link are in sight, those asked for by the same name among them.

    They are asked for with the rest: what the host returns may be a union or a list, which nothing can be added to.
    """
    everywhere = cls.objects.order_by()
    courses = everywhere.values_list("downstream_context_key", flat=True).distinct()
    libraries = everywhere.values_list("upstream_context_key", flat=True).distinct()
    seen: dict[str, list[Any]] = {
        "downstream_context_key__in": [key for key in courses if sight.sees_key(key)],
        "upstream_context_key__in": [key for key in libraries if _sees_library(sight, str(key))],
    }
    for name in seen.keys() & link_filter.keys():
        wanted = set(map(str, link_filter[name]))
        seen[name] = [key for key in seen[name] if str(key) in wanted]
    return seen


def _sees_library(sight: Sight, key: str) -> bool:
    return sight.sees(key.split(":")[1]) or key in sight.granted_libraries


# People, and what is found by a number


def _rows() -> list[Target]:
    return of_managers(rows_in_studio.cut_models(), rows_in_studio.cut)


# What was copied


def _clipboard() -> list[Target]:
    module = import_module(CLIPBOARD)
    return [
        Target(module, "get_user_clipboard", ("user_id", "only_ready"), make_clipboard),
        Target(module, "get_user_clipboard_json", ("user_id", "request"), make_clipboard_json),
    ]


def make_clipboard(original: Any) -> Any:
    def get_user_clipboard(user_id: int, only_ready: bool = True) -> Any:
        found = original(user_id, only_ready=only_ready)
        return found if found is None or _may_paste(found.source_usage_key) else None

    return get_user_clipboard


def make_clipboard_json(original: Any) -> Any:
    def get_user_clipboard_json(user_id: int, request: Any = None) -> Any:
        found = original(user_id, request=request)
        source = found.get("source_usage_key")
        if not source or _may_paste(source):
            return found
        return {"content": None, "source_usage_key": "", "source_context_title": "", "source_edit_url": ""}

    return get_user_clipboard_json


def _may_paste(source: Any) -> bool:
    from ccx_tenancy.hosts.openedx.roles import context_of

    sight = sight_of_request()
    if sight is None:
        return True
    context = context_of(str(source))
    return context is not None and sight.sees_context(context)


PATCHES: Mapping[str, Patch] = MappingProxyType(
    {
        name: Patch(targets, why, without, surface="studio")
        for name, (targets, why, without) in {
            "studio_permissions": (
                _permissions,
                "Global staff and holders of an organization's role have rights on every course of every tenant.",
                "Without it lists of old libraries, reruns in progress and course runs show all tenants' to staff.",
            ),
            "studio_courses": (
                _courses,
                "Studio's lists of courses are read by this method, for global staff all of them.",
                "Without it global staff see the courses of all tenants in Studio's lists.",
            ),
            "studio_libraries": (
                _libraries,
                "Global staff, and for public ones course creators, may see every library; assets of libraries are"
                " found by an id that names no organization.",
                "Without it staff and course creators see the libraries of all tenants.",
            ),
            "studio_taxonomies": (
                _taxonomies,
                "Taxonomies are found by number. Global staff see and change all of them, anybody sees their tags.",
                "Without it taxonomies and their tags are seen across tenants, and staff change them.",
            ),
            "studio_search": (
                _search,
                "The browser asks the search engine itself, with a token; that of global staff opens everything.",
                "Without it global staff search in the content of all tenants.",
            ),
            "studio_organizations": (
                _organizations,
                "Everybody is offered the names of all organizations, and a new name makes a new organization.",
                "Without it the names of all tenants are shown, and a library's creator makes organizations.",
            ),
            "studio_creating": (
                _creating,
                "Whoever may create in one organization, or is global staff, may in all of them.",
                "Without it only the gate stands between a creator and another tenant's organization.",
            ),
            "studio_links": (
                _links,
                "The lists of blocks that are linked to libraries show everybody those of all courses.",
                "Without it links are listed across tenants, with the titles of libraries.",
            ),
            "studio_rows": (
                _rows,
                "Global staff find, close and put into teams every account by its name, address or number; whoever may"
                " name one course dismisses reruns of any other by their numbers, and takes its team's roles away.",
                "Without it people of other tenants are found in Studio, and reruns and exams by their numbers.",
            ),
            "studio_old_libraries": (
                sources.old_libraries,
                "A block of the randomized kind copies what is in the old library that it names, and an import may name"
                " any: the platform asks for the right to read it on one of four ways.",
                "Without it an import, or a paste, copies old libraries of other tenants into a course.",
            ),
            "studio_upstreams": (
                sources.upstreams,
                "A block says itself to which library's content it is linked, and the platform tells whether that is"
                " there, and in which version, without asking for rights.",
                "Without it an imported block shows that another tenant's content exists, and when it changes.",
            ),
            "studio_files": (
                sources.files,
                "Content says itself which files are its own: with a signatory of a certificate its picture is deleted,"
                " whichever file of whichever course is named there.",
                "Without it an author deletes files of other tenants' courses, by naming one in a certificate.",
            ),
            "studio_tags": (
                sources.tags,
                "An import tags content by the names of taxonomies, whosever they are, and what is pasted gets the tags"
                " of whatever it says it is linked to.",
                "Without it content of a tenant is tagged with other tenants' taxonomies, and exports show their tags.",
            ),
            "studio_clipboard": (
                _clipboard,
                "What was copied stays for days, also when its source is out of sight by then.",
                "Without it what somebody copied as an author is still pasted after leaving the tenant.",
            ),
        }.items()
    }
)
