"""The sandbox in a real browser: one tenant's member, an invitation, its mail, and the other tenant's door."""

import re

import pytest

pytestmark = pytest.mark.browser


def sign_in(page, address, name):
    page.goto(f"{address}/login")
    form = page.locator('form[action="/login"]')
    form.get_by_label(re.compile("Username|Nombre de usuario")).fill(name)
    form.get_by_label(re.compile("Password|Contraseña")).fill(f"sandbox-{name}")
    form.get_by_role("button").click()


def test_a_member_is_somebody_on_one_tenant_and_nobody_on_the_other(port, new_page):
    maxi, blue = (f"http://{host}.localhost:{port}" for host in ("maxi-academy", "blue-university"))
    page = new_page()
    sign_in(page, maxi, "maxi-learner")
    page.wait_for_url(f"{maxi}/")
    assert page.locator("header .who").inner_text() == "maxi-learner"
    assert page.get_by_role("listitem").count() == 3
    page.goto(f"{blue}/")
    assert page.locator("header .who").count() == 0
    sign_in(page, blue, "maxi-learner")
    assert page.get_by_role("alert").is_visible()
    assert page.locator("html").get_attribute("lang") == "es"


def invited(port, owner, operator, address, role="author"):
    """Invite somebody as the owner, find the mail in the operator's outbox, and return its link."""
    maxi, default = f"http://maxi-academy.localhost:{port}", f"http://localhost:{port}"
    owner.goto(f"{maxi}/members")
    owner.get_by_label("E-mail address").fill(address)
    owner.get_by_label("Role").select_option(role)
    owner.get_by_role("button", name="Invite").click()
    assert owner.get_by_role("status").inner_text() == f"{address} is invited."
    operator.goto(f"{default}/outbox/")
    return operator.get_by_role("link", name="/tenancy/invitations/").first.get_attribute("href")


def test_an_administrator_invites_and_the_link_in_the_outbox_leads_in(port, new_page):
    maxi, default = f"http://maxi-academy.localhost:{port}", f"http://localhost:{port}"
    owner, operator, guest = new_page(), new_page(), new_page()
    sign_in(owner, maxi, "maxi-owner")
    sign_in(operator, default, "admin")
    guest.goto(invited(port, owner, operator, "guest@example.com"))
    guest.get_by_label("Username").fill("guest")
    guest.get_by_label("Password", exact=True).fill("a long secret 1")
    guest.get_by_label("Password confirmation").fill("a long secret 1")
    guest.get_by_role("button", name="Accept").click()
    guest.wait_for_url(f"{maxi}/")
    assert guest.get_by_role("status").inner_text() == "You are a member of maxi-academy now."
    assert guest.locator("header .who").inner_text() == "guest"
    owner.reload()
    assert "guest@example.com" in owner.get_by_role("table").inner_text()


def test_an_account_of_another_tenant_accepts_with_its_password(port, new_page):
    maxi, blue = (f"http://{host}.localhost:{port}" for host in ("maxi-academy", "blue-university"))
    owner, operator, guest = new_page(), new_page(), new_page()
    sign_in(owner, maxi, "maxi-owner")
    sign_in(operator, f"http://localhost:{port}", "admin")
    sign_in(guest, blue, "blue-learner")
    guest.wait_for_url(f"{blue}/")
    # Signed in there, and nobody here until the invitation is accepted.
    guest.goto(invited(port, owner, operator, "blue-learner@example.com"))
    assert "There is an account with this address." in guest.locator("main").inner_text()
    guest.get_by_label("Password").fill("not this one")
    guest.get_by_role("button", name="Accept").click()
    assert guest.get_by_role("alert").inner_text() == "This is not the password of the account."
    guest.get_by_label("Password").fill("sandbox-blue-learner")
    guest.get_by_role("button", name="Accept").click()
    guest.wait_for_url(f"{maxi}/")
    assert guest.locator("header .who").inner_text() == "blue-learner"
    guest.goto(f"{blue}/")
    assert guest.locator("header .who").inner_text() == "blue-learner"


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_the_screen(port, new_page, width, scheme):
    page = new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    maxi = f"http://maxi-academy.localhost:{port}"
    studio = f"http://studio.localhost:{port}"
    seen = [f"{maxi}/", f"{maxi}/login", f"{maxi}/nothing-here", f"http://blue-university.localhost:{port}/"]
    sign_in(page, studio, "maxi-owner")
    sign_in(page, maxi, "maxi-owner")
    own = [f"{maxi}/tenancy/{name}/" for name in ("members", "invitations", "configuration", "history", "audit")]
    for address in [*seen, f"{maxi}/members", f"{studio}/home/", *own, f"{maxi}/tenancy/configuration/PLATFORM_NAME/"]:
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address


def test_an_operator_sees_all_tenants_in_studio_or_one_by_keyboard_alone(port, new_page):
    studio = f"http://studio.localhost:{port}"
    page = new_page()
    sign_in(page, studio, "admin")
    page.wait_for_url(f"{studio}/home/")
    owners = page.locator("tbody tr td:last-child")
    assert {"maxi-academy", "blue-university"} <= set(owners.all_inner_texts())
    page.get_by_role("link", name="Choose a tenant").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{studio}/tenancy/tenant/?next=**")
    assert page.locator("main h1").inner_text() == "Which tenant do you want to see?"
    page.get_by_role("button", name=re.compile("^See Blue University alone")).focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{studio}/home/")
    assert set(owners.all_inner_texts()) == {"blue-university"}
    page.get_by_role("link", name="Choose a tenant").click()
    assert page.locator('[aria-current="true"]').inner_text().startswith("Blue University")
    page.get_by_role("button", name="See all").click()
    page.wait_for_url(f"{studio}/home/")
    assert {"maxi-academy", "blue-university"} <= set(owners.all_inner_texts())
