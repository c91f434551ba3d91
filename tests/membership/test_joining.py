"""Who becomes a member by registering on a tenant's site."""

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from ccx_tenancy import api, errors
from ccx_tenancy.membership import api as membership
from ccx_tenancy.membership.models import OrganizationMembership
from ccx_tenancy.site_config.api import set_site_values

HOST = "acme.example.com"


def values(**found: object) -> None:
    set_site_values(HOST, found, replace=True)


def test_unless_the_site_says_otherwise_nobody_joins_without_an_invitation(acme, make_user):
    ann = make_user("ann")
    with pytest.raises(errors.JoinRefused, match="admits only who holds an invitation"):
        membership.join(ann, "acme")
    token = api.invite("ann@example.com", "AcmeX", "staff", invited_by=None).token
    assert membership.join(ann, "acme", invitation=token).role == "staff"


def test_the_platform_may_have_another_rule_for_sites_that_say_nothing(acme, make_user, settings):
    settings.CCX_TENANCY = {"JOIN_POLICY": "open"}
    assert membership.join(make_user("ann"), "acme").role == "learner"
    values(JOIN_POLICY="invitation")
    with pytest.raises(errors.JoinRefused):
        membership.join(make_user("bob"), "acme")


def test_an_open_site_makes_everybody_a_learner_of_the_organization_it_got_first(acme, make_user):
    values(JOIN_POLICY="open")
    ann = make_user("ann")
    with api.tenant_context("acme"):
        row = membership.join(ann)
    assert (row.role, row.active, row.organization.short_name) == ("learner", True, "AcmeX")
    assert membership.join(ann, acme).pk == row.pk


def test_the_organization_may_be_named(acme, make_user):
    values(JOIN_POLICY="open", JOIN_ORGANIZATION="acmelabs")
    assert membership.join(make_user("ann"), "acme").organization.short_name == "AcmeLabs"
    assert membership.join_rules("acme").organization.short_name == "AcmeLabs"


def test_an_organization_of_another_tenant_cannot_be_joined(acme, globex, make_user):
    values(JOIN_POLICY="open", JOIN_ORGANIZATION="GlobexX")
    with pytest.raises(errors.JoinRefused, match="'GlobexX', which is no organization of 'acme'; allowed are AcmeX"):
        membership.join(make_user("ann"), "acme")
    token = api.invite("bob@example.com", "GlobexX", "learner", invited_by=None).token
    with pytest.raises(errors.JoinRefused, match="no organization of 'acme'"):
        membership.join(make_user("bob"), "acme", invitation=token)


@pytest.mark.parametrize(
    ("email", "admitted"),
    [
        ("ann@acme.org", True),
        ("ann@ACME.org", True),
        ("ann@xn--bcher-kva.example", True),
        ("ann@bücher.example", True),
        ("ann@sub.acme.org", False),
        ("ann@notacme.org", False),
        ("ann@acme.org.example.com", False),
        ("ann@acme.org@example.com", False),
        ("acme.org", False),
        ("", False),
    ],
)
def test_a_list_of_domains_admits_the_addresses_at_them(acme, make_user, email, admitted):
    values(JOIN_POLICY="email_domains", JOIN_EMAIL_DOMAINS=["Acme.org", "bücher.example"])
    ann = make_user("ann")
    ann.email = email
    if admitted:
        assert membership.join(ann, "acme").active
    else:
        with pytest.raises(errors.JoinRefused, match=r"admits e-mail addresses at acme\.org"):
            membership.join(ann, "acme")


def test_an_address_nobody_has_confirmed_admits_nobody_yet(acme, make_user):
    values(JOIN_POLICY="email_domains", JOIN_EMAIL_DOMAINS=["example.com"])
    ann = make_user("ann", is_active=False)
    row = membership.join(ann, "acme")
    assert (row.active, row.pending) == (False, True)
    assert not api.is_member(ann, "acme")
    assert membership.join(ann, "acme").pk == row.pk
    ann.first_name = "Ann"
    ann.save()
    assert not api.is_member(ann, "acme")
    ann.is_active = True
    ann.save(update_fields=["is_active"])
    assert api.is_member(ann, "acme")
    row.refresh_from_db()
    assert (row.active, row.pending) == (True, False)


def test_a_member_suspended_while_waiting_stays_out(acme, make_user):
    values(JOIN_POLICY="email_domains", JOIN_EMAIL_DOMAINS=["example.com"])
    ann = make_user("ann", is_active=False)
    membership.join(ann, "acme")
    membership.set_active(ann, "AcmeX", False)
    ann.is_active = True
    ann.save()
    assert not api.is_member(ann, "acme")


def test_signing_in_does_not_ask_for_waiting_memberships(acme, make_user, django_assert_num_queries):
    ann = make_user("ann")
    with django_assert_num_queries(1):
        ann.save(update_fields=["last_login"])


def test_a_member_stays_what_they_are_and_a_suspended_one_stays_out(acme, make_user):
    values(JOIN_POLICY="open")
    ann = make_user("ann")
    api.add_member(ann, "AcmeX", "author")
    assert membership.join(ann, "acme").role == "author"
    membership.set_active(ann, "AcmeX", False)
    with pytest.raises(errors.JoinRefused, match="ann is suspended in AcmeX"):
        membership.join(ann, "acme")


def test_an_account_that_may_not_join_is_not_made(acme):
    with pytest.raises(errors.JoinRefused), transaction.atomic():
        membership.join(User.objects.create_user("ann", "ann@example.com"), "acme")
    assert not User.objects.filter(username="ann").exists()


def test_values_that_say_something_impossible_admit_nobody(acme, make_user):
    from ccx_tenancy.site_config.models import SiteConfiguration

    values(JOIN_POLICY="open")
    row = SiteConfiguration.objects.get(site__domain=HOST)
    for bad in ({"JOIN_POLICY": "opne"}, {"JOIN_POLICY": "email_domains", "JOIN_EMAIL_DOMAINS": "example.com"}):
        SiteConfiguration.objects.filter(pk=row.pk).update(site_values=bad)
        with pytest.raises(errors.JoinRefused, match="JOIN_"):
            membership.join(make_user(f"ann{len(bad)}"), "acme")
    SiteConfiguration.objects.filter(pk=row.pk).update(site_values={"JOIN_POLICY": "open"}, enabled=False)
    with pytest.raises(errors.JoinRefused, match="only who holds an invitation"):
        membership.join(make_user("bob"), "acme")
    with pytest.raises(errors.InvalidValues, match="JOIN_POLICY"):
        values(JOIN_POLICY="opne")


def test_joining_needs_a_tenant(db, make_user):
    with pytest.raises(errors.NoCurrentTenant):
        membership.join(make_user("ann"))
    with pytest.raises(errors.UnknownTenant):
        membership.join(make_user("bob"), "nope")
    assert not OrganizationMembership.objects.exists()


def test_a_tenant_without_organizations_or_without_a_domain_cannot_be_joined_or_invited_to(acme, make_user):
    from organizations.models import Organization

    from ccx_tenancy.tenants import api as tenants

    acme.domains.all().delete()
    with pytest.raises(errors.InvalidState, match="'acme' has no LMS domain"):
        api.invite("new@example.com", "AcmeX", "learner", invited_by=None)
    for name in ("AcmeX", "AcmeLabs"):
        tenants.remove_organization(acme, name)
    assert Organization.objects.filter(short_name="AcmeX").exists()
    with pytest.raises(errors.JoinRefused, match="'acme' has no organization to join yet"):
        membership.join(make_user("ann"), "acme")
