"""Site values in the host's table (its stand-in): our API on top, and changes that do not pass it."""

import crum
import pytest
from django.contrib.auth.models import User
from django.contrib.sites.models import Site
from django.test import RequestFactory

from ccx_tenancy import api
from ccx_tenancy.errors import InvalidValues, StaleRevision
from ccx_tenancy.hosts.openedx import OpenEdxHost
from ccx_tenancy.hosts.openedx.models import RevisionNote
from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.site_config import helpers
from tests.hosts.openedx.standin.site_configuration.models import SiteConfiguration, SiteConfigurationHistory

HOST = {"HOST": "ccx_tenancy.hosts.openedx.OpenEdxHost"}
DOMAIN = "acme.localhost"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def open_edx(settings):
    settings.CCX_TENANCY = HOST


@pytest.fixture
def acme(db):
    return api.create_tenant(
        "acme", name="Acme", domain=DOMAIN, organizations=["Acme"], values={"PLATFORM_NAME": "Acme"}
    )


@pytest.fixture
def editor(db):
    return User.objects.create_user("editor")


def row():
    return SiteConfiguration.objects.get(site__domain=DOMAIN)


def test_values_are_written_to_the_hosts_table_and_leave_its_history(acme):
    helpers.set_site_values(DOMAIN, {"platform_name": "Acme"})
    assert row().enabled
    assert row().site_values["platform_name"] == "Acme"
    newest = SiteConfigurationHistory.objects.filter(site__domain=DOMAIN).order_by("-pk").first()
    assert newest.site_values == row().site_values
    assert site_config.current_values(DOMAIN).revision == newest.pk


def test_actor_and_reason_stay_with_the_hosts_history(acme, editor):
    helpers.set_site_values(DOMAIN, {"PLATFORM_NAME": "New"}, actor=editor, reason="a new name")
    newest, first = site_config.history(DOMAIN)
    assert (newest.actor, newest.actor_id, newest.reason) == ("editor", editor.pk, "a new name")
    assert (first.actor, first.reason) == ("", "tenant created")


def test_a_save_by_the_hosts_own_admin_is_seen_with_its_user(acme, editor):
    with api.tenant_context("acme"):
        assert helpers.get_value("PLATFORM_NAME") == "Acme"
        request = RequestFactory().get("/admin/")
        request.user = editor
        crum.set_current_request(request)
        try:
            changed = row()
            changed.site_values = {"PLATFORM_NAME": "From the admin"}
            changed.save()
        finally:
            crum.set_current_request(None)
        assert helpers.get_value("PLATFORM_NAME") == "From the admin"
    assert site_config.history(DOMAIN)[0].actor == "editor"


def test_a_save_without_history_is_seen_too(acme):
    with api.tenant_context("acme"):
        assert helpers.get_value("PLATFORM_NAME") == "Acme"
        changed = row()
        changed.site_values = {"PLATFORM_NAME": "Quietly"}
        changed.skip_history_when_saving = True
        changed.save()
        assert helpers.get_value("PLATFORM_NAME") == "Quietly"


def test_deleting_the_hosts_row_leaves_no_values_and_it_can_be_made_again(acme):
    with api.tenant_context("acme"):
        row().delete()
        assert not helpers.is_site_configuration_enabled()
        helpers.set_site_values(DOMAIN, {"PLATFORM_NAME": "Again"})
        assert helpers.get_value("PLATFORM_NAME") == "Again"


def test_a_configuration_that_the_host_disabled_has_no_values(acme):
    changed = row()
    changed.enabled = False
    changed.save()
    with api.tenant_context("acme"):
        assert helpers.get_value("PLATFORM_NAME") is None


def test_a_revision_that_the_hosts_admin_overtook_is_stale(acme):
    seen = site_config.current_values(DOMAIN).revision
    row().save()
    with pytest.raises(StaleRevision) as raised:
        helpers.set_site_values(DOMAIN, {"PLATFORM_NAME": "Mine"}, expected=seen)
    assert raised.value.expected == seen < raised.value.actual
    assert row().site_values["PLATFORM_NAME"] == "Acme"


def test_a_configuration_older_than_the_hosts_history_can_be_changed(db):
    site = Site.objects.create(domain="old.localhost", name="old")
    SiteConfiguration.objects.bulk_create([SiteConfiguration(site=site, enabled=True, site_values={"a": 1})])
    helpers.set_site_values("old.localhost", {"b": 2})
    assert SiteConfiguration.objects.get(site=site).site_values == {"a": 1, "b": 2}


def test_an_earlier_revision_comes_back_by_its_number(acme):
    first = site_config.current_values(DOMAIN).revision
    helpers.set_site_values(DOMAIN, {"PLATFORM_NAME": "Wrong"})
    site_config.rollback(DOMAIN, first)
    assert row().site_values["PLATFORM_NAME"] == "Acme"


def test_a_refused_value_changes_neither_table_nor_history(acme):
    before = SiteConfigurationHistory.objects.count()
    with pytest.raises(InvalidValues):
        helpers.set_site_values(DOMAIN, {"course_org_filter": ["Globex"]})
    assert SiteConfigurationHistory.objects.count() == before


def test_a_document_that_is_no_object_counts_as_empty(acme, caplog):
    changed = row()
    changed.site_values = ["not", "an", "object"]
    changed.save()
    assert OpenEdxHost().site_values.load(changed.site_id).values == {}
    assert "no JSON object" in caplog.text


def test_a_host_that_writes_no_history_is_refused_and_nothing_changes(acme, monkeypatch):
    monkeypatch.setattr(SiteConfiguration, "skip_history_when_saving", True, raising=False)
    with pytest.raises(RuntimeError, match="keeps its history in another way"):
        helpers.set_site_values(DOMAIN, {"PLATFORM_NAME": "Lost"})
    assert row().site_values["PLATFORM_NAME"] == "Acme"


def test_loading_and_listing_cost_one_query_each(acme, django_assert_num_queries):
    store = OpenEdxHost().site_values
    site_id = row().site_id
    with django_assert_num_queries(1):
        assert store.load(site_id).values == {"PLATFORM_NAME": "Acme"}
    with django_assert_num_queries(1):
        assert [stored.site_id for stored in store.load_many()] == [site_id]
    with django_assert_num_queries(2):
        assert len(store.history(site_id)) == 1
    assert store.load(0) is None


def test_a_note_is_kept_only_where_there_is_something_to_say(acme):
    before = RevisionNote.objects.count()
    row().save()
    assert RevisionNote.objects.count() == before
