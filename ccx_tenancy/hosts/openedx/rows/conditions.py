"""Conditions of queries: of keys by their organizations, and of what is among the rows of another query.

They are made anew in each query that a page of the host asks. So they are cheap to make, can be kept, and need no look
at names and tables that are known.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from django.db.models import BooleanField, F, Func, Model, Q, QuerySet, TextField
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Lower
from django.db.models.lookups import In

from ccx_tenancy.partition.courses import organization_in
from ccx_tenancy.tenants.api import TenantOrganization, fold

#: How many conditions of a kind are kept, the latest used.
MOST_KEPT = 512
#: How a key of a course or library begins, up to the organization.
_BEGINNINGS = ("course-v1:{}+", "ccx-v1:{}+", "library-v1:{}+", "lib:{}:", "{}/")
#: How a key of a course begins.
_NAMESPACES = ("course-v1:", "ccx-v1:")


def of_organizations(column: str, names: Iterable[str]) -> Q:
    """Return the condition for rows whose column has a key of one of those organizations."""
    return Q(begins(column, False, frozenset(names), or_empty=False))


def of_no_tenant(column: str, *, but: Iterable[int] = ()) -> Q:
    """Return the condition for rows whose column has a key of no organization of any tenant ``but`` those."""
    return ~Q(InRows(organization_of_key(column), NamesOfTenants(but=tuple(but))))


def is_empty(column: str) -> Q:
    """Return the condition for rows whose column has no key."""
    return Q(begins(column, False, frozenset()))


def one_of(column: str, names: Iterable[str]) -> Q:
    """Return the condition for rows whose column names one of those organizations."""
    # The host compares organizations as they are spelled, its database without regard to case.
    return Q(In(Comparable(Lower(F(column))), sorted({fold(name) for name in names})))


@lru_cache(maxsize=MOST_KEPT)
def begins(column: str, is_text: bool, organizations: frozenset[str], or_empty: bool = True) -> BeginsWith:
    """Return the condition that a column has a key of one of those organizations: with ``or_empty`` or no key, and
    where it ``is_text`` or something else."""
    return BeginsWith(F(column), _beginnings(organizations), _NAMESPACES if is_text else (), or_empty)


@lru_cache(maxsize=MOST_KEPT)
def begins_at(model: type[Model], column: str, is_text: bool, organizations: frozenset[str]) -> BeginsWith:
    """Return what ``begins`` does, as Django would have resolved it in a query of the model."""
    field: Any = model._meta.get_field(column)
    found = field.get_col(model._meta.db_table)
    return BeginsWith(found, _beginnings(organizations), _NAMESPACES if is_text else (), or_empty=True)


def _beginnings(organizations: Iterable[str]) -> tuple[str, ...]:
    return tuple(beginning.format(name) for name in sorted(organizations) for beginning in _BEGINNINGS)


def organization_of_key(column: str) -> Combinable:
    """Return the folded organization of the key in a column."""
    return Comparable(Lower(organization_in(Cast(F(column), TextField()))))


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


def _pattern(beginning: str) -> str:
    for mark in "!%_":
        beginning = beginning.replace(mark, "!" + mark)
    return beginning + "%"


class Equals(Func):
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


class Comparable(Func):
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


class Asked(Protocol):
    """What asks for rows: equal and with the same hash where it asks for the same."""

    def __hash__(self) -> int: ...

    def rows(self) -> QuerySet[Any]:
        """Return them, of one column."""


class InRows(Func):
    """Whether a value is among the ``rows()`` of ``asked``, or is ``besides``.

    A request asks for rows of people or courses many times, and to build such a query costs more than what the host
    asks. So the SQL is kept, by what decides it.
    """

    output_field = BooleanField()
    conditional = True

    def __init__(self, value: Combinable, asked: Asked, besides: int | None = None) -> None:
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


# By type, too: a named tuple equals any other with the same parts.
@lru_cache(maxsize=MOST_KEPT, typed=True)
def _sql_of(asked: Asked, alias: str) -> tuple[str, tuple[Any, ...]]:
    sql, params = asked.rows().query.get_compiler(alias).as_sql()
    return sql, tuple(params)


class NamesOfTenants(NamedTuple):
    """The folded names of the organizations of all tenants ``but`` those."""

    but: tuple[int, ...]

    def rows(self) -> QuerySet[Any]:
        """Return them."""
        owned: QuerySet[Any] = TenantOrganization._base_manager.values("folded")
        return owned.exclude(tenant_id__in=self.but) if self.but else owned
