"""Asking about members from memory, and what a sign-in that is refused takes, by its reason."""

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.test import RequestFactory

from ccx_tenancy import api
from ccx_tenancy.backends import knows_password
from ccx_tenancy.membership import api as membership
from tests.counting import counted

ROUNDS = {"rounds": 50, "iterations": 500, "warmup_rounds": 2}
OURS = ["ccx_tenancy.backends.OrganizationMemberBackend", "ccx_tenancy.backends.DefaultSiteBackend"]


@pytest.fixture
def member(installation):
    """A member of the sixth tenant, whose memberships are in memory."""
    user = User.objects.create_user("ann", "ann@example.com")
    api.add_member(user, "Org00005", "author")
    assert api.is_member(user, "t5")
    return user


@pytest.mark.benchmark(group="ask about a member, warm")
class TestAsk:
    """Each of them at no query."""

    def test_is_member(self, benchmark, member):
        tenant = api.resolve_tenant("t5.localhost")
        assert counted(lambda: api.is_member(member, tenant)) == []
        assert benchmark.pedantic(api.is_member, (member, tenant), **ROUNDS)

    def test_has_role(self, benchmark, member):
        assert benchmark.pedantic(api.has_role, (member, "Org00005", "author"), **ROUNDS)

    def test_has_perm(self, benchmark, member):
        assert benchmark.pedantic(member.has_perm, ("ccx_tenancy.view_members", "Org00005"), **ROUNDS)

    def test_one_query_for_comparison(self, benchmark, member):
        found = benchmark.pedantic(
            lambda: api.organizations_of(member).exists(), rounds=50, iterations=20, warmup_rounds=2
        )
        assert found


class Hasher(PBKDF2PasswordHasher):
    """Django's own with rounds that fit a benchmark."""

    iterations = 50_000


@pytest.fixture
def people(db, settings):
    """A member, a member of another tenant, and somebody suspended, with the same password."""
    settings.PASSWORD_HASHERS = ["benchmarks.test_membership.Hasher"]
    for key in ("one", "two"):
        api.create_tenant(key, name=key, domain=f"{key}.localhost", organizations=[f"{key}X"])
    for name, organization in (("ann", "oneX"), ("bob", "twoX"), ("carl", "oneX")):
        user = User.objects.create_user(name, f"{name}@example.com", "secret")
        api.add_member(user, organization)
    membership.set_active(User.objects.get(username="carl"), "oneX", False)


REFUSALS = {
    "a member's wrong password": ("ann", "wrong"),
    "no such account": ("nobody", "secret"),
    "the right password of no member": ("bob", "secret"),
    "the right password of somebody suspended": ("carl", "secret"),
}


@pytest.mark.benchmark(group="a sign-in is refused (the four of ours must be alike)")
class TestRefusals:
    """One hash of 50,000 rounds each; the peer's chain checks the password in each of its two backends."""

    @pytest.mark.parametrize("reason", REFUSALS)
    def test_ours(self, benchmark, people, settings, reason):
        settings.AUTHENTICATION_BACKENDS = OURS
        name, password = REFUSALS[reason]
        request = RequestFactory().get("/")
        request.tenant = api.resolve_tenant("one.localhost")
        answer = benchmark.pedantic(
            authenticate, (request,), {"username": name, "password": password}, rounds=40, iterations=1, warmup_rounds=2
        )
        assert answer is None

    @pytest.mark.parametrize(("name", "password"), [("ann", "wrong"), ("dora", "secret")], ids=["wrong", "inactive"])
    def test_ours_at_the_page_of_an_invitation(self, benchmark, people, name, password):
        User.objects.create_user("dora", "dora@example.com", "secret", is_active=False)
        account = User.objects.get(username=name)
        assert not benchmark.pedantic(knows_password, (account, password), rounds=40, iterations=1, warmup_rounds=2)

    def test_two_backends_that_both_check(self, benchmark, people, settings):
        settings.AUTHENTICATION_BACKENDS = [
            "django.contrib.auth.backends.ModelBackend",
            "django.contrib.auth.backends.AllowAllUsersModelBackend",
        ]
        answer = benchmark.pedantic(
            authenticate,
            (RequestFactory().get("/"),),
            {"username": "ann", "password": "wrong"},
            rounds=40,
            iterations=1,
            warmup_rounds=2,
        )
        assert answer is None
