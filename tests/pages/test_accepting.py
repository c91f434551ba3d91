"""Somebody is invited, gets the mail, and comes in: with an account or without one, a member of something or not."""

import re

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.signals import user_login_failed
from django.core import mail
from django.db import IntegrityError

from ccx_tenancy import api
from ccx_tenancy.conf import conf
from ccx_tenancy.membership import api as membership
from tests.backends.test_sign_in import HASHERS, Counting
from tests.pages.conftest import BLUE, MAXI, User, make, texts

ACCOUNT = {"username": "newcomer", "password1": "a long secret 1", "password2": "a long secret 1"}


@pytest.fixture
def invite(browse, django_capture_on_commit_callbacks):
    """Return a function that invites an address on the administrator's page, and gives the token in the mail."""

    def invited(email="new@example.com", role="author", who="admin"):
        data = {"email": email, "organization": "maxi-academy", "role": role}
        with django_capture_on_commit_callbacks(execute=True):
            browse(who, "invitations/", data)
        assert email in texts(browse(who, "invitations/"))
        assert mail.outbox[-1].to == [email]
        return re.search(r"/invitations/([\w-]+)/", mail.outbox[-1].body)[1]

    return invited


@pytest.fixture
def open_link(client):
    """Return a function that opens an invitation's page, or sends its form, in a browser that stays the same."""

    def ask(token, data=None, host=MAXI):
        call = client.get if data is None else client.post
        return call(f"/tenancy/invitations/{token}/", data, HTTP_HOST=host)

    return ask


def signed_in(client):
    """Return the name of who is signed in on the tenant's site, by its own account."""
    found = re.search(r'class="soft">([^<]*)<', client.get("/tenancy/members/", HTTP_HOST=MAXI).content.decode())
    return found[1] if found else client.session.get("_auth_user_id")


def test_an_account_that_is_no_member_accepts_with_its_password_and_is_signed_in(client, browse, invite, open_link):
    token = invite("nobody@example.com")
    client.logout()
    page = open_link(token)
    assert "nobody@example.com is invited to maxi-academy as author" in texts(page)
    assert 'type="password"' in texts(page)
    assert open_link(token, {"password": "secret"})["Location"] == "/"
    assert api.has_role(User.objects.get(username="nobody"), "maxi-academy", "author")
    assert signed_in(client) == "nobody"
    assert open_link(token).status_code == 410
    assert open_link(token, {"password": "secret"}).status_code == 410


def test_a_session_of_another_tenant_is_nobody_here_and_still_accepts(client, people, invite, open_link):
    token = invite("blue@example.com")
    client.force_login(people["blue"], backend="ccx_tenancy.backends.OrganizationMemberBackend")
    assert 'type="password"' in texts(open_link(token))
    assert open_link(token, {}).status_code == 200
    assert not api.is_member(people["blue"], "maxi-academy")
    assert open_link(token, {"password": "secret"}).status_code == 302
    assert api.has_role(people["blue"], "maxi-academy", "author")
    assert api.has_role(people["blue"], "Blue2", "owner")


@pytest.mark.parametrize("who", [None, "nobody", "blue"])
def test_it_is_open_to_those_who_are_refused_elsewhere(client, people, invite, open_link, settings, who):
    settings.CCX_TENANCY = {"ACCESS_DENIED": "refuse"}
    token = invite("nobody@example.com")
    client.logout()
    if who:
        client.force_login(people[who], backend="ccx_tenancy.backends.OrganizationMemberBackend")
        assert client.get("/tenancy/members/", HTTP_HOST=MAXI).status_code == 403
    assert open_link(token).status_code == 200
    assert open_link(token, {"password": "secret"}).status_code == 302
    assert api.is_member(people["nobody"], "maxi-academy")


def test_a_member_who_is_signed_in_accepts_with_one_button(client, people, invite, open_link):
    token = invite("learner@example.com")
    client.force_login(people["learner"], backend="ccx_tenancy.backends.OrganizationMemberBackend")
    page = texts(open_link(token))
    assert "Accept as learner" in page
    assert 'type="password"' not in page
    assert open_link(token, {}).status_code == 302
    assert api.has_role(people["learner"], "maxi-academy", "author")


def test_another_account_does_not_accept_in_its_place(client, people, invite, open_link):
    token = invite("nobody@example.com")
    client.force_login(people["learner"], backend="ccx_tenancy.backends.OrganizationMemberBackend")
    assert open_link(token, {}).status_code == 200
    assert not api.is_member(people["nobody"], "maxi-academy")
    assert api.has_role(people["learner"], "maxi-academy", "learner")
    assert not api.has_role(people["learner"], "maxi-academy", "author")
    assert open_link(token, {"password": "secret"}).status_code == 302
    assert signed_in(client) == "nobody"


def test_somebody_new_makes_an_account_for_the_address_that_was_invited(client, invite, open_link):
    token = invite()
    client.logout()
    assert "Make an account to accept it." in texts(open_link(token))
    assert open_link(token, {**ACCOUNT, "email": "other@example.com"})["Location"] == "/"
    user = User.objects.get(username="newcomer")
    assert (user.email, user.is_active, user.check_password("a long secret 1")) == ("new@example.com", True, True)
    assert api.has_role(user, "maxi-academy", "author")
    assert signed_in(client) == "newcomer"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"username": "OWNER"}, "It is taken."),
        ({"username": "a b"}, "valid username"),
        ({"username": ""}, "This field is required."),
        ({"password2": "another"}, "The two passwords are not the same."),
        ({"password1": "", "password2": ""}, "This field is required."),
        ({"password1": "newcomer1", "password2": "newcomer1"}, "too similar to the username"),
    ],
)
def test_an_account_that_is_refused_is_not_made(client, invite, open_link, settings, changed, reason):
    similar = "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": similar}]
    token = invite()
    client.logout()
    page = open_link(token, {**ACCOUNT, **changed})
    assert page.status_code == 200
    assert reason in texts(page)
    assert not User.objects.filter(email="new@example.com").exists()
    assert membership.find_invitation(token).state == "open"


def test_a_name_that_somebody_takes_in_the_same_moment_is_said_and_nothing_made(client, invite, open_link, monkeypatch):
    token = invite()
    client.logout()

    def taken(*args):
        make("newcomer", None, None)
        raise IntegrityError

    monkeypatch.setattr(conf.host, "create_account", taken, raising=False)
    assert "Somebody else was faster" in texts(open_link(token, ACCOUNT))
    assert membership.find_invitation(token).state == "open"


def test_an_invitation_whose_inviter_may_no_longer_give_it_makes_no_account(client, people, invite, open_link):
    token = invite(who="owner", role="owner")
    api.add_member(make("second", None, None), "maxi-academy", "owner")
    api.set_role(people["owner"], "maxi-academy", "learner")
    client.logout()
    page = open_link(token, ACCOUNT)
    assert page.status_code == 200
    assert 'role="alert"' in texts(page)
    assert not User.objects.filter(username="newcomer").exists()


def test_a_name_that_looks_like_the_address_is_not_the_account_of_the_address(client, invite, open_link):
    """Nobody keeps somebody else out by taking their address for a name."""
    User.objects.create_user("new@example.com", "thief@example.com", "secret")
    token = invite()
    client.logout()
    assert "Make an account to accept it." in texts(open_link(token))
    assert open_link(token, ACCOUNT).status_code == 302
    assert User.objects.get(username="newcomer").email == "new@example.com"


def test_a_suspended_member_does_not_come_back_by_an_invitation(client, people, invite, open_link):
    token = invite("learner@example.com", "author")
    membership.set_active(people["learner"], "maxi-academy", False)
    client.logout()
    page = open_link(token, {"password": "secret"})
    assert "is suspended in maxi-academy" in texts(page)
    assert not api.is_member(people["learner"], "maxi-academy")
    assert signed_in(client) is None


@pytest.mark.parametrize("state", ["active", "inactive", "no password"])
@pytest.mark.parametrize("password", ["secret", "wrong", ""])
def test_every_password_costs_one_hash_and_only_the_right_one_of_an_active_account_accepts(
    client, people, invite, open_link, settings, state, password
):
    settings.PASSWORD_HASHERS = HASHERS
    token = invite("nobody@example.com")
    client.logout()
    stored = make_password(None if state == "no password" else "secret")
    User.objects.filter(username="nobody").update(is_active=state != "inactive", password=stored)
    failures = []

    def failed(sender, credentials, **kwargs):
        failures.append(credentials)

    user_login_failed.connect(failed)
    Counting.count = 0
    response = open_link(token, {"password": password})
    accepted = (state, password) == ("active", "secret")
    assert (response.status_code == 302) is accepted
    assert api.is_member(people["nobody"], "maxi-academy") is accepted
    assert Counting.count == (1 if password else 0)
    assert failures == ([] if accepted or not password else [{"username": "nobody"}])


def test_it_is_found_on_the_site_of_its_tenant_alone(client, invite, open_link):
    token = invite()
    client.logout()
    for host in (BLUE, "localhost", "nobody.localhost"):
        assert open_link(token, host=host).status_code == 404
        assert open_link(token, ACCOUNT, host=host).status_code == 404
    assert open_link("wrong").status_code == 404
    assert client.put(f"/tenancy/invitations/{token}/", HTTP_HOST=MAXI).status_code == 405
    assert not User.objects.filter(username="newcomer").exists()


def test_its_address_is_told_to_no_other_site_and_it_stands_in_no_frame(client, invite, open_link):
    page = open_link(invite())
    assert page["Referrer-Policy"] == "same-origin"  # See the browser's tests: with less, no form arrives.
    assert "no-store" in page["Cache-Control"]
    assert page["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert "default-src 'none'" in page["Content-Security-Policy"]


def test_where_no_backend_of_ours_is_installed_the_new_member_signs_in_as_the_host_says(
    client, invite, open_link, settings
):
    token = invite()
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
    client.logout()
    assert open_link(token, ACCOUNT).status_code == 302
    assert "_auth_user_id" not in client.session
