"""Make one whole tenant by one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ccx_tenancy.membership import api as membership
from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.tenants import api as tenants
from ccx_tenancy.tenants import revisions

__all__ = ["create_tenant"]


def create_tenant(
    key: str,
    *,
    name: str,
    domain: str,
    organizations: Iterable[str],
    studio_domain: str | None = None,
    values: Mapping[str, Any] | None = None,
    owner: Any = None,
    actor: Any = None,
) -> tenants.Tenant:
    """Make a tenant with its primary domain and Site, its organizations (short names, made where missing), a Studio
    domain, and the values of its site configuration, and return it. ``owner`` (a user) becomes an owner of each
    organization. All of it, or nothing.

    Raises InvalidKey, InvalidDomain or InvalidValues for what is not allowed, and TenantExists, DomainTaken or
    OrganizationTaken, by name, for what is not free.
    """
    with revisions.together():
        tenant = tenants.create_rows(
            key, name=name, domain=domain, organizations=organizations, studio_domain=studio_domain, actor=actor
        )
        if values is not None:
            site = tenant.domains.get(surface="lms", is_primary=True).site
            assert site is not None
            site_config.set_site_values(site, values, actor=actor, reason="tenant created", replace=True)
        if owner is not None:
            for link in tenant.tenant_organizations.select_related("organization").order_by("organization_id"):
                membership.ensure_member(owner, link.organization, membership.OWNER, actor=actor)
    return tenant
