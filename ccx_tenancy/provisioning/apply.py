"""Make a document true: plan it whole, then change one tenant after the other, each whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.db import DatabaseError

from ccx_tenancy.context import ARCHIVED, SUSPENDED
from ccx_tenancy.errors import InvalidInput, InvalidValues, TenancyError
from ccx_tenancy.provisioning.documents import Wanted, WantedSite, WantedTenant, read
from ccx_tenancy.provisioning.plan import NOTHING, Change, Item, Plan, Planner
from ccx_tenancy.provisioning.sites import ensure_site, rename_site
from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.tenants import api as tenants
from ccx_tenancy.tenants import revisions

_REASON_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Failure:
    """One tenant or site that could not be changed, and nothing of it was."""

    item: Item
    error: TenancyError | DatabaseError

    def __str__(self) -> str:
        return f"{self.item.kind} {self.item.name!r} ({self.item.path}): {self.error}"


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a document: the plan as it was carried out, and what failed of it."""

    plan: Plan
    failures: tuple[Failure, ...] = ()


def plan_document(text: str | bytes, *, source: str = "", prune: bool = False) -> Plan:
    """Return what applying a document would do, and change nothing. A few queries, whatever its length.

    ``source`` (a file's name) goes before every message. With ``prune`` the domains and organizations that a tenant
    of the document has and the document does not list count as changes; without, they are reported as kept.

    Raises InvalidDocument, with line and column, for a text that is not JSON, and InvalidValues, with every reason and
    its place in the document (``tenants[1].domains[0].domain``), for what is not of the form or not free.
    """
    return _plan(read(text, source=source), prune)


def apply_document(
    text: str | bytes,
    *,
    source: str = "",
    prune: bool = False,
    actor: Any = None,
    reason: str = "",
    on_item: Callable[[Item, Failure | None], None] | None = None,
) -> Applied:
    """Make tenants and platform sites what a document says, and return what was done.

    A document that :func:`plan_document` refuses is refused here, and nothing is changed. Then each tenant is changed
    in a transaction of its own: one that fails changes nothing of itself, and the others go on. What is as the
    document says is left alone, so that applying it again writes nothing. Tenants that the document does not list are
    not touched. ``on_item`` is called after each entry, with its failure or None. ``reason`` stands in the history of
    the configurations (by default the name of the document).
    """
    wanted = read(text, source=source)
    if len(reason) > _REASON_LENGTH:
        raise InvalidInput(f"The reason has {len(reason)} characters; allowed are {_REASON_LENGTH}.")
    reason = reason or f"applied from {source or 'a document'}"[:_REASON_LENGTH]
    plan = _plan(wanted, prune)
    done: list[Item] = []
    failures: list[Failure] = []
    for entry, item in _entries(wanted, plan):
        failure = None
        if item.action != NOTHING:
            try:
                item = _carry_out(entry, prune, actor, reason)
            except (TenancyError, DatabaseError) as error:
                failure = Failure(item, error)
                failures.append(failure)
        done.append(item)
        if on_item is not None:
            on_item(item, failure)
    count = len(plan.tenants)
    return Applied(replace(plan, tenants=tuple(done[:count]), sites=tuple(done[count:])), tuple(failures))


def _plan(wanted: Wanted, prune: bool) -> Plan:
    planner = Planner(prune)
    planner.load(wanted.tenants, wanted.sites)
    items = [planner.tenant(tenant) for tenant in wanted.tenants]
    sites = [planner.platform_site(site) for site in wanted.sites]
    if planner.problems:
        raise InvalidValues(planner.problems, source=wanted.source)
    return Plan(wanted.source, tuple(items), tuple(sites))


def _entries(wanted: Wanted, plan: Plan) -> Iterator[tuple[WantedTenant | WantedSite, Item]]:
    yield from zip(wanted.tenants, plan.tenants, strict=True)
    yield from zip(wanted.sites, plan.sites, strict=True)


def _carry_out(entry: WantedTenant | WantedSite, prune: bool, actor: Any, reason: str) -> Item:
    """Change one entry in one transaction, by a plan made in it: somebody may have changed it since the first one."""
    with revisions.together():
        planner = Planner(prune)
        if isinstance(entry, WantedTenant):
            tenants.lock(entry.key)
            planner.load([entry], [])
            item = planner.tenant(entry)
        else:
            planner.load([], [entry])
            item = planner.platform_site(entry)
        if planner.problems:
            raise InvalidValues(planner.problems)
        steps = _Steps(entry, actor, reason)
        for change in item.changes:
            steps.make(change)
    return item


class _Steps:
    """Makes the changes of one entry, in their order."""

    def __init__(self, entry: WantedTenant | WantedSite, actor: Any, reason: str) -> None:
        self._entry = entry
        self._actor = actor
        self._reason = reason

    def make(self, change: Change) -> None:
        getattr(self, f"_{change.what}_{change.kind}")(change)

    @property
    def _wanted(self) -> WantedTenant:
        assert isinstance(self._entry, WantedTenant)
        return self._entry

    @property
    def _tenant(self) -> tenants.Tenant:
        return tenants.get_tenant(self._wanted.key)

    def _tenant_added(self, change: Change) -> None:
        home = self._wanted.primary("lms")
        assert home is not None
        tenants.create_rows(
            change.target, name=change.after, domain=home, organizations=[], studio_domain=None, actor=self._actor
        )

    def _name_changed(self, change: Change) -> None:
        tenants.rename_tenant(change.target, change.after, actor=self._actor)

    def _state_changed(self, change: Change) -> None:
        if change.before == ARCHIVED and change.after == SUSPENDED:
            tenants.resume_tenant(change.target, actor=self._actor, reason=self._reason)
        step = {SUSPENDED: tenants.suspend_tenant, ARCHIVED: tenants.archive_tenant}.get(
            change.after, tenants.resume_tenant
        )
        step(change.target, actor=self._actor, reason=self._reason)

    def _domain_added(self, change: Change) -> None:
        tenant = self._tenant
        if tenant.domains.filter(domain=change.target).exists():
            return  # The primary one is made with the tenant.
        tenants.add_domain(tenant, change.target, **change.after, actor=self._actor)

    def _surface_changed(self, change: Change) -> None:
        tenant = self._tenant
        tenants.remove_domain(tenant, change.target, actor=self._actor)
        tenants.add_domain(tenant, change.target, **change.after, actor=self._actor)

    def _primary_changed(self, change: Change) -> None:
        tenants.set_primary(self._tenant, change.target, actor=self._actor)

    def _domain_removed(self, change: Change) -> None:
        tenants.remove_domain(self._tenant, change.target, actor=self._actor)

    def _organization_added(self, change: Change) -> None:
        tenants.add_organization(self._tenant, change.target, actor=self._actor)

    def _organization_removed(self, change: Change) -> None:
        tenants.remove_organization(self._tenant, change.target, actor=self._actor)

    def _site_added(self, change: Change) -> None:
        ensure_site(change.target, name=change.after, actor=self._actor)

    def _site_changed(self, change: Change) -> None:
        rename_site(site_config.site_of(change.target), change.after, actor=self._actor)

    def _configuration_added(self, change: Change) -> None:
        self._store(change.target)

    def _configuration_changed(self, change: Change) -> None:
        self._store(change.target)

    def _enabled_changed(self, change: Change) -> None:
        self._store(change.target)

    def _store(self, domain: str) -> None:
        if isinstance(self._entry, WantedTenant):
            wanted = self._entry.configurations[domain]
            site = self._tenant.domains.select_related("site").get(domain=domain).site
        else:
            assert self._entry.configuration is not None
            wanted = self._entry.configuration
            site = site_config.site_of(domain)
        assert site is not None
        site_config.set_site_values(
            site,
            wanted.values or {},
            actor=self._actor,
            reason=self._reason,
            replace=wanted.values is not None,
            enabled=wanted.enabled,
        )
