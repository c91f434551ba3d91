"""What each surface shows, and to whom."""

import html
import io

import pytest
from django.contrib.auth.models import User
from django.contrib.sites.models import Site
from opaque_keys.edx.keys import CourseKey

from ccx_tenancy.membership import api as membership
from ccx_tenancy.site_config.api import set_site_values
from sandbox.courses.models import Course
from sandbox.prepare import prepare

MAXI, BLUE, DEFAULT, STUDIO = "maxi-academy.localhost", "blue-university.localhost", "localhost", "studio.localhost"
OWN = "/courses/course-v1:maxi-academy+CS101+2026_T1/about"
FOREIGN = "/courses/course-v1:blue-labs+ROB3+2026_T1/about"
SIGN_IN = {"username": "maxi-learner", "password": "sandbox-maxi-learner"}
ACCOUNT = {
    "username": "newcomer",
    "email": "newcomer@example.com",
    "password1": "a long secret 1",
    "password2": "a long secret 1",
}


def text(response):
    return html.unescape(response.content.decode())


def names(response):
    return [course.display_name for course in response.context["courses"]]


def test_each_site_shows_its_own_courses_only(browse):
    assert names(browse(MAXI).get("/")) == [
        "Introduction to Computer Science",
        "Multi-tenant Platforms",
        "Teaching in Montevideo",
    ]
    assert names(browse(DEFAULT).get("/")) == ["Demonstration Course", "Running the Platform"]


def test_a_site_that_says_so_sorts_its_courses_by_start_latest_first(browse):
    expected = ["Oceanografía", "Robótica submarina", "Estadística para las ciencias"]
    assert names(browse(BLUE).get("/")) == expected
    set_site_values(BLUE, {"ENABLE_COURSE_SORTING_BY_START_DATE": False})
    assert names(browse(BLUE).get("/")) == sorted(expected)


def test_a_course_org_filter_makes_the_courses_fewer(browse):
    set_site_values(BLUE, {"course_org_filter": ["blue-labs"]})
    assert names(browse(BLUE).get("/")) == ["Robótica submarina"]
    assert browse(BLUE).get("/courses/course-v1:blue-university+OCE1+2026_T2/about").status_code == 404


def test_a_filter_on_the_default_site_opens_no_tenants_courses(browse):
    set_site_values("localhost", {"course_org_filter": ["maxi-academy", "OpenedX"]})
    assert names(browse(DEFAULT).get("/")) == ["Demonstration Course", "Running the Platform"]
    set_site_values("localhost", {"course_org_filter": "maxi-academy"})
    assert names(browse(DEFAULT).get("/")) == []


def test_the_organization_of_a_course_compares_without_regard_to_case(browse):
    Course.objects.filter(org="blue-labs").delete()
    key = CourseKey.from_string("course-v1:Blue-LABS+ROB4+2027")
    Course.objects.create(id=key, display_name="Robótica aérea", start="2027-01-01")
    assert "Robótica aérea" in names(browse(BLUE).get("/"))


def test_a_foreign_course_gets_the_same_answer_as_one_that_does_not_exist(browse):
    assert browse(MAXI).get(OWN).status_code == 200
    foreign, missing = browse(MAXI).get(FOREIGN), browse(MAXI).get(FOREIGN.replace("ROB3", "NONE"))
    assert foreign.status_code == missing.status_code == 404
    assert foreign.content == missing.content
    assert foreign.headers == missing.headers


@pytest.mark.parametrize("key", ["course-v1:a+b", "library-v1:maxi-academy+L", "a b c", "course-v1:a+b+c+d", "%00+a+b"])
def test_what_is_no_course_key_is_not_found(browse, key):
    assert browse(MAXI).get(f"/courses/{key}/about").status_code == 404


def test_the_language_of_the_configuration_changes_the_texts_of_every_page(browse):
    spanish, english = browse(BLUE).get("/"), browse(MAXI).get("/")
    assert '<html lang="es">' in text(spanish) and '<h2 id="courses">Cursos</h2>' in text(spanish)
    assert spanish.headers["Content-Language"] == "es"
    assert '<html lang="en">' in text(english) and '<h2 id="courses">Courses</h2>' in text(english)
    assert "Contraseña" in text(browse(BLUE).get("/login"))
    assert "No se encontró" in text(browse(BLUE).get(OWN))
    set_site_values(BLUE, {"LANGUAGE_CODE": "en"})
    assert '<h2 id="courses">Courses</h2>' in text(browse(BLUE).get("/"))


def test_a_language_without_texts_falls_back_to_that_of_the_settings(browse):
    set_site_values(BLUE, {"LANGUAGE_CODE": "xx"})
    assert '<html lang="en">' in text(browse(BLUE).get("/"))


def test_the_configuration_switches_between_one_page_with_both_forms_and_a_page_for_each(browse):
    both = ['action="/login"', 'action="/register"']
    for path in ("/login", "/register"):
        assert all(form in text(browse(MAXI).get(path)) for form in both)
    assert both[1] not in text(browse(BLUE).get("/login"))
    assert both[0] not in text(browse(BLUE).get("/register"))
    set_site_values(BLUE, {"ENABLE_COMBINED_LOGIN_REGISTRATION": True})
    assert all(form in text(browse(BLUE).get("/login")) for form in both)


def test_ids_are_unique_on_the_page_with_both_forms(browse):
    ids = text(browse(MAXI).get("/login")).split(' id="')[1:]
    found = [one.split('"', 1)[0] for one in ids]
    assert len(found) == len(set(found))


def test_signing_in_leads_to_where_the_person_wanted_to_go_and_never_to_another_host(browse):
    browser = browse(MAXI)
    assert browser.post("/login", {**SIGN_IN, "next": OWN}).headers["Location"] == OWN
    assert browser.post("/logout").headers["Location"] == "/"
    assert browser.post("/login", {**SIGN_IN, "next": "https://example.com/"}).headers["Location"] == "/"


def test_a_new_account_is_a_learner_of_that_tenant_and_signed_in(browse):
    browser = browse(BLUE)
    assert browser.post("/register", {**ACCOUNT, "next": FOREIGN}).headers["Location"] == FOREIGN
    assert "newcomer" in text(browser.get("/"))
    user = User.objects.get(username="newcomer")
    assert membership.has_role(user, "blue-university", "learner")
    assert not membership.is_member(user, "maxi-academy")


def test_who_may_not_join_gets_no_account_and_the_reason(browse):
    set_site_values(BLUE, {"JOIN_POLICY": "invitation"})
    assert "admits only who holds an invitation" in text(browse(BLUE).post("/register", ACCOUNT))
    assert not User.objects.filter(username="newcomer").exists()


@pytest.mark.parametrize("taken", [{"username": "Staff"}, {"email": "STAFF@example.com"}])
def test_a_name_or_address_that_is_taken_in_any_case_is_refused(browse, taken):
    before = User.objects.count()
    assert 'role="alert"' in text(browse(MAXI).post("/register", {**ACCOUNT, **taken}))
    assert User.objects.count() == before


def test_a_member_of_one_tenant_does_not_sign_in_at_the_other(browse):
    browser = browse(BLUE)
    assert 'role="alert"' in text(browser.post("/login", SIGN_IN))
    assert "_auth_user_id" not in browser.session


def test_a_refused_account_says_why_and_keeps_what_was_typed(browse):
    response = browse(MAXI).post("/register", {**ACCOUNT, "password2": "another", "next": OWN})
    assert response.status_code == 200
    assert 'value="newcomer"' in text(response) and f'value="{OWN}"' in text(response)
    assert 'role="alert"' in text(response)
    assert not User.objects.filter(username="newcomer").exists()


def test_a_site_may_make_no_accounts(browse):
    assert "/register" not in text(browse(DEFAULT).get("/"))
    assert browse(DEFAULT).get("/register").status_code == 404
    assert browse(DEFAULT).post("/register", ACCOUNT).status_code == 404
    assert not User.objects.filter(username="newcomer").exists()


def test_a_session_of_one_tenant_is_nobodys_on_the_other(browse):
    browser, other = browse(MAXI), browse(BLUE)
    browser.post("/login", SIGN_IN)
    other.cookies = browser.cookies
    assert "maxi-learner" in text(browser.get("/"))
    assert "maxi-learner" not in text(other.get("/"))
    assert "maxi-learner" in text(browser.get("/"))


def test_a_request_that_names_a_foreign_course_anywhere_is_not_found(browse):
    own, foreign = ("course-v1:maxi-academy+CS101+2026_T1", "course-v1:blue-labs+ROB3+2026_T1")
    browser = browse(MAXI)
    assert browser.get("/", {"course_id": own}).status_code == 200
    assert browser.get("/", {"course_id": foreign}).status_code == 404
    assert browser.post("/login", {**SIGN_IN, "course_id": foreign}).status_code == 404
    author = browse(STUDIO)
    author.post("/login", {"username": "maxi-owner", "password": "sandbox-maxi-owner"})
    assert author.get("/home/", {"course_id": own}).status_code == 200
    assert author.get("/home/", {"course_id": foreign}).status_code == 404


def test_the_admin_is_on_the_default_site_alone(browse):
    assert browse(DEFAULT).get("/admin/login/").status_code == 200
    for host in (MAXI, BLUE, STUDIO):
        assert browse(host).get("/admin/login/").status_code == 404


def test_studio_asks_to_sign_in_and_shows_operators_every_course_with_its_organization(browse):
    browser = browse(STUDIO)
    assert browser.get("/").headers["Location"] == "/home/"
    assert browser.get("/home/").headers["Location"] == "/login?next=/home/"
    browser.post("/login", {"username": "admin", "password": "sandbox-admin"})
    page = text(browser.get("/home/"))
    for course in Course.objects.all():
        assert str(course.id) in page and course.display_name in page
        assert browser.get(f"/course/{course.id}").status_code == 200


def test_studio_shows_authors_the_courses_of_their_organizations_and_no_other(browse):
    browser = browse(STUDIO)
    browser.post("/login", {"username": "blue-author", "password": "sandbox-blue-author"})
    assert [one["course"].display_name for one in browser.get("/home/").context["courses"]] == ["Robótica submarina"]
    assert browser.get("/course/course-v1:blue-labs+ROB3+2026_T1").status_code == 200
    assert browser.get("/course/course-v1:blue-university+OCE1+2026_T2").status_code == 404


def test_studio_partitions_global_staff_too(browse):
    browser = browse(STUDIO)
    browser.post("/login", {"username": "staff", "password": "sandbox-staff"})
    assert {one["course"].org for one in browser.get("/home/").context["courses"]} == {"maxi-academy"}
    assert browser.get("/course/course-v1:OpenedX+OPS1+2026_T1").status_code == 404


def test_an_operator_sees_on_each_site_what_belongs_there(browse):
    for host in (MAXI, DEFAULT):
        expected = names(browse(host).get("/"))
        browser = browse(host)
        browser.post("/login", {"username": "admin", "password": "sandbox-admin"})
        assert names(browser.get("/")) == expected
        assert "admin" in text(browser.get("/"))


def test_studio_shows_nothing_to_learners(browse):
    browser = browse(STUDIO)
    browser.post("/login", SIGN_IN)
    assert "There is no course that you may open here." in text(browser.get("/home/"))
    assert browser.get("/course/course-v1:maxi-academy+CS101+2026_T1").status_code == 404


def test_an_alias_redirects_with_path_and_query_kept(browse):
    response = browse("www.blue-university.localhost").get("/courses/x?next=%2Fa%20b")
    assert response.status_code == 301
    assert response.headers["Location"] == f"http://{BLUE}:8000/courses/x?next=%2Fa%20b"


@pytest.mark.parametrize(
    ("host", "status"), [("nobody.localhost", 404), ("example.com", 400), ("127.0.0.1", 200), ("LOCALHOST.", 200)]
)
def test_a_host_name_is_known_or_shows_nothing(browse, host, status):
    response = browse(host).get("/")
    assert response.status_code == status
    assert ("Demonstration Course" in text(response)) is (status == 200)


def test_the_foot_of_the_page_says_where_each_value_comes_from(browse):
    page = text(browse(BLUE).get("/"))
    assert '<th scope="row"><code>LANGUAGE_CODE</code></th><td><code>"es"</code></td><td>site</td>' in page
    page = text(browse(MAXI).get("/"))
    assert '<th scope="row"><code>LANGUAGE_CODE</code></th><td><code>"en"</code></td><td>settings</td>' in page


def test_a_name_with_markup_is_shown_as_text(browse):
    set_site_values(MAXI, {"PLATFORM_NAME": "<script>alert(1)</script>"})
    assert b"<script>" not in browse(MAXI).get("/").content


def test_setting_up_again_brings_the_configuration_of_the_file_back(browse):
    set_site_values(MAXI, {"PLATFORM_NAME": "Changed"})
    prepare(io.StringIO(), 8000)
    assert "Maxi's Academy" in text(browse(MAXI).get("/"))
    assert Site.objects.get(pk=1).domain == "localhost"
