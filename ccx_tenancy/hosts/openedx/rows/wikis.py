"""Pages of wikis, which lie in one tree for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat, Length, Lower, Substr

from ccx_tenancy.hosts.openedx.rows.conditions import (
    Comparable,
    InRows,
    NamesOfTenants,
    of_organizations,
    organization_of_key,
)
from ccx_tenancy.hosts.openedx.rows.courses import Sight
from ccx_tenancy.hosts.openedx.rows.viewers import viewer
from ccx_tenancy.tenants.api import TenantOrganization

#: The host's pages of wikis, what is written on them, and the index of courses, which says the name of a course's wiki.
WIKI_PATHS = "wiki.URLPath"
WIKI_ARTICLES = "wiki.Article"
COURSE_INDEX = "split_modulestore_django.SplitModulestoreCourseIndex"


def seen_of_wiki(model: type[Model]) -> Callable[[Sight], Any] | None:
    """Return what makes the condition for rows of the host's wikis; None for another model."""
    return {WIKI_PATHS: _seen_paths, WIKI_ARTICLES: _seen_articles}.get(model._meta.label)


def _seen_paths(sight: Sight) -> Any:
    """Return the condition for pages: those in wikis that are seen, and the one above them all."""
    above = _paths().filter(level=1, tree_id=OuterRef("tree_id"), lft__lte=OuterRef("lft"), rght__gte=OuterRef("rght"))
    return Q(level=0) | Q(Exists(above.filter(_seen_wikis(sight))))


def _seen_articles(sight: Sight) -> Any:
    """Return the condition for what is written on pages; what is on none yet is still being written."""
    pages = _paths().filter(article_id=OuterRef("pk"))
    below = pages.filter(level__gt=0) if sight.tenant is not None else pages
    return Q(Exists(below.filter(_seen_paths(sight)))) | ~Q(Exists(pages))


def _seen_wikis(sight: Sight) -> Any:
    """Return the condition for wikis by their names: that of a course, or the beginning of one with an organization.

    A name may be chosen. What is the name of wikis of several, or begins with somebody else's organization, is nobody's
    but that one's whose course says it as the host would have made it.
    """
    names: Any = TenantOrganization._base_manager
    courses: QuerySet[Any] = apps.get_model(COURSE_INDEX)._base_manager
    name = Comparable(Lower(OuterRef("slug")))
    courses = courses.annotate(name=Comparable(Lower(F("wiki_slug")))).filter(name=name).order_by()
    if sight.tenant is not None:
        own_key = of_organizations("course_id", sight.tenant.organizations)
        own_names = names.filter(tenant_id=sight.tenant.id)
        others = names.exclude(tenant_id=sight.tenant.id)
        own, begins_own = Q(Exists(courses.filter(own_key))), Q(Exists(_beginning(own_names)))
        foreign = Q(Exists(courses.exclude(own_key)))
        return (own & begins_own) | (begins_own & ~foreign) | (own & ~foreign & ~Q(Exists(_beginning(others))))
    hidden = names.exclude(tenant_id__in=sight.tenants)
    hidden_key = Q(InRows(organization_of_key("course_id"), NamesOfTenants(but=sight.tenants)))
    return ~Q(Exists(courses.filter(hidden_key))) & ~Q(Exists(_beginning(hidden)))


def _beginning(organizations: QuerySet[Any]) -> QuerySet[Any]:
    """Return those of the organizations with whose name and a dot the name of a wiki begins."""
    name = Lower(OuterRef("slug"))
    beginning = Substr(name, 1, Length(F("folded")) + 1)
    wanted = Comparable(Concat("folded", Value(".")))
    found: QuerySet[Any] = organizations.annotate(beginning=Comparable(beginning)).filter(beginning=wanted)
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
