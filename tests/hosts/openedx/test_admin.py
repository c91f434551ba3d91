"""Our editor over the host's table of site values."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.sites.models import Site
from django.test import override_settings
from django.urls import clear_url_caches, path

from ccx_tenancy import api
from ccx_tenancy.hosts.openedx import admin as host_admin
from ccx_tenancy.site_config import helpers
from tests.hosts.openedx.standin.site_configuration.models import SiteConfiguration, SiteConfigurationHistory

pytestmark = pytest.mark.django_db

THERE = "/admin/site_configuration/siteconfiguration/"


class HostsForm(admin.ModelAdmin):
    """What the host registers."""


class Addresses:
    """The urlconf: the admin as it is registered now."""

    def __init__(self, site):
        self.urlpatterns = [path("admin/", site.urls)]


@pytest.fixture
def client(settings, client):
    settings.CCX_TENANCY = {"HOST": "ccx_tenancy.hosts.openedx.OpenEdxHost"}
    admin.site.register(SiteConfiguration, HostsForm)
    host_admin.register(admin.site)
    clear_url_caches()
    with override_settings(ROOT_URLCONF=Addresses(admin.site)):
        client.force_login(
            User.objects.create_superuser("super", "super@example.com", "edx"),
            backend="ccx_tenancy.backends.DefaultSiteBackend",
        )
        yield client
    admin.site.unregister(SiteConfiguration)
    clear_url_caches()


def make_acme():
    values = {"PLATFORM_NAME": "A"}
    api.create_tenant("acme", name="Acme", domain="acme.localhost", organizations=["Acme"], values=values)


def test_a_value_is_changed_in_the_hosts_table_after_a_look_at_the_differences(client):
    api.create_tenant(
        "acme", name="Acme", domain="acme.localhost", organizations=["Acme"], values={"PLATFORM_NAME": "A"}
    )
    row = SiteConfiguration.objects.get(site__domain="acme.localhost")
    page = client.get(f"{THERE}{row.pk}/change/").content.decode()
    assert "ccx-json-editor" in page and "PLATFORM_NAME" in page
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    typed = {**fields, "enabled": "on", "text": '{"PLATFORM_NAME": "Acme Academy"}', "reason": "A test"}
    review = client.post(f"{THERE}{row.pk}/change/", typed)
    assert "Acme Academy" in review.content.decode()
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', review.content.decode()))
    client.post(f"{THERE}{row.pk}/change/", {**typed, **fields, "_publish": "1"})
    row.refresh_from_db()
    assert row.site_values["PLATFORM_NAME"] == "Acme Academy"
    assert SiteConfigurationHistory.objects.filter(site=row.site).count() == 2
    with api.tenant_context("acme"):
        assert helpers.get_value("PLATFORM_NAME") == "Acme Academy"
    assert "A test" in client.get(f"{THERE}{row.pk}/history/").content.decode()


def test_the_list_names_the_tenants(client):
    api.create_tenant(
        "acme", name="Acme", domain="acme.localhost", organizations=["Acme"], values={"PLATFORM_NAME": "A"}
    )
    SiteConfiguration.objects.create(site=Site.objects.create(domain="other.localhost", name="o"), site_values={})
    page = client.get(THERE).content.decode()
    assert "acme.localhost" in page and "other.localhost" in page


def test_the_hosts_form_stays_where_another_adapter_is_set(settings):
    settings.CCX_TENANCY = {}
    site = admin.AdminSite()
    site.register(SiteConfiguration, HostsForm)
    host_admin.register(site)
    assert type(site._registry[SiteConfiguration]) is HostsForm
