"""``manage.py create_or_update_site_configuration``: the platform's arguments, without its faults."""

import pytest
from django.contrib.sites.models import Site

from ccx_tenancy.audit import api as audit
from ccx_tenancy.site_config import api

from .calling import misused, refused, run, said

pytestmark = pytest.mark.django_db

NAME = "create_or_update_site_configuration"


def test_a_site_is_made_where_it_is_missing():
    out, err = run(NAME, "New.localhost", "--configuration", '{"PLATFORM_NAME": "New", "MY_OWN": 1}', "--enabled")
    assert out == "Made the revision 1 of the configuration of new.localhost, which is enabled.\n"
    assert err.startswith("warning: MY_OWN")
    assert Site.objects.get(domain="new.localhost").name == "new.localhost"
    assert audit.entries().filter(action="site.add", target="new.localhost").exists()


def test_values_are_merged_by_their_names(tmp_path):
    path = tmp_path / "values.json"
    path.write_text('{"A": {"b": 1}, "C": 1}')
    run(NAME, "new.localhost", "-f", str(path))
    run(NAME, "new.localhost", "--configuration", '{"A": {"d": 2}}', "--disabled")
    stored = api.current_values("new.localhost")
    assert (stored.values, stored.enabled) == ({"A": {"d": 2}, "C": 1}, False)
    run(NAME, "new.localhost", "--enabled")
    assert api.current_values("new.localhost").enabled


def test_a_site_of_another_name_is_found_and_not_made_again():
    site = Site.objects.create(domain="New.localhost:8000", name="Another name")
    run(NAME, "new.localhost", "--configuration", '{"A": 1}')
    assert api.current_values(site).values == {"A": 1}
    assert Site.objects.filter(domain__icontains="new.localhost").count() == 1


def test_the_same_again_makes_no_history():
    said(NAME, "new.localhost", "--configuration", '{"A": 1}')
    out = said(NAME, "new.localhost", "--configuration", '{"A": 1}', "--enabled")
    assert out == "new.localhost stays at revision 1, which says so already; nothing to do."


def test_an_empty_document_and_none_make_an_empty_configuration():
    said(NAME, "new.localhost", "--configuration", "{}")
    assert api.current_values("new.localhost").revision == 1
    said(NAME, "other.localhost")
    assert api.current_values("other.localhost").revision == 1


def test_a_site_is_named_by_its_number(tenants):
    site = Site.objects.get(domain="maxi-academy.localhost")
    said(NAME, "--site-id", str(site.pk), "--configuration", '{"PLATFORM_NAME": "By number"}')
    assert api.current_values(site).values["PLATFORM_NAME"] == "By number"
    assert "no site with the number 999" in refused(NAME, "--site-id", "999", "--enabled")
    assert not Site.objects.filter(domain="").exists()


def test_a_tenants_studio_domain_has_no_site(tenants):
    message = refused(NAME, "studio.blue-university.localhost", "--configuration", "{}")
    assert "'blue-university' (surface 'studio') and has no site" in message
    run(NAME, "BLUE-university.localhost", "--configuration", '{"PLATFORM_NAME": "Blue"}')
    assert api.current_values("blue-university.localhost").values["PLATFORM_NAME"] == "Blue"


def test_a_refusal_makes_no_site():
    count = Site.objects.count()
    assert "no site may set DEBUG" in refused(NAME, "new.localhost", "--configuration", '{"DEBUG": true}')
    assert refused(NAME, "new.localhost", "--configuration", "{,}").startswith("--configuration: line 1, column 2: ")
    assert "has a scheme" in refused(NAME, "http://new.localhost")
    assert "is empty" in refused(NAME, "")
    assert "allowed for a site are 100" in refused(NAME, f"{'a' * 60}.{'b' * 60}")
    assert Site.objects.count() == count


def test_a_wrong_call_is_usage(tmp_path):
    assert "exactly one of DOMAIN and --site-id" in misused(NAME)
    assert "exactly one of DOMAIN and --site-id" in misused(NAME, "a.localhost", "--site-id", "1")
    assert "not allowed with" in misused(NAME, "a.localhost", "--configuration", "{}", "-f", "x")
    assert "not allowed with" in misused(NAME, "a.localhost", "--enabled", "--disabled")
    assert "not a whole number" in misused(NAME, "--site-id", "x")
    assert "cannot be read" in misused(NAME, "a.localhost", "-f", str(tmp_path / "missing"))
