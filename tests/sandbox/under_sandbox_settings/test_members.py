"""Members, invitations and the outbox: who manages, who accepts, and what the mail says."""

import html
import re

import pytest
from django.contrib.auth.models import User

from ccx_tenancy import api
from ccx_tenancy.membership import api as membership
from sandbox.outbox.models import Mail

MAXI, BLUE, DEFAULT = "maxi-academy.localhost", "blue-university.localhost", "localhost"
OWNER = {"username": "maxi-owner", "password": "sandbox-maxi-owner"}
INVITED = {"email": "new@example.com", "organization": "maxi-academy", "role": "author"}
ACCOUNT = {"username": "newcomer", "password1": "a long secret 1", "password2": "a long secret 1"}


def text(response):
    return html.unescape(response.content.decode())


@pytest.fixture
def owner(browse):
    browser = browse(MAXI)
    browser.post("/login", OWNER)
    return browser


@pytest.fixture
def invite(owner, django_capture_on_commit_callbacks):
    """Invite somebody on the members' page, and return the path in the mail's link."""

    def _invite(**changed):
        with django_capture_on_commit_callbacks(execute=True):
            response = owner.post("/members", {**INVITED, **changed})
        assert response.status_code == 302, text(response)
        link = re.search(r"http://maxi-academy\.localhost:8000(/tenancy/invitations/\S+)", Mail.objects.first().text)
        return link[1]

    return _invite


def test_an_owner_sees_the_members_and_a_learner_does_not(browse, owner):
    page = text(owner.get("/members"))
    assert "maxi-learner" in page and "staff@example.com" in page and "blue-learner" not in page
    assert 'href="/members"' in text(owner.get("/"))
    learner = browse(MAXI)
    learner.post("/login", {"username": "maxi-learner", "password": "sandbox-maxi-learner"})
    assert 'href="/members"' not in text(learner.get("/"))
    assert learner.get("/members").status_code == 403
    assert learner.post("/members", INVITED).status_code == 403
    assert browse(MAXI).get("/members").headers["Location"] == "/login?next=/members"


def test_an_invitation_is_mailed_and_listed(owner, invite):
    invite()
    mail = Mail.objects.get()
    assert mail.recipients == "new@example.com"
    assert "Maxi's Academy" in mail.subject
    assert "new@example.com" in text(owner.get("/members"))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"organization": "nowhere"}, "nowhere is not one of the available choices"),
        ({"role": "king"}, "king is not one of the available choices"),
        ({"email": "nowhere"}, "valid email address"),
        ({"email": "staff@example.com"}, "staff@example.com is author of maxi-academy already."),
    ],
)
def test_an_invitation_that_is_refused_says_why_and_sends_nothing(owner, changed, reason):
    response = owner.post("/members", {**INVITED, **changed})
    assert response.status_code == 200
    assert reason in text(response)
    assert not Mail.objects.exists()


def test_inviting_to_another_tenants_organization_is_not_found(owner):
    assert owner.post("/members", {**INVITED, "organization": "blue-labs"}).status_code == 404
    assert not Mail.objects.exists()


def test_nobody_invites_above_the_own_role(browse):
    api.set_role(User.objects.get(username="maxi-learner"), "maxi-academy", "admin")
    browser = browse(MAXI)
    browser.post("/login", {"username": "maxi-learner", "password": "sandbox-maxi-learner"})
    assert "Nobody gives, changes or takes a role above the own" in text(
        browser.post("/members", {**INVITED, "role": "owner"})
    )


def test_somebody_new_makes_an_account_with_the_address_that_was_invited(browse, invite):
    link, browser = invite(), browse(MAXI)
    assert "Make an account to accept it." in text(browser.get(link))
    response = browser.post(link, {**ACCOUNT, "email": "other@example.com"})
    assert response.headers["Location"] == "/"
    user = User.objects.get(username="newcomer")
    assert user.email == "new@example.com"
    assert membership.has_role(user, "maxi-academy", "author")
    assert "You are a member of maxi-academy now." in text(browser.get("/"))
    assert browse(MAXI).get(link).status_code == 410


def test_somebody_of_another_tenant_accepts_with_the_password_of_the_account(browse, invite):
    link, browser = invite(email="blue-learner@example.com"), browse(MAXI)
    assert "This is not the password" in text(browser.post(link, {"password": "not this one"}))
    user = User.objects.get(username="blue-learner")
    assert not membership.is_member(user, "maxi-academy")
    assert browser.post(link, {"password": "sandbox-blue-learner"}).status_code == 302
    assert membership.has_role(user, "maxi-academy", "author")
    assert membership.has_role(user, "blue-university", "learner")


def test_a_member_who_is_signed_in_accepts_with_one_button(browse, invite):
    link, browser = invite(email="maxi-learner@example.com"), browse(MAXI)
    browser.post("/login", {"username": "maxi-learner", "password": "sandbox-maxi-learner"})
    assert 'type="password"' not in text(browser.get(link))
    assert browser.post(link).status_code == 302
    assert membership.has_role(User.objects.get(username="maxi-learner"), "maxi-academy", "author")


def test_another_account_does_not_accept_in_place_of_the_one_that_is_invited(browse, owner, invite):
    link = invite(email="maxi-learner@example.com")
    assert 'type="password"' in text(owner.get(link))
    assert owner.post(link).status_code == 200
    assert not membership.has_role(User.objects.get(username="maxi-learner"), "maxi-academy", "author")


def test_an_invitation_whose_inviter_may_no_longer_give_it_makes_no_account(browse, invite):
    link = invite()
    owner = User.objects.get(username="maxi-owner")
    api.set_role(User.objects.get(username="staff"), "maxi-academy", "owner")
    api.set_role(owner, "maxi-academy", "learner")
    response = browse(MAXI).post(link, ACCOUNT)
    assert response.status_code == 200 and 'role="alert"' in text(response)
    assert not User.objects.filter(username="newcomer").exists()


def test_an_invitation_is_found_on_the_site_of_its_tenant_alone(browse, invite):
    link = invite()
    assert browse(MAXI).get(link).status_code == 200
    for host in (BLUE, DEFAULT):
        assert browse(host).get(link).status_code == 404
    assert browse(MAXI).get("/tenancy/invitations/guessed/").status_code == 404


def test_the_outbox_is_for_operators_and_shows_the_link(browse, owner, invite):
    link, operator = invite(), browse(DEFAULT)
    assert operator.get("/outbox/").headers["Location"] == "/login?next=/outbox/"
    operator.post("/login", {"username": "admin", "password": "sandbox-admin"})
    assert f'href="http://{MAXI}:8000{link}"' in text(operator.get("/outbox/"))
    member = browse(DEFAULT)
    member.post("/login", OWNER)
    assert member.get("/outbox/").status_code == 403
    assert owner.get("/outbox/").status_code == 404
