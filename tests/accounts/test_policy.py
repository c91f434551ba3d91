"""Whose account a name is, where accounts are shared by all tenants."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ccx_tenancy.accounts.policy import SharedAccounts
from ccx_tenancy.conf import conf

pytestmark = pytest.mark.django_db
accounts = SharedAccounts()


def find(identifier: str) -> str | None:
    """Return the user name that is found, one by one and among many alike."""
    one = accounts.find(identifier, None)
    many = accounts.find_many([identifier, "somebody else"], None)
    assert many.get(identifier) == one
    assert set(many) <= {identifier}
    return one.get_username() if one else None


def test_it_is_the_policy_unless_the_settings_name_another(settings):
    assert isinstance(conf.account_policy, SharedAccounts)
    settings.CCX_TENANCY = {"ACCOUNT_POLICY": "tests.accounts.test_policy.NobodysAccounts"}
    assert isinstance(conf.account_policy, NobodysAccounts)


class NobodysAccounts(SharedAccounts):
    """A policy of another project."""


def test_a_name_or_an_address_is_found_in_any_case():
    User.objects.create_user("Ann", "Ann.Lee@Example.com")
    assert find("Ann") == find("ann") == find("ANN") == find("ann.lee@example.COM") == "Ann"
    assert find("an") is None
    assert find("ann.lee") is None


@pytest.mark.parametrize(
    "text", ["", "%", "_nn", "A%", "ann\x00", "\x00", "' or 1=1 --", "a" * 3000, "a" * 100_000, "ann\ud800", "Ánn"]
)
def test_what_is_no_name_finds_nobody(text):
    User.objects.create_user("Ann", "ann@example.com")
    assert find(text) is None


def test_the_exact_spelling_wins_and_an_ambiguous_one_is_nobodys():
    if connection.vendor == "mysql":
        pytest.skip("its user names are unique without regard to case")
    User.objects.create_user("ann", "one@example.com")
    User.objects.create_user("Ann", "two@example.com")
    assert find("ann") == "ann"
    assert find("Ann") == "Ann"
    assert find("ANN") is None


def test_an_address_that_two_accounts_have_is_nobodys():
    User.objects.create_user("ann", "same@example.com")
    User.objects.create_user("bob", "Same@example.com")
    assert find("same@example.com") == "ann"
    assert find("SAME@example.com") is None
    User.objects.create_user("carl", "same@example.com")
    assert find("same@example.com") is None


def test_nobody_takes_over_an_address_by_using_it_as_a_name():
    User.objects.create_user("thief@example.com", "x@example.com")
    victim = User.objects.create_user("victim", "thief@example.com")
    assert find("thief@example.com") == victim.username


def test_one_account_is_one_query_whether_there_is_one_or_not():
    User.objects.create_user("ann", "ann@example.com")
    for identifier in ("ann", "ann@example.com", "nobody"):
        with CaptureQueriesContext(connection) as queries:
            accounts.find(identifier, None)
        assert len(queries) == 1


def test_a_thousand_accounts_are_two_queries():
    User.objects.bulk_create([User(username=f"U{n}", email=f"u{n}@example.com") for n in range(1000)])
    with CaptureQueriesContext(connection) as queries:
        found = accounts.find_many([f"u{n}" for n in range(500)] + [f"U{n}@example.com" for n in range(500)], None)
    assert len(found) == 1000
    assert len(queries) == 2


def test_what_somebody_has_is_taken_everywhere():
    User.objects.create_user("Ann", "ann@example.com")
    assert accounts.taken(None, username="ann", email="ANN@example.com") == {"username", "email"}
    assert accounts.taken(None, username="bob", email="ann@example.com") == {"email"}
    assert accounts.taken(None, username="bob") == accounts.taken(None) == frozenset()
