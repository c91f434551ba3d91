"""Many at the same moment: seats, orders and publications. On MariaDB and PostgreSQL."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from ccx_tenancy import api as tenancy
from ccx_tenancy.ccxcon import api, exports, links
from ccx_tenancy.ccxcon.models import CcxOrder, CourseExport, LoginLink, SeatsChange
from sandbox.courses.custom_courses import SandboxCourses, enroll, publish
from sandbox.courses.models import CustomCourse, Enrollment
from tests.ccxcon.conftest import KEY

THREADS = 24

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def concurrent_database(transactional_db):
    """Only where there is something concurrent."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite locks the whole database: nothing is concurrent")


def together(call, threads=THREADS):
    """Make calls at the same moment, and return how many ended how: ``"done"``, or the error's name."""
    barrier = threading.Barrier(threads)
    outcomes = []

    def run(number):
        try:
            barrier.wait(timeout=60)
            call(number)
            outcomes.append("done")
        except Exception as error:
            outcomes.append(type(error).__name__)
        finally:
            connections.close_all()

    started = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    return Counter(outcomes)


@pytest.fixture
def order(course, teacher):
    return {
        "master_course_id": KEY,
        "coach_email": teacher.email,
        "max_students_allowed": 10,
        "display_name": "My CCX",
        "organization": "GlobexX",
    }


def test_weakness_10_one_order_sent_many_times_at_once_is_one_ccx(order, seller):
    answers = []
    outcomes = together(lambda number: answers.append(api.order_ccx(order, caller=seller, key="one").answer))
    assert outcomes == {"done": THREADS}
    assert CustomCourse.objects.count() == CcxOrder.objects.count() == 1
    assert all(answer == answers[0] for answer in answers)


def test_changes_of_seats_at_once_lose_none_and_the_highest_version_stays(order, seller):
    ccx = api.order_ccx(order, caller=seller, key="one").answer["ccx_course_id"]
    outcomes = together(lambda number: api.set_seats(ccx, 11 + number, caller=seller, version=1 + number))
    assert outcomes == {"done": THREADS}
    found = CcxOrder.objects.get()
    assert (found.seats, found.version) == (10 + THREADS, THREADS)
    assert CustomCourse.objects.get().seats == 10 + THREADS
    # Each change began where the one before it ended.
    changes = list(SeatsChange.objects.order_by("id"))
    assert [one.seats_before for one in changes] == [10, *(one.seats for one in changes[:-1])]


def test_seats_and_learners_at_once_never_leave_fewer_seats_than_are_taken(order, seller, make_user):
    ccx = api.order_ccx(order, caller=seller, key="one").answer["ccx_course_id"]
    learners = [make_user(f"learner{number}") for number in range(THREADS)]

    def either(number):
        if number % 2:
            enroll(learners[number], ccx)
        else:
            api.set_seats(ccx, 1 + number % 6, caller=seller)

    outcomes = together(either)
    assert set(outcomes) <= {"done", "SeatsTaken"}
    assert Enrollment.objects.count() <= CustomCourse.objects.get().seats == CcxOrder.objects.get().seats


def test_publications_at_once_are_one_row_whose_version_counts_them_all(course, hub):
    before = exports.first_version()

    def publish_mine(number):
        with transaction.atomic():
            api.course_changed(KEY)

    assert together(publish_mine) == {"done": THREADS}
    row = CourseExport.objects.get()
    assert row.version >= before + THREADS - 1
    together(lambda number: api.send_due(5), 6)
    assert len(hub.courses) == 1
    assert CourseExport.objects.get().state == "done"


def test_publications_while_workers_send_end_with_the_last_state_sent(course, hub):
    def publish_or_send(number):
        if number % 3 == 0:
            api.send_due(5)
        else:
            api.course_changed(KEY)

    assert together(publish_or_send) == {"done": THREADS}
    course.display_name = "The last"
    publish(course)
    CourseExport.objects.update(due_at=timezone.now())
    while api.send_due(5):
        pass
    row = CourseExport.objects.get()
    assert (row.state, row.sent_version, hub.courses[-1]["title"]) == ("done", row.version, "The last")
    versions = [one["version"] for one in hub.courses]
    assert versions == sorted(versions)


def test_workers_that_send_at_once_make_one_mail_for_each_instructor(course, connector, hub, make_user):
    for number in range(3):
        tenancy.add_member(make_user(f"owner{number}"), "AcmeX", "owner")
    connector.link_secret, connector.portal_url = "shared", "https://portal.example.com/"
    connector.save()
    described = SandboxCourses().course(KEY)
    assert together(lambda number: links.remember(connector, described), 8) == {"done": 8}
    assert LoginLink.objects.count() == 3
