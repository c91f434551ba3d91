"""Invitations: the mail, the token, who may accept, and what ends one."""

from datetime import timedelta

import pytest
from django.contrib.sites.models import Site
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import IntegrityError, transaction
from django.utils import timezone
from organizations.models import Organization

from ccx_tenancy import api, errors
from ccx_tenancy.audit import api as audit
from ccx_tenancy.membership import api as membership
from ccx_tenancy.membership.models import OrganizationInvitation, OrganizationMembership
from ccx_tenancy.site_config.api import set_site_values

HOST = "acme.example.com"


@pytest.fixture
def commits(django_capture_on_commit_callbacks):
    """Return a function that runs a call and then what waits for its commit."""

    def run(call, *args, **kwargs):
        with django_capture_on_commit_callbacks(execute=True):
            return call(*args, **kwargs)

    return run


@pytest.fixture
def admin(acme, make_user):
    """Return an administrator of AcmeX."""
    user = make_user("admin")
    api.add_member(user, "AcmeX", "admin")
    return user


class BrokenMail(BaseEmailBackend):
    """A mail server that is away."""

    def send_messages(self, messages):
        raise OSError("the mail server is away")


def expire(invitation: OrganizationInvitation) -> None:
    OrganizationInvitation.objects.filter(pk=invitation.pk).update(expires=timezone.now() - timedelta(seconds=1))


# The mail


def test_the_mail_comes_from_the_tenants_own_address_and_leads_to_its_own_domain(acme, admin, commits):
    set_site_values(HOST, {"email_from_address": "hello@acme.example.com", "PLATFORM_NAME": "Acme & Co"})
    invitation = commits(api.invite, "new@example.org", "AcmeX", "author", invited_by=admin)
    [message] = mail.outbox
    link = f"https://acme.example.com/tenancy/invitations/{invitation.token}/"
    assert message.to == ["new@example.org"]
    assert message.from_email == "hello@acme.example.com"
    assert message.subject == "You are invited to Acme & Co"
    assert link in message.body
    assert "admin invites you to AcmeX on Acme & Co (role: author)" in message.body
    html = message.alternatives[0][0]
    assert link in html
    assert "Acme &amp; Co" in html
    invitation.refresh_from_db()
    assert invitation.sent is not None


def test_without_an_address_of_its_own_the_platforms_is_used(acme, admin, commits, settings):
    settings.DEFAULT_FROM_EMAIL = "platform@example.com"
    commits(api.invite, "new@example.org", "AcmeX", "learner", invited_by=admin)
    assert mail.outbox[0].from_email == "platform@example.com"


def test_the_address_of_the_link_is_a_setting(acme, admin, commits, settings):
    settings.CCX_TENANCY = {"INVITATION_URL": "http://{domain}:8000/join?t={token}"}
    invitation = commits(api.invite, "new@example.org", "AcmeX", "learner", invited_by=admin)
    assert f"http://acme.example.com:8000/join?t={invitation.token}\n" in mail.outbox[0].body


def test_a_name_with_line_breaks_cannot_add_headers_to_the_mail(acme, admin, commits):
    set_site_values(HOST, {"PLATFORM_NAME": "Acme\nBcc: thief@example.org"})
    commits(api.invite, "new@example.org", "AcmeX", "learner", invited_by=admin)
    assert mail.outbox[0].subject == "You are invited to Acme Bcc: thief@example.org"
    assert mail.outbox[0].recipients() == ["new@example.org"]


def test_an_invitation_that_is_rolled_back_sends_nothing(acme, admin, commits):
    def fail() -> None:
        with transaction.atomic():
            api.invite("new@example.org", "AcmeX", "learner", invited_by=admin)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        commits(fail)
    assert mail.outbox == []
    assert not OrganizationInvitation.objects.exists()


def test_a_mail_that_cannot_be_sent_leaves_an_invitation_to_send_again(acme, admin, commits, settings, caplog):
    settings.EMAIL_BACKEND = "tests.membership.test_invitations.BrokenMail"
    invitation = commits(api.invite, "new@example.org", "AcmeX", "learner", invited_by=admin)
    assert "the mail server is away" in caplog.text
    assert invitation.token not in caplog.text
    invitation.refresh_from_db()
    assert invitation.sent is None
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    commits(membership.resend_invitation, invitation, by=admin)
    assert len(mail.outbox) == 1


def test_an_organization_of_no_tenant_invites_to_the_default_site(db, commits):
    Organization.objects.create(name="Own", short_name="Own")
    Site.objects.clear_cache()
    domain = Site.objects.get_current().domain
    commits(api.invite, "new@example.org", "own", "learner", invited_by=None)
    assert f"https://{domain}/tenancy/invitations/" in mail.outbox[0].body


# The token


def test_the_token_is_told_once_and_its_hash_is_kept(acme, admin):
    invitation = api.invite("new@example.org", "AcmeX", "learner", invited_by=admin)
    assert len(invitation.token) >= 43
    stored = OrganizationInvitation.objects.get()
    assert stored.token is None
    assert invitation.token not in str([str(value) for value in vars(stored).values()])
    assert invitation.token not in str(list(audit.entries().values()))
    assert membership.find_invitation(invitation.token) == stored


@pytest.mark.parametrize("token", ["", "nope", "x" * 5000, "\x00", "é", None, 7])
def test_a_token_of_nothing_is_refused(acme, make_user, token):
    with pytest.raises(errors.UnknownInvitation, match="no such invitation"):
        api.accept_invitation(token, make_user("new"))


# Accepting


def test_an_invitation_makes_a_membership_with_its_role_once(acme, admin, make_user):
    invitation = api.invite("New@Example.com", "acmex", "author", invited_by=admin)
    new = make_user("new")
    row = api.accept_invitation(invitation.token, new)
    assert (row.role, row.active, row.organization.short_name, row.user) == ("author", True, "AcmeX", new)
    assert api.has_role(new, "AcmeX", "author")
    with pytest.raises(errors.InvitationClosed, match="was accepted already"):
        api.accept_invitation(invitation.token, new)
    invitation.refresh_from_db()
    assert (invitation.state, invitation.accepted_by) == ("accepted", new)


def test_only_the_account_with_that_address_accepts(acme, admin, make_user):
    invitation = api.invite("new@example.com", "AcmeX", "author", invited_by=admin)
    for other in (make_user("other"), make_user("none"), None):
        if other is not None and other.username == "none":
            other.email = ""
        with pytest.raises(errors.WrongRecipient) as refused:
            api.accept_invitation(invitation.token, other)
        assert "new@example.com" not in str(refused.value)
    assert not OrganizationMembership.objects.exclude(user=admin).exists()
    assert invitation.state == "open"


def test_letters_that_only_look_alike_are_another_address(acme, admin, make_user):
    with pytest.raises(errors.InvalidInput, match="only ASCII letters"):
        api.invite("\u212aate@example.com", "AcmeX", "author", invited_by=admin)  # A Kelvin sign.
    invitation = api.invite("kate@example.com", "AcmeX", "author", invited_by=admin)
    thief = make_user("thief")
    thief.email = "\u212aate@example.com"
    with pytest.raises(errors.WrongRecipient):
        api.accept_invitation(invitation.token, thief)


def test_an_expired_invitation_is_refused_and_says_when_it_ended(acme, admin, make_user):
    invitation = api.invite("new@example.com", "AcmeX", "learner", invited_by=admin)
    expire(invitation)
    with pytest.raises(errors.InvitationClosed, match="expired on"):
        api.accept_invitation(invitation.token, make_user("new"))


def test_the_term_is_a_setting(acme, admin, settings):
    settings.CCX_TENANCY = {"INVITATION_DAYS": 1}
    invitation = api.invite("new@example.com", "AcmeX", "learner", invited_by=admin)
    assert timedelta(hours=23) < invitation.expires - timezone.now() <= timedelta(days=1)


def test_a_member_keeps_a_stronger_role_and_gets_a_weaker_one_raised(acme, admin, make_user):
    new = make_user("new")
    up = api.invite("new@example.com", "AcmeX", "author", invited_by=admin)
    api.add_member(new, "AcmeX", "learner")
    assert api.accept_invitation(up.token, new).role == "author"
    api.remove_member(new, "AcmeX")
    down = api.invite("new@example.com", "AcmeX", "learner", invited_by=admin)
    api.add_member(new, "AcmeX", "admin")
    assert api.accept_invitation(down.token, new).role == "admin"


def test_a_suspended_member_does_not_come_back_by_an_invitation(acme, admin, make_user):
    new = make_user("new")
    invitation = api.invite("new@example.com", "AcmeX", "author", invited_by=admin)
    api.add_member(new, "AcmeX")
    membership.set_active(new, "AcmeX", False)
    with pytest.raises(errors.NotAllowed, match="suspended"):
        api.accept_invitation(invitation.token, new)
    with pytest.raises(errors.AlreadyMember, match="suspended"):
        api.invite("new@example.com", "AcmeX", "owner", invited_by=None)


def test_an_invitation_stands_on_who_made_it(acme, admin, make_user):
    invitation = api.invite("new@example.com", "AcmeX", "admin", invited_by=admin)
    new = make_user("new")
    api.set_role(admin, "AcmeX", "author")
    with pytest.raises(errors.NotAllowed):
        api.accept_invitation(invitation.token, new)
    admin.delete()
    with pytest.raises(errors.NotAllowed, match="account of admin.* is gone"):
        api.accept_invitation(invitation.token, new)
    other = make_user("other")
    api.add_member(other, "AcmeX", "owner")
    again = membership.resend_invitation(invitation, by=other)
    assert api.accept_invitation(again.token, new).role == "admin"


# Inviting


def test_nobody_below_admin_invites_and_nobody_above_the_own_role(acme, admin, make_user):
    author = make_user("author")
    api.add_member(author, "AcmeX", "author")
    for by, role in ((author, "learner"), (make_user("stranger"), "learner"), (admin, "owner")):
        with pytest.raises(errors.NotAllowed):
            api.invite("new@example.com", "AcmeX", role, invited_by=by)
    with pytest.raises(errors.NotAllowed):
        api.invite("new@example.com", "AcmeLabs", "learner", invited_by=admin)
    assert api.invite("new@example.com", "AcmeX", "owner", invited_by=make_user("boss", is_superuser=True)).pk


@pytest.mark.parametrize("email", ["", "new", "new@", "a b@example.com", "a@b@c.de", "x\n@example.com", None, 7])
def test_what_is_no_address_is_refused(acme, email):
    with pytest.raises(errors.InvalidInput, match="no e-mail address"):
        api.invite(email, "AcmeX", "learner", invited_by=None)


def test_an_address_has_one_open_invitation_to_an_organization(acme, admin):
    first = api.invite("new@example.com", "AcmeX", "learner", invited_by=admin)
    with pytest.raises(errors.AlreadyInvited, match="is invited to AcmeX as learner until"):
        api.invite("NEW@example.com", "AcmeX", "author", invited_by=admin)
    api.invite("new@example.com", "AcmeLabs", "learner", invited_by=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        OrganizationInvitation(
            organization=first.organization,
            email="new@example.com",
            open_key=first.open_key,
            token_hash="x",
            expires=timezone.now(),
        ).save()
    expire(first)
    second = api.invite("new@example.com", "AcmeX", "author", invited_by=admin)
    assert [one.pk for one in membership.invitations_of("AcmeX")] == [second.pk]


def test_who_is_a_member_already_is_not_invited_unless_to_more(acme, admin, make_user):
    api.add_member(make_user("ann"), "AcmeX", "author")
    with pytest.raises(errors.AlreadyMember, match="is author of AcmeX already"):
        api.invite("ANN@example.com", "AcmeX", "staff", invited_by=admin)
    api.invite("ann@example.com", "AcmeX", "admin", invited_by=admin)


def test_an_invitation_sent_again_has_a_new_token_and_a_new_term(acme, admin, make_user, commits):
    first = commits(api.invite, "new@example.com", "AcmeX", "learner", invited_by=None)
    expire(first)
    again = commits(membership.resend_invitation, first.pk, by=admin)
    assert again.pk == first.pk
    assert again.token != first.token
    assert len(mail.outbox) == 2
    new = make_user("new")
    with pytest.raises(errors.UnknownInvitation):
        api.accept_invitation(first.token, new)
    api.accept_invitation(again.token, new)
    for closed in (membership.resend_invitation, membership.revoke_invitation):
        with pytest.raises(errors.InvitationClosed, match="accepted"):
            closed(first, by=admin)


def test_a_revoked_invitation_is_refused_and_makes_room_for_another(acme, admin, make_user):
    first = api.invite("new@example.com", "AcmeX", "learner", invited_by=admin)
    membership.revoke_invitation(first, by=admin)
    with pytest.raises(errors.InvitationClosed, match="was revoked"):
        api.accept_invitation(first.token, make_user("new"))
    second = api.invite("new@example.com", "AcmeX", "learner", invited_by=admin)
    expire(first)
    with pytest.raises(errors.InvitationClosed):
        membership.resend_invitation(first, by=admin)
    assert second.state == "open"


def test_an_expired_one_is_not_sent_again_beside_a_newer_one(acme, admin):
    first = api.invite("new@example.com", "AcmeX", "learner", invited_by=admin)
    expire(first)
    api.invite("new@example.com", "AcmeX", "author", invited_by=admin)
    with pytest.raises(errors.AlreadyInvited, match="another invitation"):
        membership.resend_invitation(first, by=admin)


def test_who_may_not_invite_may_neither_revoke_nor_send_again(acme, admin, make_user):
    to_owner = api.invite("new@example.com", "AcmeX", "owner", invited_by=None)
    for call in (membership.revoke_invitation, membership.resend_invitation):
        for by in (admin, make_user(f"stranger-{call.__name__}")):
            with pytest.raises(errors.NotAllowed):
                call(to_owner, by=by)
    with pytest.raises(errors.UnknownInvitation):
        membership.revoke_invitation(0, by=admin)


def test_invitations_are_listed_by_their_state(acme, admin, make_user):
    made = {}
    for state in ("open", "accepted", "revoked", "expired"):
        made[state] = api.invite(f"{state}@example.com", "AcmeX", "learner", invited_by=admin)
    api.accept_invitation(made["accepted"].token, make_user("accepted"))
    membership.revoke_invitation(made["revoked"], by=admin)
    expire(made["expired"])
    for state, invitation in made.items():
        assert [one.pk for one in membership.invitations_of("AcmeX", state=state)] == [invitation.pk]
        assert membership.invitations_of("AcmeX", state=state)[0].state == state
    assert len(membership.invitations_of("AcmeX", state=None)) == 4
    with pytest.raises(errors.InvalidInput, match="open, accepted, revoked, expired"):
        membership.invitations_of("AcmeX", state="lost")


def test_every_step_is_in_the_record(acme, admin, make_user):
    invitation = api.invite("new@example.com", "AcmeX", "learner", invited_by=admin)
    invitation = membership.resend_invitation(invitation, by=admin)
    api.accept_invitation(invitation.token, make_user("new"))
    found = audit.entries(tenant_key="acme").filter(action__startswith="invitation.").order_by("pk")
    assert [(entry.action, entry.actor, entry.target) for entry in found] == [
        ("invitation.invite", "admin", "new@example.com to AcmeX"),
        ("invitation.resend", "admin", "new@example.com to AcmeX"),
        ("invitation.accept", "new", "new@example.com to AcmeX"),
    ]


LINES = """email,organization,role
one@example.com,AcmeX,learner
nonsense,AcmeX,
two@example.com,AcmeX,owner
ONE@example.com,AcmeX,
three@example.com,acmex,Staff
four@example.com
"""


def test_many_are_tried_first_and_nobody_is_invited_where_one_line_is_bad(acme, admin, commits):
    steps: list[tuple[int, int]] = []
    for how in ({"dry_run": True}, {}, {"dry_run": True, "apply_good": True}):
        report = commits(
            membership.import_invitations, LINES, invited_by=admin, progress=lambda *step: steps.append(step), **how
        )
        assert not report.applied
        assert [(line.line, line.status) for line in report.lines] == [
            (2, "invited"),
            (3, "refused"),
            (4, "refused"),
            (5, "refused"),
            (6, "invited"),
            (7, "refused"),
        ]
    assert [line.message.split(" ")[0] for line in report.refused] == ["'nonsense'", "Nobody", "ONE@example.com", "The"]
    assert mail.outbox == []
    assert not OrganizationInvitation.objects.exists()
    assert steps[:6] == [(step, 6) for step in range(1, 7)]


def test_the_good_lines_are_invited_where_that_is_asked(acme, admin, commits):
    steps: list[tuple[int, int]] = []
    report = commits(
        membership.import_invitations,
        LINES,
        invited_by=admin,
        apply_good=True,
        progress=lambda *step: steps.append(step),
    )
    assert report.applied
    assert (report.count("invited"), report.count("refused")) == (2, 4)
    assert [message.to for message in mail.outbox] == [["one@example.com"], ["three@example.com"]]
    assert [one.role for one in membership.invitations_of("AcmeX")] == ["staff", "learner"]
    assert steps[-1] == (12, 12)
    with pytest.raises(errors.InvalidInput, match="no column 'email'"):
        membership.import_invitations("organization\nAcmeX\n")
