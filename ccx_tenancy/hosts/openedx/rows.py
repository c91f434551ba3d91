"""Rows of the host's tables that a request in the LMS does not see: other tenants' things and people.

The gate knows what a request names. What names nothing has to be cut where it is read: lists, look-ups of people by
name or address, ids that hold no organization. So the managers of the host's models leave foreign rows out, for whoever
reads in a request: every list, look-up and plug-in passes them. Links between rows (Django's base managers) do not, and
neither do tasks and commands, which nobody asked for over the network.

*Of courses*: every model with a key of a course, its own or in a link. On a tenant's site the tenant's rows are seen;
on the platform's own hosts all but those of tenants to which the user does not belong. A role on a whole organization
is a row of that organization.

*Of CCXs that were bought*: a CCX counts as its buyer's, and no longer as the seller's. Of the master course the buyer
sees what the CCX is made of, and that the coach is one; no roster, no team, no list in which the course stands. Where a
request names such a CCX, roles on the master course and on the seller's whole organization are not seen: the host reads
the organization off the key, asks the master course who may coach, and would take the seller's staff for the CCX's.

*Of wikis*: there is one tree of pages for all. A page is of the organization of the course in whose wiki it lies, by
the name of that wiki; on a tenant's site only those of its own courses are seen.

*Of what hangs on such a row*: a model without a key of its own, each row of which belongs to one that is cut: attempts
at an exam, memberships of a team. It is seen where that row is.

*Of people*: accounts, rows that are one for an account, and rows without a course that each belong to one account. On a
tenant's site its members and who is or was enrolled or in a team there; on the platform's own hosts, for signed-in
people, those with whom they share a tenant.

Platform operators see all, and so does whoever finds out whose a session or a token is, and our own rooms
(:func:`uncut`). With no tenant nothing is cut. A cut is a condition of a query that was asked anyway: no query is
added.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import crum
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db import IntegrityError, router
from django.db.models import (
    BooleanField,
    CharField,
    Exists,
    F,
    ForeignKey,
    Func,
    Model,
    OneToOneField,
    OuterRef,
    Q,
    QuerySet,
    TextField,
    Value,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Concat, Length, Lower, Substr
from django.db.models.lookups import In
from django.db.models.sql.where import AND
from django.http import HttpRequest
from django.utils.functional import LazyObject, empty
from opaque_keys.edx.django.models import CourseKeyField, LearningContextKeyField

from ccx_tenancy.conf import conf
from ccx_tenancy.context import TenantContext, current_tenant
from ccx_tenancy.hosts.openedx.roles import COACH
from ccx_tenancy.membership.api import OrganizationMembership, memberships_of
from ccx_tenancy.middleware import course_partition, drf
from ccx_tenancy.partition import owners, policy
from ccx_tenancy.partition.courses import organization_in
from ccx_tenancy.tenants import index, revisions
from ccx_tenancy.tenants.api import TenantOrganization, fold

#: Apps whose rows of courses are never cut: they keep what they read of all courses in a cache for everybody, which
#: must not hold one tenant's part.
UNCUT_APPS = frozenset({"embargo", "verify_student", "credit"})
#: Apps by whose rows it is found out who somebody is, before anybody is somebody. An account has many of them.
FINDING_APPS = frozenset({"oauth2_provider", "social_django"})
#: Rows that every page reads of whoever asks, many times. Of others they are read behind a look-up of the account.
OWN_MODELS = frozenset({"user_api.UserPreference"})
#: The host's base class of settings kept in tables, which it caches for everybody.
UNCUT_BASES = frozenset({"ConfigurationModel"})

#: The app whose rows of a master course say what a CCX is made of.
APP_OF_MASTERS = "split_modulestore_django"
#: The host's table of CCXs, whose rows have the key of the master course: which CCX it is, says the primary key.
CCXS = "ccx.CustomCourseForEdX"
#: The host's table of roles.
ROLES = "student.CourseAccessRole"
#: The host's pages of wikis, what is written on them, and the index of courses, which says the name of a course's wiki.
WIKI_PATHS = "wiki.URLPath"
WIKI_ARTICLES = "wiki.Article"
COURSE_INDEX = "split_modulestore_django.SplitModulestoreCourseIndex"
#: The name of the field that says the organization of a row which may have no course.
_ORGANIZATION = "org"

#: How a key of a course or library begins, up to the organization.
_BEGINNINGS = ("course-v1:{}+", "ccx-v1:{}+", "library-v1:{}+", "lib:{}:", "{}/")
_NAMESPACES = ("course-v1:", "ccx-v1:")
_TEXT_KEY = "course_id"
_MOST_TENANTS = 512
_DEALINGS = "openedx.dealings"

_uncut: ContextVar[bool] = ContextVar("ccx_tenancy_uncut", default=False)


@contextlib.contextmanager
def uncut() -> Iterator[None]:
    """Have the code inside read all rows, the host's functions that it calls too: for our own rooms, which have asked
    already whether it may be done. A request of the seller, for example, makes the buyer's CCX."""
    token = _uncut.set(True)
    try:
        yield
    finally:
        _uncut.reset(token)


class Viewer:
    """For whom rows are read: the request, the tenant of the site (None: a host of the platform's own), the user's id.

    ``is_known`` is False while nobody has found out yet who the user is: to do so, an account is looked for.
    """

    __slots__ = ("is_known", "request", "tenant", "user_id")

    def __init__(self, request: HttpRequest, tenant: TenantContext | None, user: Any) -> None:
        self.request = request
        self.tenant = tenant
        self.is_known = user is not None
        self.user_id: int | None = getattr(user, "pk", None)


def viewer() -> Viewer | None:
    """Return for whom a row is read now, or None where nothing is cut. No query."""
    request: HttpRequest | None = crum.get_current_request()
    if request is None or drf.is_finding_out() or _uncut.get():
        return None
    surface = getattr(request, "tenancy_surface", policy.STUDIO)
    if surface == policy.STUDIO or not policy.has_tenants():
        return None
    tenant: TenantContext | None = request.tenant  # type: ignore[attr-defined]
    if current_tenant() is not tenant and current_tenant() != tenant:
        return None  # Somebody entered another tenant on purpose.
    user = _settled(getattr(request, "user", None))
    if policy.is_operator(user) or (tenant is None and policy.is_service(user)):
        return None
    return Viewer(request, tenant, user)


def _settled(user: Any) -> Any:
    """Return the user if somebody has asked for it already, else None: to ask here would never end."""
    while isinstance(user, LazyObject):
        user = None if user._wrapped is empty else user._wrapped
    return user


def cut(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return the rows that may be seen now."""
    make = _cuts().get(rows.model)
    if make is None:
        return rows
    who = viewer()
    if who is None or rows.query.is_sliced or rows.query.combinator:
        return rows
    condition = make(who)
    if condition is None:
        return rows
    return rows.filter(condition) if isinstance(condition, Q) else _narrowed(rows, condition)


def _narrowed(rows: QuerySet[Any], condition: BeginsWith) -> QuerySet[Any]:
    """Return the rows of which the model's own column fulfils the condition.

    What ``filter`` does with it, without looking for names that are known: most of what a page of the LMS reads comes
    by here, and that look took as long as all else of the cut.
    """
    found = rows._chain()  # type: ignore[attr-defined]
    table, alias = rows.model._meta.db_table, found.query.get_initial_alias()
    found.query.where.add(condition if alias == table else condition.relabeled_clone({table: alias}), AND)
    return found  # type: ignore[no-any-return]


def hides(key: str) -> bool:
    """Whether the viewer sees nothing of the course of that key: for what is kept outside of the database."""
    who = viewer()
    if who is None:
        return False
    named = policy.known(policy.named_by_key(key))
    if who.tenant is not None:
        return bool(policy.foreign_to(who.tenant, named))
    return not policy.may_name(who.request.user, named, policy.LMS)


def cut_organizations(found: QuerySet[Any]) -> QuerySet[Any]:
    """Return the organizations that may be seen now: like the rows of their courses."""
    who = viewer()
    if who is None:
        return found
    if who.tenant is not None:
        return found.filter(tenant_organization__tenant_id=who.tenant.id)
    hidden = TenantOrganization._base_manager.exclude(tenant_id__in=_tenants_of(who))
    return found.exclude(pk__in=hidden.values("organization_id"))


# Which models


Cut = Callable[[Viewer], Any]


def _cuts() -> Mapping[type[Model], Cut]:
    """Return what is cut, by model; nothing before all models are known."""
    return _found() if apps.models_ready else _NOTHING


_NOTHING: Mapping[type[Model], Cut] = MappingProxyType({})


@lru_cache(maxsize=1)
def _found() -> Mapping[type[Model], Cut]:
    found: dict[type[Model], Cut] = {}
    for model in apps.get_models():
        made = None
        if _is_cut(model):
            made = _cut_of_people(model) or _cut_of_courses(model) or _cut_of_the_rest(model)
        made = made or _cut_of_persons(model)
        if made is not None:
            found[model] = made
    return MappingProxyType(found)


def _is_cut(model: type[Model]) -> bool:
    """Whether a model's rows are cut, if they are of a course or of people."""
    return model._meta.app_label not in UNCUT_APPS and not _is_of_everybody(model)


def _is_of_everybody(model: type[Model]) -> bool:
    if model._meta.app_label.startswith("ccx_"):
        return True
    return bool(UNCUT_BASES.intersection(base.__name__ for base in model.__mro__))


def cut_models() -> Collection[type[Model]]:
    """Return the models of which rows are left out where they are another tenant's."""
    return _cuts().keys()


def of_courses_seen(who: Viewer, column: str) -> Q:
    """Return the condition for rows whose column of text has the key of a course that the viewer sees, or of the master
    course of a CCX that is the viewer's."""
    if who.tenant is not None:
        seen = of_organizations(column, who.tenant.organizations)
    else:
        seen = of_no_tenant(column, but=_tenants_of(who))
    return _as_dealt(seen, column, _dealings(who), by_masters=True)


def of_organizations(column: str, names: Iterable[str]) -> Q:
    """Return the condition for rows whose column has a key of one of those organizations."""
    return Q(_of(column, False, frozenset(names), or_empty=False))


def of_no_tenant(column: str, *, but: Iterable[int] = ()) -> Q:
    """Return the condition for rows whose column has a key of no organization of any tenant ``but`` those."""
    return ~Q(_InRows(_organization(column), _NamesOfTenants(but=tuple(but))))


class _Sight(NamedTuple):
    """What decides which rows of courses a viewer sees: the tenant of the site, or the tenants that the user of a host
    of the platform's own belongs to; what they have to do with CCXs; the master courses of CCXs that were named."""

    tenant: TenantContext | None
    tenants: tuple[int, ...]
    dealings: _Dealings | None
    masters: tuple[str, ...] = ()


def _sight_of(who: Viewer) -> _Sight:
    return _Sight(who.tenant, () if who.tenant is not None else tuple(_tenants_of(who)), _dealings(who))


def _cut_of_courses(model: type[Model]) -> Cut | None:
    condition, key = _seen_of_course(model), course_column(model)
    if condition is None or key is None:
        return None
    column, is_text = key
    has_organization = _organization_column(model) is not None
    is_plain = not has_organization and model._meta.get_field(column) in model._meta.local_fields

    def make(who: Viewer) -> Any:
        sight = _sight_of(who)
        if is_plain and sight.tenant is not None and sight.dealings is None:
            return _at(model, column, is_text, sight.tenant.organizations)
        return condition(sight._replace(masters=_masters_named(who.request)) if has_organization else sight)

    return make


def _seen_of_course(model: type[Model]) -> Callable[[_Sight], Any] | None:
    """Return what makes the condition for rows of a model with a key of a course; None where it has none."""
    key = course_column(model)
    if key is None:
        return None
    column, is_text = key
    label = model._meta.label
    has_masters = model._meta.app_label == APP_OF_MASTERS
    organization = _organization_column(model)

    def make(sight: _Sight) -> Any:
        if sight.tenant is not None:
            names = sight.tenant.organizations
            seen = Q(_of(column, is_text, names, or_empty=organization is None))
            if organization is not None:
                seen |= _is_empty(column) & _one_of(organization, ("", *names))
        else:
            seen = of_no_tenant(column, but=sight.tenants)
        if organization is not None and sight.masters:
            seen &= ~(_is_empty(column) & _one_of(organization, map(_organization_of, sight.masters)))
            if label == ROLES:
                seen &= Q(role=COACH) | Q(_Equals(F(column), sight.masters, is_negated=True))
        dealings = sight.dealings
        if dealings is None:
            return seen
        if label == CCXS:
            return (seen | Q(pk__in=dealings.own_numbers)) & ~Q(pk__in=dealings.sold_numbers)
        if dealings.own and label == ROLES:
            seen |= Q(_Equals(F(column), dealings.masters), role=COACH, user_id__in=_coaches(dealings.own_numbers))
        return _as_dealt(seen, column, dealings, by_masters=has_masters)

    return make


# What hangs on a row of a course


def _cut_of_the_rest(model: type[Model]) -> Cut | None:
    condition = _seen_of_wiki(model) or _seen_by_parents(model)
    return None if condition is None else lambda who: condition(_sight_of(who))


@cache
def _parents(model: type[Model], below: tuple[type[Model], ...] = ()) -> Mapping[str, tuple[str, type[Model]]]:
    """Return by what links each row of a model belongs to a row of a course, or to one that belongs to one: column and
    model, by name. Empty where rows have a course or are somebody's themselves, or those are in another database."""
    if not _is_cut(model) or _has_rule(model) or _cut_of_people(model) is not None:
        return MappingProxyType({})
    found: dict[str, tuple[str, type[Model]]] = {}
    for link in _links(model):
        parent: Any = link.related_model
        if parent in (model, *below) or not _is_cut(parent) or link.target_field is not parent._meta.pk:
            continue
        if router.db_for_read(parent) == router.db_for_read(model) and (
            _has_rule(parent) or _parents(parent, (model, *below))
        ):
            found[link.name] = link.attname, parent
    return MappingProxyType(found)


def _has_rule(model: type[Model]) -> bool:
    return course_column(model) is not None or _seen_of_wiki(model) is not None


def _links(model: type[Model]) -> Iterator[ForeignKey[Any, Any]]:
    """Yield the links that each row of a model has."""
    for field in model._meta.concrete_fields:
        if isinstance(field, ForeignKey) and not field.null:
            yield field


def _seen_by_parents(model: type[Model]) -> Callable[[_Sight], Any] | None:
    links = _parents(model).values()
    if not links:
        return None

    def make(sight: _Sight) -> Any:
        return Q(*(_InRows(F(column), _RowsOf(parent, sight)) for column, parent in links))

    return make


class _RowsOf(NamedTuple):
    """The rows of a model that are seen, by their keys."""

    model: type[Model]
    sight: _Sight

    def rows(self) -> QuerySet[Any]:
        """Return them."""
        condition = _seen_of_course(self.model) or _seen_of_wiki(self.model) or _seen_by_parents(self.model)
        assert condition is not None, f"{self.model._meta.label} is not cut by courses"
        return self.model._base_manager.filter(condition(self.sight)).values("pk")


def models_with_parents() -> list[type[Model]]:
    """Return the models whose rows each belong to a row of a course, and have no course themselves."""
    return [model for model in _cuts() if _parents(model)]


def check_parents(sender: Any, instance: Model, raw: bool = False, **kwargs: Any) -> None:
    """Receiver before a row is saved: no new one is hung on a row of a course that is not seen now, by its number.

    Raises IntegrityError, as the database does where nothing has that number. What was read is not asked for again.
    """
    if raw or not instance._state.adding or viewer() is None:
        return
    for name, (column, parent) in _parents(sender).items():
        number = getattr(instance, column)
        if name in instance._state.fields_cache or number is None:
            continue
        if not parent._default_manager.filter(pk=number).exists():
            raise IntegrityError(f"{sender._meta.label}.{name}: there is no {parent._meta.label} {number!r} here.")


# Wikis


def _seen_of_wiki(model: type[Model]) -> Callable[[_Sight], Any] | None:
    return {WIKI_PATHS: _seen_paths, WIKI_ARTICLES: _seen_articles}.get(model._meta.label)


def _seen_paths(sight: _Sight) -> Any:
    """Return the condition for pages: those in wikis that are seen, and the one above them all."""
    above = _paths().filter(level=1, tree_id=OuterRef("tree_id"), lft__lte=OuterRef("lft"), rght__gte=OuterRef("rght"))
    return Q(level=0) | Q(Exists(above.filter(_seen_wikis(sight))))


def _seen_articles(sight: _Sight) -> Any:
    """Return the condition for what is written on pages; what is on none yet is still being written."""
    pages = _paths().filter(article_id=OuterRef("pk"))
    below = pages.filter(level__gt=0) if sight.tenant is not None else pages
    return Q(Exists(below.filter(_seen_paths(sight)))) | ~Q(Exists(pages))


def _seen_wikis(sight: _Sight) -> Any:
    """Return the condition for wikis by their names: that of a course, or the beginning of one with an organization.

    A name may be chosen. What is the name of wikis of several, or begins with somebody else's organization, is nobody's
    but that one's whose course says it as the host would have made it.
    """
    names: Any = TenantOrganization._base_manager
    courses: QuerySet[Any] = apps.get_model(COURSE_INDEX)._base_manager
    name = _Comparable(Lower(OuterRef("slug")))
    courses = courses.annotate(name=_Comparable(Lower(F("wiki_slug")))).filter(name=name).order_by()
    if sight.tenant is not None:
        own_key = of_organizations("course_id", sight.tenant.organizations)
        own_names = names.filter(tenant_id=sight.tenant.id)
        others = names.exclude(tenant_id=sight.tenant.id)
        own, begins_own = Q(Exists(courses.filter(own_key))), Q(Exists(_beginning(own_names)))
        foreign = Q(Exists(courses.exclude(own_key)))
        return (own & begins_own) | (begins_own & ~foreign) | (own & ~foreign & ~Q(Exists(_beginning(others))))
    hidden = names.exclude(tenant_id__in=sight.tenants)
    hidden_key = Q(_InRows(_organization("course_id"), _NamesOfTenants(but=sight.tenants)))
    return ~Q(Exists(courses.filter(hidden_key))) & ~Q(Exists(_beginning(hidden)))


def _beginning(organizations: QuerySet[Any]) -> QuerySet[Any]:
    """Return those of the organizations with whose name and a dot the name of a wiki begins."""
    name = Lower(OuterRef("slug"))
    beginning = Substr(name, 1, Length(F("folded")) + 1)
    wanted = _Comparable(Concat("folded", Value(".")))
    found: QuerySet[Any] = organizations.annotate(beginning=_Comparable(beginning)).filter(beginning=wanted)
    return found


def _paths() -> QuerySet[Any]:
    found: QuerySet[Any] = apps.get_model(WIKI_PATHS)._base_manager.order_by()
    return found


def is_page_of_all(path: str) -> bool:
    """Whether the page above all wikis is asked for on a tenant's site, where it is not: it is the platform's own."""
    if path.strip("/"):
        return False
    who = viewer()
    return who is not None and who.tenant is not None


class _Dealings(NamedTuple):
    """What a viewer has to do with CCXs that are run by somebody else than their keys say: those that are the viewer's
    though their keys say otherwise, and those of the viewer's courses that are somebody else's."""

    own: tuple[str, ...]
    own_numbers: tuple[int, ...]
    masters: tuple[str, ...]
    sold: tuple[str, ...]
    sold_numbers: tuple[int, ...]


def _dealings(who: Viewer) -> _Dealings | None:
    """Return the viewer's, None where there are none. No query while the process is warm."""
    found = owners.bought()
    if not found:
        return None
    view = revisions.view()
    number = view.number(revisions.TENANTS)
    kept: tuple[tuple[owners.Bought, ...], int, revisions.LRU[_Dealings]] | None = view.caches.get(_DEALINGS)
    if kept is None or kept[0] is not found or kept[1] != number:
        kept = view.caches[_DEALINGS] = (found, number, revisions.LRU(lambda: _MOST_TENANTS))
    mine = frozenset((who.tenant.id,)) if who.tenant is not None else frozenset(_tenants_of(who))
    viewer_key = who.tenant is None, mine
    dealings = kept[2].get(viewer_key, number)
    if dealings is None:
        dealings = _dealings_of(found, mine, sees_platform=who.tenant is None)
        kept[2].put(viewer_key, number, dealings)
    return dealings if dealings.own or dealings.sold else None


def _dealings_of(found: Collection[owners.Bought], mine: frozenset[int], *, sees_platform: bool) -> _Dealings:
    known = index.index().organizations

    def is_mine(organization: str) -> bool:
        tenant = known.get(organization)
        return tenant.id in mine if tenant is not None else sees_platform

    sides = [(one, is_mine(one.runner), is_mine(one.seller)) for one in found]
    own = [one for one, runs, sells in sides if runs and not sells]
    sold = [one for one, runs, sells in sides if sells and not runs]
    return _Dealings(
        own=tuple(one.key for one in own),
        own_numbers=tuple(one.number for one in own),
        masters=tuple(sorted({_master_of(one.key) for one in own})),
        sold=tuple(one.key for one in sold),
        sold_numbers=tuple(one.number for one in sold),
    )


def _as_dealt(seen: Q, column: str, dealings: _Dealings | None, *, by_masters: bool = False) -> Q:
    """Return a condition with CCXs counted as those of who runs them: by their own keys, or by their masters'."""
    if dealings is None:
        return seen
    if own := dealings.masters if by_masters else dealings.own:
        seen |= Q(_Equals(F(column), own))
    if dealings.sold:
        seen &= Q(_Equals(F(column), dealings.sold, is_negated=True))
    return seen


def sellers_to(who: Viewer) -> frozenset[str]:
    """Return the organizations, spelled as in their keys, in whose courses the CCXs lie that are the viewer's."""
    dealings = _dealings(who)
    own = () if dealings is None else dealings.masters
    return frozenset(map(_organization_of, own))


def _master_of(key: str) -> str:
    return "course-v1:" + key.removeprefix("ccx-v1:").rpartition("+ccx@")[0]


def _coaches(numbers: Collection[int]) -> Any:
    """Return the ids of the coaches of those CCXs, as a query."""
    rows: QuerySet[Any] = apps.get_model(CCXS)._base_manager.filter(pk__in=numbers)
    return rows.values("coach_id")


def _masters_named(request: HttpRequest) -> tuple[str, ...]:
    """Return the keys of the courses in which those CCXs lie that a request names and that somebody else runs."""
    named = course_partition.named_in(request)
    masters = owners.masters_of(named) if named else ()
    return tuple(sorted({_master_of(one.key) for one in owners.bought() if one.master in masters})) if masters else ()


def _organization_of(key: str) -> str:
    return key.removeprefix("course-v1:").partition("+")[0]


def _organization_column(model: type[Model]) -> str | None:
    """Return the column that says the organization of a row without a course; None where each row has a course."""
    found_key = course_column(model)
    assert found_key is not None, f"{model._meta.label} has no key of a course"
    key: Any = model._meta.get_field(found_key[0])
    if not (key.null or key.blank):
        return None
    try:
        found = model._meta.get_field(_ORGANIZATION)
    except FieldDoesNotExist:
        return None
    return _ORGANIZATION if isinstance(found, (CharField, TextField)) else None


def _is_empty(column: str) -> Q:
    return Q(_of(column, False, frozenset()))


def _one_of(column: str, names: Iterable[str]) -> Q:
    # The host compares organizations as they are spelled, its database without regard to case.
    return Q(In(_Comparable(Lower(F(column))), sorted({fold(name) for name in names})))


def course_column(model: type[Model]) -> tuple[str, bool] | None:
    """Return the column that says the course, and whether it is a plain text, which may hold something else."""
    for field in model._meta.concrete_fields:
        target: Any = field
        while isinstance(target, ForeignKey):
            target = target.target_field
        if isinstance(target, (CourseKeyField, LearningContextKeyField)):
            return field.attname, False
    try:
        text = model._meta.get_field(_TEXT_KEY)
    except FieldDoesNotExist:
        return None
    return (text.attname, True) if isinstance(text, (CharField, TextField)) else None


@lru_cache(maxsize=_MOST_TENANTS)
def _of(column: str, is_text: bool, organizations: frozenset[str], or_empty: bool = True) -> BeginsWith:
    return BeginsWith(F(column), _beginnings(organizations), _NAMESPACES if is_text else (), or_empty)


@lru_cache(maxsize=_MOST_TENANTS)
def _at(model: type[Model], column: str, is_text: bool, organizations: frozenset[str]) -> BeginsWith:
    """Return that condition as Django would have resolved it in a query of the model."""
    field: Any = model._meta.get_field(column)
    found = field.get_col(model._meta.db_table)
    return BeginsWith(found, _beginnings(organizations), _NAMESPACES if is_text else (), or_empty=True)


def _beginnings(organizations: Iterable[str]) -> tuple[str, ...]:
    return tuple(beginning.format(name) for name in sorted(organizations) for beginning in _BEGINNINGS)


class BeginsWith(Func):
    """Whether a text begins with one of ``beginnings``, so that the database can use its index. With ``or_empty`` also
    an empty one, with ``kinds`` also whatever begins with none of those: it is no key."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, text: Combinable, beginnings: tuple[str, ...], kinds: tuple[str, ...], or_empty: bool) -> None:
        super().__init__(text)
        self.beginnings = beginnings
        self.kinds = kinds
        self.or_empty = or_empty

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> tuple[str, Any]:
        """Return the condition: ``LIKE``, and a comparison with what is empty."""
        sql, params = compiler.compile(self.source_expressions[0])
        operator = "ILIKE" if connection.vendor == "postgresql" else "LIKE"
        like = f"{sql} {operator} %s ESCAPE '!'"
        conditions = ["1 = 0", *[like] * len(self.beginnings)]
        values: list[Any] = []
        for beginning in self.beginnings:
            values += [*params, _pattern(beginning)]
        if self.or_empty:
            conditions += [f"{sql} = ''", f"{sql} IS NULL"]
            values += [*params, *params]
        if self.kinds:
            conditions.append("NOT (" + " OR ".join([like] * len(self.kinds)) + ")")
            for kind in self.kinds:
                values += [*params, _pattern(kind)]
        return f"({' OR '.join(conditions)})", values


class _Equals(Func):
    """Whether a text is one of ``texts``; negated, whether it is none of them or NULL."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, text: Combinable, texts: tuple[str, ...], *, is_negated: bool = False) -> None:
        super().__init__(text)
        self.texts = texts
        self.is_negated = is_negated

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> tuple[str, Any]:
        """Return the condition."""
        sql, params = compiler.compile(self.source_expressions[0])
        places = ", ".join(["%s"] * len(self.texts))
        if self.is_negated:
            return f"({sql} IS NULL OR {sql} NOT IN ({places}))", [*params, *params, *self.texts]
        return f"{sql} IN ({places})", [*params, *self.texts]


def _pattern(beginning: str) -> str:
    for mark in "!%_":
        beginning = beginning.replace(mark, "!" + mark)
    return beginning + "%"


class _InRows(Func):
    """Whether a value is among the ``rows()`` of ``asked``, or is ``besides``.

    A request asks for rows of people or courses many times, and to build such a query costs more than what the host
    asks. So the SQL is kept, by what decides it.
    """

    output_field = BooleanField()
    conditional = True

    def __init__(
        self, value: Combinable, asked: _People | _NamesOfTenants | _RowsOf, besides: int | None = None
    ) -> None:
        super().__init__(value)
        self.asked = asked
        self.besides = besides

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> tuple[str, Any]:
        """Return the condition."""
        sql, params = compiler.compile(self.source_expressions[0])
        rows, values = _sql_of(self.asked, connection.alias)
        if self.besides is None:
            return f"{sql} IN ({rows})", [*params, *values]
        # First what is decided without a look at other tables: most often people read what is their own.
        return f"({sql} = %s OR {sql} IN ({rows}))", [*params, self.besides, *params, *values]


@lru_cache(maxsize=_MOST_TENANTS)
def _sql_of(asked: _People | _NamesOfTenants | _RowsOf, alias: str) -> tuple[str, tuple[Any, ...]]:
    sql, params = asked.rows().query.get_compiler(alias).as_sql()
    return sql, tuple(params)


class _NamesOfTenants(NamedTuple):
    """The folded names of the organizations of all tenants ``but`` those."""

    but: tuple[int, ...]

    def rows(self) -> QuerySet[Any]:
        """Return them."""
        owned: QuerySet[Any] = TenantOrganization._base_manager.values("folded")
        return owned.exclude(tenant_id__in=self.but) if self.but else owned


def _organization(column: str) -> Combinable:
    return _Comparable(Lower(organization_in(Cast(F(column), TextField()))))


class _Comparable(Func):
    """A text that can be compared with a column of any table.

    MySQL refuses to compare what was computed, which has the collation of the connection, with a column of another
    collation, unless one side says which collation counts.
    """

    template = "%(expressions)s"
    output_field = TextField()

    def as_mysql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """Return the text in an explicit collation. Both sides are in lower case already."""
        return self.as_sql(
            compiler, connection, template="CONVERT(%(expressions)s USING utf8mb4) COLLATE utf8mb4_bin", **extra
        )


def _tenants_of(who: Viewer) -> list[int]:
    if who.user_id is None:
        return []
    known = index.index().organizations
    return sorted({known[name].id for name in memberships_of(who.user_id) if name in known})


# People


def _cut_of_people(model: type[Model]) -> Cut | None:
    account = get_user_model()
    if model is account:
        column = "pk"
    else:
        links = [
            field
            for field in model._meta.concrete_fields
            if isinstance(field, OneToOneField) and field.related_model is account
        ]
        if len(links) != 1:
            return None
        column = links[0].attname
    return _cut_by_person(column)


def _cut_of_persons(model: type[Model]) -> Cut | None:
    """Return the cut of rows without a course that each belong to one account, of which an account may have many."""
    if model._meta.app_label in FINDING_APPS or model._meta.label in OWN_MODELS:
        return None
    if _is_of_everybody(model) or course_column(model) is not None:
        return None
    columns = [link.attname for link in _links(model) if link.related_model is get_user_model()]
    return _cut_by_person(columns[0]) if len(columns) == 1 else None


def _cut_by_person(column: str) -> Cut:
    def make(who: Viewer) -> Any:
        people = _people_of(who)
        return None if people is None else Q(_InRows(F(column), people, besides=who.user_id))

    return make


class _People(NamedTuple):
    """The accounts that somebody finds: on the site of ``tenant``, or on the platform's own hosts as a member of those
    ``tenants`` (none: of the platform). Its own account, which everybody finds, is not named."""

    tenant: TenantContext | None
    tenants: tuple[int, ...]
    dealings: _Dealings | None
    services: tuple[str, ...]

    def rows(self) -> QuerySet[Any]:
        """Return their ids."""
        members: QuerySet[Any] = OrganizationMembership._base_manager.filter(user_id=OuterRef("pk"))
        links = TenantOrganization._base_manager
        if self.tenant is not None:
            own = links.filter(tenant_id=self.tenant.id)
            seen = Q(Exists(members.filter(organization__in=own.values("organization_id"))))
            for label in _OF_PEOPLE_IN_COURSES:
                seen |= Q(Exists(_rows_of_people(label, self.tenant, self.dealings)))
        elif self.tenants:
            own = links.filter(tenant_id__in=self.tenants)
            seen = Q(Exists(members.filter(organization__in=own.values("organization_id"))))
        else:
            seen = ~Q(Exists(members.filter(organization__in=links.values("organization_id"))))
        seen |= Q(is_superuser=True) | Q(username__in=self.services)
        return get_user_model()._base_manager.filter(seen).values("pk")


def _people_of(who: Viewer) -> _People | None:
    """Return the accounts that the viewer finds besides its own, or None for all of them."""
    if not who.is_known:
        return None
    services = tuple(sorted(service_users()))
    if who.tenant is not None:
        return _People(who.tenant, (), _dealings(who), services)
    if who.user_id is None:
        # Who signs in, registers or resets a password on the platform's own host may be anybody.
        return None
    return _People(None, tuple(_tenants_of(who)), None, services)


#: Rows that make somebody known to a tenant besides a membership: enrolled once, or in a team.
_OF_PEOPLE_IN_COURSES = ("student.CourseEnrollment", ROLES)


def _rows_of_people(label: str, tenant: TenantContext, dealings: _Dealings | None) -> QuerySet[Any]:
    model = apps.get_model(label)
    column = course_column(model)
    assert column is not None, f"{label} has no key of a course; apps.SHAPES says that it has"
    # A role on a whole organization has an empty key, which is nobody's.
    named = _as_dealt(of_organizations(column[0], tenant.organizations), column[0], dealings)
    rows: QuerySet[Any] = model._base_manager.filter(named, user_id=OuterRef("pk"))
    # Who may run a CCX of a course is in nobody's roster by that.
    return rows.exclude(role=COACH) if label == ROLES else rows


def service_users() -> frozenset[str]:
    """Return the names of the platform's own services: those of ``SERVICE_USERS``, and of the host's settings such as
    ``ECOMMERCE_SERVICE_WORKER_USERNAME``."""
    named = (getattr(settings, name, None) for name in _service_settings())
    return frozenset(conf.service_users).union(name for name in named if isinstance(name, str) and name)


@lru_cache(maxsize=1)
def _service_settings() -> tuple[str, ...]:
    return tuple(sorted(name for name in dir(settings) if name.endswith("_USERNAME") and "SERVICE" in name))
