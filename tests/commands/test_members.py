"""``manage.py members``: what it shows and does, and how it ends."""

import io

import pytest
from django.core import mail
from django.core.management import call_command

from ccx_tenancy import api
from ccx_tenancy.audit import api as audit
from ccx_tenancy.management.progress import ProgressBar
from ccx_tenancy.membership import api as membership
from ccx_tenancy.membership.models import OrganizationInvitation, OrganizationMembership
from tests.commands.calling import data, misused, refused, run, said
from tests.people import acme, make_user

__all__ = ["acme", "make_user"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(acme, make_user):
    return {name: make_user(name) for name in ("ann", "bob", "admin")}


def roles() -> dict[str, str]:
    return {row.user.username: row.role for row in api.members_of("AcmeX")}


def test_a_member_is_added_changed_suspended_resumed_and_removed(people):
    assert said("members", "add", "acmex", "ann@example.com") == "ann is learner of AcmeX."
    assert said("members", "add", "AcmeX", "BOB", "--role", "author") == "bob is author of AcmeX."
    assert said("members", "set-role", "AcmeX", "ann", "staff") == "ann is staff of AcmeX."
    assert said("members", "suspend", "AcmeX", "ann") == "ann is staff of AcmeX, not active."
    assert roles() == {"bob": "author"}
    assert said("members", "resume", "AcmeX", "ann") == "ann is staff of AcmeX."
    assert said("members", "remove", "AcmeX", "ann") == "ann is no member of AcmeX any more."
    assert roles() == {"bob": "author"}
    assert {entry.actor for entry in audit.entries(tenant_key="acme").filter(action__startswith="member.")} == {""}


def test_a_dry_run_says_what_would_be_and_changes_nothing(people):
    assert said("members", "add", "AcmeX", "ann", "--dry-run") == "ann would be learner of AcmeX."
    api.add_member(people["bob"], "AcmeX", "owner")
    assert "only active owner" in refused("members", "remove", "AcmeX", "bob", "--dry-run")
    api.add_member(people["ann"], "AcmeX", "owner")
    assert said("members", "remove", "AcmeX", "bob", "--dry-run") == "bob would be no member of AcmeX any more."
    assert roles() == {"bob": "owner", "ann": "owner"}
    assert said("members", "invite", "AcmeX", "new@example.com", "--dry-run").startswith("new@example.com would be")
    assert not OrganizationInvitation.objects.exists()


def test_it_acts_within_the_limits_of_the_user_it_acts_for(people):
    api.add_member(people["admin"], "AcmeX", "admin")
    assert said("members", "add", "AcmeX", "ann", "--by", "admin") == "ann is learner of AcmeX."
    assert audit.entries(tenant_key="acme").first().actor == "admin"
    assert "above the own" in refused("members", "add", "AcmeX", "bob", "--role", "owner", "--by", "admin")
    assert "takes the role admin" in refused("members", "remove", "AcmeX", "admin", "--by", "ann")
    assert "there is no user 'nobody'" in misused("members", "remove", "AcmeX", "ann", "--by", "nobody")


def test_what_is_refused_ends_with_1_and_one_line_that_says_why(people):
    assert "no organization with the short name 'Nope'" in refused("members", "list", "Nope")
    assert "No one account has the user name or e-mail address 'x'" in refused("members", "add", "AcmeX", "x")
    assert "allowed are learner, staff" in refused("members", "add", "AcmeX", "ann", "--role", "boss")
    assert "ann is not a member of AcmeX" in refused("members", "set-role", "AcmeX", "ann", "staff")
    assert "no such invitation" in refused("members", "revoke", "7")


def test_a_wrong_call_ends_with_2(people, tmp_path):
    misused("members")
    misused("members", "promote")
    misused("members", "add", "AcmeX")
    misused("members", "resend", "seven")
    assert "cannot be read" in misused("members", "import", str(tmp_path / "none.csv"))
    assert "cannot be written" in misused("members", "export", "AcmeX", "-o", str(tmp_path / "no" / "file.csv"))
    assert "--csv" in misused("members", "invite", "AcmeX")
    assert "either" in misused("members", "invite", "AcmeX", "a@example.com", "--csv", "file.csv")


def test_members_are_listed_as_a_table_and_as_json(people):
    api.add_member(people["ann"], "AcmeX", "owner")
    api.add_member(people["bob"], "AcmeX", "staff")
    membership.set_active(people["bob"], "AcmeX", False)
    lines = said("members", "list", "acmex", "--suspended").splitlines()
    assert lines[0].split() == ["USERNAME", "EMAIL", "ROLE", "ACTIVE", "SINCE"]
    assert lines[1].split()[:4] == ["ann", "ann@example.com", "owner", "yes"]
    assert lines[2].split()[:4] == ["bob", "bob@example.com", "staff", "no"]
    assert [row["username"] for row in data("members", "list", "AcmeX")] == ["ann"]
    assert data("members", "list", "AcmeX", "--role", "staff", "--suspended")[1]["active"] is False
    assert data("members", "list", "AcmeLabs") == []


def test_a_file_is_imported_whole_or_not_at_all(people, tmp_path):
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("email,organization,role\nann@example.com,AcmeX,author\n")
    bad.write_text("username,organization\nbob,AcmeX\nnobody,AcmeX\n")
    assert said("members", "import", str(good), "--dry-run").endswith("Nothing was applied: 1 added.")
    assert refused("members", "import", str(bad)) == "Nothing was applied: 1 added, 1 refused."
    assert roles() == {}
    lines = said("members", "import", str(good)).splitlines()
    assert lines[1].split() == ["2", "added", "ann@example.com", "AcmeX", "author"]
    assert lines[-1] == "Applied: 1 added."
    assert refused("members", "import", str(bad), "--apply-good") == "Applied: 1 added, 1 refused."
    assert roles() == {"ann": "author", "bob": "learner"}
    report = data("members", "import", str(good))
    assert report["applied"] is False
    assert report["lines"][0]["status"] == "unchanged"


def test_a_bad_line_is_shown_with_its_number_and_reason(people, tmp_path):
    file = tmp_path / "members.csv"
    file.write_text("username,organization\nann,AcmeX\nnobody,AcmeX\n")
    out = io.StringIO()
    with pytest.raises(Exception, match="Nothing was applied"):
        call_command("members", "import", str(file), stdout=out)
    assert "3     refused  nobody" in out.getvalue()
    assert "No one account has the username 'nobody'" in out.getvalue()


def test_an_export_is_what_an_import_reads(people, tmp_path):
    api.add_member(people["ann"], "AcmeX", "author")
    file = tmp_path / "members.csv"
    assert said("members", "export", "AcmeX", "-o", str(file)) == f"1 member of AcmeX in {file}."
    assert said("members", "export", "AcmeX").splitlines() == file.read_text().splitlines()
    OrganizationMembership.objects.all().delete()
    run("members", "import", str(file))
    assert roles() == {"ann": "author"}


def test_one_is_invited_listed_sent_again_and_revoked(people, django_capture_on_commit_callbacks):
    api.add_member(people["admin"], "AcmeX", "admin")

    def committed(*words: str) -> str:
        with django_capture_on_commit_callbacks(execute=True):
            return said(*words)

    answer = committed("members", "invite", "acmex", "new@example.com", "--role", "author", "--by", "admin")
    assert answer.startswith("new@example.com is invited to AcmeX as author, until 20")
    [shown] = data("members", "invitations", "AcmeX")
    assert (shown["email"], shown["role"], shown["state"], shown["invited_by"]) == (
        "new@example.com",
        "author",
        "open",
        "admin",
    )
    number = str(shown["number"])
    assert "is invited to AcmeX" in committed("members", "resend", number)
    assert len(mail.outbox) == 2
    assert "is revoked" in committed("members", "revoke", number)
    assert said("members", "invitations", "AcmeX").splitlines()[1:] == []
    assert "revoked" in said("members", "invitations", "AcmeX", "--state", "all")
    assert "was revoked" in refused("members", "revoke", number)


def test_many_are_invited_from_a_file(people, tmp_path, django_capture_on_commit_callbacks):
    file = tmp_path / "invitations.csv"
    file.write_text("email,organization,role\none@example.com,AcmeX,\nnonsense,AcmeX,\n")
    assert refused("members", "invite", "--csv", str(file)) == "Nothing was applied: 1 invited, 1 refused."
    with django_capture_on_commit_callbacks(execute=True):
        assert refused("members", "invite", "--csv", str(file), "--apply-good") == "Applied: 1 invited, 1 refused."
    assert [message.to for message in mail.outbox] == [["one@example.com"]]


class Terminal(io.StringIO):
    """A stream that says it is a terminal, and takes what Django's wrapper takes."""

    def isatty(self) -> bool:
        return True

    def write(self, text: str, ending: str = "\n") -> int:
        return super().write(text + ending)


def test_a_progress_bar_is_drawn_on_a_terminal_and_nowhere_else():
    stream = Terminal()
    with ProgressBar(stream, "Inviting") as bar:
        for done in range(1, 4):
            bar(done, 3)
    assert stream.getvalue() == (
        f"\rInviting [{'#' * 10}{'.' * 20}] 1/3\rInviting [{'#' * 20}{'.' * 10}] 2/3\rInviting [{'#' * 30}] 3/3\n"
    )
    silent = io.StringIO()
    with ProgressBar(silent, "Inviting") as bar:
        bar(1, 1)
    assert silent.getvalue() == ""
