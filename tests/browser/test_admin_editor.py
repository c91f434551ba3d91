"""A site admin at work in a real browser: the talk's own mistake, found, fixed, reviewed, published and undone."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.contrib.sites.models import Site
from django.urls import reverse

from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.site_config.documents import dump
from ccx_tenancy.site_config.models import SiteConfiguration
from ccx_tenancy.tenants import api as tenants_api
from tests.browser.test_json_editor import TALK, Editor
from tests.conftest import make_tenants

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DOMAIN = "maxi-academy.localhost"


@pytest.fixture
def open_admin(live_server, new_page):
    """A function that opens a page of the admin as a superuser; the page keeps the hosts it asked in ``hosts``."""
    make_tenants()
    User.objects.create_superuser("boss", "boss@example.com", "secret")

    def opened(address, **options):
        page = new_page(**options)
        page.hosts = set()
        page.on("request", lambda request: page.hosts.add(urlsplit(request.url).netloc))
        page.goto(f"{live_server.url}{reverse('admin:login')}?next={address}")
        page.get_by_label("Username:").fill("boss")
        page.get_by_label("Password:").fill("secret")
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"**{address}")
        return page

    return opened


def change_url():
    row = SiteConfiguration.objects.get(site__domain=DOMAIN)
    return reverse("admin:ccx_site_config_siteconfiguration_change", args=[row.pk])


def replace_text(page, text):
    """Select all and paste, as a person would."""
    editor = Editor(page)
    editor.content.click()
    editor.press("Control+a")
    page.keyboard.insert_text(text)
    assert editor.text == text
    return editor


def test_the_talks_mistake_is_found_fixed_published_and_undone(open_admin, live_server):
    page = open_admin(change_url())
    editor = Editor(page)
    editor.content.wait_for()
    before = site_config.current_values(DOMAIN).values
    assert editor.text == dump(before)

    # The mistake: the editor says it while it is typed, the server refuses it, and nothing of it is lost.
    mistaken = TALK.replace("Maxi's Academy", "Maxi's New Academy")
    replace_text(page, mistaken)
    editor.says("line 5")
    page.get_by_role("button", name="Review the changes").click()
    message = page.locator(".ccx-editor-row .errorlist")
    message.wait_for()
    assert "Line 5, column 45: a comma may not stand before the closing '}': remove it." in message.inner_text()
    editor = Editor(page)
    editor.says("line 5, column 45: a comma may not stand before the closing '}': remove it.")
    assert editor.text == mistaken
    assert site_config.current_values(DOMAIN).revision == 1

    # The fix, and what it would change.
    editor.put_cursor("true,")
    editor.press("Backspace")
    editor.says("No mistakes")
    page.get_by_role("button", name="Review the changes").click()
    table = page.locator("table.ccx-changes")
    table.wait_for()
    assert page.locator("table.ccx-changes del").all_inner_texts() == [
        '"Maxi\'s Academy"',
    ] + [dump(before["SITE_NAME"])] * (before["SITE_NAME"] != "maxi-academy.example.com")
    assert '"Maxi\'s New Academy"' in table.inner_text()
    assert page.locator(".ccx-line-added").first.is_visible()
    assert site_config.current_values(DOMAIN).revision == 1

    # Back to editing and forth again loses nothing.
    page.get_by_role("button", name="Back to editing").click()
    Editor(page).content.wait_for()
    assert Editor(page).text == mistaken.replace("true,", "true")
    page.get_by_role("button", name="Review the changes").click()
    page.get_by_label("Reason:").fill("as in the talk")
    page.get_by_role("button", name="Publish").click()
    page.get_by_text(f"Revision 2 of {DOMAIN} is published.").wait_for()
    assert site_config.current_values(DOMAIN).values["PLATFORM_NAME"] == "Maxi's New Academy"

    # Who, when, why, and back.
    page.get_by_role("link", name="History").click()
    newest = page.locator("article").first
    newest.wait_for()
    assert "boss" in newest.inner_text() and "as in the talk" in newest.inner_text()
    page.get_by_role("link", name="Roll back to this").click()
    page.get_by_role("heading", name=f"Roll {DOMAIN} back to revision 1?").wait_for()
    assert "Maxi's New Academy" in page.locator("table.ccx-changes").inner_text()
    assert site_config.current_values(DOMAIN).revision == 2
    page.get_by_role("button", name="Roll back to revision 1").click()
    page.get_by_text("has the values of revision 1 again, as revision 3").wait_for()
    assert site_config.current_values(DOMAIN).values == before
    assert [one.actor for one in site_config.history(DOMAIN)] == ["boss", "boss", ""]

    assert page.hosts == {urlsplit(live_server.url).netloc}


def test_a_document_that_is_too_large_is_refused_before_it_is_sent_and_stays(open_admin):
    page = open_admin(change_url())
    editor = Editor(page)
    editor.content.wait_for()
    large = '{"a": "' + "x" * 5_000_000 + '"}'
    page.evaluate(
        "(text) => ccxTenancyJsonEditor.get(document.querySelector('textarea.ccx-json-editor')).setText(text)", large
    )
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.get_by_role("button", name="Review the changes").click()
    page.locator("#ccx-text-errors").get_by_text("5,000,009 bytes; allowed are 1,048,576").wait_for()
    assert sent == []
    assert len(editor.text) == len(large)


def test_a_page_with_a_text_that_was_not_sent_is_not_left_without_a_question(open_admin):
    page = open_admin(change_url())
    Editor(page).content.wait_for()
    asked = []

    def stay(dialog):
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    replace_text(page, TALK)
    page.get_by_role("link", name="Close").click()
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    assert Editor(page).text == TALK
    page.get_by_role("button", name="Review the changes").click()
    page.locator(".ccx-editor-row .errorlist").wait_for()
    assert asked == ["beforeunload"]


def test_a_lost_race_keeps_what_was_typed_and_shows_both_differences(open_admin):
    page = open_admin(change_url())
    Editor(page).content.wait_for()
    typed = '{\n  "PLATFORM_NAME": "Mine",\n  "course_org_filter": "maxi-academy"\n}'
    replace_text(page, typed)
    page.get_by_role("button", name="Review the changes").click()
    page.get_by_role("button", name="Publish").wait_for()
    site_config.set_site_values(DOMAIN, {"PLATFORM_NAME": "Theirs"})
    page.get_by_role("button", name="Publish").click()
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "Theirs" in alert.inner_text() and "Mine" in alert.inner_text()
    assert Editor(page).text == typed
    page.get_by_role("button", name="Review the changes").click()
    page.get_by_role("button", name="Publish").click()
    page.get_by_text(f"Revision 3 of {DOMAIN} is published.").wait_for()


def test_a_draft_is_previewed_on_its_own_site_and_the_preview_is_ended(open_admin, live_server):
    page = open_admin(change_url())
    Editor(page).content.wait_for()
    replace_text(page, '{"PLATFORM_NAME": "Drafted"}')
    page.get_by_role("button", name="Save as draft").click()
    page.get_by_text("is saved. Nobody else sees it").wait_for()
    with page.expect_popup() as popup:
        page.get_by_role("link", name="Preview the draft").click()
    site = popup.value
    port = urlsplit(live_server.url).port
    site.wait_for_url(f"http://{DOMAIN}:{port}/")

    def cookies():
        return [cookie for cookie in page.context.cookies() if cookie["name"] == site_config.PREVIEW_COOKIE]

    (cookie,) = cookies()
    assert (cookie["domain"], cookie["httpOnly"], cookie["sameSite"]) == (DOMAIN, True, "Lax")
    with page.expect_popup() as popup:
        page.get_by_role("link", name="End the preview").click()
    popup.value.wait_for_url(f"http://{DOMAIN}:{port}/")
    assert cookies() == []
    page.get_by_role("button", name="Discard the draft").click()
    page.get_by_text("Your draft is discarded.").wait_for()


def test_a_configuration_is_added_for_a_site_found_by_typing(open_admin):
    Site.objects.create(domain="extra.localhost", name="extra")
    page = open_admin(reverse("admin:ccx_site_config_siteconfiguration_add"))
    Editor(page).content.wait_for()
    page.locator(".select2-selection").click()
    page.keyboard.type("extra")
    page.locator(".select2-results__option", has_text="extra.localhost").click()
    replace_text(page, '{"PLATFORM_NAME": "Extra"}')
    page.get_by_role("button", name="Review the changes").click()
    page.get_by_role("button", name="Publish").click()
    page.get_by_text("Revision 1 of extra.localhost is published.").wait_for()


def test_a_tenant_gets_a_domain_an_organization_and_another_state(open_admin):
    tenant = tenants_api.get_tenant("maxi-academy")
    page = open_admin(reverse("admin:ccx_tenants_tenant_change", args=[tenant.pk]))
    page.locator("#id_domains-2-0-domain").fill("Büro.localhost")
    page.locator("#id_tenant_organizations-2-0-new").fill("BLUE")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("The organization 'BLUE' exists as 'blue'").wait_for()
    assert page.locator("#id_domains-2-0-domain").input_value() == "Büro.localhost"
    page.locator("#id_tenant_organizations-2-0-new").fill("maxi-two")
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_text("was changed successfully").wait_for()
    assert "xn--bro-hoa.localhost" in page.content()
    page.get_by_role("link", name="Suspend").click()
    page.get_by_label("Reason:").fill("unpaid")
    page.get_by_role("button", name="Suspend").click()
    page.get_by_text("1 tenant is suspended now.").wait_for()
    assert tenants_api.get_tenant("maxi-academy").state == "suspended"
