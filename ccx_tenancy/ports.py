"""What we ask of a host, on one page. ``hosts/`` implements it; ``CCX_TENANCY["HOST"]`` names the implementation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class StoredValues:
    """The configuration of one site as its table holds it.

    ``values`` keep their order and may hold sealed secrets; ``revision`` counts the changes of that site (0: none yet).
    """

    site_id: int
    enabled: bool
    values: dict[str, Any]
    revision: int


@dataclass(frozen=True, slots=True)
class StoredRevision:
    """One entry of a site's history, newest state first: the values after the change, who made it, when and why."""

    site_id: int
    revision: int
    enabled: bool
    values: dict[str, Any]
    actor_id: int | None
    actor: str
    reason: str
    created: datetime = field(compare=False)


class SiteValueStore(Protocol):
    """The table that holds site values: our own, or the host's where it has one."""

    def load(self, site_id: int) -> StoredValues | None:
        """Return what is stored for the site, or None where nothing is. One query."""

    def load_many(self, site_ids: Iterable[int] | None = None) -> list[StoredValues]:
        """Return what is stored for those sites (None: for every site). One query."""

    def save(
        self,
        site_id: int,
        values: dict[str, Any],
        *,
        enabled: bool,
        expected: int,
        actor: Any,
        reason: str,
    ) -> StoredValues:
        """Write a new revision in the current transaction, and its history. Raises StaleRevision where the revision
        found is not ``expected``, also where another writer commits at the same moment."""

    def history(self, site_id: int, *, limit: int | None = None) -> Sequence[StoredRevision]:
        """Return the revisions of a site, newest first."""


class Host(Protocol):
    """The project we are plugged into."""

    @property
    def site_values(self) -> SiteValueStore:
        """The table of site values."""

    def surface(self, request: HttpRequest) -> str:
        """Return ``"lms"`` or ``"studio"`` for a request on a host name that no tenant names."""

    def bind_site(self, request: HttpRequest, site_id: int) -> None:
        """Make the host's own idea of the request's Site agree with ours, at no query."""
