"""Tenants, their domains and organizations: the door of the room.

Everything that changes is one transaction, recorded in the audit record, and refused by name without a change where
something is already taken. Names of people and values belong to the rooms above; see ``ccx_tenancy.api``.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import or_
from typing import Any

from django.conf import settings
from django.contrib.sites.models import Site
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from organizations.models import Organization

from ccx_tenancy.audit import api as audit
from ccx_tenancy.context import ACTIVE, ARCHIVED, SUSPENDED, Activation, Scope, TenantContext, current_tenant
from ccx_tenancy.errors import (
    DomainTaken,
    InvalidDomain,
    InvalidKey,
    InvalidState,
    NoCurrentTenant,
    OrganizationTaken,
    TenantExists,
    UnknownTenant,
)
from ccx_tenancy.tenants import index as _index
from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.hostnames import normalize_domain, normalize_host
from ccx_tenancy.tenants.lookup import TenantSummary, chunks, sites_on
from ccx_tenancy.tenants.lookup import summaries as _summaries
from ccx_tenancy.tenants.models import KEY_MEANING, KEY_PATTERN, Tenant, TenantDomain, TenantOrganization, fold
from ccx_tenancy.tenants.signals import tell_moved

__all__ = [
    "SURFACES",
    "Tenant",
    "TenantDomain",
    "TenantOrganization",
    "TenantSummary",
    "add_domain",
    "add_organization",
    "archive_tenant",
    "checked_key",
    "checked_name",
    "checked_short_name",
    "chunks",
    "create_rows",
    "current_tenant",
    "fold",
    "for_each_tenant",
    "get_tenant",
    "list_tenants",
    "lock",
    "normalize_domain",
    "normalize_host",
    "owner_of",
    "remove_domain",
    "remove_organization",
    "rename_tenant",
    "require_tenant",
    "resolve_tenant",
    "resume_tenant",
    "set_primary",
    "sites_on",
    "summaries",
    "suspend_tenant",
    "tenant_context",
    "tenant_of_site",
]

SURFACES = tuple(TenantDomain.Surface.values)
_KEY = re.compile(KEY_PATTERN)
_SHORT_NAME = re.compile(r"[\w.~-]+")
# Control characters, line ends, and halves of characters: no database and no terminal is the better for them.
_NOT_IN_NAMES = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SITE_DOMAIN_LENGTH = 100


# Reading


def get_tenant(key: str) -> Tenant:
    """Return the tenant with that key. Raises UnknownTenant."""
    if not _may_be_key(key):
        raise _unknown(key)
    try:
        return Tenant.objects.get(key=key)
    except Tenant.DoesNotExist:
        raise _unknown(key) from None


def list_tenants(state: str | None = None) -> QuerySet[Tenant]:
    """Return all tenants by key, or those in one state. Raises InvalidState for a state that does not exist."""
    if state is None:
        return Tenant.objects.all()
    if state not in Tenant.State.values:
        raise InvalidState(f"There is no state {state!r}; allowed are {', '.join(Tenant.State.values)}.")
    return Tenant.objects.filter(state=state)


def summaries(state: str | None = None, *, search: str = "") -> list[TenantSummary]:
    """Return what a listing shows of all tenants, by key, or of those in one state and those in whose key, name,
    domains or organizations ``search`` occurs. Two queries, whatever the number. Raises InvalidState."""
    return _summaries(list_tenants(state), search=search)


def resolve_tenant(host: str) -> TenantContext | None:
    """Return the tenant that answers on a host name, in whatever spelling and with or without a port, or None.

    No query while the index is warm. Suspended and archived tenants are found; their ``state`` tells.
    """
    return _index.resolve_host(host)


def owner_of(organization: str) -> TenantContext | None:
    """Return the tenant that an organization's short name belongs to, or None. No query while the index is warm."""
    return _index.index().owner_of(organization)


def tenant_of_site(site_id: int) -> Tenant | None:
    """Return the tenant that a Site belongs to, or None. One query."""
    return Tenant.objects.filter(domains__site_id=site_id).first()


def require_tenant() -> TenantContext:
    """Return the current tenant. Raises NoCurrentTenant where there is none."""
    tenant = current_tenant()
    if tenant is None:
        raise NoCurrentTenant(
            "There is no current tenant here. A request gets one from CurrentTenantMiddleware by its host name, a"
            " Celery task from its publisher; elsewhere use `with tenant_context(key):`."
        )
    return tenant


class tenant_context(Activation):  # noqa: N801 - the name says how it reads: with tenant_context("key"):
    """Make a tenant current: ``with``, ``async with``, or a decorator of functions, coroutines and generators.

    ``key_or_context`` is a tenant's key, a :class:`TenantContext` or a Tenant. Entering yields the context. Raises
    UnknownTenant on entering where no tenant has that key. Entries nest; leaving gives back what was current before,
    also after an exception.
    """

    def __init__(self, key_or_context: str | TenantContext | Tenant) -> None:
        self._wanted = key_or_context

    def make_scope(self) -> Scope:
        """Return an entry for the tenant as it is now."""
        wanted = self._wanted
        if not isinstance(wanted, TenantContext):
            key = wanted.key if isinstance(wanted, Tenant) else wanted
            found = _index.by_key(key) if isinstance(key, str) else None
            if found is None:
                raise _unknown(key)
            wanted = found
        return Scope(wanted, wanted.site_id)

    async def amake_scope(self) -> Scope:
        """The same without blocking the event loop."""
        if not isinstance(self._wanted, TenantContext):
            await revisions.arefresh()
        return self.make_scope()


def for_each_tenant(function: Callable[..., Any], *, state: str = ACTIVE) -> dict[str, Any]:
    """Call ``function`` once inside each tenant of that state, and return its results by tenant key.

    A function that takes a positional argument gets the :class:`TenantContext`. A Celery task is published once for
    each tenant (``delay()``), so that a beat job fans out. Every tenant has its turn: what went wrong is raised at
    the end as one ExceptionGroup.
    """
    call = getattr(function, "delay", function)
    wants_tenant = call is function and _takes_argument(function)
    results: dict[str, Any] = {}
    errors: list[Exception] = []
    for key in list(list_tenants(state).values_list("key", flat=True)):
        try:
            with tenant_context(key) as tenant:
                results[key] = call(tenant) if wants_tenant else call()
        except Exception as error:
            error.add_note(f"in tenant {key!r}")
            errors.append(error)
    if errors:
        raise ExceptionGroup(f"{len(errors)} tenants failed", errors)
    return results


def _takes_argument(function: Callable[..., Any]) -> bool:
    positional = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    )
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(parameter.kind in positional for parameter in parameters)


# Lifecycle


def suspend_tenant(key: str, *, actor: Any = None, reason: str = "") -> Tenant:
    """Make an active tenant's sites answer 503; its data stay. Raises UnknownTenant, or InvalidState if archived."""
    return _change_state(key, "suspend", (ACTIVE,), SUSPENDED, actor, reason)


def resume_tenant(key: str, *, actor: Any = None, reason: str = "") -> Tenant:
    """Make a suspended or archived tenant active again. Raises UnknownTenant."""
    return _change_state(key, "resume", (SUSPENDED, ARCHIVED), ACTIVE, actor, reason)


def archive_tenant(key: str, *, actor: Any = None, reason: str = "") -> Tenant:
    """Make a tenant's sites answer 404; its data stay. Raises UnknownTenant."""
    return _change_state(key, "archive", (ACTIVE, SUSPENDED), ARCHIVED, actor, reason)


def _change_state(key: str, action: str, allowed: Sequence[str], state: str, actor: Any, reason: str) -> Tenant:
    with revisions.together():
        tenant = _locked(key)
        before = tenant.state
        if before == state:
            return tenant
        if before not in allowed:
            raise InvalidState(f"The tenant {key!r} is {before}; {action} takes one that is {' or '.join(allowed)}.")
        tenant.state = state
        tenant.save()
        after = {"state": state, "reason": reason} if reason else {"state": state}
        audit.record(f"tenant.{action}", tenant_key=key, actor=actor, target=key, before={"state": before}, after=after)
    return tenant


def rename_tenant(key: str, name: str, *, actor: Any = None) -> Tenant:
    """Give a tenant another display name. Raises UnknownTenant, or InvalidKey where the name is empty or too long."""
    with revisions.together():
        tenant = _locked(key)
        before, tenant.name = tenant.name, checked_name(name)
        if before != tenant.name:
            tenant.save()
            audit.record(
                "tenant.rename",
                tenant_key=key,
                actor=actor,
                target=key,
                before={"name": before},
                after={"name": tenant.name},
            )
    return tenant


# Making and changing rows


def lock(key: str) -> None:
    """Hold the tenant with that key, where there is one, against other writers until the transaction ends."""
    Tenant.objects.select_for_update().filter(key=key).first()


def create_rows(
    key: str, *, name: str, domain: str, organizations: Iterable[str], studio_domain: str | None, actor: Any = None
) -> Tenant:
    """Make a tenant with its primary domain, its Site and its organizations, in one transaction.

    Raises InvalidKey, InvalidDomain, TenantExists, DomainTaken or OrganizationTaken, and changes nothing then.
    """
    checked_key(key)
    wanted = checked_organizations(organizations)
    with revisions.together():
        if Tenant.objects.filter(key=key).exists():
            raise _exists(key)
        try:
            with transaction.atomic():
                tenant = Tenant(key=key, name=checked_name(name))
                tenant.save(force_insert=True)
        except IntegrityError:  # Another writer made it in between.
            raise _exists(key) from None
        audit.record("tenant.create", tenant_key=key, actor=actor, target=key, after={"name": name})
        add_domain(tenant, domain, primary=True, actor=actor)
        if studio_domain is not None:
            add_domain(tenant, studio_domain, surface="studio", primary=True, actor=actor)
        _add_organizations(tenant, wanted, actor=actor)
    return tenant


def add_domain(
    tenant: Tenant, domain: str, *, surface: str = "lms", primary: bool = False, actor: Any = None
) -> TenantDomain:
    """Give a tenant a host name, with a Site of its own on the LMS surface, and return it.

    The first of a surface other than ``alias`` is its primary; ``primary`` makes it so among others. A Site that
    exists under that domain and belongs to no tenant is taken over. Raises InvalidDomain, or DomainTaken by name.
    """
    if surface not in SURFACES:
        raise InvalidDomain(f"There is no surface {surface!r}; allowed are {', '.join(SURFACES)}.")
    name = normalize_domain(domain)
    if surface == "lms" and len(name) > _SITE_DOMAIN_LENGTH:
        raise InvalidDomain(
            f"The domain {domain!r} has {len(name)} characters; allowed on the LMS surface are {_SITE_DOMAIN_LENGTH}."
        )
    with revisions.together():
        _lock(tenant)
        taken = TenantDomain.objects.filter(domain=name).select_related("tenant").first()
        if taken is not None:
            raise _domain_taken(domain, name, taken.tenant.key)
        site = sites_on([name]).get(name)
        _refuse_default_site(name, site)
        others = TenantDomain.objects.select_for_update().filter(tenant=tenant, surface=surface, is_primary=True)
        has_primary = others.exists()
        if primary and has_primary:
            others.update(is_primary=None)
        row = TenantDomain(
            tenant=tenant,
            domain=name,
            surface=surface,
            is_primary=((primary or not has_primary) and surface != "alias") or None,
            site=(site or _new_site(name, tenant)) if surface == "lms" else None,
        )
        try:
            with transaction.atomic():
                row.save()
        except IntegrityError:
            taken = TenantDomain.objects.filter(domain=name).select_related("tenant").first()
            if taken is not None:
                raise _domain_taken(domain, name, taken.tenant.key) from None
            raise DomainTaken(
                f"The tenant {tenant.key!r} got another primary domain on the surface {surface!r} at the same moment;"
                " read it again and repeat."
            ) from None
        audit.record(
            "domain.add",
            tenant_key=tenant.key,
            actor=actor,
            target=name,
            after={"surface": surface, "primary": bool(row.is_primary)},
        )
    return row


def _refuse_default_site(name: str, site: Site | None) -> None:
    if site is not None and site.pk == getattr(settings, "SITE_ID", None):
        raise DomainTaken(
            f"The domain {name!r} is that of the platform's default site (SITE_ID {site.pk}), which can belong to no"
            " tenant."
        )


def _new_site(name: str, tenant: Tenant) -> Site:
    site = Site(domain=name, name=tenant.name[:50])
    try:
        with transaction.atomic():
            site.save()
    except IntegrityError:
        return Site.objects.get(domain=name)
    return site


def set_primary(tenant: Tenant, domain: str, *, actor: Any = None) -> TenantDomain:
    """Make one of a tenant's domains the primary of its surface. Raises InvalidDomain where it has no such domain."""
    name = normalize_domain(domain)
    with revisions.together():
        _lock(tenant)
        rows = {row.domain: row for row in tenant.domains.select_for_update()}
        row = rows.get(name)
        if row is None or row.surface == "alias":
            allowed = ", ".join(sorted(one.domain for one in rows.values() if one.surface != "alias"))
            raise InvalidDomain(
                f"The tenant {tenant.key!r} has no domain {domain!r} that can be primary; it has {allowed}."
            )
        if not row.is_primary:
            tenant.domains.filter(surface=row.surface, is_primary=True).update(is_primary=None)
            row.is_primary = True
            row.save()
            audit.record(
                "domain.primary", tenant_key=tenant.key, actor=actor, target=name, after={"surface": row.surface}
            )
    return row


def remove_domain(tenant: Tenant, domain: str, *, actor: Any = None) -> None:
    """Take a host name from a tenant; its Site stays. Raises InvalidDomain for a domain it has not, and InvalidState
    for the primary LMS domain, which its site configuration belongs to."""
    name = normalize_domain(domain)
    with revisions.together():
        _lock(tenant)
        row = tenant.domains.select_for_update().filter(domain=name).first()
        if row is None:
            raise InvalidDomain(f"The tenant {tenant.key!r} has no domain {domain!r}.")
        if row.is_primary and row.surface == "lms":
            raise InvalidState(
                f"{name!r} is the primary LMS domain of the tenant {tenant.key!r}; make another one primary first."
            )
        surface = row.surface
        row.delete()
        audit.record("domain.remove", tenant_key=tenant.key, actor=actor, target=name, before={"surface": surface})


def add_organization(tenant: Tenant, short_name: str, *, actor: Any = None) -> TenantOrganization:
    """Give a tenant an organization by its short name, made where it is missing, and return the link.

    Raises InvalidKey for a name no course key can hold, OrganizationTaken where it belongs to another tenant or
    exists in another case.
    """
    checked_organizations([short_name])
    with revisions.together():
        _lock(tenant)
        organization = Organization.objects.filter(short_name__iexact=short_name).order_by("pk").first()
        if organization is not None and organization.short_name != short_name:
            raise OrganizationTaken(
                f"The organization {short_name!r} exists as {organization.short_name!r}: short names compare without"
                " regard to case, so only that spelling is allowed."
            )
        if organization is None:
            try:
                with transaction.atomic():
                    organization = Organization.objects.create(short_name=short_name, name=short_name)
            except IntegrityError:
                organization = Organization.objects.get(short_name__iexact=short_name)
        link = TenantOrganization(tenant=tenant, organization=organization)
        try:
            with transaction.atomic():
                link.save()
        except IntegrityError:
            owner = TenantOrganization.objects.filter(folded=fold(short_name)).select_related("tenant").get()
            if owner.tenant_id == tenant.pk:
                return owner
            raise OrganizationTaken(
                f"The organization {short_name!r} belongs to the tenant {owner.tenant.key!r}; an organization belongs"
                " to at most one tenant."
            ) from None
        audit.record("organization.add", tenant_key=tenant.key, actor=actor, target=short_name)
    return link


def _add_organizations(tenant: Tenant, short_names: Sequence[str], *, actor: Any = None) -> None:
    """Do :func:`add_organization` for several checked names, in a handful of queries where nothing is in the way.

    Those that have to be made are saved one by one: the host may listen to that.
    """
    found: dict[str, Organization] = {}
    for part in chunks(short_names):
        same = reduce(or_, (Q(short_name__iexact=name) for name in part))
        for organization in Organization.objects.filter(same).order_by("pk"):
            found.setdefault(organization.short_name, organization)
    known = {fold(name) for name in found}
    try:
        with transaction.atomic():
            for name in short_names:
                if fold(name) not in known:
                    found[name] = Organization.objects.create(short_name=name, name=name)
            links = [
                TenantOrganization(tenant=tenant, organization=found[name], folded=fold(name)) for name in short_names
            ]
            TenantOrganization.objects.bulk_create(links)
            tell_moved(link.organization_id for link in links)
    except (IntegrityError, KeyError):  # One is taken, is there in another case, or was made in between.
        for name in short_names:
            add_organization(tenant, name, actor=actor)
        return
    revisions.bump(revisions.TENANTS)
    audit.record_each("organization.add", short_names, tenant_key=tenant.key, actor=actor)


def remove_organization(tenant: Tenant, short_name: str, *, actor: Any = None) -> None:
    """Take an organization from a tenant: it becomes the platform's own. Raises InvalidKey where it has no such."""
    with revisions.together():
        _lock(tenant)
        link = tenant.tenant_organizations.select_for_update().filter(folded=fold(short_name)).first()
        if link is None:
            raise InvalidKey(f"The tenant {tenant.key!r} has no organization {short_name!r}.")
        link.delete()
        audit.record("organization.remove", tenant_key=tenant.key, actor=actor, target=short_name)


# Checks


def checked_key(key: str) -> str:
    """Return the key. Raises InvalidKey where it is not one."""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise InvalidKey(f"The tenant key {key!r} is not allowed. {KEY_MEANING}")
    return key


def checked_name(name: str) -> str:
    """Return a display name. Raises InvalidKey where it is empty, longer than 255 characters, or has a control
    character."""
    if not isinstance(name, str) or not name.strip() or len(name) > 255 or _NOT_IN_NAMES.search(name):
        raise InvalidKey(
            f"The tenant name {name!r} is not allowed: a name is a text of 1 to 255 characters, none of them a control"
            " character."
        )
    return name


def checked_short_name(short_name: str) -> str:
    """Return an organization's short name. Raises InvalidKey for one that no course key can hold."""
    if not isinstance(short_name, str) or not _SHORT_NAME.fullmatch(short_name) or len(short_name) > 255:
        raise InvalidKey(
            f"The organization {short_name!r} is not allowed: a short name is 1 to 255 letters, digits and . _ ~ -"
        )
    return short_name


def checked_organizations(short_names: Iterable[str]) -> list[str]:
    """Return short names as a list without repetitions. Raises InvalidKey for one that no course key can hold."""
    if isinstance(short_names, str) or not isinstance(short_names, Iterable):
        what = "the text " if isinstance(short_names, str) else ""
        raise InvalidKey(f"organizations is {what}{short_names!r}; allowed is a list of short names.")
    wanted: dict[str, str] = {}
    for name in short_names:
        twin = wanted.setdefault(fold(checked_short_name(name)), name)
        if twin != name:
            raise InvalidKey(f"The organizations {twin!r} and {name!r} differ only in case; one of them is allowed.")
    return list(wanted.values())


def _lock(tenant: Tenant) -> None:
    """Let the changes of one tenant come one after the other."""
    Tenant.objects.select_for_update().filter(pk=tenant.pk).values_list("pk").first()


def _locked(key: str) -> Tenant:
    if not _may_be_key(key):
        raise _unknown(key)
    try:
        return Tenant.objects.select_for_update().get(key=key)
    except Tenant.DoesNotExist:
        raise _unknown(key) from None


def _may_be_key(key: object) -> bool:
    """Whether a database can be asked for it: none compares half a character, and PostgreSQL no NUL."""
    return isinstance(key, str) and _KEY.fullmatch(key) is not None


def _unknown(key: object) -> UnknownTenant:
    return UnknownTenant(f"There is no tenant with the key {key!r}.")


def _exists(key: str) -> TenantExists:
    return TenantExists(f"A tenant with the key {key!r} exists already.")


def _domain_taken(asked: str, name: str, key: str) -> DomainTaken:
    spelling = "" if asked == name else f" (read as {name!r})"
    return DomainTaken(f"The domain {asked!r}{spelling} belongs to the tenant {key!r} already.")
