"""What storing values would do, told without storing them."""

import pytest
from django.contrib.sites.models import Site
from django.test import override_settings

from ccx_tenancy.conf import conf
from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.site_config.documents import parse_value
from ccx_tenancy.site_config.schema import denied_reason, known_keys
from ccx_tenancy.site_config.secrets import MASK

pytestmark = pytest.mark.django_db

SECRET = next(
    name
    for name, known in known_keys().items()
    if known.secret and known.schema.get("type") == "string" and denied_reason(name) is None
)


@pytest.fixture
def stored():
    Site.objects.create(domain="a.localhost", name="a")

    def store(values, **kwargs):
        site_config.set_site_values("a.localhost", values, replace=True, **kwargs)
        return conf.host.site_values.load(Site.objects.get(domain="a.localhost").pk)

    return store


def test_nothing_stored_yet_makes_a_revision_even_of_no_values():
    assert site_config.preview_values(None, {}).makes_revision
    assert not site_config.preview_values(None, None).makes_revision
    assert site_config.preview_values(None, None, enabled=True).makes_revision


def test_the_same_values_make_no_revision(stored):
    now = stored({"PLATFORM_NAME": "A", SECRET: "hush"})
    preview = site_config.preview_values(now, {"PLATFORM_NAME": "A", SECRET: "hush"}, enabled=True)
    assert (preview.changes, preview.makes_revision) == ((), False)
    assert site_config.preview_values(now, None, enabled=False).makes_revision


def test_another_order_of_the_keys_makes_a_revision_without_differences(stored):
    now = stored({"PLATFORM_NAME": "A", "SITE_NAME": "a"})
    preview = site_config.preview_values(now, {"SITE_NAME": "a", "PLATFORM_NAME": "A"})
    assert (preview.changes, preview.makes_revision) == ((), True)


def test_a_changed_secret_is_a_difference_that_shows_neither(stored):
    now = stored({SECRET: "hush"})
    (change,) = site_config.preview_values(now, {SECRET: "other"}).changes
    assert (change.name, change.before, change.after) == (SECRET, MASK, MASK)


def test_organizations_are_those_the_tenant_will_have():
    values = {"course_org_filter": ["Maxi", "Blue"]}
    (problem,) = site_config.preview_values(None, values, tenant_key="maxi", organizations=["maxi"]).problems
    assert "'Blue'" in str(problem)
    assert "maxi" in str(problem)
    assert not site_config.preview_values(None, values).problems


def test_what_may_not_be_stored_is_a_problem_and_not_an_exception(stored):
    assert site_config.preview_values(None, {"SECRET_KEY": "x"}).problems
    assert site_config.preview_values(None, {SECRET: MASK}).problems
    assert site_config.preview_values(None, {"A": float("nan")}).problems


def test_a_secret_whose_key_is_lost_can_be_set_again(stored):
    with override_settings(CCX_TENANCY={"ENCRYPTION_KEYS": ["old"]}):
        now = stored({SECRET: "hush"})
    with override_settings(CCX_TENANCY={"ENCRYPTION_KEYS": ["new"]}):
        assert site_config.preview_values(now, {SECRET: MASK}).problems
        assert site_config.preview_values(now, {SECRET: "again"}).makes_revision
        site_config.set_site_values("a.localhost", {SECRET: "again"})
        assert site_config.explain_site_value("a.localhost", SECRET).source == "site"


@pytest.mark.parametrize(("text", "value"), [("1", 1), ('"x"', "x"), (b"[true]", [True]), ("null", None)])
def test_a_value_of_any_kind_can_be_read_alone(text, value):
    assert parse_value(text) == value
