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

*Of answers to open assessments*: what is said of one by its id alone is seen where the answer is.

*Of people*: accounts, rows that are one for an account, and rows without a course that each belong to one account. On a
tenant's site its members and who is or was enrolled or in a team there; on the platform's own hosts, for signed-in
people, those with whom they share a tenant.

Platform operators see all, and so does whoever finds out whose a session or a token is, and our own rooms
(:func:`uncut`). With no tenant nothing is cut. A cut is a condition of a query that was asked anyway: no query is
added.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import Model, Q, QuerySet

from ccx_tenancy.hosts.openedx.rows.conditions import of_no_tenant, of_organizations
from ccx_tenancy.hosts.openedx.rows.courses import Cut, cut_of_courses, of_courses_seen
from ccx_tenancy.hosts.openedx.rows.cuts import Cuts
from ccx_tenancy.hosts.openedx.rows.dealings import sellers_to
from ccx_tenancy.hosts.openedx.rows.parents import check_parents, cut_of_the_rest, parents
from ccx_tenancy.hosts.openedx.rows.people import cut_of_people, cut_of_persons
from ccx_tenancy.hosts.openedx.rows.shapes import is_cut
from ccx_tenancy.hosts.openedx.rows.viewers import Viewer, tenants_of, uncut, viewer
from ccx_tenancy.hosts.openedx.rows.wikis import is_page_of_all
from ccx_tenancy.partition import policy
from ccx_tenancy.partition.keys import Named, comparable
from ccx_tenancy.tenants import index
from ccx_tenancy.tenants.api import TenantDomain, TenantOrganization

__all__ = [
    "Viewer",
    "check_parents",
    "cut",
    "cut_models",
    "cut_organizations",
    "hides",
    "hides_organizations",
    "hides_person",
    "hides_site",
    "is_page_of_all",
    "models_with_parents",
    "of_courses_seen",
    "of_no_tenant",
    "of_organizations",
    "of_sites_seen",
    "sellers_to",
    "uncut",
    "viewer",
]


def hides(key: str) -> bool:
    """Whether the viewer sees nothing of the course of that key: for what is kept outside of the database."""
    who = viewer()
    if who is None:
        return False
    return _is_foreign(who, policy.known(policy.named_by_key(key)))


def hides_person(number: Any) -> bool:
    """Whether the viewer does not find the account of that number: for what is kept outside of the database."""
    who = viewer()
    if who is None or str(number) == str(who.user_id):
        return False
    account: Any = get_user_model()
    try:
        return not cut(account._base_manager.filter(pk=number)).exists()
    except (TypeError, ValueError):
        return False  # No number of an account, so nobody's.


def hides_organizations(names: Collection[str]) -> bool:
    """Whether the viewer sees none of those organizations, of which there are some."""
    who = viewer()
    if who is None or not names:
        return False
    return all(_is_foreign(who, policy.known([Named(one, "") for one in comparable(name)])) for name in names)


def _is_foreign(who: Viewer, named: list[Named]) -> bool:
    if who.tenant is not None:
        return bool(policy.foreign_to(who.tenant, named))
    return not policy.may_name(who.request.user, named, policy.LMS)


def of_sites_seen(column: str) -> Q | None:
    """Return the condition for rows whose column has a site that the viewer sees: the tenant's, or on the platform's
    own hosts all but those of tenants to which the user does not belong. None where all are seen."""
    who = viewer()
    if who is None:
        return None
    if who.tenant is not None:
        return Q(**{column: who.tenant.site_id})
    hidden = TenantDomain._base_manager.exclude(tenant_id__in=tenants_of(who)).exclude(site=None)
    return ~Q(**{f"{column}__in": hidden.values("site_id")})


def hides_site(number: int) -> bool:
    """Whether the viewer sees nothing of the site of that number."""
    who = viewer()
    if who is None:
        return False
    if who.tenant is not None:
        return number != who.tenant.site_id
    owner = index.owner_of_site(number)
    return owner is not None and owner.id not in tenants_of(who)


def cut_organizations(found: QuerySet[Any]) -> QuerySet[Any]:
    """Return the organizations that may be seen now: like the rows of their courses."""
    who = viewer()
    if who is None:
        return found
    if who.tenant is not None:
        return found.filter(tenant_organization__tenant_id=who.tenant.id)
    hidden = TenantOrganization._base_manager.exclude(tenant_id__in=tenants_of(who))
    return found.exclude(pk__in=hidden.values("organization_id"))


@lru_cache(maxsize=1)
def _found() -> Mapping[type[Model], Cut]:
    found: dict[type[Model], Cut] = {}
    for model in apps.get_models():
        made = None
        if is_cut(model):
            made = cut_of_people(model) or cut_of_courses(model) or cut_of_the_rest(model)
        made = made or cut_of_persons(model)
        if made is not None:
            found[model] = made
    return MappingProxyType(found)


_CUTS: Cuts[Viewer] = Cuts(viewer, _found)
#: Returns the rows of a query that may be seen now.
cut = _CUTS.cut
#: Returns the models of which rows are left out where they are another tenant's.
cut_models = _CUTS.models


def models_with_parents() -> list[type[Model]]:
    """Return the models whose rows each belong to a row of a course, and have no course themselves."""
    return [model for model in cut_models() if parents(model)]
