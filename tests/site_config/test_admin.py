"""The admin of site configurations, through Django's test client and the real tables."""

import json
import re
from html import unescape
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.contrib.sites.models import Site
from django.test import Client
from django.urls import reverse

from ccx_tenancy.audit.models import AuditEntry
from ccx_tenancy.hosts.standalone import StandaloneHost
from ccx_tenancy.provisioning import create_tenant
from ccx_tenancy.site_config import api, diff, freshness, helpers
from ccx_tenancy.site_config.admin import configurations
from ccx_tenancy.site_config.documents import dump, parse, places
from ccx_tenancy.site_config.models import SiteConfiguration, SiteConfigurationRevision
from ccx_tenancy.site_config.schema import denied_reason, known_keys
from ccx_tenancy.site_config.store import OwnTable
from ccx_tenancy.tenants.api import tenant_context
from tests.counting import counted

pytestmark = pytest.mark.django_db

DOMAIN = "maxi-academy.example.com"
START = {"PLATFORM_NAME": "Maxi's Academy", "course_org_filter": "maxi-academy"}

#: The talk's own example, trailing comma and all.
TALK = """{
  "PLATFORM_NAME": "Maxi's Academy",
  "SITE_NAME": "maxi-academy.example.com",
  "course_org_filter": "maxi-academy",
  "ENABLE_COMBINED_LOGIN_REGISTRATION": true,
}"""
GOOD = TALK.replace("true,", "true")
COMMA = "Line 5, column 45: a comma may not stand before the closing '}': remove it."


@pytest.fixture
def site():
    create_tenant("maxi", name="Maxi", domain=DOMAIN, organizations=["maxi-academy"], values=START)
    return Site.objects.get(domain=DOMAIN)


@pytest.fixture
def row(site):
    return SiteConfiguration.objects.get(site=site)


@pytest.fixture
def boss():
    return User.objects.create_superuser("boss", "boss@example.com", "secret")


@pytest.fixture
def client(boss):
    client = Client(raise_request_exception=True)
    client.force_login(boss)
    return client


@pytest.fixture
def secret():
    texts = (known for known in known_keys().values() if known.secret and known.schema.get("type") == "string")
    return next(known.key for known in texts if denied_reason(known.key) is None)


def url(page, *args):
    return reverse(f"admin:ccx_site_config_siteconfiguration_{page}", args=args)


def post(client, row, text, button="_review", **more):
    data = {"text": text, "enabled": "on", "expected": row.revision, button: "1", **more}
    return client.post(url("change", row.pk), {name: value for name, value in data.items() if value is not None})


def text_in(response):
    """Return what a browser would put into the page's textarea."""
    found = re.search(r"<textarea[^>]*>\r?\n(.*?)</textarea>", response.content.decode(), re.DOTALL)
    return unescape(found.group(1))


def errors_in(response):
    """Return what the editor is told of the mistakes."""
    found = re.search(r'data-errors="([^"]*)"', response.content.decode())
    return json.loads(unescape(found.group(1))) if found else []


def staff(*names, username="helper"):
    user = User.objects.create_user(username, password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(user)
    return client


# Editing


def test_the_form_shows_what_is_published_formatted_and_in_its_order(client, row):
    response = client.get(url("change", row.pk))
    assert text_in(response) == dump(START)
    assert 'data-schema-url="/admin/ccx_site_config/siteconfiguration/schema/"' in response.content.decode()


def test_the_talks_example_is_refused_at_its_comma_and_stays_as_it_was_typed(client, row):
    response = post(client, row, TALK)
    assert COMMA in unescape(response.content.decode())
    assert errors_in(response) == [
        {"line": 5, "column": 45, "message": "a comma may not stand before the closing '}': remove it."}
    ]
    assert text_in(response) == TALK
    assert api.current_values(DOMAIN).values == START


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a value is expected, and the end of the text found"),
        ("[1]", "the document is a list; allowed is an object"),
        ('{"a": NaN}', "NaN is not a number that JSON has"),
        ('{"a": 1, "a": 2}', "the name 'a' stands twice in one object"),
        ("{" + '"a":{' * 40 + "}" * 41, "nested deeper than 32 levels"),
        ('{"a": "' + "x" * (1024 * 1024) + '"}', "document has 1,048,585 bytes; allowed are 1,048,576"),
        ("\n\n  { // why\n}\n\n", "JSON has no comments"),
    ],
)
@pytest.mark.parametrize("button", ["_review", "_publish", "_draft"])
def test_what_is_no_document_is_refused_by_name_and_changes_nothing(client, row, text, reason, button):
    response = post(client, row, text, button)
    assert response.status_code == 200
    assert reason in unescape(response.content.decode())
    assert text_in(response) == text
    assert api.current_values(DOMAIN).revision == 1
    assert api.draft_of(DOMAIN, User.objects.get()) is None


def test_a_form_larger_than_django_takes_is_refused_and_changes_nothing(client, row):
    assert post(client, row, '{"a": "' + "x" * 5_000_000 + '"}').status_code == 400
    assert api.current_values(DOMAIN).revision == 1


def test_every_problem_is_listed_with_its_place(client, row):
    text = dump({"PLATFORM_NAME": 7, "fine": 1, "DEBUG": True})
    response = post(client, row, text)
    page = unescape(response.content.decode())
    assert "line 2: PLATFORM_NAME: the value is a number; allowed is a text." in page
    assert "line 4: DEBUG: no site may set DEBUG" in page
    assert [(error["line"], error["column"]) for error in errors_in(response)] == [(2, 20), (4, 12)]
    assert text_in(response) == text


def test_another_tenants_organization_is_refused_beside_the_field(client, row):
    response = post(client, row, '{"course_org_filter": "blue"}')
    assert "'blue' is not an organization of the tenant 'maxi'" in unescape(response.content.decode())
    assert errors_in(response)[0]["line"] == 1


def test_an_unknown_key_is_warned_of_and_allowed(client, row):
    response = post(client, row, '{"PLATFORM_NAMES": "x"}')
    assert "nothing is known of this key" in response.content.decode()
    assert "Did you mean" in response.content.decode()
    assert "_publish" in response.content.decode()


def test_review_shows_places_and_lines_and_changes_nothing(client, row):
    response = post(client, row, GOOD)
    page = unescape(response.content.decode())
    assert "What differs from revision 1" in page
    assert [change.name for change in response.context["changes"]] == [
        "SITE_NAME",
        "ENABLE_COMBINED_LOGIN_REGISTRATION",
    ]
    assert '<td class="ccx-text">  "SITE_NAME": "maxi-academy.example.com",</td>' in page
    assert text_in(response) == GOOD
    assert api.current_values(DOMAIN).revision == 1


def test_what_is_not_changed_needs_no_review(client, row):
    response = post(client, row, dump(START))
    assert "Nothing differs from what is published." in response.content.decode()
    assert "_publish" not in response.content.decode()


def test_another_order_of_keys_is_a_change(client, row):
    response = post(client, row, dump(dict(reversed(START.items()))))
    assert "Only the order of the keys differs." in response.content.decode()


def test_publishing_makes_a_revision_with_actor_and_reason_and_an_audit_entry(client, row, boss):
    response = post(client, row, GOOD, "_publish", reason="as in the talk")
    assert response.status_code == 302
    newest = api.history(DOMAIN)[0]
    assert (newest.revision, newest.actor, newest.actor_id, newest.reason) == (2, "boss", boss.pk, "as in the talk")
    assert list(api.current_values(DOMAIN).values) == list(json.loads(GOOD))
    assert AuditEntry.objects.first().action == "config.set"
    with tenant_context("maxi"):
        assert helpers.get_value("ENABLE_COMBINED_LOGIN_REGISTRATION") is True
    assert "Revision 2 of maxi-academy.example.com is published." in client.get(response["Location"]).content.decode()


def test_back_to_editing_keeps_what_was_typed_and_judges_nothing(client, row):
    response = post(client, row, TALK, "_edit", reason="why not")
    assert text_in(response) == TALK
    assert "errornote" not in response.content.decode()
    assert "why not" in response.content.decode()


def test_a_configuration_is_switched_off_and_on(client, row):
    assert "switched off" in post(client, row, dump(START), enabled=None).content.decode()
    post(client, row, dump(START), "_publish", enabled=None)
    assert api.current_values(DOMAIN).enabled is False
    row.refresh_from_db()
    post(client, row, dump(START), "_publish")
    assert api.current_values(DOMAIN).enabled is True
    assert "The configuration was switched off." in client.get(url("history", row.pk)).content.decode()


@pytest.mark.parametrize("button", ["_review", "_publish"])
def test_a_lost_race_shows_both_differences_and_keeps_what_was_typed(client, row, button):
    api.set_site_values(DOMAIN, {"PLATFORM_NAME": "Theirs"})
    typed = dump({**START, "SITE_NAME": "yours.example.com"})
    response = post(client, row, typed, button)
    assert [change.after for change in response.context["stale"].theirs] == ["Theirs"]
    assert [change.name for change in response.context["stale"].yours] == ["SITE_NAME"]
    assert text_in(response) == typed
    assert api.current_values(DOMAIN).revision == 2
    assert re.search(r'name="expected" value="2"', response.content.decode())
    row.refresh_from_db()
    assert post(client, row, typed, "_publish").status_code == 302
    assert api.current_values(DOMAIN).values == json.loads(typed)


class RacingTable(OwnTable):
    """Our table, in which somebody else is always faster by a moment, once."""

    raced = False

    def save(self, site_id, values, *, expected, **kwargs):
        if not RacingTable.raced:
            RacingTable.raced = True
            expected_then = expected
            super().save(site_id, {"PLATFORM_NAME": "Theirs"}, expected=expected_then, **kwargs)
        return super().save(site_id, values, expected=expected, **kwargs)


class RacingHost(StandaloneHost):
    """A host with such a table."""

    def __init__(self):
        self.site_values = RacingTable()


def test_a_race_lost_in_the_moment_of_publishing_is_shown_like_any_other(client, row, settings):
    settings.CCX_TENANCY = {"HOST": "tests.site_config.test_admin.RacingHost"}
    RacingTable.raced = False
    response = post(client, row, GOOD, "_publish", reason="mine")
    # The other's change was in our transaction here, and went with it: what is left to see is that nothing is lost.
    assert response.status_code == 200
    assert "Somebody else published in between" in response.content.decode()
    assert text_in(response) == GOOD and "mine" in response.content.decode()
    assert api.current_values(DOMAIN).revision == 1


def test_a_secret_that_this_process_cannot_open_is_a_named_error(client, row, secret, settings):
    settings.CCX_TENANCY = {"ENCRYPTION_KEYS": ["old"]}
    api.set_site_values(DOMAIN, {secret: "hunter2"})
    row.refresh_from_db()
    settings.CCX_TENANCY = {"ENCRYPTION_KEYS": ["new"]}
    assert client.get(url("change", row.pk)).status_code == 200
    response = post(client, row, dump({**START, secret: "********", "SITE_NAME": "x"}))
    assert "neither in CCX_TENANCY" in unescape(response.content.decode())
    assert post(client, row, dump({**START, secret: "again"}), "_publish").status_code == 302


@pytest.mark.parametrize("expected", ["", "x", "-1", "99", "9" * 30])
def test_a_revision_that_never_was_is_refused(client, row, expected):
    response = post(client, row, GOOD, "_publish", expected=expected)
    assert response.status_code == 200
    assert "errornote" in response.content.decode()
    assert api.current_values(DOMAIN).revision == 1


def test_a_reason_that_is_too_long_is_refused(client, row):
    response = post(client, row, GOOD, "_publish", reason="x" * 256)
    assert "at most 255 characters" in response.content.decode()


def test_values_are_escaped_wherever_they_are_shown(client, row):
    evil = "</textarea><script>alert(1)</script>"
    text = dump({"PLATFORM_NAME": evil, evil: evil})
    for response in (post(client, row, text), post(client, row, text, "_edit"), post(client, row, text + ",")):
        assert "<script>alert" not in response.content.decode()
        assert text_in(response).startswith(text)
    post(client, row, text, "_publish", reason=evil)
    for page in (url("change", row.pk), url("history", row.pk), url("rollback", row.pk, 1)):
        assert "<script>alert" not in client.get(page).content.decode()


# Secrets


def test_a_secret_is_masked_and_kept_when_left_masked(client, row, secret):
    api.set_site_values(DOMAIN, {secret: "hunter2"})
    row.refresh_from_db()
    page = client.get(url("change", row.pk))
    assert "hunter2" not in page.content.decode()
    shown = json.loads(text_in(page))
    assert shown[secret] == "********"
    response = post(client, row, dump({**shown, "PLATFORM_NAME": "New"}), "_publish")
    assert response.status_code == 302
    with tenant_context("maxi"):
        assert helpers.get_value(secret) == "hunter2"


def test_another_secret_is_a_change_that_is_seen_but_not_read(client, row, secret):
    api.set_site_values(DOMAIN, {secret: "hunter2"})
    row.refresh_from_db()
    response = post(client, row, dump({**START, secret: "hunter3"}))
    assert "another secret value (not shown)" in response.content.decode()
    without_form = re.sub(r"<textarea.*?</textarea>", "", response.content.decode(), flags=re.DOTALL)
    assert "hunter" not in without_form
    post(client, row, dump({**START, secret: "hunter3"}), "_publish")
    for page in (url("history", row.pk), url("rollback", row.pk, 2)):
        assert "another secret value (not shown)" in client.get(page).content.decode()
        assert "hunter" not in client.get(page).content.decode()
    revision = SiteConfigurationRevision.objects.first()
    page = client.get(reverse("admin:ccx_site_config_siteconfigurationrevision_change", args=[revision.pk]))
    assert "********" in page.content.decode()
    assert "$sealed" not in page.content.decode()


def test_a_mask_with_no_secret_behind_it_is_refused(client, row, secret):
    response = post(client, row, dump({secret: "********"}), "_publish")
    assert "stands for the secret stored, and none is stored" in response.content.decode()


def test_a_secret_typed_in_a_draft_is_published_from_the_draft(client, row, boss, secret):
    post(client, row, dump({**START, secret: "hunter2"}), "_draft")
    page = client.get(url("change", row.pk))
    text = text_in(page)
    assert json.loads(text)[secret] == "********"
    assert "_publish" in post(client, row, text, draft="True").content.decode()
    assert post(client, row, text, "_publish", draft="True", reason="r").status_code == 302
    with tenant_context("maxi"):
        assert helpers.get_value(secret) == "hunter2"
    assert api.draft_of(DOMAIN, boss) is None


# Drafts


def test_a_draft_is_kept_shown_again_and_published(client, row, boss):
    post(client, row, GOOD, "_draft")
    assert api.current_values(DOMAIN).values == START
    page = client.get(url("change", row.pk))
    assert text_in(page) == dump(json.loads(GOOD))
    assert "your draft" in page.content.decode()
    assert text_in(client.get(url("change", row.pk) + "?published")) == dump(START)
    assert "Your drafts" in client.get(url("changelist")).content.decode()
    response = post(client, row, GOOD, "_publish", draft="True", enabled=None)
    assert response.status_code == 302
    assert api.draft_of(DOMAIN, boss) is None
    assert api.current_values(DOMAIN).enabled is False
    assert len(api.history(DOMAIN)) == 2


def test_a_draft_on_an_older_revision_is_refused_with_both_differences(client, row):
    post(client, row, GOOD, "_draft")
    api.set_site_values(DOMAIN, {"PLATFORM_NAME": "Theirs"})
    assert "Revision 2 was published since." in client.get(url("change", row.pk)).content.decode()
    response = post(client, row, GOOD, "_publish", draft="True", expected=1)
    assert len(response.context["stale"].theirs) == 1
    assert text_in(response) == GOOD
    assert post(client, row, GOOD, "_publish", draft="True", expected=2).status_code == 302


def test_a_text_not_made_from_the_draft_replaces_the_draft(client, row, boss, secret):
    api.set_site_values(DOMAIN, {secret: "published"})
    row.refresh_from_db()
    post(client, row, dump({secret: "drafted"}), "_draft")
    post(client, row, dump({secret: "********"}), "_draft")
    api.publish_draft(DOMAIN, actor=boss)
    with tenant_context("maxi"):
        assert helpers.get_value(secret) == "published"


def test_a_draft_is_discarded_by_post_alone(client, row, boss):
    post(client, row, GOOD, "_draft")
    discard = url("discard", row.site_id)
    assert client.get(discard).status_code == 405
    assert client.post(discard)["Location"] == url("change", row.pk)
    assert api.draft_of(DOMAIN, boss) is None
    assert "not there any more" in client.post(discard, follow=True).content.decode()


def test_a_preview_leads_to_the_site_and_ends_there(client, row, boss):
    api.save_draft(DOMAIN, {"PLATFORM_NAME": "Drafted"}, actor=boss)
    link = client.get(url("preview", row.site_id), headers={"host": "admin.example.com:8080"})["Location"]
    assert link.startswith(f"http://{DOMAIN}:8080/__tenancy/preview?token=")
    visitor = Client(headers={"host": DOMAIN})
    response = visitor.get(link.removeprefix(f"http://{DOMAIN}:8080"))
    assert (response.status_code, response["Location"]) == (302, "/")
    cookie = visitor.cookies[api.PREVIEW_COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"], cookie["path"]) == (True, "Lax", 3600, "/")
    assert response["Referrer-Policy"] == "no-referrer"
    assert api.draft_of_cookie(cookie.value, row.site_id).values == {"PLATFORM_NAME": "Drafted"}
    assert visitor.get("/__tenancy/preview/clear").status_code == 302
    assert visitor.cookies[api.PREVIEW_COOKIE].value == ""


@pytest.mark.parametrize("host", ["blue.example.com", "nobody.example.com"])
def test_a_preview_link_is_good_on_its_own_site_alone(client, row, boss, host):
    create_tenant("blue", name="Blue", domain="blue.example.com", organizations=["blue"])
    api.save_draft(DOMAIN, {}, actor=boss)
    token = api.preview_cookie(DOMAIN, actor=boss)
    response = Client(headers={"host": host}).get("/__tenancy/preview", {"token": token})
    assert response.status_code == 403
    assert not response.cookies


def test_a_forged_preview_link_sets_no_cookie(site):
    response = Client(headers={"host": DOMAIN}).get("/__tenancy/preview", {"token": "forged:token"})
    assert response.status_code == 403
    assert "Press Preview in the admin again" in response.content.decode()
    assert not response.cookies


def test_a_preview_without_a_draft_says_so(client, row):
    response = client.get(url("preview", row.site_id), follow=True)
    assert "not there any more" in response.content.decode()
    assert client.get(url("preview", 999)).status_code == 404


# Adding


def test_a_configuration_is_added_for_a_site_that_was_chosen(client, boss):
    site = Site.objects.create(domain="new.example.com", name="new")
    page = client.get(url("add"))
    assert "admin-autocomplete" in page.content.decode()
    assert "new.example.com" not in page.content.decode()
    data = {"site": site.pk, "text": '{"PLATFORM_NAME": "New"}', "enabled": "on", "expected": 0}
    review = client.post(url("add"), {**data, "_review": "1"})
    assert "The first configuration of new.example.com" in review.content.decode()
    response = client.post(url("add"), {**data, "_publish": "1", "reason": "first"})
    row = SiteConfiguration.objects.get(site=site)
    assert response["Location"] == url("change", row.pk)
    assert api.history(site)[0].reason == "first"


def test_an_empty_configuration_can_be_added(client):
    site = Site.objects.create(domain="new.example.com", name="new")
    data = {"site": site.pk, "text": "{}", "enabled": "on", "expected": 0, "_publish": "1"}
    assert client.post(url("add"), data).status_code == 302


def test_a_site_that_has_a_configuration_gets_no_second_one(client, row):
    data = {"site": row.site_id, "text": "{}", "enabled": "on", "expected": 0}
    response = client.post(url("add"), {**data, "_publish": "1"})
    assert [change.kind for change in response.context["stale"].theirs] == ["added", "added"]
    assert (SiteConfiguration.objects.count(), api.current_values(DOMAIN).revision) == (1, 1)
    adder = staff("add_siteconfiguration", "view_site")
    refused = adder.post(url("add"), {**data, "expected": 1, "_publish": "1"})
    assert "has a configuration already, and you may not change it" in refused.content.decode()
    assert api.current_values(DOMAIN).revision == 1
    assert client.post(url("add"), {**data, "expected": 1, "_publish": "1"})["Location"] == url("change", row.pk)
    assert (SiteConfiguration.objects.count(), api.current_values(DOMAIN).revision) == (1, 2)
    assert client.get(url("add"), {"site": row.site_id})["Location"] == url("change", row.pk)


@pytest.mark.parametrize("chosen", ["", "999", "x", "²", "9" * 30])
def test_adding_without_a_site_is_refused_and_keeps_the_text(client, chosen):
    data = {"site": chosen, "text": GOOD, "enabled": "on", "expected": 0, "_review": "1"}
    response = client.post(url("add"), data)
    assert "errornote" in response.content.decode()
    assert text_in(response) == GOOD
    assert client.get(url("add"), {"site": chosen}).status_code == 200


def test_a_draft_for_a_site_without_configuration_is_found_again(client, boss):
    site = Site.objects.create(domain="new.example.com", name="new")
    data = {"site": site.pk, "text": '{"a": 1}', "enabled": "on", "expected": 0, "_draft": "1"}
    response = client.post(url("add"), data)
    assert response["Location"] == f"{url('add')}?site={site.pk}"
    assert text_in(client.get(response["Location"])) == dump({"a": 1})
    assert f"add/?site={site.pk}" in client.get(url("changelist")).content.decode()
    client.post(url("discard", site.pk))
    assert text_in(client.get(response["Location"])) == "{}"


# History


def test_history_says_who_when_why_and_what(client, row, boss):
    api.set_site_values(DOMAIN, {"PLATFORM_NAME": "Second"}, actor=boss, reason="a better name")
    page = unescape(client.get(url("history", row.pk)).content.decode())
    assert "boss" in page
    assert "a better name" in page
    assert "Maxi's Academy" in page and "Second" in page
    assert url("rollback", row.pk, 1) in page
    assert url("rollback", row.pk, 2) not in page


def test_history_is_shown_in_steps_with_the_same_number_of_queries(client, row, monkeypatch):
    # Each change drops the values of every site.
    monkeypatch.setattr(freshness, "_SHARDS", 1)

    def queries():
        return len(counted(lambda: client.get(url("history", row.pk))))

    few = queries()
    for number in range(30):
        api.set_site_values(DOMAIN, {"PLATFORM_NAME": str(number)})
    assert queries() == few
    page = client.get(url("history", row.pk))
    assert len(page.context["entries"]) == 20
    assert "?limit=40" in page.content.decode()
    assert len(client.get(url("history", row.pk) + "?limit=40").context["entries"]) == 31
    assert client.get(url("history", row.pk) + "?limit=nonsense").status_code == 200


def test_rollback_is_confirmed_with_the_differences_and_is_a_new_revision(client, row):
    api.set_site_values(DOMAIN, {"PLATFORM_NAME": "Second"})
    page = client.get(url("rollback", row.pk, 1))
    assert [change.after for change in page.context["changes"]] == ["Maxi's Academy"]
    assert api.current_values(DOMAIN).revision == 2
    response = client.post(url("rollback", row.pk, 1), {"expected": 2, "reason": "it was better"})
    assert response["Location"] == url("history", row.pk)
    assert api.current_values(DOMAIN).values == START
    assert api.history(DOMAIN)[0].reason == "it was better"


def test_a_rollback_that_lost_a_race_is_refused_and_shown_again(client, row):
    api.set_site_values(DOMAIN, {"PLATFORM_NAME": "Second"})
    api.set_site_values(DOMAIN, {"PLATFORM_NAME": "Third"})
    response = client.post(url("rollback", row.pk, 1), {"expected": 2, "reason": "kept"})
    assert "at revision 3 by now" in response.content.decode()
    assert 'value="3"' in response.content.decode() and "kept" in response.content.decode()
    assert api.current_values(DOMAIN).values["PLATFORM_NAME"] == "Third"


def test_a_rollback_to_what_is_not_allowed_any_more_is_refused_by_name(client, row, settings):
    api.set_site_values(DOMAIN, {"MY_KEY": 1})
    api.unset_site_values(DOMAIN, ["MY_KEY"])
    settings.CCX_TENANCY = {"DENIED_KEYS": ["MY_KEY"]}
    response = client.post(url("rollback", row.pk, 2), {"expected": 3})
    assert "no site may set MY_KEY" in response.content.decode()
    assert api.current_values(DOMAIN).revision == 3


def test_a_revision_that_does_not_exist_is_not_found(client, row):
    assert client.get(url("rollback", row.pk, 9)).status_code == 404
    assert client.get(url("history", 999)).status_code == 404
    assert client.get(url("change", 999)).status_code == 302


def test_rollback_needs_the_csrf_token(boss, row):
    client = Client(enforce_csrf_checks=True)
    client.force_login(boss)
    assert client.post(url("rollback", row.pk, 1), {"expected": 1}).status_code == 403
    assert client.post(url("change", row.pk), {"text": "{}", "expected": 1, "_publish": "1"}).status_code == 403
    assert client.post(url("discard", row.site_id)).status_code == 403


# Who may


def test_a_viewer_reads_and_changes_nothing(row):
    viewer = staff("view_siteconfiguration")
    page = viewer.get(url("change", row.pk))
    assert page.status_code == 200
    assert "data-readonly" in page.content.decode()
    assert "_review" not in page.content.decode()
    assert post(viewer, row, GOOD, "_publish").status_code == 403
    assert post(viewer, row, GOOD, "_edit").status_code == 403
    assert viewer.get(url("history", row.pk)).status_code == 200
    assert "rollback" not in viewer.get(url("history", row.pk)).content.decode()
    assert viewer.get(url("rollback", row.pk, 1)).status_code == 403
    assert viewer.get(url("add")).status_code == 403
    assert viewer.get(url("preview", row.site_id)).status_code == 403
    assert viewer.post(url("discard", row.site_id)).status_code == 403


def test_staff_without_the_permission_see_nothing_of_it(row):
    stranger = staff()
    for page in (url("changelist"), url("change", row.pk), url("history", row.pk), url("rollback", row.pk, 1)):
        assert stranger.get(page).status_code == 403


def test_nobody_deletes_a_configuration_or_touches_a_revision(client, row):
    assert client.post(url("delete", row.pk), {"post": "yes"}).status_code == 403
    page = reverse("admin:ccx_site_config_siteconfigurationrevision_changelist")
    assert client.get(page, {"q": "maxi"}).status_code == 200
    assert client.get(reverse("admin:ccx_site_config_siteconfigurationrevision_add")).status_code == 403
    revision = SiteConfigurationRevision.objects.first()
    change = reverse("admin:ccx_site_config_siteconfigurationrevision_change", args=[revision.pk])
    assert client.get(change).status_code == 200
    assert client.post(change, {"revision": 7}).status_code == 403


def test_a_site_of_no_tenant_is_deleted_with_its_configuration_by_an_operator_alone(client):
    site = Site.objects.create(domain="plain.example.com", name="plain")
    api.set_site_values(site, {"PLATFORM_NAME": "Plain"})
    delete = reverse("admin:sites_site_delete", args=[site.pk])
    helper = staff("delete_site", "view_site", "delete_siteconfiguration", "delete_siteconfigurationrevision")
    assert "have permission to delete the following" in helper.get(delete).content.decode()
    assert helper.post(delete, {"post": "yes"}).status_code == 403
    assert client.post(delete, {"post": "yes"}).status_code == 302
    assert not SiteConfiguration.objects.exists()


class HostWithATable(StandaloneHost):
    """A host whose site values are not in our table."""

    def __init__(self):
        self.site_values = SimpleNamespace(load=lambda site_id: None)


def test_our_table_is_not_shown_where_the_host_has_one_of_its_own(client, row, settings):
    settings.CCX_TENANCY = {"HOST": "tests.site_config.test_admin.HostWithATable"}
    assert client.get(url("changelist")).status_code == 403
    assert client.get(url("add")).status_code == 403
    assert "Site configurations" not in client.get(reverse("admin:index")).content.decode()
    assert configurations(admin.site) is None
    tenant = row.site.tenant_domain.tenant
    page = client.get(reverse("admin:ccx_tenants_tenant_change", args=[tenant.pk])).content.decode()
    assert DOMAIN in page and "siteconfiguration/add" not in page


def test_the_schema_is_for_staff_and_may_be_kept(client, row):
    response = client.get(url("schema"))
    assert response.json()["keys"]["PLATFORM_NAME"]["schema"]["type"] == "string"
    assert "max-age=300" in response["Cache-Control"] and "private" in response["Cache-Control"]
    assert client.get(url("schema"), headers={"if-none-match": response["ETag"]}).status_code == 304
    assert Client().get(url("schema")).status_code == 302


# Many


def many(count):
    sites = Site.objects.bulk_create([Site(domain=f"s{n:05}.example.com", name=f"s{n}") for n in range(count)])
    sites = list(Site.objects.filter(domain__startswith="s").order_by("pk")) if sites[0].pk is None else sites
    rows = [SiteConfiguration(site=site, site_values={"a": 1}, revision=1) for site in sites]
    SiteConfiguration.objects.bulk_create(rows, batch_size=500)


def test_the_list_asks_the_same_with_10_and_with_10000_configurations(client, row):
    pages = (url("changelist"), url("add"), url("change", row.pk), url("history", row.pk), url("rollback", row.pk, 1))

    def queries(page=pages[0], **search):
        answers = []
        asked = counted(lambda: answers.append(client.get(page, search)))
        assert [answer.status_code for answer in answers] == [200, 200]
        return len(asked)

    many(10)
    few = [queries(page) for page in pages], queries(q="maxi")
    Site.objects.filter(domain__startswith="s0").delete()
    many(10_000)
    assert ([queries(page) for page in pages], queries(q="maxi")) == few
    assert "maxi-academy.example.com" in client.get(url("changelist"), {"q": "maxi"}).content.decode()
    page = client.get(url("add")).content
    assert len(page) < 40_000


# The parts


def test_places_names_line_and_column_of_each_value():
    text = '{"a":1,\n "b" : [1,\n 2],\r\n  "c.d": {"e": 2}}'
    assert places(text) == {"a": (1, 6), "b": (2, 8), "c.d": (4, 10)}
    assert places("{}") == {} == places(" {\n}")
    assert list(places(text)) == list(parse(text))


def test_lines_are_compared_with_their_numbers_and_gaps():
    old = "\n".join(f"line {n}" for n in range(1, 21))
    new = old.replace("line 10", "other\nmore")
    shown = diff.lines(old, new, context=1)
    assert [(line.kind, line.before, line.after) for line in shown] == [
        ("gap", None, None),
        ("same", 9, 9),
        ("removed", 10, None),
        ("added", None, 10),
        ("added", None, 11),
        ("same", 11, 12),
        ("gap", None, None),
    ]
    assert diff.lines(old, old) == []
    assert diff.lines("\n".join("ab" * 3000), "") is None
    assert diff.lines("", "a") == [diff.Line("added", "a", after=1)]


# The addresses


@pytest.mark.parametrize("service", ["lms.djangoapp", "cms.djangoapp"])
def test_the_plug_in_gives_a_host_the_addresses_of_the_preview(service):
    from edx_django_utils.plugins.plugin_urls import _get_url

    config = apps.get_app_config("ccx_tenancy").plugin_app["url_config"][service]
    pattern = _get_url(f"ccx_tenancy.{config['relative_path']}", config)
    assert pattern.resolve("__tenancy/preview").view_name == "ccx_site_config:preview"
