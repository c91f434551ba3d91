"""The marketplace as people meet it: publish, arrive, follow the mail, price, buy twenty seats, teach, buy ten more."""

import re

import pytest

from tests.browser.test_sandbox import sign_in

pytestmark = pytest.mark.browser

TITLE = "Introduction to Computer Science"


def sign_in_at_the_portal(page, portal, name):
    page.goto(f"{portal}/sign-in/")
    page.get_by_label("E-mail address").fill(f"{name}@example.com")
    page.get_by_label("Password").fill(f"sandbox-{name}")
    page.get_by_role("button", name="Sign in").click()


def buy(page, portal, seats, amount):
    page.goto(f"{portal}/")
    page.get_by_role("link", name=TITLE).click()
    page.get_by_role("spinbutton").fill(str(seats))
    page.get_by_role("button", name="Put into the cart").click()
    page.get_by_role("link", name="To the checkout").click()
    page.get_by_label("A card that pays", exact=True).check()
    page.get_by_role("button", name=f"Order and pay {amount}").click()
    page.get_by_text("Thank you: your order is paid.").wait_for()


def test_from_the_authors_studio_to_another_teachers_seats(port, new_page):
    maxi, blue = (f"http://{host}.localhost:{port}" for host in ("maxi-academy", "blue-university"))
    studio, portal, default = (
        f"http://{host}:{port}" for host in ("studio.localhost", "portal.localhost", "localhost")
    )

    # An author lets custom courses be made of a course, and publishes it.
    author = new_page()
    sign_in(author, studio, "maxi-owner")
    author.get_by_role("link", name=TITLE).click()
    author.get_by_label("Custom courses may be made of it").check()
    author.get_by_label("CCX connector").select_option(label="Marketplace")
    author.get_by_role("button", name="Publish").click()
    author.get_by_text("The course was published.").wait_for()

    # It is at the hub, whose admin lists it, and at the portal, where nobody sees it yet.
    operator = new_page()
    operator.goto(f"{default}/admin/login/")
    operator.get_by_label("Username").fill("admin")
    operator.get_by_label("Password").fill("sandbox-admin")
    operator.get_by_role("button", name="Log in").click()
    for path in ("ccx_hub/course", "ccx_portal/course"):
        operator.goto(f"{default}/admin/{path}/")
        operator.get_by_text("course-v1:maxi-academy+CS101+2026_T1").first.wait_for()
    nobody = new_page()
    nobody.goto(f"{portal}/")
    assert nobody.get_by_text(TITLE).count() == 0

    # The mail's link leads the author's account to its courses.
    operator.goto(f"{default}/outbox/")
    link = operator.get_by_role("link", name="/link/").first.get_attribute("href")
    author.goto(link)
    assert "token" not in author.url
    author.get_by_role("main").get_by_role("link", name="Sign in").click()
    author.get_by_label("E-mail address").fill("maxi-owner@example.com")
    author.get_by_label("Password").fill("sandbox-maxi-owner")
    author.get_by_role("button", name="Sign in").click()
    author.get_by_role("button", name="Link my account").click()
    author.get_by_role("main").get_by_role("link", name=TITLE).click()
    for number, price in enumerate(("5.00", "3.50", "1.50")):
        author.get_by_label(re.compile("Price of a seat")).nth(number).fill(price)
    author.get_by_label("Offer this course").check()
    author.get_by_role("button", name="Save").click()
    author.get_by_text("Everybody can find the course now.").wait_for()
    nobody.reload()
    assert "10.00 USD" in nobody.get_by_role("main").inner_text()
    again = new_page()
    again.goto(link)
    assert again.get_by_role("alert").inner_text() == "This link was used already."

    # A teacher of another tenant buys twenty seats, and finds the custom course on the own LMS.
    teacher = new_page()
    sign_in_at_the_portal(teacher, portal, "blue-author")
    buy(teacher, portal, 20, "200.00 USD")
    teacher.reload()
    assert "ready" in teacher.get_by_role("table").inner_text()
    key = re.search(r"ccx-v1:\S+", teacher.get_by_role("table").inner_text())[0]
    teacher.get_by_role("link", name="Invoice").click()
    assert "200.00 USD" in teacher.get_by_role("table").inner_text()
    sign_in(teacher, blue, "blue-author")
    teacher.get_by_role("link", name=TITLE).click()
    assert key in teacher.content()
    assert re.search(r"Plazas\s+20", teacher.get_by_role("main").inner_text())

    # The seats bought are where ten more start from.
    teacher.goto(f"{portal}/")
    teacher.get_by_role("link", name=TITLE).click()
    assert teacher.get_by_role("spinbutton").input_value() == "20"
    buy(teacher, portal, 30, "100.00 USD")
    teacher.goto(f"{blue}/")
    teacher.get_by_role("link", name=TITLE).click()
    assert re.search(r"Plazas\s+30", teacher.get_by_role("main").inner_text())

    # The other tenant's people do not meet it, and no seat was sold twice.
    author.goto(f"{maxi}/")
    assert key not in author.content()
    teacher.goto(f"{portal}/orders/")
    assert teacher.get_by_role("row").count() == 3


def test_a_teacher_registers_by_a_mail_whose_link_is_good_once(port, new_page):
    portal, default = f"http://portal.localhost:{port}", f"http://localhost:{port}"
    page, operator = new_page(), new_page()
    page.goto(f"{portal}/register/?next=/orders/")
    page.get_by_label("Full name").fill("Grace Teacher")
    page.get_by_label("Organization").fill("School")
    page.get_by_label("E-mail address").fill("grace@example.com")
    page.get_by_label("Password").fill("a long secret 1")
    page.get_by_role("button", name="Register").click()
    page.get_by_role("heading", name="Look into your mails").wait_for()
    sign_in(operator, default, "admin")
    operator.goto(f"{default}/outbox/")
    link = operator.get_by_role("link", name="/activate/").first.get_attribute("href")
    page.goto(link)
    page.get_by_label("Password").fill("a long secret 1")
    page.get_by_role("button", name="Activate").click()
    page.wait_for_url(f"{portal}/orders/")
    page.goto(link)
    assert page.get_by_role("alert").is_visible()


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_of_the_portal_is_wider_than_the_screen(port, new_page, width, scheme):
    page = new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    portal = f"http://portal.localhost:{port}"
    public = ("/", "/sign-in/", "/register/", "/password/", "/link/", "/nothing-here/")
    private = ("/cart/", "/orders/", "/account/", "/teach/")
    for path in public:
        page.goto(f"{portal}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    sign_in_at_the_portal(page, portal, "maxi-learner")
    for path in private:
        page.goto(f"{portal}{path}")
        assert page.get_by_role("heading", level=1).count() == 1, path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
