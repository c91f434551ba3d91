"""The audit record in the admin: to be read, and nothing else."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ccx_tenancy.admin_support import ReadOnlyAdmin, before_and_after
from ccx_tenancy.audit.models import AuditEntry, EntryQuerySet

MOST_ACTIONS = 200
MOST_PERIODS = 100


class SteppingQuerySet(EntryQuerySet):
    """Entries whose periods are found along the index of ``created``, one step for each year, month or day.

    Django would cut the date of every entry and compare the results, which takes seconds with some hundred thousand.
    """

    def datetimes(self, field_name: str, kind: str, order: str = "ASC", tzinfo: Any = None) -> list[datetime]:  # type: ignore[override]
        """Return the beginnings of the periods (``kind``: year, month, day) that have entries, in the current zone."""
        times = self.order_by(field_name).values_list(field_name, flat=True)
        found: list[datetime] = []
        following = times.first()
        while following is not None and len(found) < MOST_PERIODS:
            begin, end = _period(timezone.localtime(following, tzinfo), kind)
            found.append(begin)
            following = times.filter(**{f"{field_name}__gte": end}).first()
        return found if order == "ASC" else found[::-1]


def _period(moment: datetime, kind: str) -> tuple[datetime, datetime]:
    """Return the beginning of the year, month or day of a moment, and that of the next."""
    year, month, day = moment.year, moment.month, moment.day
    if kind == "year":
        days = date(year, 1, 1), date(year + 1, 1, 1)
    elif kind == "month":
        days = date(year, month, 1), date(year + month // 12, month % 12 + 1, 1)
    else:
        days = date(year, month, day), date(year, month, day) + timedelta(days=1)
    begin, end = (datetime.combine(one, time.min, tzinfo=moment.tzinfo) for one in days)
    return begin, end


class ActionFilter(admin.SimpleListFilter):
    """Filters by action. The actions there are come from the table's index, one step for each: never a whole scan."""

    title = _("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the actions that entries have."""
        found: list[str] = []
        rows = AuditEntry.objects.order_by("action").values_list("action", flat=True)
        while len(found) < MOST_ACTIONS:
            following = (rows.filter(action__gt=found[-1]) if found else rows).first()
            if following is None:
                break
            found.append(following)
        return [(action, action) for action in found]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        """Return the entries of the chosen action."""
        return queryset if self.value() is None else queryset.filter(action=self.value())


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what, newest first. The list is the same to the database with a thousand entries and with millions."""

    list_display = ("created", "action", "target", "tenant_key", "shown_actor")
    list_display_links = ("created", "action")
    list_filter = (ActionFilter,)
    date_hierarchy = "created"
    ordering = ("-id",)
    search_fields = ("^tenant_key", "^actor", "^target", "^action", "=request_id")
    search_help_text = _(
        "The beginning of a tenant's key, a user's name, a target or an action; or a whole request id."
    )
    fields = ("created", "action", "target", "tenant_key", "shown_actor", "actor_id", "request_id", "shown_change")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        """Return the entries; what they were before and after is read only where one is shown."""
        entries: QuerySet[AuditEntry] = SteppingQuerySet(AuditEntry).defer("before", "after")
        return entries.order_by(*self.get_ordering(request))

    @admin.display(description=_("actor"), ordering="actor")
    def shown_actor(self, entry: AuditEntry) -> str:
        """Who did it; the system where it was nobody."""
        return entry.actor or str(_("the system"))

    @admin.display(description=_("before and after"))
    def shown_change(self, entry: AuditEntry) -> str:
        """What the thing was before and after, name by name."""
        return before_and_after(entry.before, entry.after)
