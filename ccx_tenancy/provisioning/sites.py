"""The platform's own Sites: those of no tenant."""

from __future__ import annotations

from typing import Any

from django.contrib.sites.models import Site
from django.db import IntegrityError, transaction

from ccx_tenancy.audit import api as audit
from ccx_tenancy.errors import DomainTaken, InvalidDomain
from ccx_tenancy.tenants import api as tenants

LONGEST_DOMAIN = Site._meta.get_field("domain").max_length or 0
LONGEST_NAME = Site._meta.get_field("name").max_length or 0


def ensure_site(domain: str, *, name: str | None = None, actor: Any = None) -> Site:
    """Return the Site of a domain in whatever spelling: a tenant's or the platform's, made for the platform where
    there is none.

    Raises InvalidDomain, and DomainTaken for a host name of a tenant that has no Site (a Studio domain, an alias).
    """
    asked, domain = domain, tenants.normalize_domain(domain)
    if len(domain) > LONGEST_DOMAIN:
        raise InvalidDomain(
            f"The domain {asked!r} has {len(domain)} characters; allowed for a site are {LONGEST_DOMAIN}."
        )
    row = tenants.TenantDomain.objects.select_related("tenant", "site").filter(domain=domain).first()
    if row is not None and row.site is None:
        raise DomainTaken(
            f"The domain {domain!r} belongs to the tenant {row.tenant.key!r} (surface {row.surface!r}) and has no site;"
            " allowed is an LMS domain."
        )
    site = row.site if row is not None else tenants.sites_on([domain]).get(domain)
    if site is not None:
        return site
    with transaction.atomic():
        try:
            with transaction.atomic():
                site = Site.objects.create(domain=domain, name=name or domain[:LONGEST_NAME])
        except IntegrityError:  # Another writer made it in between.
            return Site.objects.get(domain=domain)
        audit.record("site.add", actor=actor, target=domain, after={"name": site.name})
    return site


def rename_site(site: Site, name: str, *, actor: Any = None) -> None:
    """Give a Site another display name."""
    before = {"name": site.name}
    with transaction.atomic():
        site.name = name
        site.save()
        audit.record("site.rename", actor=actor, target=site.domain, before=before, after={"name": name})
