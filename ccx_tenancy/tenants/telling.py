"""Query sets whose writes of many rows tell all processes, as saving one row does."""

from __future__ import annotations

from collections.abc import Set
from typing import Any, ClassVar, TypeVar

from django.db import models, transaction

Row = TypeVar("Row", bound=models.Model, covariant=True)


class TellingQuerySet(models.QuerySet[Row]):
    """Writing many rows at once tells all processes, once for the whole set and in the same transaction.

    A subclass says in ``concerns`` which column has the number of whom a row is about, and in ``tell`` how they are
    told.
    """

    concerns: ClassVar[str]

    def tell(self, concerned: Set[int]) -> None:
        """Bump the revisions of what the rows are or were about: the numbers in their columns."""
        raise NotImplementedError

    def update(self, **kwargs: Any) -> int:
        """Update, and tell of what the rows were about and now are; ``bulk_update`` comes by here, too."""
        with transaction.atomic(using=self.db):
            before = dict(self.order_by().values_list("pk", self.concerns))
            changed = super().update(**kwargs)
            concerned = set(before.values())
            column: Any = self.model._meta.get_field(self.concerns)
            if not kwargs.keys().isdisjoint((column.name, column.attname)):
                # What is written may be an expression, so the rows are asked.
                written = self.model._base_manager.using(self.db).filter(pk__in=before)
                concerned.update(written.values_list(self.concerns, flat=True))
            self.tell(concerned)
        return changed

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, *args: Any, **kwargs: Any) -> list[Row]:
        """Create, and tell of what the rows are about."""
        with transaction.atomic(using=self.db):
            made = super().bulk_create(*args, **kwargs)
            self.tell({getattr(row, self.concerns) for row in made})
        return made

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete, and tell of what the rows were about."""
        with transaction.atomic(using=self.db):
            concerned = set(self.order_by().values_list(self.concerns, flat=True))
            deleted = super().delete()
            self.tell(concerned)
        return deleted

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]
