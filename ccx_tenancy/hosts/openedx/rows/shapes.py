"""What a model's columns say of whose its rows are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import CharField, ForeignKey, Model, TextField
from opaque_keys.edx.django.models import CourseKeyField, LearningContextKeyField

#: Apps whose rows of courses are never cut: they keep what they read of all courses in a cache for everybody, which
#: must not hold one tenant's part.
UNCUT_APPS = frozenset({"embargo", "verify_student", "credit"})
#: The host's base class of settings kept in tables, which it caches for everybody.
UNCUT_BASES = frozenset({"ConfigurationModel"})
#: The name of a column of text that has the key of a course.
_TEXT_KEY = "course_id"
#: The name of the field that says the organization of a row which may have no course.
_ORGANIZATION = "org"


def is_cut(model: type[Model]) -> bool:
    """Whether a model's rows are cut, if they are of a course or of people."""
    return model._meta.app_label not in UNCUT_APPS and not is_of_everybody(model)


def is_of_everybody(model: type[Model]) -> bool:
    """Whether a model is one of ours, which have rules of their own, or one that the host caches for everybody."""
    if model._meta.app_label.startswith("ccx_"):
        return True
    return bool(UNCUT_BASES.intersection(base.__name__ for base in model.__mro__))


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


def organization_column(model: type[Model]) -> str | None:
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


def links(model: type[Model]) -> Iterator[ForeignKey[Any, Any]]:
    """Yield the links that each row of a model has."""
    for field in model._meta.concrete_fields:
        if isinstance(field, ForeignKey) and not field.null:
            yield field
