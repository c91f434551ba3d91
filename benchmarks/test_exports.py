"""A burst of publications: how many calls does a connector get, and how long does the publisher wait?"""

from __future__ import annotations

import json
from collections import Counter

import pytest
from celery import current_app
from django.utils import timezone

from ccx_tenancy import api
from ccx_tenancy.ccxcon import api as ccxcon
from ccx_tenancy.ccxcon.models import CourseExport
from ccx_tenancy.outgoing import tokens
from tests.ccxcon.conftest import TOKEN, make_connector, make_course
from tests.outgoing.servers import serving

COURSES = 100
PUBLICATIONS = 1000
#: What a worker makes of the burst: it looks for what is due after so many publications.
BETWEEN = 250


@pytest.fixture
def burst(db, settings):
    """A hundred courses, a connector, and a hub that keeps what it is sent."""
    settings.CCX_TENANCY = {
        **settings.CCX_TENANCY,
        "HOST": "sandbox.surfaces.SandboxHost",
        "OUTGOING_PRIVATE_NETWORKS": ["127.0.0.0/8"],
    }
    tokens.forget_all()
    before = current_app.conf.broker_url
    current_app.conf.broker_url = "memory://"
    sent: list[dict[str, object]] = []

    def reply(request):
        if request.path == "/o/token/":
            return 200, {}, TOKEN
        sent.append(json.loads(request.body))
        return 201, {}, b"{}"

    tenant = api.create_tenant("acme", name="Acme", domain="acme.example.com", organizations=["AcmeX"])
    with serving(reply) as server:
        connector = make_connector(server.url, tenant)
        courses = [make_course(connector.url, f"course-v1:AcmeX+C{number}+2026") for number in range(COURSES)]
        yield courses, sent
    current_app.conf.broker_url = before


def send_all():
    CourseExport.objects.filter(state="waiting").update(due_at=timezone.now())
    while ccxcon.send_due(50):
        pass


def test_a_thousand_publications_of_a_hundred_courses(burst, benchmark):
    courses, sent = burst

    def publish_all():
        for number in range(PUBLICATIONS):
            course = courses[number % COURSES]
            course.display_name = f"Version {number}"
            course.save()
            ccxcon.course_changed(course.id)
            if number % BETWEEN == BETWEEN - 1:
                send_all()

    benchmark.pedantic(publish_all, rounds=1)
    send_all()
    calls = Counter(str(one["course_id"]) for one in sent)
    benchmark.extra_info["calls"] = len(sent)
    benchmark.extra_info["most_calls_of_a_course"] = max(calls.values())
    assert len(calls) == COURSES
    assert max(calls.values()) <= PUBLICATIONS // BETWEEN + 1
    last = {str(one["course_id"]): one["title"] for one in sent}
    assert sorted(last.values()) == sorted(
        f"Version {number}" for number in range(PUBLICATIONS - COURSES, PUBLICATIONS)
    )
    assert not CourseExport.objects.exclude(state="done").exists()


def test_what_one_publication_costs_its_publisher(burst, benchmark):
    courses, _ = burst
    ccxcon.course_changed(courses[0].id)
    benchmark(ccxcon.course_changed, courses[0].id)
