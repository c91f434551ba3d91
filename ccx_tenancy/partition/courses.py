"""Lists of courses, libraries and whatever else belongs to an organization, cut to what somebody sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, overload

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Case, CharField, F, Field, ForeignKey, Model, Q, QuerySet, TextField, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Lower, StrIndex, Substr
from django.db.models.lookups import GreaterThan
from opaque_keys.edx.django.models import CourseKeyField, LearningContextKeyField, OpaqueKeyField
from organizations.models import Organization

from ccx_tenancy.conf import conf
from ccx_tenancy.context import current_tenant
from ccx_tenancy.errors import InvalidInput
from ccx_tenancy.partition.keys import named_by_organization_field
from ccx_tenancy.partition.policy import LMS, OrgScope, has_direct_role, named_by_key, visible_organizations
from ccx_tenancy.tenants.index import index

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
    courses = queryset_or_iterable
    scope = visible_organizations(user, surface)
    if isinstance(courses, QuerySet):
        return courses if scope.is_unrestricted else _filtered(courses, scope, user, surface)
    if scope.is_unrestricted:
        return list(courses)
    return [item for item in courses if _is_visible(item, scope, user, surface)]


def _is_visible(item: Any, scope: OrgScope, user: Any, surface: str) -> bool:
    key, organization = _said_by(item)
    if organization is not None and organization in scope:
        return True
    named = named_by_key(key) if key is not None else []
    if organization is None:
        if named and all(one.organization in scope for one in named):
            return True
    elif not named:
        named = named_by_organization_field(organization)
    return bool(named) and all(has_direct_role(user, one, surface) for one in named)


def _said_by(item: Any) -> tuple[Any, str | None]:
    """Return the key of an item and the short name of its organization, each None where the item does not say."""
    if isinstance(item, str):
        return item, None

    def get(name: str) -> Any:
        return item.get(name) if isinstance(item, Mapping) else getattr(item, name, None)

    organization = get("org") or get("organization")
    organization = getattr(organization, "short_name", organization)
    if not isinstance(organization, str):
        organization = item.short_name if isinstance(item, Organization) else None
    if hasattr(item, "CANONICAL_NAMESPACE"):  # An opaque key itself.
        return item, organization
    for name in _KEY_FIELDS:
        key = get(name)
        if key is not None and not callable(key) and named_by_key(key):
            return key, organization
    return None, organization


def _filtered(courses: QuerySet[Any], scope: OrgScope, user: Any, surface: str) -> QuerySet[Any]:
    organization, key = _expressions(courses.model)
    if organization is None:
        raise InvalidInput(
            f"Nothing in {courses.model._meta.label} says an organization: it has none of the fields"
            f" {', '.join(_ORGANIZATION_FIELDS)}, and no field that holds a key."
        )
    courses = courses.alias(_tenancy_org=Lower(organization))
    if scope.hidden is None:
        visible = Q(_tenancy_org__in=sorted(scope.folded))
    else:
        visible = ~Q(_tenancy_org__in=sorted(scope.hidden))
    if key is not None and (direct := _direct_keys(user, surface)):
        courses = courses.alias(_tenancy_key=Cast(key, TextField()))
        visible |= Q(_tenancy_key__in=direct)
    return courses.filter(visible)


def _direct_keys(user: Any, surface: str) -> list[str]:
    """Return the keys on which the host gives a role that counts here."""
    tenant = current_tenant()
    if not getattr(user, "is_authenticated", False) or (surface == LMS and tenant is not None):
        return []
    keys = sorted(conf.host.direct_roles(user, surface).keys)
    if tenant is None:
        return keys
    owned = index().organizations
    return [
        key
        for key in keys
        if all((owner := owned.get(one.organization)) and owner.id == tenant.id for one in named_by_key(key))
    ]


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
        return _organization_in(Cast(key_expression, TextField())), key_expression
    if not prefix:
        for name in _RELATIONS:
            field = _field(model, name)
            if isinstance(field, ForeignKey):
                if isinstance(field.target_field, OpaqueKeyField):
                    return _organization_in(Cast(F(field.attname), TextField())), F(field.attname)
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


def _key_field(model: type[Model]) -> str | None:
    """Return the name of the field that holds the key: one made for keys, else a text with a name of those."""
    fields = [field for field in model._meta.concrete_fields if isinstance(field, OpaqueKeyField)]
    fields.sort(key=lambda field: not isinstance(field, (CourseKeyField, LearningContextKeyField)))
    if fields:
        return fields[0].name
    for name in _KEY_FIELDS:
        if isinstance(_field(model, name), (CharField, TextField)):
            return name
    return None


def _organization_in(key: Combinable) -> Combinable:
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
