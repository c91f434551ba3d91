"""Tables of which rows are left out where they are read, and how a query is narrowed to the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from django.apps import apps
from django.db.models import Model, Q, QuerySet
from django.db.models.sql.where import AND

from ccx_tenancy.hosts.openedx.modules import is_reading
from ccx_tenancy.hosts.openedx.rows.conditions import BeginsWith

#: For whom rows are read.
Reader = TypeVar("Reader")

_NOTHING: Mapping[type[Model], Any] = MappingProxyType({})


class Cuts(Generic[Reader]):
    """The tables of which rows are left out.

    ``reader`` returns for whom a row is read now, None where nothing is cut. ``find`` returns, by model, what makes the
    condition for a reader: None where that one sees all rows. It is asked once all models are known.
    """

    def __init__(
        self, reader: Callable[[], Reader | None], find: Callable[[], Mapping[type[Model], Callable[[Reader], Any]]]
    ) -> None:
        self._reader = reader
        self._find = find

    def models(self) -> Collection[type[Model]]:
        """Return the models of which rows are left out where they are another tenant's."""
        return self._by_model().keys()

    def cut(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows that may be seen now: all, where a module keeps the query that it makes while it is read."""
        make = self._by_model().get(rows.model)
        if make is None:
            return rows
        who = self._reader()
        if who is None or rows.query.is_sliced or rows.query.combinator:
            return rows
        if is_reading():
            return rows
        condition = make(who)
        if condition is None:
            return rows
        return rows.filter(condition) if isinstance(condition, Q) else narrowed(rows, condition)

    def _by_model(self) -> Mapping[type[Model], Callable[[Reader], Any]]:
        return self._find() if apps.models_ready else _NOTHING


def narrowed(rows: QuerySet[Any], condition: BeginsWith) -> QuerySet[Any]:
    """Return the rows of which the model's own column fulfils the condition.

    What ``filter`` does with it, without looking for names that are known: most of what a page of the LMS reads comes
    by here, and that look took as long as all else of the cut.
    """
    found = rows._chain()  # type: ignore[attr-defined]
    table, alias = rows.model._meta.db_table, found.query.get_initial_alias()
    found.query.where.add(condition if alias == table else condition.relabeled_clone({table: alias}), AND)
    return found  # type: ignore[no-any-return]
