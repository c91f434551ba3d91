"""Who reaches a CCX that Globex bought of Acme."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpResponse
from django.test import Client, RequestFactory
from opaque_keys.edx.keys import CourseKey

from ccx_tenancy import api as tenancy
from ccx_tenancy.ccxcon import api
from ccx_tenancy.middleware.course_partition import CoursePartitionMiddleware
from ccx_tenancy.partition.policy import Named, foreign_to, known, may_name
from ccx_tenancy.tenants import revisions
from sandbox.courses.custom_courses import enroll
from tests.ccxcon.conftest import KEY

pytestmark = pytest.mark.django_db


@pytest.fixture
def ccx(course, seller, teacher):
    order = {
        "master_course_id": KEY,
        "coach_email": teacher.email,
        "max_students_allowed": 25,
        "display_name": "My CCX",
        "organization": "GlobexX",
    }
    return api.order_ccx(order, caller=seller, key="1").answer["ccx_course_id"]


@pytest.fixture
def people(make_user, ccx):
    """Return accounts: a member of each organization, an enrolled learner of neither, an operator."""
    found = {name: make_user(name) for name in ("acme_member", "globex_member", "learner", "stranger")}
    tenancy.add_member(found["acme_member"], "AcmeX", "owner")
    tenancy.add_member(found["globex_member"], "GlobexX", "learner")
    enroll(found["learner"], ccx)
    found["operator"] = make_user("operator", is_superuser=True)
    return found


def reach(people, key):
    """Return who may name the key where no site decides."""
    named = known([Named("acmex", key)])
    return {name for name, user in people.items() if may_name(user, named, "lms")}


def block_of(ccx):
    return ccx.replace("ccx-v1:", "ccx-block-v1:") + "+type@html+block@h1"


def test_only_the_buyers_members_the_enrolled_and_operators_reach_it(people, ccx):
    for key in (ccx, block_of(ccx), ccx.replace("+ccx@", "+branch@published-branch+ccx@"), ccx.replace("+", " ")):
        assert reach(people, key) == {"globex_member", "learner", "operator"}, key
    assert reach(people, KEY) == {"acme_member", "operator"}


def test_can_see_says_the_same(people, ccx):
    assert {name for name, user in people.items() if tenancy.can_see(user, ccx, "lms")} == {"learner", "operator"}
    with tenancy.tenant_context("globex"):
        assert tenancy.can_see(people["globex_member"], ccx, "lms")
        assert not tenancy.can_see(people["globex_member"], KEY, "lms")
    with tenancy.tenant_context("acme"):
        assert not tenancy.can_see(people["acme_member"], ccx, "lms")
        assert not tenancy.can_see(people["learner"], ccx, "lms")
        assert tenancy.can_see(people["acme_member"], KEY, "lms")


def test_on_a_site_it_is_the_buyers(ccx):
    globex, acme = (tenancy.resolve_tenant(f"{name}.example.com") for name in ("globex", "acme"))
    assert foreign_to(globex, [Named("acmex", ccx)]) == []
    assert foreign_to(acme, [Named("acmex", ccx)]) == [Named("globexx", ccx)]


def test_a_key_with_its_number_and_another_course_is_nobodys(people, ccx):
    number = ccx.rpartition("@")[2]
    for forged in (
        f"ccx-v1:AcmeX+AX2+2026+ccx@{number}",
        f"ccx-v1:GlobexX+GX1+2026+ccx@{number}",
        f"ccx-v1:AcmeX+AX2+2026+ccx@00{number}",
    ):
        named = known([Named(forged.partition(":")[2].partition("+")[0].lower(), forged)])
        reached = {name for name, user in people.items() if may_name(user, named, "lms")}
        assert reached <= {"operator", "globex_member"}
        assert "acme_member" not in reached
    forged = f"ccx-v1:AcmeX+AX2+2026+ccx@{number}"
    assert reach(people, forged) == {"operator"}


def test_spellings_of_the_number_and_of_the_case_are_the_same_ccx(people, ccx):
    number = ccx.rpartition("@")[2]
    for spelled in (ccx.replace(f"@{number}", f"@00{number}"), ccx.lower()):
        assert reach(people, spelled) == {"globex_member", "learner", "operator"}


def test_a_request_for_it_passes_the_gate_for_those_alone(people, ccx, rf):
    statuses = {}
    for name, user in people.items():
        client = Client()
        client.force_login(user, backend="ccx_tenancy.backends.DefaultSiteBackend")
        response = client.get(f"/tenancy/me/?course={ccx.replace('+', '%2B')}")
        statuses[name] = response.status_code
    gated = {name for name, status in statuses.items() if status == 404}
    open_to_all = Client()
    open_to_all.force_login(people["stranger"], backend="ccx_tenancy.backends.DefaultSiteBackend")
    if open_to_all.get("/tenancy/me/").status_code != 404:
        assert gated == {"acme_member", "stranger"}


def test_lists_hold_it_for_the_buyer_alone(ccx, people):
    items = [CourseKey.from_string(KEY), ccx]
    with tenancy.tenant_context("acme"):
        assert tenancy.filter_courses(people["acme_member"], items, "lms") == items[:1]
    with tenancy.tenant_context("globex"):
        assert tenancy.filter_courses(people["globex_member"], items, "lms") == [ccx]


def test_queries_hold_it_for_the_buyer_alone(ccx, people):
    rows = api.CcxOrder.objects.values_list("ccx_key", flat=True)
    from ccx_tenancy.ccxcon.models import CourseExport

    export = CourseExport.objects
    from tests.ccxcon.conftest import make_connector

    connector = make_connector("https://other.example.com")
    for key in (KEY, ccx):
        export.create(connector=connector, course_key=key)
    assert list(rows) == [ccx]
    with tenancy.tenant_context("acme"):
        found = tenancy.filter_courses(people["acme_member"], export.all(), "lms")
        assert [row.course_key for row in found] == [KEY]
    with tenancy.tenant_context("globex"):
        found = tenancy.filter_courses(people["globex_member"], export.all(), "lms")
        assert [row.course_key for row in found] == [ccx]


def test_a_ccx_that_the_seller_runs_itself_is_the_sellers(course, seller, make_user):
    coach = make_user("coach")
    tenancy.add_member(coach, "AcmeX", "staff")
    order = {
        "master_course_id": KEY,
        "coach_email": coach.email,
        "max_students_allowed": 5,
        "display_name": "Ours",
    }
    made = api.order_ccx(order, caller=seller, key="1").answer
    assert made["organization"] == "AcmeX"
    assert may_name(coach, known([Named("acmex", made["ccx_course_id"])]), "lms")


def test_asking_whose_it_is_makes_no_query(ccx, django_assert_num_queries, people):
    revisions.forget()
    globex = tenancy.resolve_tenant("globex.example.com")
    for _ in range(2):  # The first time fills the memory.
        foreign_to(globex, [Named("acmex", ccx)])
        may_name(people["globex_member"], known([Named("acmex", KEY)]), "lms")
    with django_assert_num_queries(0):
        assert foreign_to(globex, [Named("acmex", ccx)]) == []
        assert may_name(people["globex_member"], known([Named("acmex", KEY)]), "lms") is False


def test_a_suspended_buyer_is_reached_by_nobody_but_operators(ccx, people):
    tenancy.suspend_tenant("globex")
    assert reach(people, ccx) == {"operator"}


def test_the_gate_leaves_keys_to_views_that_say_so():
    from ccx_tenancy.ccxcon.views import OrdersView
    from ccx_tenancy.middleware.course_partition import JUDGES_ITSELF

    assert getattr(OrdersView, JUDGES_ITSELF)
    assert CoursePartitionMiddleware.sync_capable


def file_of(key, name="block@a.png"):
    return key.replace("course-v1:", "asset-v1:") + f"+type@asset+{name}"


def test_the_files_of_a_master_course_are_seen_where_its_ccx_is(people, ccx):
    globex, acme = (tenancy.resolve_tenant(f"{name}.example.com") for name in ("globex", "acme"))
    other = KEY.replace("AX1", "AX2")
    for name in ("block@a.png", "block", "block@a%20b.png"):
        named = [Named("acmex", file_of(KEY, name))]
        assert foreign_to(globex, named) == []
        assert foreign_to(acme, named) == []
    assert foreign_to(globex, [Named("acmex", file_of(other))])
    assert reach(people, file_of(KEY)) == {"acme_member", "globex_member", "operator"}
    assert reach(people, file_of(other)) == {"acme_member", "operator"}
    tenancy.create_tenant("initech", name="Initech", domain="initech.example.com", organizations=["InitechX"])
    assert foreign_to(tenancy.resolve_tenant("initech.example.com"), [Named("acmex", file_of(KEY))])


def passes_gate(path, body=None, host="globex.example.com"):
    """Whether a request to a site gets to its view."""
    request = RequestFactory().post(path, json.dumps(body), content_type="application/json", HTTP_HOST=host)
    request.tenant, request.tenancy_surface = tenancy.resolve_tenant(host), "lms"
    request.user = AnonymousUser()

    def view(request):
        return HttpResponse("reached")

    gate = CoursePartitionMiddleware(lambda request: gate.process_view(request, view, (), {}) or view(request))
    try:
        return gate(request).status_code == 200
    except Http404:
        return False


def test_a_route_of_a_ccx_may_be_sent_blocks_of_its_master_course_and_nothing_else_of_it(ccx, people):
    def block(key):
        return {"location": key.replace("course-v1:", "block-v1:") + "+type@chapter+block@c1", "children": []}

    save = f"/courses/{ccx}/ccx_save"
    assert passes_gate(save, [block(KEY)])
    assert passes_gate(save, [{"children": [block(KEY), block(KEY)]}])
    other = KEY.replace("AX1", "AX2")
    for body in ([block(KEY), block(other)], [KEY], {"course_id": KEY}, {"asset": file_of(other)}):
        assert not passes_gate(save, body), body
    # What a query names opens nothing, and who may not name the CCX may name nothing of it.
    assert not passes_gate(f"/courses/?ccx={ccx.replace('+', '%2B')}", [block(KEY)])
    assert not passes_gate(f"/courses/{KEY}/x?ccx={ccx.replace('+', '%2B')}")
    assert not passes_gate(save, [block(KEY)], host="acme.example.com")
