"""CCXs inside a real LMS: made, changed, closed and reached by our orders; courses exported by the host's signal."""

import os

import pytest
from common.djangoapps.student.tests.factories import UserFactory
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import override_settings
from organizations.models import Organization
from xmodule.modulestore.django import SignalHandler
from xmodule.modulestore.tests.django_utils import ModuleStoreTestCase
from xmodule.modulestore.tests.factories import BlockFactory, CourseFactory

from ccx_tenancy import api
from ccx_tenancy.ccxcon import api as ccxcon
from ccx_tenancy.ccxcon import exports
from ccx_tenancy.conf import conf
from ccx_tenancy.errors import SeatsTaken
from ccx_tenancy.ports import Instructor
from ccx_tenancy.tenants import revisions

IS_LMS = settings.ROOT_URLCONF == "lms.urls"
HUB = "https://hub.example.com/"

assert os.environ["CCX_TENANCY_REPOSITORY"]


class CustomCoursesTest(ModuleStoreTestCase):
    """A course of Acme that Globex buys."""

    def setUp(self):
        super().setUp()
        revisions.forget()
        self.addCleanup(revisions.forget)
        api.create_tenant("acme", name="Acme", domain="acme.localhost", organizations=["Acme"])
        api.create_tenant("globex", name="Globex", domain="globex.localhost", organizations=["Globex"])
        self.course = CourseFactory.create(
            org="Acme", number="AX1", run="2026", display_name="Physics", enable_ccx=True, ccx_connector=HUB
        )
        with self.store.bulk_operations(self.course.id):
            self.chapters = [
                BlockFactory.create(parent=self.course, category="chapter", display_name=name, publish_item=True)
                for name in ("One", "Two")
            ]
            hidden = {"category": "chapter", "display_name": "Hidden", "visible_to_staff_only": True}
            BlockFactory.create(parent=self.course, publish_item=True, **hidden)
            section = BlockFactory.create(parent=self.chapters[0], category="sequential", display_name="S1")
            BlockFactory.create(parent=section, category="vertical", display_name="U1", publish_item=True)
        self.key = str(self.course.id)
        self.courses = conf.host.custom_courses

    def person(self, name, organization=None, role="learner"):
        user = UserFactory.create(username=name, email=f"{name}@example.com")
        if organization:
            api.add_member(user, organization, role)
        return user

    def order(self, **changes):
        seller = self.person("seller", "Acme", "admin")
        teacher = self.person("teacher", "Globex", "staff")
        wanted = {
            "master_course_id": self.key,
            "coach_email": teacher.email,
            "max_students_allowed": 20,
            "display_name": "Ours",
            "organization": "Globex",
            **changes,
        }
        return seller, ccxcon.order_ccx(wanted, caller=seller, key="1").answer["ccx_course_id"]

    def test_a_course_is_described_with_its_chapters_and_instructors(self):
        from common.djangoapps.student.models import anonymous_id_for_user
        from common.djangoapps.student.roles import CourseInstructorRole, OrgInstructorRole

        team, whole = self.person("team", "Acme"), self.person("whole", "Acme")
        member = self.person("member")
        CourseInstructorRole(self.course.id).add_users(team)
        OrgInstructorRole("Acme").add_users(whole)
        api.add_member(member, "Acme", "admin")
        found = self.courses.course(self.key)
        assert (found.title, found.is_open, found.connector) == ("Physics", True, HUB)
        assert [(one.title, one.subchapters) for one in found.modules] == [("One", ("S1",)), ("Two", ())]
        assert found.modules[0].locator == str(self.chapters[0].location)
        assert found.instructors == tuple(
            Instructor(user.pk, anonymous_id_for_user(user, None)) for user in (team, whole, member)
        )
        assert all(len(one.anonymous_id) == 32 for one in found.instructors)
        assert self.courses.course("course-v1:Acme+NONE+2026") is None
        assert self.courses.course("ccx-v1:Acme+AX1+2026+ccx@1") is None

    def test_the_hosts_signal_makes_an_export_and_a_ccx_none(self):
        Organization.objects.get(short_name="Acme")
        connector = ccxcon.Connector.objects.create(url=HUB, title="Hub", client_id="lms", client_secret="x")
        connector.tenants.set([api.get_tenant("acme")])
        for signal, key in (("course_published", self.course.id), ("course_deleted", self.course.id)):
            ccxcon.CourseExport.objects.all().delete()
            with SignalHandler.signal_by_name(signal).for_state(is_enabled=True):
                SignalHandler.signal_by_name(signal).send(sender=None, course_key=key)
            assert ccxcon.CourseExport.objects.get().course_key == self.key
        row = ccxcon.CourseExport.objects.get()
        body = exports.payload(row, self.courses.course(self.key), "active")
        assert [one["title"] for one in body["modules"]] == ["One", "Two"]

    def test_the_hosts_own_receiver_is_off(self):
        found = [getattr(receiver[1](), "__module__", "") for receiver in SignalHandler.course_published.receivers]
        assert "ccx_tenancy.hosts.openedx.publishing" in found
        assert "openedx.core.djangoapps.ccxcon.signals" not in found

    def test_the_hosts_connectors_are_taken_over(self):
        apps.get_model("ccxcon.CCXCon").objects.create(
            url=HUB, oauth_client_id="lms", oauth_client_secret="secret", title="Hub"
        )
        assert [one.what for one in ccxcon.import_connectors(tenant_keys=["acme"])] == ["created"]
        assert [one.what for one in ccxcon.import_connectors(tenant_keys=["acme"])] == ["unchanged"]
        found = ccxcon.get_connector("Hub")
        assert (found.url, found.client_secret.open(), found.serves_platform) == (HUB, "secret", True)

    @pytest.mark.skipif(not IS_LMS, reason="CCXs are made in the LMS")
    def test_an_order_makes_a_ccx_that_the_hosts_own_tables_and_its_coach_know(self):
        from common.djangoapps.student.models import CourseEnrollment
        from common.djangoapps.student.roles import CourseCcxCoachRole, CourseInstructorRole, CourseStaffRole

        master_team = self.person("master_team", "Acme")
        CourseInstructorRole(self.course.id).add_users(master_team)
        with self.captureOnCommitCallbacks(execute=True):
            seller, key = self.order(course_modules=[str(self.chapters[1].location)])
        assert key.startswith("ccx-v1:Acme+AX1+2026+ccx@")
        ccx = apps.get_model("ccx.CustomCourseForEdX").objects.get()
        teacher = get_user_model().objects.get(username="teacher")
        assert (ccx.coach, ccx.display_name, ccx.structure) == (teacher, "Ours", [str(self.chapters[1].location)])
        assert CourseStaffRole(ccx.locator).has_user(teacher)
        assert CourseCcxCoachRole(self.course.id).has_user(teacher)
        assert CourseEnrollment.is_enrolled(teacher, ccx.locator)
        # The team of the master course is not the buyer's.
        assert not CourseStaffRole(ccx.locator).has_user(master_team)
        assert not CourseEnrollment.is_enrolled(master_team, ccx.locator)
        answer = ccxcon.read_ccx(key, caller=seller)
        assert (answer["max_students_allowed"], answer["seats_taken"]) == (20, 0)
        assert answer["course_modules"] == [str(self.chapters[1].location)]

    @pytest.mark.skipif(not IS_LMS, reason="CCXs are made in the LMS")
    def test_seats_change_never_below_what_is_taken_and_closing_ends_it(self):
        from common.djangoapps.student.models import CourseEnrollment
        from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

        with self.captureOnCommitCallbacks(execute=True):
            seller, key = self.order()
        locator = apps.get_model("ccx.CustomCourseForEdX").objects.get().locator
        learners = [self.person(f"learner{number}", "Globex") for number in range(3)]
        for learner in learners:
            CourseEnrollment.enroll(learner, locator)
        answer = ccxcon.set_seats(key, 30, caller=seller, version=1)
        assert (answer["max_students_allowed"], answer["seats_taken"]) == (30, 3)
        with pytest.raises(SeatsTaken) as refused:
            ccxcon.set_seats(key, 2, caller=seller, version=2)
        assert refused.value.taken == 3
        assert ccxcon.read_ccx(key, caller=seller)["max_students_allowed"] == 30
        # The host's own limit is the one we have set.
        assert CourseOverview.load_from_module_store(locator).max_student_enrollments_allowed == 30
        ccxcon.close_ccx(key, caller=seller)
        answer = ccxcon.read_ccx(key, caller=seller)
        assert (answer["state"], answer["seats_taken"], answer["max_students_allowed"]) == ("closed", 3, 3)
        assert answer["due"] is not None
        assert self.courses.is_enrolled(learners[0], key)
        assert not self.courses.is_enrolled(seller, key)

    @pytest.mark.skipif(not IS_LMS, reason="CCXs are made in the LMS")
    def test_only_the_buyers_people_the_enrolled_and_operators_see_it(self):
        from common.djangoapps.student.models import CourseEnrollment

        _, key = self.order()
        locator = apps.get_model("ccx.CustomCourseForEdX").objects.get().locator
        learner, stranger = self.person("learner"), self.person("stranger")
        # Enrolled before there were tenants: nobody is enrolled now who is no member.
        CourseEnrollment.objects.create(user=learner, course_id=locator)
        acme, globex = self.person("acme_owner", "Acme", "owner"), self.person("globex_learner", "Globex")
        teacher = get_user_model().objects.get(username="teacher")
        assert [api.can_see(user, key, "lms") for user in (learner, stranger, acme)] == [True, False, False]
        # What the order gave the coach opens the CCX, and not the seller's course.
        assert not api.can_see(teacher, self.key, "lms")
        with api.tenant_context("globex"):
            assert api.can_see(globex, key, "lms")
            assert api.can_see(teacher, key, "lms")
        with api.tenant_context("acme"):
            assert not api.can_see(acme, key, "lms")

    @pytest.mark.skipif(not IS_LMS, reason="CCXs are made in the LMS")
    @override_settings(FEATURES={**settings.FEATURES, "CUSTOM_COURSES_EDX": True})
    def test_a_number_of_another_course_is_no_ccx(self):
        _, key = self.order()
        number = key.rpartition("@")[2]
        assert self.courses.read(f"ccx-v1:Acme+OTHER+2026+ccx@{number}") is None
        assert self.courses.read("ccx-v1:Acme+AX1+2026+ccx@99999") is None
        assert self.courses.read("no key") is None
