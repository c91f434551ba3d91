"""Our own table as a :class:`ccx_tenancy.ports.SiteValueStore`, for hosts that have none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction

from ccx_tenancy.errors import StaleRevision
from ccx_tenancy.ports import StoredRevision, StoredValues
from ccx_tenancy.site_config.models import SiteConfiguration, SiteConfigurationRevision


class OwnTable:
    """Reads and writes ``ccx_site_config``'s tables; see the protocol for what each method promises."""

    def load(self, site_id: int) -> StoredValues | None:
        """Return what is stored for the site, or None. One query."""
        row = SiteConfiguration.objects.filter(site_id=site_id).first()
        return _stored(row) if row else None

    def load_many(self, site_ids: Iterable[int] | None = None) -> list[StoredValues]:
        """Return what is stored for those sites, or for all. One query."""
        rows = SiteConfiguration.objects.order_by("site_id")
        if site_ids is not None:
            rows = rows.filter(site_id__in=list(site_ids))
        return [_stored(row) for row in rows]

    def save(
        self, site_id: int, values: dict[str, Any], *, enabled: bool, expected: int, actor: Any, reason: str
    ) -> StoredValues:
        """Write the next revision. Raises StaleRevision where the one found is not ``expected``."""
        with transaction.atomic():
            row = SiteConfiguration.objects.select_for_update().filter(site_id=site_id).first()
            row = row or SiteConfiguration(site_id=site_id)
            if row.revision != expected:
                raise StaleRevision(
                    f"The configuration of {row.site.domain} is at revision {row.revision} by now, not {expected};"
                    " read it again.",
                    expected=expected,
                    actual=row.revision,
                )
            row.enabled = enabled
            row.site_values = values
            row.save(actor=actor, reason=reason)
        return _stored(row)

    def history(self, site_id: int, *, limit: int | None = None, before: int | None = None) -> Sequence[StoredRevision]:
        """Return the revisions of a site, newest first. One query."""
        rows = SiteConfigurationRevision.objects.filter(site_id=site_id)
        if before is not None:
            rows = rows.filter(revision__lt=before)
        return [
            StoredRevision(
                site_id=site_id,
                revision=row.revision,
                enabled=row.enabled,
                values=row.site_values,
                actor_id=row.actor_id,
                actor=row.actor_name,
                reason=row.reason,
                created=row.created,
            )
            for row in rows[:limit]
        ]


def _stored(row: SiteConfiguration) -> StoredValues:
    return StoredValues(row.site_id, row.enabled, row.site_values, row.revision)
