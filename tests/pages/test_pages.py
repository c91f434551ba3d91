"""What administrators of a tenant see and do on its own site."""

import csv
import io
import re

import pytest
from django.contrib.messages import get_messages

from ccx_tenancy import api
from ccx_tenancy.membership import api as membership
from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.site_config.schema import denied_reason, known_keys
from tests.counting import counted
from tests.pages.conftest import BLUE, MAXI, User, make, texts

PAGES = [
    "members/",
    "invitations/",
    "configuration/",
    "configuration/PLATFORM_NAME/",
    "history/",
    "audit/",
    "audit/export/",
]

EXPECTED = {
    # Who: (members, invitations, configuration, one value, history, audit, its download)
    ("owner", MAXI): [200] * 7,
    ("admin", MAXI): [200] * 7,
    ("operator", MAXI): [200] * 7,
    ("operator", BLUE): [200] * 7,
    ("staff", MAXI): [200, 403, 403, 403, 403, 403, 403],
    ("learner", MAXI): [403] * 7,
    ("blue", BLUE): [200] * 7,
    ("owner", "localhost"): [404] * 7,
    ("owner", "nobody.localhost"): [404] * 7,
    # Signed in elsewhere is nobody here.
    ("owner", BLUE): [302] * 7,
    ("blue", MAXI): [302] * 7,
    ("nobody", MAXI): [302] * 7,
    (None, MAXI): [302] * 7,
}


@pytest.mark.parametrize(("who", "host"), EXPECTED)
def test_each_page_opens_for_those_whose_role_allows_it(browse, who, host):
    assert [browse(who, page, host=host).status_code for page in PAGES] == EXPECTED[who, host]


def test_the_start_page_goes_to_the_first_page_of_the_menu(browse):
    assert browse("staff")["Location"] == "/tenancy/members/"
    menu = texts(browse("staff", "members/"))
    assert "/tenancy/members/" in menu
    assert "/tenancy/audit/" not in menu
    assert 'name="do"' not in menu


def test_members_are_searched_and_only_those_of_the_tenant_are_there(browse):
    page = texts(browse("admin", "members/"))
    assert all(name in page for name in ("owner@", "learner@", "staff@"))
    assert "blue@" not in page
    assert "learner@" not in texts(browse("admin", "members/?q=staff"))
    assert "staff@" not in texts(browse("admin", "members/?role=learner"))
    assert "Nobody is found" in texts(browse("admin", "members/?q=%00zzz&role=nonsense&page=-7"))


def test_a_role_is_changed_and_a_member_suspended_resumed_and_removed(browse, people):
    row = membership.OrganizationMembership.objects.get(user=people["learner"])
    there = f"members/{row.pk}/change/"
    assert browse("admin", there, {"do": "role", "role": "author"}).status_code == 302
    assert api.has_role(people["learner"], "maxi-academy", "author")
    browse("admin", there, {"do": "suspend"})
    assert not api.is_member(people["learner"], "maxi-academy")
    browse("admin", there, {"do": "resume"})
    assert api.is_member(people["learner"], "maxi-academy")
    browse("admin", there, {"do": "remove"})
    assert not membership.OrganizationMembership.objects.filter(pk=row.pk).exists()
    assert browse("admin", there, {"do": "remove"}).status_code == 404


def test_what_the_rules_refuse_is_said_and_not_done(browse, people):
    owner = membership.OrganizationMembership.objects.get(user=people["owner"])
    admin = membership.OrganizationMembership.objects.get(user=people["admin"])
    for row, data in (
        (owner, {"do": "remove"}),
        (owner, {"do": "role", "role": "learner"}),
        (admin, {"do": "role", "role": "owner"}),
        (admin, {"do": "role", "role": "king"}),
    ):
        response = browse("admin", f"members/{row.pk}/change/", data)
        assert [message.level_tag for message in get_messages(response.wsgi_request)] == ["error"]
    owner.refresh_from_db()
    admin.refresh_from_db()
    assert (owner.role, admin.role) == ("owner", "admin")
    assert browse("admin", f"members/{admin.pk}/change/", {"do": "promote"}).status_code == 404


def test_a_row_of_another_tenant_does_not_exist(browse, people):
    foreign = membership.OrganizationMembership.objects.get(user=people["blue"])
    assert browse("owner", f"members/{foreign.pk}/change/", {"do": "remove"}).status_code == 404
    api.invite("x@example.com", "blue", "learner", invited_by=None)
    invitation = membership.OrganizationInvitation.objects.get()
    assert browse("owner", f"invitations/{invitation.pk}/change/", {"do": "revoke"}).status_code == 404
    assert "x@example.com" not in texts(browse("owner", "invitations/"))
    assert browse("staff", f"members/{foreign.pk}/change/", {"do": "remove"}).status_code == 403
    assert browse("admin", f"members/{foreign.pk}/change/").status_code == 405


def test_an_invitation_is_sent_again_and_revoked(browse, people):
    data = {"email": "new@example.com", "organization": "maxi-academy", "role": "author"}
    browse("admin", "invitations/", data)
    assert "is invited to maxi-academy as author until" in texts(browse("admin", "invitations/", data))
    invitation = membership.OrganizationInvitation.objects.get()
    before = invitation.token_hash
    browse("admin", f"invitations/{invitation.pk}/change/", {"do": "resend"})
    invitation.refresh_from_db()
    assert invitation.token_hash != before
    browse("admin", f"invitations/{invitation.pk}/change/", {"do": "revoke"})
    invitation.refresh_from_db()
    assert invitation.state == "revoked"
    assert "errorlist" in texts(browse("admin", "invitations/", {**data, "email": "no", "role": "owner"}))
    assert browse("admin", "invitations/", {**data, "organization": "blue"}).status_code == 404
    assert membership.OrganizationInvitation.objects.count() == 1


def test_only_what_the_tenant_may_set_is_there(browse):
    page = texts(browse("admin", "configuration/"))
    assert "PLATFORM_NAME" in page
    assert "course_org_filter" not in page
    for name in ("course_org_filter", "SECRET_KEY", "X_UNKNOWN", "SITE_NAME"):
        assert browse("admin", f"configuration/{name}/").status_code == 404
        assert browse("admin", f"configuration/{name}/", {"value": "x", "revision": 1}).status_code == 404


def test_a_value_is_changed_and_taken_back(browse):
    there = "configuration/PLATFORM_NAME/"
    browse("admin", there, {"value": "New name", "revision": 1, "reason": "because"})
    newest = site_config.history(MAXI)[0]
    assert (newest.values["PLATFORM_NAME"], newest.actor, newest.reason) == ("New name", "admin", "because")
    assert "because" in texts(browse("admin", "history/"))
    assert "config.set" in texts(browse("admin", "audit/"))
    browse("admin", there, {"value": "", "revision": 2})
    assert "PLATFORM_NAME" not in site_config.current_values(MAXI).values
    browse("admin", there, {"value": "", "revision": 3})
    assert site_config.current_values(MAXI).revision == 3


def test_a_change_on_an_older_revision_is_refused(browse):
    site_config.set_site_values(MAXI, {"PLATFORM_NAME": "Theirs"})
    page = browse("admin", "configuration/PLATFORM_NAME/", {"value": "Yours", "revision": 1})
    assert "somebody else published" in texts(page)
    assert "Yours" in texts(page)
    assert site_config.current_values(MAXI).values["PLATFORM_NAME"] == "Theirs"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("CONTACT_US_PAGE", "true", True),
        ("CONTACT_US_PAGE", "false", False),
        ("HOMEPAGE_COURSE_MAX", "7", 7),
        ("PLATFORM_NAME", "7", "7"),
    ],
)
def test_values_are_typed_as_the_schema_says(browse, name, value, expected):
    browse("admin", f"configuration/{name}/", {"value": value, "revision": 1})
    found = site_config.current_values(MAXI).values[name]
    assert (type(found), found) == (type(expected), expected)
    assert browse("admin", f"configuration/{name}/").status_code == 200


@pytest.mark.parametrize(
    ("name", "value"), [("HOMEPAGE_COURSE_MAX", "seven"), ("HOMEPAGE_COURSE_MAX", "{"), ("CONTACT_US_PAGE", "maybe")]
)
def test_a_value_that_is_none_is_refused_where_it_was_typed(browse, name, value):
    page = browse("admin", f"configuration/{name}/", {"value": value, "revision": 1})
    assert "errorlist" in texts(page)
    assert site_config.current_values(MAXI).revision == 1
    assert browse("admin", f"configuration/{name}/", {"value": "7", "revision": "x"}).status_code == 200


def test_lists_cost_the_same_for_few_and_many_members(browse):
    few = counted(lambda: browse("admin", "members/"))
    for number in range(60):
        make(f"many{number}", "maxi-academy", "learner")
    assert "Page 1 of 2" in texts(browse("admin", "members/"))
    assert len(counted(lambda: browse("admin", "members/"))) <= len(few) + 1


def test_the_next_page_searches_for_the_same_text(browse, people):
    for number in range(51):
        api.add_member(User.objects.create_user(f"u{number}", f"r&d#{number}@example.com"), "maxi-academy")
    page = browse("admin", "members/?q=r%26d%23&role=learner")
    assert 'href="?q=r%26d%23&amp;role=learner&amp;page=2"' in page.content.decode()


def test_pages_run_no_script_and_stand_in_no_frame(browse, settings):
    for page in PAGES[:-1]:
        found = browse("admin", page)
        policy = found["Content-Security-Policy"]
        assert "default-src 'none'; style-src 'self';" in policy
        assert "frame-ancestors 'none'; form-action 'self'" in policy
        assert (found["X-Frame-Options"], found["Referrer-Policy"]) == ("DENY", "same-origin")
        assert not any(mark in texts(found) for mark in ("<script", " style=", "<style", " onclick="))
    settings.STATIC_URL = "https://static.example.com/x/"
    assert "style-src 'self' https://static.example.com;" in browse("admin")["Content-Security-Policy"]
    assert browse(None, "members/")["X-Frame-Options"] == "DENY"


def test_the_record_is_downloaded_whole_and_of_this_tenant_alone(browse, people):
    api.set_role(people["staff"], "maxi-academy", "author", by=people["admin"])
    answer = browse("admin", "audit/export/")
    assert answer["Content-Disposition"] == 'attachment; filename="audit-maxi-academy.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode(), newline="")))
    assert {row["tenant"] for row in rows} == {"maxi-academy"}
    assert rows[-1]["actor"] == "admin"


def test_no_secret_leaves_with_the_record(browse):
    texts_only = (known.key for known in known_keys().values() if known.secret and known.schema.get("type") == "string")
    secret = next(key for key in texts_only if denied_reason(key) is None)
    site_config.set_site_values(MAXI, {secret: "hunter2-hunter2"})
    answer = browse("admin", "audit/export/").getvalue().decode()
    assert secret in answer
    assert "hunter2" not in answer


def test_the_history_goes_back_page_by_page(browse, monkeypatch):
    monkeypatch.setattr("ccx_tenancy.pages.views.HISTORY_LENGTH", 3)
    for number in range(7):
        site_config.set_site_values(MAXI, {"PLATFORM_NAME": f"name {number}"})
    seen, page = [], "history/"
    while page:
        found = texts(browse("admin", page))
        seen += re.findall(r"Revision (\d+)", found)
        following = re.search(r'href="(\?before=\d+)"', found)
        page = following and f"history/{following[1]}"
    assert seen == [str(number) for number in range(8, 0, -1)]
    assert "Revision 8" in texts(browse("admin", "history/?before=x"))
    assert "Nothing was changed yet" in texts(browse("admin", "history/?before=0"))
    assert "Revision 8" in texts(browse("admin", f"history/?before={10**17}"))
