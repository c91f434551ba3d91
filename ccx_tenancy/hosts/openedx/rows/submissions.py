"""What is said of an answer to an open assessment by its id alone: its grades, and who is grading it now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import CharField, Exists, Model, OuterRef, Q, QuerySet

from ccx_tenancy.hosts.openedx.rows.courses import Sight, seen_of_course
from ccx_tenancy.hosts.openedx.rows.shapes import course_column

#: The table that says for each such answer in which course it is, and the column that has its id in all of them.
WORKFLOWS = "workflow.AssessmentWorkflow"
ANSWER = "submission_uuid"


def seen_of_answer(model: type[Model]) -> Callable[[Sight], Any] | None:
    """Return what makes the condition for rows that say an answer's id and no course; None for another model.

    An answer of which nobody has said where it is, is anybody's.
    """
    if course_column(model) is not None or not _has_answer(model):
        return None
    try:
        workflows: Any = apps.get_model(WORKFLOWS)
    except LookupError:
        return None
    in_course = seen_of_course(workflows)
    if in_course is None:
        return None

    def make(sight: Sight) -> Any:
        of_answer: QuerySet[Any] = workflows._base_manager.filter(**{ANSWER: OuterRef(ANSWER)})
        return ~Q(Exists(of_answer.filter(~in_course(sight))))

    return make


def _has_answer(model: type[Model]) -> bool:
    try:
        return isinstance(model._meta.get_field(ANSWER), CharField)
    except FieldDoesNotExist:
        return False
