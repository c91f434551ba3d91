"""The settings and their check."""

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from ccx_tenancy.conf import KEYS, conf
from ccx_tenancy.hosts.standalone import StandaloneHost

pytestmark = pytest.mark.once


def ids(**kwargs):
    return [(message.id, message.msg) for message in run_checks() if message.id.startswith("ccx_tenancy.")]


def test_every_default_is_allowed_and_every_key_has_its_property():
    with override_settings(CCX_TENANCY={name: key.default for name, key in KEYS.items()}):
        assert ids() == []
    for name in KEYS:
        getattr(conf, name.lower())


def test_an_unknown_key_is_named_with_the_known_ones():
    with override_settings(CCX_TENANCY={"FRESHNES": 1}):
        [(found, message)] = ids()
    assert found == "ccx_tenancy.E001"
    assert "'FRESHNES'" in message


def test_settings_that_are_no_dict_are_named():
    with override_settings(CCX_TENANCY=[]):
        [(found, message)] = ids()
    assert (found, "list" in message) == ("ccx_tenancy.E001", True)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("FRESHNESS_SECONDS", "1", "int or float"),
        ("FRESHNESS_SECONDS", True, "int or float"),
        ("FRESHNESS_SECONDS", -1, "from 0 to 300"),
        ("SURFACE", "cms", "'lms', 'studio'"),
        ("ENCRYPTION_KEYS", [""], "not empty"),
        ("VALUES_CACHE_SIZE", 0, "from 1"),
        ("PARTITION_GLOBAL_STAFF", 1, "bool"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(name, value, allowed):
    with override_settings(CCX_TENANCY={name: value}):
        [(found, message)] = ids()
    assert found == "ccx_tenancy.E002"
    assert name in message
    assert repr(value) in message
    assert allowed in message


def test_the_host_is_made_once():
    assert isinstance(conf.host, StandaloneHost)
    assert conf.host is conf.host
    with override_settings(CCX_TENANCY={"HOST": "nowhere.Host"}), pytest.raises(ImportError):
        conf.host  # noqa: B018
