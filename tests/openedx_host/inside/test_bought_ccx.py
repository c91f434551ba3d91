"""A CCX of Acme's course that Globex bought, over HTTP inside a real LMS: ordered, run, learned in, and hidden."""

import json

import pytest
from asking import body_of, client_of
from django.conf import settings
from django.core.cache import cache

if settings.ROOT_URLCONF != "lms.urls":
    pytest.skip("the LMS's", allow_module_level=True)

from common.djangoapps.student.models import CourseEnrollment, UserProfile
from common.djangoapps.student.roles import CourseInstructorRole, CourseStaffRole, OrgInstructorRole, OrgStaffRole
from common.djangoapps.student.tests.factories import UserFactory
from lms.djangoapps.ccx.models import CustomCourseForEdX
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview
from openedx.core.djangoapps.django_comment_common.models import Role
from openedx.core.djangoapps.oauth_dispatch.jwt import create_jwt_for_user
from openedx.core.djangoapps.oauth_dispatch.tests.factories import ApplicationFactory
from xmodule.contentstore.content import StaticContent
from xmodule.contentstore.django import contentstore
from xmodule.modulestore.tests.django_utils import ModuleStoreTestCase
from xmodule.modulestore.tests.factories import BlockFactory, CourseFactory

from ccx_tenancy import api
from ccx_tenancy.hosts.openedx import publishing
from ccx_tenancy.tenants import revisions

ACME, GLOBEX, INITECH, LMS = (f"{name}.localhost" for name in ("acme", "globex", "initech", "lms"))
PEOPLE = (
    ("acme_admin", "Acme", "admin"),
    ("acme_author", "Acme", "author"),
    ("acme_learner", "Acme", "learner"),
    ("globex_coach", "Globex", "author"),
    ("globex_learner", "Globex", "learner"),
    ("globex_other", "Globex", "learner"),
    ("initech_author", "Initech", "author"),
)
SECRET = "some_secret"  # Of the host's factory.


class BoughtCcxTest(ModuleStoreTestCase):
    """Three tenants, a course of Acme's, its team, and the CCX that Globex ordered of it."""

    def setUp(self):
        super().setUp()
        revisions.forget()
        self.addCleanup(revisions.forget)
        for name in ("Acme", "Globex", "Initech"):
            domain = f"{name.lower()}.localhost"
            api.create_tenant(name.lower(), name=name, domain=domain, organizations=[name])
            api.set_site_values(domain, {"course_org_filter": [name]})
        self.people = {}
        for name, organization, role in PEOPLE:
            user = UserFactory.create(username=name, email=f"{name}@{organization.lower()}.example", password="edx")
            UserProfile.objects.get_or_create(user=user, defaults={"name": name})
            api.add_member(user, organization, role)
            self.people[name] = user
        self.course = CourseFactory.create(
            org="Acme", number="AX1", run="2026", display_name="Master of Acme", enable_ccx=True
        )
        self.master = str(self.course.id)
        with self.store.bulk_operations(self.course.id):
            self.blocks = {}
            parent = self.course
            for category in ("chapter", "sequential", "vertical", "html"):
                parent = BlockFactory.create(
                    parent=parent, category=category, display_name=f"The {category}", publish_item=True
                )
                self.blocks[category] = parent.location
        name = self.course.id.make_asset_key("asset", "note.txt")
        contentstore().save(StaticContent(name, "note.txt", "text/plain", b"a note"))
        self.file = f"/{name}"
        CourseInstructorRole(self.course.id).add_users(self.people["acme_author"])
        CourseEnrollment.enroll(self.people["acme_learner"], self.course.id)
        self.application = ApplicationFactory.create(
            user=self.people["acme_admin"], client_id="hub", authorization_grant_type="client-credentials"
        )
        with self.captureOnCommitCallbacks(execute=True):
            answer = self.order()
        assert answer.status_code == 201, body_of(answer)
        self.ccx = answer.json()["ccx_course_id"]
        self.key = CourseKey.from_string(self.ccx)

    def token(self, host=ACME):
        cache.clear()  # The host counts tries.
        form = {"grant_type": "client_credentials", "client_id": "hub", "client_secret": SECRET, "token_type": "jwt"}
        return client_of(None, host).post("/oauth2/access_token/", form)

    def order(self):
        wanted = {
            "master_course_id": self.master,
            "coach_email": self.people["globex_coach"].email,
            "max_students_allowed": 20,
            "display_name": "Bought by Globex",
            "organization": "Globex",
        }
        headers = {"HTTP_AUTHORIZATION": f"JWT {self.token().json()['access_token']}", "HTTP_IDEMPOTENCY_KEY": "one"}
        return client_of(None, ACME).post("/api/ccxcon/v1/ccx/", wanted, "application/json", **headers)

    def as_(self, name, host=GLOBEX):
        # A new object: the host keeps the roles that somebody has on the one that it has read.
        user = self.people.get(name)
        return client_of(None if user is None else type(user).objects.get(pk=user.pk), host)

    def enroll(self, *names):
        form = {"enrollment-button": "Enroll", "student-ids": ",".join(names)}
        return self.as_("globex_coach").post(f"/courses/{self.ccx}/ccx-manage-students", form)

    def enrolled(self, key=None):
        rows = CourseEnrollment.objects.filter(course_id=key or self.key, is_active=True)
        return set(rows.values_list("user__username", flat=True))

    # The order

    def test_what_the_host_makes_for_an_order_from_the_sellers_site_is_made_once(self):
        assert self.enrolled() == {"globex_coach"}
        assert (
            Role.objects.filter(course_id=self.key).count()
            == Role.objects.filter(course_id=self.key).values("name").distinct().count()
        )
        assert CourseOverview.objects.get(pk=self.key).display_name == "Bought by Globex"

    def test_the_seller_is_told_how_many_seats_are_taken(self):
        self.enroll("globex_learner", "globex_other@globex.example")
        headers = {"HTTP_AUTHORIZATION": f"JWT {self.token().json()['access_token']}"}
        client = client_of(None, ACME)
        assert client.get(f"/api/ccxcon/v1/ccx/{self.ccx}/", **headers).json()["seats_taken"] == 2
        refused = client.patch(
            f"/api/ccxcon/v1/ccx/{self.ccx}/", {"max_students_allowed": 1}, "application/json", **headers
        )
        assert (refused.status_code, refused.json()["seats_taken"]) == (409, 2)

    # The coach

    def test_the_coach_runs_it_on_the_buyers_site(self):
        for host in (GLOBEX, LMS):
            coach = self.as_("globex_coach", host)
            page = coach.get(f"/courses/{self.ccx}/ccx_coach")
            assert page.status_code == 200 and "Bought by Globex" in body_of(page)
            schedule = coach.get(f"/courses/{self.ccx}/ccx_schedule").json()
            assert schedule[0]["location"] == str(self.blocks["chapter"])
            schedule[0]["hidden"] = False
            with self.captureOnCommitCallbacks(execute=True):
                saved = coach.post(f"/courses/{self.ccx}/save_ccx", json.dumps(schedule), "application/json")
            assert saved.status_code == 200, body_of(saved)
            policy = {"GRADER": [], "GRADE_CUTOFFS": {"Pass": 0.5}}
            answer = coach.post(f"/courses/{self.ccx}/ccx_set_grading_policy", {"policy": json.dumps(policy)})
            assert answer.status_code == 302
            for path in ("ccx_gradebook", "ccx_grades.csv", "instructor"):
                assert coach.get(f"/courses/{self.ccx}/{path}").status_code == 200, path

    def test_the_coach_enrolls_members_one_by_one_and_many(self):
        assert self.enroll("globex_learner", "globex_other@globex.example").status_code == 302
        assert self.enrolled() == {"globex_coach", "globex_learner", "globex_other"}
        coach = self.as_("globex_coach")
        form = {"enrollment-button": "Unenroll", "student-ids": "globex_other@globex.example"}
        coach.post(f"/courses/{self.ccx}/ccx-manage-students", form)
        assert self.enrolled() == {"globex_coach", "globex_learner"}
        form = {"student-action": "Enroll", "student-id": "globex_other"}
        coach.post(f"/courses/{self.ccx}/ccx-manage-students", form)
        assert "globex_other" in self.enrolled()
        csv = body_of(coach.get(f"/courses/{self.ccx}/ccx_grades.csv"))
        assert "acme_learner" not in csv

    # A learner

    def test_a_learner_finds_it_and_learns(self):
        self.enroll("globex_learner")
        with self.captureOnCommitCallbacks(execute=True):
            publishing.published(None, self.key)  # In tests the host keeps its signal to itself.
        learner = self.as_("globex_learner")
        for path in (
            "/dashboard",
            "/api/learner_home/init",
            "/api/enrollment/v1/enrollment",
            "/api/courses/v1/courses/",
        ):
            body = body_of(learner.get(path))
            assert self.ccx in body, path
            assert self.master not in body, path
        block = (
            str(self.blocks["html"])
            .replace("block-v1:", "ccx-block-v1:")
            .replace("+type@", f"+ccx@{self.key.ccx}+type@")
        )
        for path in (
            f"/api/course_home/outline/{self.ccx}",
            f"/api/course_home/course_metadata/{self.ccx}",
            f"/api/courseware/course/{self.ccx}",
            f"/api/courses/v1/courses/{self.ccx}/",
            f"/api/enrollment/v1/enrollment/globex_learner,{self.ccx}",
            f"/courses/{self.ccx}/progress",
            f"/xblock/{block}",
            self.file,
        ):
            assert learner.get(path).status_code == 200, path
        assert learner.get(f"/courses/{self.ccx}/ccx_coach").status_code == 403

    # The master course

    def test_the_master_course_stays_where_it_is(self):
        CourseStaffRole(self.course.id).add_users(self.people["acme_admin"])
        for name in ("globex_coach", "globex_learner"):
            for host in (GLOBEX, LMS):
                client = self.as_(name, host)
                for path in (
                    f"/courses/{self.master}/about",
                    f"/courses/{self.master}/ccx_coach",
                    f"/courses/{self.master}/instructor",
                    f"/api/courses/v1/courses/{self.master}/",
                    f"/api/course_home/outline/{self.master}",
                    f"/api/enrollment/v1/course/{self.master}",
                    f"/api/ccx/v0/ccx/?master_course_id={self.master.replace('+', '%2B')}",
                    f"/xblock/{self.blocks['html']}",
                    f"/courses/{self.master}/about?ccx={self.ccx.replace('+', '%2B')}",
                ):
                    assert client.get(path).status_code == 404, (name, host, path)
        roster = self.as_("globex_coach").get(f"/courses/{self.ccx}/ccx_gradebook")
        assert "acme_" not in body_of(roster)

    # Everybody else

    def paths(self):
        return [
            f"/courses/{self.ccx}/about",
            f"/courses/{self.ccx}/ccx_coach",
            f"/courses/{self.ccx}/instructor",
            f"/courses/{self.ccx}/courseware/",
            f"/api/courses/v1/courses/{self.ccx}/",
            f"/api/course_home/outline/{self.ccx}",
            f"/api/enrollment/v1/course/{self.ccx}",
            f"/api/ccx/v0/ccx/{self.ccx}/",
        ]

    def test_the_sellers_people_and_a_third_tenants_find_no_such_thing(self):
        self.enroll("globex_learner")
        for name, host in (
            ("acme_author", ACME),
            ("acme_admin", ACME),
            ("acme_author", LMS),
            ("initech_author", INITECH),
            ("initech_author", LMS),
            (None, ACME),
            (None, LMS),
        ):
            client = self.as_(name, host)
            for path in self.paths():
                assert client.get(path).status_code == 404, (name, host, path)
            for path in ("/api/courses/v1/courses/", "/dashboard", "/api/learner_home/init"):
                assert "ccx@" not in body_of(client.get(path)), (name, host, path)
        listed = self.as_("acme_author", ACME).get(
            f"/api/ccx/v0/ccx/?master_course_id={self.master.replace('+', '%2B')}"
        )
        assert (listed.status_code, listed.json()["results"]) == (200, [])
        # Nor are the buyer's learners and its coach among the seller's people.
        staff = self.as_("acme_admin", ACME)
        for name in ("globex_learner", "globex_coach"):
            assert staff.get(f"/api/user/v1/accounts/{name}").status_code == 404
        assert self.as_(None, GLOBEX).get(f"/courses/{self.ccx}/ccx_coach").status_code in (302, 403)

    def test_the_sellers_team_is_nothing_in_it_even_where_it_is_a_member_of_the_buyer(self):
        author = self.people["acme_author"]
        api.add_member(author, "Globex", "learner")
        for role in (OrgStaffRole, OrgInstructorRole):
            role("Acme").add_users(author)
        for host in (GLOBEX, LMS):
            client = self.as_("acme_author", host)
            assert client.get(f"/courses/{self.ccx}/instructor").status_code == 404, host
            assert client.get(f"/courses/{self.ccx}/ccx_coach").status_code == 403, host
            assert client.get(f"/api/ccx/v0/ccx/{self.ccx}/").status_code == 403, host
        assert self.as_("acme_author", ACME).get(f"/courses/{self.master}/instructor").status_code == 200

    # Enrollment across the border

    def test_nobody_is_enrolled_into_it_across_the_border_by_any_way(self):
        learner = self.people["acme_learner"]
        boss = UserFactory.create(username="acme_boss", email="boss@acme.example", is_staff=True)
        api.add_member(boss, "Acme", "admin")
        self.people["acme_boss"] = boss
        details = {"course_details": {"course_id": self.ccx}}
        bulk = {
            "action": "enroll",
            "courses": self.ccx,
            "identifiers": learner.email,
            "auto_enroll": True,
            "email_students": False,
        }
        jwt = {"HTTP_AUTHORIZATION": f"JWT {create_jwt_for_user(boss)}"}
        for host in (ACME, GLOBEX, LMS, INITECH):
            own = self.as_("acme_learner", host)
            answers = {
                "page": own.post("/change_enrollment", {"course_id": self.ccx, "enrollment_action": "enroll"}),
                "api": own.post("/api/enrollment/v1/enrollment", details, "application/json"),
                "api for another": self.as_("acme_boss", host).post(
                    "/api/enrollment/v1/enrollment", {**details, "user": learner.username}, "application/json"
                ),
                "bulk": client_of(None, host).post("/api/bulk_enroll/v1/bulk_enroll", bulk, "application/json", **jwt),
                "instructor": self.as_("acme_author", host).post(
                    f"/courses/{self.ccx}/instructor/api/students_update_enrollment",
                    {"action": "enroll", "identifiers": learner.email, "auto_enroll": "true"},
                ),
            }
            for way, answer in answers.items():
                assert answer.status_code in (400, 401, 403, 404), (host, way, answer.status_code)
        # The buyer's coach, with the form and as one of the team, and its own host.
        for host in (GLOBEX, LMS):
            coach = self.as_("globex_coach", host)
            for identifier in (learner.username, learner.email):
                coach.post(
                    f"/courses/{self.ccx}/ccx-manage-students",
                    {"enrollment-button": "Enroll", "student-ids": identifier},
                )
                coach.post(
                    f"/courses/{self.ccx}/instructor/api/students_update_enrollment",
                    {"action": "enroll", "identifiers": identifier, "auto_enroll": "true", "email_students": "false"},
                )
        assert self.enrolled() == {"globex_coach"}

    def test_the_hosts_own_ccx_api_makes_none_for_a_coach_elsewhere_and_none_of_a_foreign_course(self):
        before = CustomCourseForEdX.objects.count()
        wanted = {
            "master_course_id": self.master,
            "coach_email": self.people["globex_coach"].email,
            "display_name": "By the way",
            "max_students_allowed": 5,
        }
        answer = self.as_("acme_author", ACME).post("/api/ccx/v0/ccx/", wanted, "application/json")
        assert answer.status_code == 404 and answer.json()["error_code"] == "coach_user_does_not_exist", body_of(answer)
        for name, host in (("globex_coach", GLOBEX), ("globex_coach", LMS), ("initech_author", INITECH)):
            answer = self.as_(name, host).post("/api/ccx/v0/ccx/", wanted, "application/json")
            # 400: as in the LMS's other tests, the refusal gave up the transaction, session and all.
            assert answer.status_code in (400, 404), body_of(answer)
        assert CustomCourseForEdX.objects.count() == before
        patch = {"coach_email": self.people["acme_learner"].email}
        for name, host in (("acme_author", ACME), ("globex_learner", GLOBEX), ("initech_author", INITECH)):
            path = f"/api/ccx/v0/ccx/{self.ccx}/"
            assert self.as_(name, host).patch(path, patch, "application/json").status_code in (400, 403, 404)
            assert self.as_(name, host).delete(path).status_code in (400, 403, 404)
        assert CustomCourseForEdX.objects.get(pk=self.key.ccx).coach == self.people["globex_coach"]

    # Tokens

    def test_a_token_opens_the_own_tenants_site_whatever_grant_it_comes_by(self):
        ApplicationFactory.create(
            user=self.people["acme_admin"],
            client_id="login",
            client_type="public",
            authorization_grant_type="password",
        )

        def by_password(name, host, kind, password="edx"):
            cache.clear()  # The host counts tries.
            form = {"grant_type": "password", "client_id": "login", "username": name, "password": password}
            return client_of(None, host).post("/oauth2/access_token/", {**form, "token_type": kind})

        for kind, scheme in (("jwt", "JWT"), ("bearer", "Bearer")):
            assert by_password("acme_learner", ACME, kind).status_code == 200
            refused = by_password("acme_learner", GLOBEX, kind)
            wrong = by_password("acme_learner", GLOBEX, kind, "wrong")
            assert (refused.status_code, body_of(refused)) == (wrong.status_code, body_of(wrong))
            assert refused.status_code in (400, 401)
            given = by_password("acme_learner", ACME, kind).json()["access_token"]
            statuses = {
                host: client_of(None, host).get("/api/user/v1/me", HTTP_AUTHORIZATION=f"{scheme} {given}").status_code
                for host in (ACME, GLOBEX)
            }
            assert statuses == {ACME: 200, GLOBEX: 401}, kind
        # A client has a secret and no site: what it is given says whose it is, and is good there alone.
        for host in (ACME, GLOBEX):
            given = self.token(host).json()["access_token"]
            headers = {"HTTP_AUTHORIZATION": f"JWT {given}"}
            assert client_of(None, ACME).get("/api/user/v1/me", **headers).status_code == 200
            assert client_of(None, GLOBEX).get("/api/user/v1/me", **headers).status_code == 401
            answer = client_of(None, GLOBEX).get(f"/api/ccx/v0/ccx/{self.ccx}/", **headers)
            assert answer.status_code in (401, 404)
