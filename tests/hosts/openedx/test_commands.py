"""Documents and commands where the host's table (its stand-in) holds the values."""

import json

import pytest
from django.contrib.sites.models import Site

from ccx_tenancy import api
from tests.commands.calling import data, said
from tests.hosts.openedx.standin.site_configuration.models import SiteConfiguration, SiteConfigurationHistory

pytestmark = pytest.mark.django_db

DOCUMENT = json.dumps(
    {
        "tenants": [
            {
                "key": key,
                "name": key,
                "domain": f"{key}.localhost",
                "organizations": [key],
                "configuration": {"PLATFORM_NAME": key, "course_org_filter": key, "SEGMENT_KEY": "hush"},
            }
            for key in ("one", "two")
        ],
        "sites": [{"domain": "localhost", "configuration": {"PLATFORM_NAME": "Open"}, "enabled": False}],
    }
)


@pytest.fixture(autouse=True)
def open_edx(settings):
    settings.CCX_TENANCY = {"HOST": "ccx_tenancy.hosts.openedx.OpenEdxHost"}


def test_a_document_is_applied_to_the_hosts_table_once():
    assert not api.apply_document(DOCUMENT).failures
    assert SiteConfiguration.objects.get(site__domain="two.localhost").site_values["PLATFORM_NAME"] == "two"
    assert not SiteConfiguration.objects.get(site__domain="localhost").enabled
    count = SiteConfigurationHistory.objects.count()
    assert api.apply_document(DOCUMENT).plan.is_empty
    assert SiteConfigurationHistory.objects.count() == count


def test_the_newest_change_is_shown_though_sites_share_one_row_of_numbers():
    api.apply_document(DOCUMENT)
    said("site_config", "set", "two.localhost", "ODD=1")
    said("site_config", "set", "one.localhost", "EVEN=1")
    assert said("site_config", "diff", "one.localhost") == "+ EVEN: 1"
    assert "nothing to do" in said("site_config", "set", "one.localhost", "EVEN=1")


def test_a_row_that_never_got_history_is_shown_and_can_be_applied_again():
    api.create_tenant("three", name="three", domain="three.localhost", organizations=[])
    site = Site.objects.get(domain="three.localhost")
    SiteConfiguration.objects.bulk_create(
        [SiteConfiguration(site=site, enabled=True, site_values={"PLATFORM_NAME": "Three"})]
    )
    assert data("site_config", "get", "three.localhost") == {"PLATFORM_NAME": "Three"}
    entry = api.describe_tenant("three")
    assert entry["configuration"] == {"PLATFORM_NAME": "Three"}
    assert api.plan_document(json.dumps({"tenants": [entry]})).is_empty
