"""The host's SiteConfiguration table as a :class:`ccx_tenancy.ports.SiteValueStore`.

The host writes a row of history at every save, and the id of the newest one is the revision: it grows with each change,
whoever made it, and skips what other sites did. See docs/decisions/.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.apps import apps
from django.contrib.sites.models import Site
from django.db import IntegrityError, transaction
from django.db.models import OuterRef, QuerySet, Subquery

from ccx_tenancy.errors import StaleRevision
from ccx_tenancy.hosts.openedx.models import RevisionNote
from ccx_tenancy.hosts.openedx.notes import noting
from ccx_tenancy.ports import StoredRevision, StoredValues
from ccx_tenancy.site_config.snapshots import copied

logger = logging.getLogger(__name__)


class HostTable:
    """Reads and writes the host's SiteConfiguration; see the protocol for what each method promises."""

    def load(self, site_id: int) -> StoredValues | None:
        """Return what is stored for the site, or None. One query."""
        row = _rows().filter(site_id=site_id).first()
        return _stored(row) if row is not None else None

    def load_many(self, site_ids: Iterable[int] | None = None) -> list[StoredValues]:
        """Return what is stored for those sites, or for all. One query."""
        rows = _rows().order_by("site_id")
        if site_ids is not None:
            rows = rows.filter(site_id__in=list(site_ids))
        return [_stored(row) for row in rows]

    def save(
        self, site_id: int, values: dict[str, Any], *, enabled: bool, expected: int, actor: Any, reason: str
    ) -> StoredValues:
        """Save as the host's own admin does, history included. Raises StaleRevision where the revision found is not
        ``expected``."""
        model = _configuration()
        with transaction.atomic():
            row = model.objects.select_for_update().filter(site_id=site_id).first()
            found = _newest(site_id) if row is not None else 0
            if found != expected:
                raise _stale(site_id, expected, found)
            row = row if row is not None else model(site_id=site_id)
            row.enabled = enabled
            row.site_values = values
            with noting(actor, reason) as note:
                try:
                    with transaction.atomic():
                        row.save()
                except IntegrityError:
                    if expected or not model.objects.filter(site_id=site_id).exists():
                        raise
                    raise _stale(site_id, expected, _newest(site_id)) from None
            if note.history_id is None:
                raise RuntimeError(
                    "The host saved a SiteConfiguration without a row of SiteConfigurationHistory: this release of Open"
                    " edX keeps its history in another way, which ccx-tenancy does not know. Nothing was changed."
                )
        return StoredValues(site_id, enabled, copied(values), note.history_id)

    def history(self, site_id: int, *, limit: int | None = None, before: int | None = None) -> Sequence[StoredRevision]:
        """Return the revisions of a site, newest first. Two queries."""
        found = _history().objects.filter(site_id=site_id).order_by("-pk")
        rows = list((found if before is None else found.filter(pk__lt=before))[:limit])
        kept = RevisionNote.objects.filter(history_id__in=[row.pk for row in rows])
        known = {note.history_id: note for note in kept}
        return [_revision(row, known.get(row.pk)) for row in rows]


def _configuration() -> Any:
    return apps.get_model("site_configuration.SiteConfiguration")


def _history() -> Any:
    return apps.get_model("site_configuration.SiteConfigurationHistory")


def _rows() -> QuerySet[Any]:
    newest = _history().objects.filter(site_id=OuterRef("site_id")).order_by("-pk").values("pk")[:1]
    rows: QuerySet[Any] = _configuration().objects.annotate(revision=Subquery(newest))
    return rows


def _newest(site_id: int) -> int:
    newest: int | None = _history().objects.filter(site_id=site_id).order_by("-pk").values_list("pk", flat=True).first()
    return newest or 0


def _stored(row: Any) -> StoredValues:
    return StoredValues(row.site_id, row.enabled, _object(row), row.revision or 0)


def _revision(row: Any, note: RevisionNote | None) -> StoredRevision:
    return StoredRevision(
        site_id=row.site_id,
        revision=row.pk,
        enabled=row.enabled,
        values=_object(row),
        actor_id=note.actor_id if note else None,
        actor=note.actor_name if note else "",
        reason=note.reason if note else "",
        created=row.created,
    )


def _object(row: Any) -> dict[str, Any]:
    """Return the values as plain dicts and lists. The host's admin takes any JSON, and a site whose document is no
    object has no values for the host either."""
    if isinstance(row.site_values, Mapping):
        return copied(row.site_values)  # type: ignore[no-any-return]
    logger.error("The configuration of site %s is no JSON object; it counts as empty.", row.site_id)
    return {}


def _stale(site_id: int, expected: int, found: int) -> StaleRevision:
    domain = Site.objects.get(pk=site_id).domain
    return StaleRevision(
        f"The configuration of {domain} is at revision {found} by now, not {expected}; read it again.",
        expected=expected,
        actual=found,
    )
