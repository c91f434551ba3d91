"""The same bad input at every door: refused by name with what is allowed, and nothing is changed."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.contrib.sites.models import Site
from django.test import Client
from organizations.models import Organization

from ccx_tenancy import api, errors
from ccx_tenancy.audit.models import AuditEntry
from ccx_tenancy.site_config.models import SiteConfiguration
from ccx_tenancy.tenants.models import Tenant, TenantDomain, TenantOrganization
from tests.commands.calling import refused
from tests.people import empty_memory

__all__ = ["empty_memory"]

pytestmark = pytest.mark.django_db

DOMAINS = [
    "[::1]",
    "10.0.0.7",
    "new.example.com\n",
    " new.example.com",
    "new.example.com\u00a0",
    "https://new.example.com",
]


def everything():
    models = (Tenant, TenantDomain, TenantOrganization, Organization, Site, SiteConfiguration)
    changes = AuditEntry.objects.exclude(action="operator.pass")
    return [list(model.objects.order_by("pk").values()) for model in models] + [list(changes.values())]


@pytest.fixture
def root():
    client = Client()
    client.force_login(
        User.objects.create_superuser("root", password="secret"), "ccx_tenancy.backends.DefaultSiteBackend"
    )
    return client


@pytest.mark.parametrize("field", ["domain", "studio_domain"])
@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_that_is_no_plain_host_name_is_refused_at_every_door(root, domain, field):
    before = everything()
    wanted = {"name": "New", "domain": "lms.example.com", "organizations": ["NewX"], field: domain}
    with pytest.raises(errors.InvalidDomain) as caught:
        api.create_tenant("new", **wanted)
    assert repr(domain) in str(caught.value)
    assert "allowed is a host name alone" in str(caught.value)

    words = ["--name", "New", "--domain", wanted["domain"], "--organization", "NewX"]
    words += ["--studio-domain", domain] if field == "studio_domain" else []
    assert "allowed is a host name alone" in refused("tenancy", "create", "new", *words)

    answer = root.post("/api/tenancy/v1/tenants/", {"key": "new", **wanted}, content_type="application/json")
    assert answer.status_code == 422
    places = {one["path"] for one in answer.json()["errors"]}
    assert places == {field} or "allowed is a host name alone" in answer.json()["detail"]

    form = {"key": "new", **wanted, "organizations": "NewX"}
    page = root.post("/admin/ccx_tenants/tenant/add/", form)
    assert page.status_code == 200
    assert page.context["adminform"].form.errors[field]

    assert everything() == before


@pytest.mark.parametrize("name", ["", " SECRET_KEY", "SECRET_KEY ", "SECRET-KEY", "SECRET_KEY\n", "9LIVES"])
def test_a_name_of_a_value_that_is_no_name_is_refused_at_every_door(root, name):
    api.create_tenant("acme", name="Acme", domain="acme.example.com", organizations=["AcmeX"], values={"A": 1})
    before = everything()
    with pytest.raises(errors.InvalidValues, match="a name is 1 to 255 ASCII letters"):
        api.set_site_values("acme.example.com", {name: "x"})
    with pytest.raises(errors.InvalidValues, match="a name is 1 to 255 ASCII letters"):
        api.create_tenant("new", name="New", domain="new.example.com", organizations=["NewX"], values={name: 1})
    if name:  # Without one it is no assignment.
        assert "is not allowed" in refused("site_config", "set", "acme.example.com", f'{name}="x"')
    answer = root.patch(
        "/api/tenancy/v1/config/?domain=acme.example.com",
        {"values": {name: "x"}},
        content_type="application/json",
        HTTP_IF_MATCH='"1"',
    )
    assert answer.status_code == 422
    assert "is not allowed" in answer.content.decode()
    assert everything() == before
