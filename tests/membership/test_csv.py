"""Members out to CSV and in again: each bad line is named, and nothing is applied unless all are good."""

import csv
import io

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from organizations.models import Organization

from ccx_tenancy import api, errors
from ccx_tenancy.audit import api as audit
from ccx_tenancy.membership import api as membership
from ccx_tenancy.membership.models import OrganizationMembership


def roles() -> dict[tuple[str, str], str]:
    rows = OrganizationMembership.objects.select_related("user", "organization")
    return {(row.user.username, row.organization.short_name): row.role for row in rows}


def exported(organization: str) -> str:
    target = io.StringIO()
    membership.export_members(membership.members_of(organization, suspended=True), target)
    return target.getvalue()


@pytest.fixture
def people(acme, globex, make_user):
    return {name: make_user(name) for name in ("ann", "bob", "carl")}


GOOD = """email,organization,role
ann@example.com,AcmeX,author
BOB@example.com,acmex,
carl@example.com,AcmeLabs,Owner
"""


def test_each_line_makes_a_member_with_its_role(people):
    report = membership.import_members(GOOD)
    assert report.applied
    assert [(line.line, line.status) for line in report.lines] == [(2, "added"), (3, "added"), (4, "added")]
    assert roles() == {("ann", "AcmeX"): "author", ("bob", "AcmeX"): "learner", ("carl", "AcmeLabs"): "owner"}
    assert audit.entries(tenant_key="acme").filter(action="member.add").count() == 3
    assert api.has_role(people["ann"], "AcmeX", "author")


def test_a_dry_run_says_the_same_and_applies_nothing(people):
    report = membership.import_members(GOOD, dry_run=True)
    assert not report.applied
    assert [line.status for line in report.lines] == ["added"] * 3
    assert roles() == {}
    assert not audit.entries(tenant_key="acme").filter(action="member.add").exists()


BAD = """username,email,organization,role,active
ann,,AcmeX,author,
nobody,,AcmeX,,
bob,,Nowhere,,
bob,,AcmeX,boss,
bob,ann@example.com,AcmeX,,
bob@example.com,,AcmeX,,
,,AcmeX,,
bob,,AcmeX,,perhaps
bob,,AcmeX
ann,ANN@example.com,acmex,learner,
carl,carl@example.com,AcmeLabs,staff,no
"""


def test_a_bad_line_is_named_with_its_reason_and_keeps_the_good_ones_out(people):
    report = membership.import_members(BAD)
    assert not report.applied
    assert roles() == {}
    reasons = {line.line: line.message for line in report.refused}
    assert sorted(reasons) == [3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert reasons[3] == "No one account has the username 'nobody'."
    assert "no organization with the short name 'Nowhere'" in reasons[4]
    assert "no role 'boss'; allowed are learner, staff" in reasons[5]
    assert "two accounts" in reasons[6]
    assert "No one account has the username 'bob@example.com'" in reasons[7]
    assert "names no account" in reasons[8]
    assert "'perhaps'; allowed are yes and no" in reasons[9]
    assert "it has 3 cells, and the header 5" in reasons[10]
    assert "earlier line" in reasons[11]


def test_the_good_lines_are_applied_where_that_is_asked(people):
    report = membership.import_members(BAD, apply_good=True)
    assert report.applied
    assert (report.count("added"), len(report.refused)) == (2, 9)
    assert roles() == {("ann", "AcmeX"): "author", ("carl", "AcmeLabs"): "staff"}
    assert not OrganizationMembership.objects.get(user=people["carl"]).active
    assert not membership.import_members(BAD, apply_good=True, dry_run=True).applied


def test_a_second_import_changes_only_what_is_different(people):
    membership.import_members(GOOD)
    report = membership.import_members(GOOD.replace("author", "staff"))
    assert [line.status for line in report.lines] == ["changed", "unchanged", "unchanged"]
    assert report.lines[0].message == "was author"
    assert not membership.import_members(GOOD.replace("author", "staff")).applied


def test_the_rules_of_roles_hold_line_by_line(people, make_user):
    admin = make_user("admin")
    api.add_member(admin, "AcmeX", "admin")
    api.add_member(people["bob"], "AcmeX", "owner")
    for name in ("ann", "carl"):
        api.add_member(people[name], "AcmeLabs")
    text = "username,organization,role\nann,AcmeX,owner\nbob,AcmeX,learner\ncarl,AcmeX,admin\ncarl,AcmeLabs,staff\n"
    report = membership.import_members(text, by=admin)
    assert [line.status for line in report.lines] == ["refused", "refused", "added", "refused"]
    assert "above the own" in report.lines[0].message
    report = membership.import_members("username,organization,role\nbob,AcmeX,learner\nann,AcmeX,owner\n")
    assert "only active owner" in report.lines[0].message
    report = membership.import_members("username,organization,role\nann,AcmeX,owner\nbob,AcmeX,learner\n")
    assert report.applied


def test_an_administrator_learns_nothing_of_people_and_organizations_of_others(people, make_user):
    admin = make_user("admin")
    api.add_member(admin, "AcmeX", "admin")
    api.add_member(people["ann"], "AcmeLabs")
    api.add_member(people["bob"], "GlobexX", "owner")
    text = "username,organization\n{}\n"

    def told(line: str) -> str:
        return membership.import_members(text.format(line), by=admin, dry_run=True).lines[0].message

    assert told("ann,AcmeX") == ""
    for foreign, unknown in (("bob", "nobody"), ("carl", "nobody")):
        assert told(f"{foreign},AcmeX").replace(foreign, unknown) == told(f"{unknown},AcmeX") != ""
    assert told("ann,GlobexX").replace("GlobexX", "Nowhere") == told("ann,Nowhere") != ""
    boss = make_user("boss", is_superuser=True)
    assert membership.import_members(text.format("bob,AcmeX"), by=boss).applied


def test_a_suspended_member_resumes_only_where_the_line_says_so(people):
    api.add_member(people["ann"], "AcmeX", "staff")
    membership.set_active(people["ann"], "AcmeX", False)
    report = membership.import_members("username,organization,role\nann,AcmeX,staff\n")
    assert "suspended or pending" in report.lines[0].message
    report = membership.import_members("username,organization,role,active\nann,AcmeX,author,yes\n")
    assert report.lines[0].message == "was staff, not active"
    assert api.has_role(people["ann"], "AcmeX", "author")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("", "no header"),
        ("\n\n", "no header"),
        ("organization,role\nAcmeX,learner\n", "neither the column 'email' nor 'username'"),
        ("email,role\na@b.de,learner\n", "no column 'organization'"),
        ("email,organization,colour\n", "column 'colour'; allowed are email, username, organization, role, active"),
        ("email,email,organization\n", "'email' twice"),
        ('email,organization\n"ann@example.com,AcmeX\n', "line 2: unexpected end of data"),
        (b"email,organization\nann,AcmeX\n\xff\xfe,AcmeX\n", "line 3: byte 0xff is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(people, source, reason):
    with pytest.raises(errors.InvalidInput, match=reason):
        membership.import_members(source)


def test_semicolons_marks_blanks_and_line_breaks_of_spreadsheets_are_read(people):
    source = (
        '\ufeffEmail ; Organization;ROLE\r\n ann@example.com ;AcmeX; Author\r\n\r\n;;\r\n"bob@example.com";AcmeX;\r\n'
    )
    for text in (source, source.encode()):
        report = membership.import_members(text, dry_run=True)
        assert [(line.line, line.status) for line in report.lines] == [(2, "added"), (5, "added")]


def test_what_was_exported_can_be_imported(people):
    membership.import_members(GOOD)
    membership.set_active(people["bob"], "AcmeX", False)
    text = exported("AcmeX")
    assert text.splitlines() == [
        "email,username,organization,role,active",
        "ann@example.com,ann,AcmeX,author,yes",
        "bob@example.com,bob,AcmeX,learner,no",
    ]
    assert [line.status for line in membership.import_members(text).lines] == ["unchanged"] * 2
    OrganizationMembership.objects.all().delete()
    assert membership.import_members(text).applied
    assert exported("AcmeX") == text


@pytest.mark.parametrize("mark", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_an_export_is_a_formula_and_it_is_read_as_it_was(people, mark):
    name = f"{mark}cmd|' /C calc'!A0"
    strange = User.objects.create(username=name, email="strange@example.com")
    api.add_member(strange, "AcmeX")
    text = exported("AcmeX")
    [row] = list(csv.DictReader(io.StringIO(text, newline="")))
    assert row["username"] == f"'{name}"
    if mark.strip():
        assert membership.import_members(text).lines[0].status == "unchanged"


def test_a_thousand_lines_are_looked_up_and_written_in_few_queries(acme, db):
    User.objects.bulk_create([User(username=f"u{n}", email=f"u{n}@example.com") for n in range(1000)])
    text = "email,organization\n" + "".join(f"u{n}@example.com,AcmeX\n" for n in range(1000))
    ticks: list[tuple[int, int]] = []
    with CaptureQueriesContext(connection) as dry:
        membership.import_members(text, dry_run=True, progress=lambda *step: ticks.append(step))
    assert ticks == [(step, 1000) for step in range(1, 1001)]
    assert len(dry) < 15
    with CaptureQueriesContext(connection) as wet:
        assert membership.import_members(text).applied
    each = ("ccx_audit", "ccx_tenants_revision", "SAVEPOINT")
    assert len([query for query in wet if not any(word in query["sql"] for word in each)]) < 20
    assert Organization.objects.get(short_name="AcmeX").tenancy_memberships.count() == 1000
