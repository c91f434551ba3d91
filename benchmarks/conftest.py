"""Installations of several sizes, as the benchmarks need them.

Rows are made in bulk, as an import would; every tenant has a site, a domain, an organization and 42 values of about
3 KB, which is what the sites of a large installation were found to have.
"""

from __future__ import annotations

import json

import pytest
from django.contrib.sites.models import Site
from django.core.management import call_command
from organizations.models import Organization

from ccx_tenancy.site_config.models import SiteConfiguration
from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.models import Tenant, TenantDomain, TenantOrganization


def install(tenants: int) -> None:
    """Fill the empty database with that many tenants."""
    numbers = range(tenants)
    values = {f"KEY_{number}": f"value {number} " + "x" * 60 for number in range(40)}
    Site.objects.bulk_create([Site(domain=f"t{n}.localhost", name=f"t{n}") for n in numbers], 1000)
    Organization.objects.bulk_create([Organization(short_name=f"Org{n:05}", name=f"Org {n}") for n in numbers], 1000)
    Tenant.objects.bulk_create([Tenant(key=f"t{n}", name=f"Tenant {n}") for n in numbers], 1000)
    sites = dict(Site.objects.values_list("domain", "pk"))
    organizations = dict(Organization.objects.values_list("short_name", "pk"))
    keys = dict(Tenant.objects.values_list("key", "pk"))
    TenantDomain.objects.bulk_create(
        [
            TenantDomain(
                tenant_id=keys[f"t{n}"],
                domain=f"t{n}.localhost",
                surface="lms",
                is_primary=True,
                site_id=sites[f"t{n}.localhost"],
            )
            for n in numbers
        ],
        1000,
    )
    TenantOrganization.objects.bulk_create(
        [
            TenantOrganization(
                tenant_id=keys[f"t{n}"], organization_id=organizations[f"Org{n:05}"], folded=f"org{n:05}"
            )
            for n in numbers
        ],
        1000,
    )
    SiteConfiguration.objects.bulk_create(
        [
            SiteConfiguration(
                site_id=sites[f"t{n}.localhost"],
                site_values={**values, "PLATFORM_NAME": f"Tenant {n}", "course_org_filter": f"Org{n:05}"},
                revision=1,
            )
            for n in numbers
        ],
        1000,
    )
    assert tenants == 0 or len(json.dumps(SiteConfiguration.objects.first().site_values)) > 3000
    revisions.forget()


@pytest.fixture(scope="session", params=[10, 1000, 10_000], ids=lambda n: f"{n} tenants")
def size(request, django_db_setup, django_db_blocker):
    """An installation of that many tenants; the database is emptied afterwards."""
    with django_db_blocker.unblock():
        install(request.param)
        yield request.param
        call_command("flush", interactive=False, verbosity=0)


@pytest.fixture
def installation(size: int, db: None) -> int:
    """The same, with access to the database."""
    return size
