"""The Site of a request: the tenant's in any spelling of the host name, with its configuration as it is now."""

import pytest
from django.contrib.sites.models import Site
from django.http import HttpResponse
from django.test import RequestFactory
from edx_django_utils.cache import RequestCache

from ccx_tenancy import api
from ccx_tenancy.hosts.openedx.sites import SITE_CONFIG_NAMESPACE
from ccx_tenancy.middleware import CurrentTenantMiddleware
from ccx_tenancy.site_config import helpers
from tests.hosts.openedx.standin.site_configuration.models import SiteConfiguration

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def open_edx(settings):
    settings.CCX_TENANCY = {"HOST": "ccx_tenancy.hosts.openedx.OpenEdxHost"}
    settings.ALLOWED_HOSTS = ["*"]
    RequestCache.clear_all_namespaces()


@pytest.fixture
def acme(db):
    return api.create_tenant(
        "acme", name="Acme", domain="acme.localhost", organizations=["Acme"], values={"PLATFORM_NAME": "Acme"}
    )


def visit(host, found="by the host"):
    """Return the request that a view gets, with the Site that the host's own middleware would have found."""
    request = RequestFactory().get("/", headers={"host": host})
    request.site = Site.objects.get_current(request) if found == "by the host" else found
    seen = []
    CurrentTenantMiddleware(lambda request: seen.append(request) or HttpResponse())(request)
    return seen[0]


@pytest.mark.parametrize("host", ["acme.localhost", "ACME.localhost", "acme.localhost.", "Acme.LocalHost.:8000"])
def test_every_spelling_of_the_host_name_has_the_tenants_site(acme, host):
    site = visit(host).site
    assert site.domain == "acme.localhost"
    assert site.configuration.get_value("PLATFORM_NAME") == "Acme"


def test_the_configuration_of_a_site_is_read_once_and_not_at_each_request(acme, django_assert_num_queries):
    assert visit("acme.localhost").site.configuration.enabled
    with django_assert_num_queries(0):
        assert visit("acme.localhost").site.configuration.enabled


def test_a_change_replaces_the_sites_stale_configuration(acme):
    before = visit("acme.localhost").site
    assert before.configuration.get_value("PLATFORM_NAME") == "Acme"
    helpers.set_site_values("acme.localhost", {"PLATFORM_NAME": "New"})
    assert visit("acme.localhost").site.configuration.get_value("PLATFORM_NAME") == "New"
    assert before.configuration.get_value("PLATFORM_NAME") == "Acme", "a request that runs sees one state"


def test_a_change_by_the_hosts_admin_replaces_it_too(acme):
    assert visit("acme.localhost").site.configuration.get_value("PLATFORM_NAME") == "Acme"
    row = SiteConfiguration.objects.get(site__domain="acme.localhost")
    row.site_values = {"PLATFORM_NAME": "Admin"}
    row.save()
    assert visit("acme.localhost").site.configuration.get_value("PLATFORM_NAME") == "Admin"


def test_the_hosts_memory_of_the_wrong_sites_configuration_is_cleared(acme):
    cache = RequestCache(SITE_CONFIG_NAMESPACE)
    cache.set("configuration", "of the default site")
    visit("ACME.localhost.")
    assert not cache.get_cached_response("configuration").is_found


def test_a_host_name_of_no_tenant_keeps_the_site_that_the_host_found(acme):
    other = Site.objects.create(domain="other.localhost", name="other")
    assert visit("other.localhost").site == other
    assert visit("unknown.localhost").site == Site.objects.get(pk=1)
