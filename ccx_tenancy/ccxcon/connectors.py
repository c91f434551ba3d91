"""Which connector gets which course, and the connectors that the host's own table holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from ccx_tenancy.audit import api as audit
from ccx_tenancy.ccxcon.models import Connector
from ccx_tenancy.conf import conf
from ccx_tenancy.errors import InvalidInput
from ccx_tenancy.tenants import api as tenants


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one connector of the host: ``created``, ``changed``, ``unchanged`` or ``refused``, and why."""

    url: str
    what: str
    why: str = ""


def serving(organization: str) -> list[Connector]:
    """Return the connectors, also those that are not enabled, that get the courses of an organization. One query."""
    owner = tenants.owner_of(organization)
    if owner is None:
        return list(Connector.objects.filter(serves_platform=True))
    return list(Connector.objects.filter(tenants=owner.id))


def serves(connector: Connector, organization: str) -> bool:
    """Whether a connector gets the courses of an organization: not those of a tenant that is not active."""
    owner = tenants.owner_of(organization)
    if owner is None:
        return connector.serves_platform
    return owner.is_active and connector.tenants.filter(pk=owner.id).exists()


def is_named(connector: Connector, address: str) -> bool:
    """Whether the address that a course names is the connector's; a slash at its end makes no difference."""
    return bool(address) and address.strip().rstrip("/") == connector.url.rstrip("/")


def import_connectors(
    *, tenant_keys: Iterable[str] = (), serves_platform: bool = True, actor: Any = None
) -> Sequence[Imported]:
    """Copy the connectors of the host's own table into ours, and return what became of each.

    Address, title and account are taken over; a connector that we have keeps everything else. New ones serve the
    tenants that are named, and with ``serves_platform`` the organizations that no tenant owns. An address that may not
    be called is refused by name. Raises UnknownTenant.
    """
    served = [tenants.get_tenant(key) for key in tenant_keys]
    found: list[Imported] = []
    with transaction.atomic():
        for row in conf.host.custom_courses.connectors():
            known = Connector.objects.select_for_update().filter(url=row.url).first()
            connector = known or Connector(url=row.url, serves_platform=serves_platform)
            wanted = (row.title, row.client_id, row.client_secret)
            if known is not None and (known.title, known.client_id, known.client_secret.open()) == wanted:
                found.append(Imported(row.url, "unchanged"))
                continue
            connector.title, connector.client_id, connector.client_secret = wanted
            try:
                connector.full_clean(validate_unique=False)
            except ValidationError as error:
                found.append(Imported(row.url, "refused", " ".join(error.messages)))
                continue
            connector.save()
            if known is None:
                connector.tenants.set(served)
            what = "created" if known is None else "changed"
            audit.record(f"connector.{what}", actor=actor, target=row.url, after={"title": row.title})
            found.append(Imported(row.url, what))
    return found


def get_connector(name: str) -> Connector:
    """Return the connector of that address or title. Raises InvalidInput where there is none, or more than one."""
    rows = list(Connector.objects.filter(url=name) or Connector.objects.filter(title=name)[:2])
    if len(rows) != 1:
        raise InvalidInput(f"There {'are several connectors' if rows else 'is no connector'} {name!r}.")
    return rows[0]
