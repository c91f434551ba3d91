"""Passwords in Open edX, with the host's own backend behind ours."""

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.test import RequestFactory

from ccx_tenancy import api
from ccx_tenancy.hosts.openedx.settings import placement

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def open_edx(settings):
    settings.AUTHENTICATION_BACKENDS = [placement.BACKEND, placement.PASSWORD_BACKEND]
    settings.CCX_TENANCY = dict(placement.DEFAULTS)


@pytest.fixture
def people(db):
    api.create_tenant("acme", name="Acme", domain="acme.localhost", organizations=["Acme"])
    made = {name: User.objects.create_user(name, password="edx") for name in ("member", "stranger")}
    api.add_member(made["member"], "Acme")
    made["super"] = User.objects.create_superuser("super", password="edx")
    return made


def sign_in(username, tenant="acme", password="edx"):
    request = RequestFactory().post("/login")
    request.tenant = api.resolve_tenant(f"{tenant}.localhost")
    user = authenticate(request, username=username, password=password)
    return user and (user.username, user.backend)


def test_on_a_tenants_site_its_members_and_superusers_sign_in_and_nobody_else(people):
    assert sign_in("member") == ("member", placement.BACKEND)
    assert sign_in("super") == ("super", placement.BACKEND)
    assert sign_in("stranger") is None
    assert sign_in("member", password="wrong") is None


def test_on_the_platforms_own_sites_the_hosts_backend_decides_as_before(people):
    assert sign_in("stranger", tenant="platform") == ("stranger", placement.PASSWORD_BACKEND)


def test_the_platforms_own_sites_can_be_closed_by_the_setting(people, settings):
    settings.CCX_TENANCY = {**placement.DEFAULTS, "DEFAULT_SITE_LOGIN": "members"}
    assert sign_in("stranger", tenant="platform") is None
    assert sign_in("member", tenant="platform") == ("member", placement.BACKEND)


def test_an_account_whose_address_is_not_confirmed_signs_in_as_the_host_has_it(people):
    User.objects.filter(username="member").update(is_active=False)
    assert sign_in("member") == ("member", placement.BACKEND)


def test_a_password_grant_without_a_request_is_held_to_the_current_tenant(people):
    with api.tenant_context("acme"):
        assert authenticate(username="stranger", password="edx") is None
        assert authenticate(username="member", password="edx") is not None


def test_a_wrong_password_costs_one_hash(people, monkeypatch):
    from django.contrib.auth.hashers import MD5PasswordHasher

    hashed = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda self, *args: hashed.append(1) or encode(self, *args))
    for username in ("member", "stranger", "nobody"):
        hashed.clear()
        assert sign_in(username, password="wrong") is None
        assert len(hashed) == 1, username


def test_credentials_without_a_password_are_left_to_the_social_backends(people):
    request = RequestFactory().post("/login")
    request.tenant = api.resolve_tenant("acme.localhost")
    assert authenticate(request, response={"id": 1}) is None
