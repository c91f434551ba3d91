"""Who signs in where, and what a refusal costs."""

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import MD5PasswordHasher, PBKDF2PasswordHasher, make_password
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from ccx_tenancy import api
from ccx_tenancy.backends import DefaultSiteBackend, OrganizationMemberBackend
from ccx_tenancy.membership import api as membership

pytestmark = pytest.mark.django_db
ACME = "acme.example.com"
GLOBEX = "globex.example.com"
PLATFORM = "www.example.com"


@pytest.fixture
def people(acme, globex, make_user):
    """Return accounts by name: members of the two tenants, staff, an operator, and somebody of nowhere."""
    made = {
        "ann": make_user("ann"),
        "bob": make_user("bob"),
        "both": make_user("both"),
        "stray": make_user("stray"),
        "staff": make_user("staff", is_staff=True),
        "boss": make_user("boss", is_superuser=True),
    }
    api.add_member(made["ann"], "AcmeX")
    api.add_member(made["bob"], "GlobexX", "owner")
    api.add_member(made["both"], "AcmeLabs")
    api.add_member(made["both"], "GlobexX")
    return made


def sign_in(host: str, name: str, password: str = "secret") -> str | None:
    """Return who is signed in on a host: with a request, and without one in the same tenant."""
    request = RequestFactory().get("/", headers={"host": host})
    tenant = api.resolve_tenant(host)
    request.tenant = tenant
    user = authenticate(request, username=name, password=password)
    if tenant is None:
        without = authenticate(username=name, password=password)
    else:
        with api.tenant_context(tenant):
            without = authenticate(username=name, password=password)
    assert user == without
    return user.username if user else None


@pytest.mark.parametrize(
    ("host", "admitted"),
    [
        (ACME, {"ann", "both", "boss"}),
        (GLOBEX, {"bob", "both", "boss"}),
        (PLATFORM, {"boss"}),
    ],
)
def test_on_a_tenants_site_its_members_sign_in_and_operators_anywhere(people, host, admitted):
    assert {name for name in people if sign_in(host, name)} == admitted


@pytest.mark.parametrize(
    ("setting", "admitted"),
    [
        ("operators", {"boss"}),
        ("staff", {"boss", "staff"}),
        ("members", {"boss", "staff", "ann", "bob", "both"}),
        ("everybody", {"boss", "staff", "ann", "bob", "both", "stray"}),
    ],
)
def test_the_setting_says_who_signs_in_on_the_default_site(people, settings, setting, admitted):
    settings.CCX_TENANCY = {"DEFAULT_SITE_LOGIN": setting}
    assert {name for name in people if sign_in(PLATFORM, name)} == admitted
    assert {name for name in people if sign_in(ACME, name)} == {"ann", "both", "boss"}


def test_a_member_of_the_platforms_own_organization_is_no_member_of_a_tenant(people, settings):
    from organizations.models import Organization

    Organization.objects.create(name="Own", short_name="Own")
    api.add_member(people["stray"], "Own", "owner")
    settings.CCX_TENANCY = {"DEFAULT_SITE_LOGIN": "members"}
    assert sign_in(PLATFORM, "stray") is None


def test_the_name_may_be_an_address_and_both_in_any_case(people):
    assert sign_in(ACME, "ANN") == sign_in(ACME, "ann@example.com") == sign_in(ACME, "Ann@Example.COM") == "ann"


@pytest.mark.parametrize("host", [ACME, GLOBEX, PLATFORM])
@pytest.mark.parametrize("password", ["wrong", "", "Secret", "secret ", "secret\x00"])
def test_a_wrong_password_signs_nobody_in_anywhere(people, host, password):
    assert [name for name in (*people, "nobody") if sign_in(host, name, password)] == []


def test_a_suspended_or_removed_member_is_out_at_once(people):
    membership.set_active(people["ann"], "AcmeX", False)
    assert sign_in(ACME, "ann") is None
    membership.set_active(people["ann"], "AcmeX", True)
    assert sign_in(ACME, "ann") == "ann"
    api.remove_member(people["ann"], "AcmeX")
    assert sign_in(ACME, "ann") is None


def test_in_a_suspended_tenant_only_operators_sign_in(people):
    api.suspend_tenant("acme")
    assert {name for name in people if sign_in(ACME, name)} == {"boss"}


@pytest.mark.parametrize("host", [ACME, PLATFORM])
def test_an_inactive_account_signs_in_only_where_the_setting_allows_it(people, settings, host):
    for user in people.values():
        user.is_active = False
        user.save()
    assert {name for name in people if sign_in(host, name)} == set()
    settings.CCX_TENANCY = {"INACTIVE_USERS_SIGN_IN": True}
    assert {name for name in people if sign_in(host, name)} == ({"ann", "both", "boss"} if host == ACME else {"boss"})


def test_hosts_are_names_and_no_patterns_and_a_port_makes_no_difference(people):
    client = Client(headers={"host": "acmeXexample.com"})
    assert not client.login(username="ann", password="secret")
    assert sign_in("acmeXexample.com", "ann") is None
    assert sign_in("acme.example.com:8000", "ann") == "ann"
    assert sign_in("ACME.example.com.", "ann") == "ann"


def test_without_a_request_and_a_tenant_a_member_does_not_sign_in(people):
    assert authenticate(username="ann", password="secret") is None


def test_the_tenant_of_the_request_counts_and_not_what_else_is_current(people):
    request = RequestFactory().get("/")
    request.tenant = api.resolve_tenant(GLOBEX)
    with api.tenant_context("acme"):
        assert authenticate(request, username="ann", password="secret") is None
    request.tenant = None
    with api.tenant_context("acme"):
        assert authenticate(request, username="ann", password="secret") is None
    del request.tenant
    with api.tenant_context("acme"):
        assert authenticate(request, username="ann", password="secret") == people["ann"]


def test_the_admins_form_signs_in_by_these_rules(people):
    people["both"].is_staff = True
    people["both"].save()
    for host, expected in ((ACME, 302), (GLOBEX, 302), (PLATFORM, 200)):
        answer = Client().post(
            "/admin/login/", {"username": "both", "password": "secret", "next": "/admin/"}, headers={"host": host}
        )
        assert answer.status_code == expected


@pytest.mark.parametrize(("name", "password"), [(None, "x"), ("ann", None), (7, "x"), ("ann", 7), (["ann"], "x")])
def test_what_is_no_text_is_answered_with_nobody(people, name, password):
    for backend in (OrganizationMemberBackend(), DefaultSiteBackend()):
        with api.tenant_context("acme"):
            assert backend.authenticate(None, username=name, password=password) is None


def test_credentials_of_another_kind_are_left_to_other_backends(people):
    assert authenticate(token="x") is None
    assert OrganizationMemberBackend().authenticate(None, token="x") is None


@pytest.mark.django_db(transaction=True)
async def test_a_member_signs_in_in_an_event_loop():
    from asgiref.sync import sync_to_async

    def make() -> None:
        api.create_tenant("acme", name="Acme", domain=ACME, organizations=["AcmeX"])
        api.add_member(User.objects.create_user("ann", password="secret"), "AcmeX")

    await sync_to_async(make)()
    request = RequestFactory().get("/")
    request.tenant = await sync_to_async(api.resolve_tenant)(ACME)
    found = await OrganizationMemberBackend().aauthenticate(request, username="ann", password="secret")
    assert found.username == "ann"
    assert await DefaultSiteBackend().aauthenticate(request, username="ann", password="secret") is None
    assert await OrganizationMemberBackend().aauthenticate(request, username="ann", password="wrong") is None


def test_a_session_is_kept_by_the_account_as_django_does(people):
    backend = OrganizationMemberBackend()
    assert backend.get_user(people["stray"].pk) == people["stray"]
    assert backend.get_user(0) is None
    people["stray"].is_active = False
    people["stray"].save()
    assert backend.get_user(people["stray"].pk) is None


# What it costs


class Counting(MD5PasswordHasher):
    """A hasher that counts."""

    algorithm = "counting"
    count = 0

    def encode(self, password: str, salt: str) -> str:
        type(self).count += 1
        return super().encode(password, salt)


class Old(MD5PasswordHasher):
    """A hasher out of use, whose hashes are to be replaced."""

    algorithm = "old"


HASHERS = ["tests.backends.test_sign_in.Counting", "tests.backends.test_sign_in.Old"]


def cost(host: str, name: str, password: str) -> tuple[str | None, int, int]:
    """Return who signed in, how many hashes it took and how many queries, with warm memory."""
    request = RequestFactory().get("/")
    request.tenant = api.resolve_tenant(host)
    for user in User.objects.all():
        membership.memberships_of(user.pk)
    Counting.count = 0
    with CaptureQueriesContext(connection) as queries:
        user = authenticate(request, username=name, password=password)
    return (user.username if user else None), Counting.count, len(queries)


@pytest.mark.parametrize("setting", ["operators", "staff", "members", "everybody"])
@pytest.mark.parametrize("host", [ACME, GLOBEX, PLATFORM])
def test_every_sign_in_costs_one_hash_and_one_query_whatever_becomes_of_it(people, settings, host, setting):
    settings.PASSWORD_HASHERS = HASHERS
    settings.CCX_TENANCY = {"DEFAULT_SITE_LOGIN": setting}
    for user in people.values():
        User.objects.filter(pk=user.pk).update(password=make_password("secret"))
    User.objects.filter(username="stray").update(is_active=False)
    for name in (*people, "nobody"):
        for password in ("secret", "wrong"):
            assert cost(host, name, password)[1:] == (1, 1), (name, password)


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_the_two_makes_no_difference(people, settings, order):
    settings.AUTHENTICATION_BACKENDS = settings.AUTHENTICATION_BACKENDS[::order]
    settings.PASSWORD_HASHERS = HASHERS
    for user in people.values():
        User.objects.filter(pk=user.pk).update(password=make_password("secret"))
    assert cost(ACME, "ann", "secret") == ("ann", 1, 1)
    assert cost(ACME, "bob", "secret") == (None, 1, 1)
    assert cost(PLATFORM, "boss", "secret") == ("boss", 1, 1)


def test_a_member_gets_a_new_hash_for_an_old_one_and_somebody_elses_stays(people, settings):
    settings.PASSWORD_HASHERS = HASHERS
    for user in people.values():
        User.objects.filter(pk=user.pk).update(password=make_password("secret", hasher="old"))
    assert cost(ACME, "ann", "secret")[0] == "ann"
    assert User.objects.get(username="ann").password.startswith("counting$")
    refused = [cost(ACME, "bob", "secret"), cost(ACME, "bob", "wrong"), cost(ACME, "ann", "wrong")]
    assert [who for who, *_ in refused] == [None, None, None]
    assert User.objects.get(username="bob").password.startswith("old$")
    assert refused[0][1:] == refused[1][1:]


def test_an_account_without_a_password_costs_as_much_as_one_with(people, settings):
    settings.PASSWORD_HASHERS = HASHERS
    for user in people.values():
        user.set_unusable_password()
        user.save()
    for name in people:
        assert cost(ACME, name, "secret") == (None, 1, 1)


class FewRounds(PBKDF2PasswordHasher):
    """PBKDF2 with rounds that a test can wait for."""

    iterations = 60_000


@pytest.mark.slow
def test_refusals_take_the_same_time_whatever_their_reason(people, settings):
    """The medians lie closer together than one hash takes by far; the benchmark shows the distributions."""
    import statistics
    import time

    settings.PASSWORD_HASHERS = ["tests.backends.test_sign_in.FewRounds"]
    for user in people.values():
        User.objects.filter(pk=user.pk).update(password=make_password("secret"))
    request = RequestFactory().get("/")
    request.tenant = api.resolve_tenant(ACME)
    reasons = {"wrong password": ("ann", "wrong"), "no account": ("nobody", "secret"), "no member": ("bob", "secret")}
    times: dict[str, list[float]] = {reason: [] for reason in reasons}
    for _ in range(15):
        for reason, (name, password) in reasons.items():
            started = time.thread_time()  # What others do on the machine in between is not counted.
            assert authenticate(request, username=name, password=password) is None
            times[reason].append(time.thread_time() - started)
    medians = [statistics.median(values) for values in times.values()]
    assert max(medians) < 1.6 * min(medians), times
