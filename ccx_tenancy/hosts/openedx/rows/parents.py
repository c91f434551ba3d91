"""Rows that hang on a row of a course."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from django.db import IntegrityError, router
from django.db.models import F, Model, Q, QuerySet

from ccx_tenancy.hosts.openedx.rows.conditions import InRows
from ccx_tenancy.hosts.openedx.rows.courses import Cut, Sight, seen_of_course, sight_of
from ccx_tenancy.hosts.openedx.rows.people import cut_of_people
from ccx_tenancy.hosts.openedx.rows.shapes import is_cut, links
from ccx_tenancy.hosts.openedx.rows.submissions import seen_of_answer
from ccx_tenancy.hosts.openedx.rows.viewers import viewer
from ccx_tenancy.hosts.openedx.rows.wikis import seen_of_wiki


def cut_of_the_rest(model: type[Model]) -> Cut | None:
    """Return the cut of pages of wikis, of what is said of an answer and of what hangs on a row; None where a model is
    none of them."""
    condition = _rule_of(model) or _seen_by_parents(model)
    return None if condition is None else lambda who: condition(sight_of(who))


@cache
def parents(model: type[Model], below: tuple[type[Model], ...] = ()) -> Mapping[str, tuple[str, type[Model]]]:
    """Return by what links each row of a model belongs to a row of a course, or to one that belongs to one: column and
    model, by name. Empty where rows have a course or are somebody's themselves, or those are in another database."""
    if not is_cut(model) or _rule_of(model) is not None or cut_of_people(model) is not None:
        return MappingProxyType({})
    found: dict[str, tuple[str, type[Model]]] = {}
    for link in links(model):
        parent: Any = link.related_model
        if parent in (model, *below) or not is_cut(parent) or link.target_field is not parent._meta.pk:
            continue
        if router.db_for_read(parent) == router.db_for_read(model) and (
            _rule_of(parent) is not None or parents(parent, (model, *below))
        ):
            found[link.name] = link.attname, parent
    return MappingProxyType(found)


def _rule_of(model: type[Model]) -> Callable[[Sight], Any] | None:
    """Return what makes the condition for a model's rows by what they say themselves; None where that is nothing."""
    return seen_of_course(model) or seen_of_wiki(model) or seen_of_answer(model)


def _seen_by_parents(model: type[Model]) -> Callable[[Sight], Any] | None:
    found = parents(model).values()
    if not found:
        return None

    def make(sight: Sight) -> Any:
        return Q(*(InRows(F(column), _RowsOf(parent, sight)) for column, parent in found))

    return make


class _RowsOf(NamedTuple):
    """The rows of a model that are seen, by their keys."""

    model: type[Model]
    sight: Sight

    def rows(self) -> QuerySet[Any]:
        """Return them."""
        condition = _rule_of(self.model) or _seen_by_parents(self.model)
        assert condition is not None, f"{self.model._meta.label} is not cut by courses"
        return self.model._base_manager.filter(condition(self.sight)).values("pk")


def check_parents(sender: Any, instance: Model, raw: bool = False, **kwargs: Any) -> None:
    """Receiver before a row is saved: no new one is hung on a row of a course that is not seen now, by its number.

    Raises IntegrityError, as the database does where nothing has that number. What was read is not asked for again.
    """
    if raw or not instance._state.adding or viewer() is None:
        return
    for name, (column, parent) in parents(sender).items():
        number = getattr(instance, column)
        if name in instance._state.fields_cache or number is None:
            continue
        if not parent._default_manager.filter(pk=number).exists():
            raise IntegrityError(f"{sender._meta.label}.{name}: there is no {parent._meta.label} {number!r} here.")
