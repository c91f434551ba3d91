"""Lists of courses, libraries and whatever else belongs to an organization, cut to what somebody sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, overload

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Case, CharField, F, Field, ForeignKey, Model, Q, QuerySet, TextField, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Lower, StrIndex, Substr
from django.db.models.lookups import GreaterThan
from opaque_keys import OpaqueKey
from opaque_keys.edx.django.models import CourseKeyField, LearningContextKeyField, OpaqueKeyField
from organizations.models import Organization

from ccx_tenancy.context import TenantContext
from ccx_tenancy.errors import InvalidInput
from ccx_tenancy.partition import owners
from ccx_tenancy.partition.policy import (
    OrgScope,
    deciding_tenant,
    direct_roles,
    foreign_to,
    named_by_key,
    scope_by_membership,
    with_direct,
)

Row = TypeVar("Row", bound=Model)
Item = TypeVar("Item")

_ORGANIZATION_FIELDS = ("org", "organization", "org_short_name", "display_org_with_default")
_KEY_FIELDS = (
    "course_key",
    "course_id",
    "context_key",
    "library_key",
    "locator",
    "usage_key",
    "usage_id",
    "location",
    "key",
    "id",
    "object_id",
)
_RELATIONS = ("course", "course_overview", "library", "content_library", "enrollment")


@overload
def filter_courses(user: Any, queryset_or_iterable: QuerySet[Row], surface: str) -> QuerySet[Row]: ...


@overload
def filter_courses(user: Any, queryset_or_iterable: Iterable[Item], surface: str) -> list[Item]: ...


def filter_courses(user: Any, queryset_or_iterable: Any, surface: str) -> Any:
    """Return those of the courses that ``user`` sees on ``surface``, in their order.

    A queryset comes back as one, filtered by the database: by a field ``org`` or ``organization`` (a text, or a link to
    Organization), or by a field that holds a key. Of anything else a list comes back; its items are keys, texts of
    keys, dicts, or objects with ``org``, ``course_id``, ``id``, ``key`` or ``location``; an item that says no
    organization is left out.

    Raises InvalidInput for a surface there is not, and for a queryset in which nothing says an organization.
    """
    scope = scope_by_membership(user, surface)
    is_query = isinstance(queryset_or_iterable, QuerySet)
    if scope.is_unrestricted:
        return queryset_or_iterable if is_query else list(queryset_or_iterable)
    direct = direct_roles(user, surface)
    tenant = deciding_tenant(user, surface)
    if scope.hidden is None and tenant is None:
        scope = with_direct(scope, direct.organizations)
    keys = counting_in(tenant, direct.keys)
    if is_query:
        return _filtered(queryset_or_iterable, scope, keys)
    if owners.has_any():
        return [item for item in queryset_or_iterable if _runner_sees(item, scope, keys)]
    return [item for item in queryset_or_iterable if _is_visible(item, scope, keys)]


def counting_in(tenant: TenantContext | None, keys: frozenset[str]) -> frozenset[str]:
    """Return the keys on which a role of the host counts: where a tenant decides, those of the tenant."""
    if tenant is None or not keys:
        return keys
    return frozenset(key for key in keys if not foreign_to(tenant, named_by_key(key)))


def _runner_sees(item: Any, scope: OrgScope, keys: frozenset[str]) -> bool:
    """As :func:`_is_visible`; a CCX that another organization runs than its key says is judged by that one."""
    key = _key_of(item)
    runner = owners.run_by(str(key)) if key is not None else None
    if runner is None:
        return _is_visible(item, scope, keys)
    return runner in scope or str(key) in keys


def _is_visible(item: Any, scope: OrgScope, keys: frozenset[str]) -> bool:
    organization = _organization_of(item)
    if organization is not None and (organization in scope or not keys):
        return organization in scope
    key = _key_of(item)
    if key is None:
        return False
    if organization is None and all(one.organization in scope for one in named_by_key(key)):
        return True
    return str(key) in keys


def _said_by(item: Any, name: str) -> Any:
    return item.get(name) if isinstance(item, Mapping) else getattr(item, name, None)


def _organization_of(item: Any) -> str | None:
    """Return the short name of an item's organization, or None where the item says none."""
    if isinstance(item, Organization):
        return item.short_name  # type: ignore[no-any-return]
    if isinstance(item, str):
        return None
    organization = _said_by(item, "org") or _said_by(item, "organization")
    organization = getattr(organization, "short_name", organization)
    return organization if isinstance(organization, str) else None


def _key_of(item: Any) -> Any:
    """Return the key that an item is or has, or None."""
    candidates = (_said_by(item, name) for name in _KEY_FIELDS) if not _is_key(item) else (item,)
    for key in candidates:
        if key is not None and not callable(key) and named_by_key(key):
            return key
    return None


def _is_key(item: Any) -> bool:
    return isinstance(item, (str, OpaqueKey))


def _filtered(rows: QuerySet[Any], scope: OrgScope, keys: frozenset[str]) -> QuerySet[Any]:
    organization, key = _expressions(rows.model)
    if organization is None:
        raise InvalidInput(
            f"Nothing in {rows.model._meta.label} says an organization: it has none of the fields"
            f" {', '.join(_ORGANIZATION_FIELDS)}, and no field that holds a key."
        )
    rows = rows.alias(_tenancy_org=Lower(organization))
    if scope.hidden is None:
        visible = Q(_tenancy_org__in=sorted(scope.folded))
    else:
        visible = ~Q(_tenancy_org__in=sorted(scope.hidden))
    bought = owners.bought() if key is not None else ()
    # What its key says already needs no word here.
    come = [one.key for one in bought if one.runner in scope and one.seller not in scope]
    gone = [one.key for one in bought if one.seller in scope and one.runner not in scope]
    if key is not None and (keys or come or gone):
        rows = rows.alias(_tenancy_key=Cast(key, TextField()))
    if gone:
        visible &= Q(_tenancy_key__isnull=True) | ~Q(_tenancy_key__in=gone)
    if come:
        visible |= Q(_tenancy_key__in=come)
    if key is not None and keys:
        visible |= Q(_tenancy_key__in=sorted(keys))
    return rows.filter(visible)


def _expressions(model: type[Model], prefix: str = "") -> tuple[Combinable | None, Combinable | None]:
    """Return how a model says its organization and its key, each None where it does not."""
    key = _key_field(model)
    key_expression = F(prefix + key) if key else None
    if issubclass(model, Organization):
        return F(prefix + "short_name"), None
    for name in _ORGANIZATION_FIELDS:
        field = _field(model, name)
        if isinstance(field, ForeignKey) and issubclass(field.related_model, Organization):
            return F(f"{prefix}{name}__short_name"), key_expression
        if isinstance(field, (CharField, TextField)):
            return F(prefix + name), key_expression
    if key_expression is not None:
        return organization_in(Cast(key_expression, TextField())), key_expression
    if not prefix:
        for name in _RELATIONS:
            field = _field(model, name)
            if isinstance(field, ForeignKey):
                if _is_for_keys(field.target_field):
                    return organization_in(Cast(F(field.attname), TextField())), F(field.attname)
                expressions = _expressions(field.related_model, f"{name}__")
                if expressions[0] is not None:
                    return expressions
    return None, None


def _field(model: type[Model], name: str) -> Field[Any, Any] | None:
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, Field) else None


def _is_for_keys(field: Any) -> bool:
    # Any: with some releases of opaque-keys a type checker finds that no field can be one of these.
    return isinstance(field, OpaqueKeyField)


def _key_field(model: type[Model]) -> str | None:
    """Return the name of the field that holds the key: one made for keys, else a text with a name of those."""
    fields = [field for field in model._meta.concrete_fields if _is_for_keys(field)]
    fields.sort(key=lambda field: not isinstance(field, (CourseKeyField, LearningContextKeyField)))
    if fields:
        return fields[0].name
    for name in _KEY_FIELDS:
        if isinstance(_field(model, name), (CharField, TextField)):
            return name
    return None


def organization_in(key: Combinable) -> Combinable:
    """Return the organization that a key says, computed by the database: behind the first colon up to the ``+`` or, in
    kinds without one, the next colon; in the old form up to the first slash."""
    tail = Substr(key, StrIndex(key, Value(":")) + 1)
    return Case(
        When(Q(_has(key, ":"), _has(tail, "+")), then=_up_to(tail, "+")),
        When(Q(_has(key, ":"), _has(tail, ":")), then=_up_to(tail, ":")),
        When(_has(key, "/"), then=_up_to(key, "/")),
        default=Value(""),
        output_field=TextField(),
    )


def _has(text: Combinable, mark: str) -> Any:
    return GreaterThan(StrIndex(text, Value(mark)), Value(0))


def _up_to(text: Combinable, mark: str) -> Combinable:
    return Substr(text, 1, StrIndex(text, Value(mark)) - 1)
