"""Studio's lists and doors with two tenants, in a real Studio with its own test settings."""

import json
import re
from collections import Counter

import crum
import pytest
from asking import body_of, client_of, digest_of_tables, empty_memory, names_in  # noqa: F401 - a fixture
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import RequestFactory

if settings.ROOT_URLCONF != "cms.urls":
    pytest.skip("Studio's", allow_module_level=True)

from cms.djangoapps.contentstore.models import ComponentLink
from cms.djangoapps.course_creators.models import CourseCreator
from common.djangoapps.course_action_state.models import CourseRerunState
from common.djangoapps.course_modes.models import CourseMode
from common.djangoapps.student.models import CourseAccessRole, UserProfile
from common.djangoapps.student.roles import CourseInstructorRole, OrgInstructorRole, OrgStaffRole
from django.test.utils import override_settings
from edx_django_utils.cache import RequestCache
from opaque_keys.edx.keys import CourseKey
from opaque_keys.edx.locator import LibraryLocatorV2
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview
from openedx.core.djangoapps.content.search import api as search
from openedx.core.djangoapps.content.search.models import SearchAccess
from openedx.core.djangoapps.content_libraries import api as libraries
from openedx.core.djangoapps.content_tagging import api as tagging
from openedx.core.djangoapps.waffle_utils.models import WaffleFlagCourseOverrideModel, WaffleFlagOrgOverrideModel
from organizations.models import Organization
from routes import judges_itself, paths_with_keys, paths_without_keys
from xmodule.contentstore.content import StaticContent
from xmodule.contentstore.django import contentstore
from xmodule.modulestore.django import modulestore
from xmodule.modulestore.tests.django_utils import SharedModuleStoreTestCase
from xmodule.modulestore.tests.factories import BlockFactory, CourseFactory, LibraryFactory

from ccx_tenancy import api
from ccx_tenancy.hosts.openedx import patches
from ccx_tenancy.partition.picking import PICK_COOKIE

HOST = "studio.localhost"
FEATURES = {**settings.FEATURES, "ENABLE_CREATOR_GROUP": True, "ENABLE_CONTENT_LIBRARIES": True}


@override_settings(FEATURES=FEATURES)
class TestStudio(SharedModuleStoreTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.courses = {}
        for org in ("Acme", "Globex"):
            course = CourseFactory.create(
                org=org, number=f"{org[0]}X1", run="2026", display_name=f"{org} course", emit_signals=True
            )
            chapter = BlockFactory.create(parent=course, category="chapter", display_name=f"{org} chapter")
            sequence = BlockFactory.create(parent=chapter, category="sequential", display_name=f"{org} sequence")
            unit = BlockFactory.create(parent=sequence, category="vertical", display_name=f"{org} unit")
            block = BlockFactory.create(parent=unit, category="html", display_name=f"{org} text")
            library = LibraryFactory.create(org=org, library=f"{org[0]}LIB", display_name=f"{org} library")
            cls.courses[org] = {"course": course, "unit": unit, "block": block, "library": library}

    def setUp(self):
        super().setUp()
        for key, name in (("acme", "Acme"), ("globex", "Globex")):
            api.create_tenant(key, name=name, domain=f"{key}.localhost", organizations=[name])
        self.author = self._account("author", "acme", author="Acme")
        self.staff = self._account("staff", "acme", author="Acme", is_staff=True)
        self.learner = self._account("learner", "acme", learner="Acme")
        self.stranger = self._account("stranger", "globex", author="Globex")
        self.super = get_user_model().objects.create_superuser("super", "super@example.com", "edx")
        for user, org in ((self.author, "Acme"), (self.stranger, "Globex")):
            for role in (OrgStaffRole(org), OrgInstructorRole(org)):
                role.add_users(user)
            CourseInstructorRole(self.courses[org]["course"].id).add_users(user)
            CourseCreator.objects.bulk_create([CourseCreator(user=user, state="granted", all_organizations=False)])
            row = CourseCreator.objects.get(user=user)
            row.admin = self.super
            row.organizations.set(Organization.objects.filter(short_name=org))
        for content in self.courses.values():
            CourseOverview.load_from_module_store(content["course"].id)
        for org in ("Acme", "Globex"):
            owner = self.author if org == "Acme" else self.stranger
            organization = Organization.objects.get(short_name=org)
            made = libraries.create_library(org=organization, slug="lib2", title=f"{org} lib2")
            libraries.set_library_user_permissions(made.key, owner, libraries.AccessLevel.ADMIN_LEVEL)
            block = libraries.create_library_block(made.key, "html", "html1", owner.id)
            tagging.create_taxonomy(name=f"{org} taxonomy", orgs=[organization])
            downstream = self.courses[org]["block"].location
            ComponentLink.update_or_create(
                None,
                upstream_usage_key=block.usage_key,
                upstream_context_key=made.key,
                downstream_usage_key=downstream,
                downstream_context_key=downstream.course_key,
                version_synced=1,
            )

    def _account(self, name, tenant, author=None, learner=None, **flags):
        user = get_user_model().objects.create_user(name, f"{name}@{tenant}.example", "edx", **flags)
        UserProfile.objects.create(user=user, name=name)
        api.add_member(user, author or learner, "author" if author else "learner")
        return user

    # Lists

    def _lists(self, user, pick=None):
        """Return what each route that names nothing shows of the two tenants: by path, both sets."""
        shown = {}
        for path in paths_without_keys():
            # The admin is the platform's own; ours is tested where it is; these end the session.
            if re.search(r"/admin/|logout|/__tenancy/|/api/tenancy/|^/tenancy/", path):
                continue
            client = client_of(user, HOST)
            if pick:
                client.cookies[PICK_COOKIE] = f"{user.pk}.{pick}"
            response = client.get(path)
            if response.status_code < 300:
                body = body_of(response)
                shown[path] = names_in(body, "Acme"), names_in(body, "Globex")
        return shown

    def test_every_list_shows_an_author_and_global_staff_all_that_is_their_tenants_and_nothing_else(self):
        for user in (self.author, self.staff):
            ours = self._lists(user)
            patches.remove()
            try:
                stock = self._lists(user)
            finally:
                patches.install()
            assert {path: names for path, (_, names) in ours.items() if names} == {}
            lost = {
                path: names - ours.get(path, (set(),))[0]
                for path, (names, _) in stock.items()
                if names - ours.get(path, (set(),))[0]
            }
            assert lost == {}
            shown = set().union(*(own for own, _ in ours.values()))
            assert {"course-v1:Acme+AX1+2026", "library-v1:Acme+ALIB", "lib:Acme:lib2", "Acme taxonomy"} <= shown
        # What is held against is there: the platform alone shows it to its staff.
        foreign = set().union(*(names for _, names in stock.values()))
        assert {"course-v1:Globex+GX1+2026", "library-v1:Globex+GLIB", "lib:Globex:lib2", "Globex taxonomy"} <= foreign

    def test_an_operator_sees_all_tenants_or_the_one_that_was_picked(self):
        both = self._lists(self.super)
        assert "course-v1:Globex+GX1+2026" in set().union(*(foreign for _, foreign in both.values()))
        one = self._lists(self.super, pick="acme")
        # Permissions are not asked for a superuser, so a taxonomy that is asked for by its number is still there.
        left = {path: names for path, (_, names) in one.items() if names and "/taxonomies/2/" not in path}
        assert left == {}
        shown = set().union(*(own for own, _ in one.values()))
        assert {"course-v1:Acme+AX1+2026", "library-v1:Acme+ALIB", "lib:Acme:lib2", "Acme taxonomy"} <= shown

    def test_whoever_has_a_role_in_a_foreign_course_team_sees_that_course_alone(self):
        # As before the plug-in came: it refuses a role to who is no member.
        course = self.courses["Globex"]["course"].id
        CourseAccessRole.objects.bulk_create(
            [CourseAccessRole(user=self.author, org="Globex", course_id=course, role="staff")]
        )
        body = body_of(client_of(self.author, HOST).get("/api/contentstore/v1/home/courses"))
        assert {"course-v1:Acme+AX1+2026", "course-v1:Globex+GX1+2026"} <= names_in(body, "Acme") | names_in(
            body, "Globex"
        )
        assert "Globex" not in body_of(client_of(self.author, HOST).get("/home_library"))

    def test_a_member_in_the_team_of_a_course_works_on_it_as_without_the_plug_in(self):
        course = self.courses["Acme"]["course"].id
        member = self._account("member", "acme", learner="Acme")
        CourseInstructorRole(course).add_users(member)
        client = client_of(member, HOST)
        details = client.get(f"/api/contentstore/v1/course_details/{course}").json()
        assert details["org"] == "Acme"
        number = tagging.get_taxonomies().get(name="Acme taxonomy").pk
        foreign = tagging.get_taxonomies().get(name="Globex taxonomy").pk
        team = json.dumps({"role": "staff"}), "application/json"
        tags = f"/api/content_tagging/v1/object_tags/{course}/"
        answers = [
            client.put(f"/api/contentstore/v1/course_details/{course}", details, content_type="application/json"),
            client.get("/api/content_tagging/v1/taxonomies/?org=Acme"),
            client.get(f"/api/content_tagging/v1/object_tag_counts/{str(course).replace('course-', 'block-')}*/"),
            client.post(f"/course_team/{course}/learner@acme.example", *team),
            client.put(tags, {"tagsData": [{"taxonomy": number, "tags": []}]}, content_type="application/json"),
        ]
        assert [one.status_code for one in answers] == [200, 200, 200, 204, 200], [*map(body_of, answers)]
        assert "Acme taxonomy" in body_of(answers[1])
        refused = [
            client.get("/api/content_tagging/v1/taxonomies/?org=Globex"),
            client.get("/api/content_tagging/v1/object_tag_counts/block-v1:Globex+GX1+2026*/"),
            client.post(f"/course_team/{course}/stranger@globex.example", *team),
            client.put(tags, {"tagsData": [{"taxonomy": foreign, "tags": []}]}, content_type="application/json"),
        ]
        assert [one.status_code for one in refused] == [404, 404, 404, 400], [*map(body_of, refused)]

    def test_with_partitioning_off_global_staff_see_everything(self):
        with override_settings(CCX_TENANCY={**settings.CCX_TENANCY, "PARTITION_GLOBAL_STAFF": False}):
            body = body_of(client_of(self.staff, HOST).get("/api/contentstore/v1/home/courses"))
            assert self._create(self.staff, "/course/", **self._new("Globex")).status_code == 200
        assert "course-v1:Globex+GX1+2026" in body
        made = CourseAccessRole.objects.filter(user=self.staff, course_id="course-v1:Globex+New+R")
        assert {row.role for row in made} >= {"instructor", "staff"}

    def _new(self, org):
        return {"org": org, "number": "New", "run": "R", "display_name": "New"}

    def test_the_token_for_the_search_engine_opens_the_tenants_content_only(self):
        own = SearchAccess.objects.create(context_key=CourseKey.from_string("course-v1:Acme+AX1+2026"))
        SearchAccess.objects.create(context_key=CourseKey.from_string("course-v1:Globex+GX1+2026"))
        for user, wanted in (
            (self.staff, "org IN ['Acme'] OR access_id IN []"),
            (self.author, "org IN ['Acme'] OR access_id IN []"),
            (self.learner, "org IN [] OR access_id IN []"),
        ):
            assert self._access_filter(user) == {"filter": wanted}
        CourseAccessRole.objects.create(user=self.learner, org="Acme", course_id=own.context_key, role="staff")
        assert self._access_filter(self.learner) == {"filter": f"org IN [] OR access_id IN [{own.pk}]"}
        assert self._access_filter(self.super) == {}

    def _access_filter(self, user):
        request = RequestFactory().get("/api/content_search/studio/")
        request.user = get_user_model().objects.get(pk=user.pk)
        RequestCache.clear_all_namespaces()
        crum.set_current_request(request)
        try:
            return search._get_meili_access_filter(request)
        finally:
            crum.set_current_request(None)

    def test_switches_are_listed_for_the_tenants_courses_and_organizations(self):
        flag = {"waffle_flag": "studio.some_flag", "override_choice": "on", "enabled": True}
        for org, content in self.courses.items():
            WaffleFlagCourseOverrideModel.objects.create(course_id=content["course"].id, **flag)
            WaffleFlagOrgOverrideModel.objects.create(org=org, **flag)
        for user, wanted in ((self.staff, {"Acme"}), (self.super, {"Acme", "Globex"})):
            flags = client_of(user, HOST).get("/api/toggles/v0/state/").json()["waffle_flags"]
            (shown,) = (one for one in flags if one["name"] == "studio.some_flag")
            assert {one["org"] for one in shown["org_overrides"]} == wanted
            assert {CourseKey.from_string(one["course_id"]).org for one in shown["course_overrides"]} == wanted

    # Taxonomies, which are found by number

    def test_a_foreign_taxonomy_does_not_exist_for_whoever_guesses_its_number(self):
        own, foreign = (tagging.get_taxonomies().get(name=f"{org} taxonomy").pk for org in ("Acme", "Globex"))
        tagging.add_tag_to_taxonomy(tagging.get_taxonomy(foreign), "Globex tag")
        before = digest_of_tables()
        for user in (self.author, self.staff):
            client = client_of(user, HOST)
            assert client.get(f"/api/content_tagging/v1/taxonomies/{own}/").status_code == 200
            for path in ("", "tags/", "export/?output_format=json", "tags/import/", "orgs/"):
                for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                    answer = client.generic(
                        method,
                        f"/api/content_tagging/v1/taxonomies/{foreign}/{path}",
                        json.dumps({"name": "x", "tag": "y", "tags": ["Globex tag"], "orgs": ["Acme"]}),
                        content_type="application/json",
                    )
                    assert answer.status_code in (400, 403, 404, 405), (user, method, path, answer.status_code)
                    assert "Globex" not in body_of(answer)
        assert digest_of_tables() == before

    def test_a_taxonomy_that_staff_make_is_their_tenants(self):
        client = client_of(self.staff, HOST)
        answer = client.post(
            "/api/content_tagging/v1/taxonomies/", {"name": "Acme made"}, content_type="application/json"
        )
        assert answer.status_code == 201, body_of(answer)
        assert "Acme made" in body_of(client.get("/api/content_tagging/v1/taxonomies/"))
        assert "Acme made" not in body_of(client_of(self.stranger, HOST).get("/api/content_tagging/v1/taxonomies/"))
        made = answer.json()["id"]
        answer = client.put(
            f"/api/content_tagging/v1/taxonomies/{made}/orgs/", {"all_orgs": True}, content_type="application/json"
        )
        assert answer.status_code == 403

    # Creating

    def _create(self, user, path, **body):
        return client_of(user, HOST).post(path, json.dumps(body), content_type="application/json")

    def test_nobody_creates_in_an_organization_of_another_tenant_or_in_a_new_one(self):
        before = digest_of_tables()
        for user in (self.author, self.staff):
            for org in ("Globex", "globex", "Brandnew"):
                for path, body in (
                    ("/course/", {"org": org, "number": "N1", "run": "R", "display_name": "New"}),
                    ("/library/", {"org": org, "library": "N1", "display_name": "New"}),
                    ("/api/libraries/v2/", {"org": org, "slug": "n1", "title": "New", "description": ""}),
                ):
                    answer = self._create(user, path, **body)
                    assert answer.status_code in (400, 403, 404), (user, path, org, body_of(answer))
        assert digest_of_tables() == before
        assert not [key for key in modulestore().get_libraries() if key.location.org in ("Globex2", "Brandnew")]

    def test_authors_and_staff_create_in_their_own_organization(self):
        for number, user in enumerate((self.author, self.staff)):
            for path, body in (
                ("/course/", {"org": "Acme", "number": f"N{number}", "run": "R", "display_name": "New"}),
                ("/library/", {"org": "Acme", "library": f"N{number}", "display_name": "New"}),
                ("/api/libraries/v2/", {"org": "Acme", "slug": f"n{number}", "title": "New", "description": ""}),
            ):
                answer = self._create(user, path, **body)
                # The host's test settings let only staff make libraries of the new kind.
                allowed = 403 if "v2" in path and not user.is_staff else 200
                assert answer.status_code == allowed, (user, path, body_of(answer))

    def test_a_creator_of_one_organization_makes_nothing_in_another_of_the_same_tenant(self):
        api.create_tenant("twins", name="Twins", domain="twins.localhost", organizations=["One", "Two"])
        user = get_user_model().objects.create_user("twin", "twin@twins.example", "edx")
        for org in ("One", "Two"):
            api.add_member(user, org, "author")
        CourseCreator.objects.bulk_create([CourseCreator(user=user, state="granted", all_organizations=False)])
        row = CourseCreator.objects.get(user=user)
        row.admin = self.super
        row.organizations.set(Organization.objects.filter(short_name="One"))
        assert self._create(user, "/library/", org="Two", library="T", display_name="T").status_code == 403
        assert self._create(user, "/library/", org="One", library="T", display_name="T").status_code == 200

    def test_a_rerun_takes_no_foreign_source_and_no_foreign_target(self):
        body = {"number": "R1", "run": "R", "display_name": "Rerun", "org": "Acme"}
        for user in (self.author, self.staff):
            answer = self._create(user, "/course/", source_course_key="course-v1:Globex+GX1+2026", **body)
            assert answer.status_code == 404
            answer = self._create(
                user, "/course/", source_course_key="course-v1:Acme+AX1+2026", **{**body, "org": "Globex"}
            )
            assert answer.status_code == 404
        assert not CourseRerunState.objects.exists()

    # Copying

    def test_what_is_copied_is_in_sight_when_copied_and_when_pasted(self):
        path = "/api/content-staging/v1/clipboard/"
        client = client_of(self.staff, HOST)
        foreign, own = (str(self.courses[org]["block"].location) for org in ("Globex", "Acme"))
        assert client.post(path, {"usage_key": foreign}, content_type="application/json").status_code == 404
        assert client.post(path, {"usage_key": own}, content_type="application/json").status_code == 200
        assert client.get(path).json()["content"]["display_name"] == "Acme text"
        paste = {"parent_locator": str(self.courses["Globex"]["unit"].location), "staged_content": "clipboard"}
        assert client.post("/xblock/", json.dumps(paste), content_type="application/json").status_code == 404
        api.remove_member(self.staff, "Acme")
        assert client.get(path).json()["content"] is None
        assert "Acme" not in body_of(client.get(path))

    # Files: what an import has put into an own course is judged when it is used

    def test_an_own_block_that_names_a_foreign_library_gets_nothing_from_it(self):
        foreign = libraries.get_library_components(LibraryLocatorV2.from_string("lib:Globex:lib2")).first()
        usage = f"lb:Globex:lib2:html:{foreign.local_key}" if foreign else "lb:Globex:lib2:html:html1"
        block = self.courses["Acme"]["block"]
        store = modulestore()
        with store.bulk_operations(block.location.course_key):
            own = store.get_item(block.location)
            own.upstream = usage
            store.update_item(own, self.super.id)
        for user in (self.author, self.staff):
            client = client_of(user, HOST)
            answer = client.post(f"/api/contentstore/v2/downstreams/{block.location}/sync")
            assert answer.status_code in (400, 403, 404), body_of(answer)
            assert "Globex lib2" not in body_of(client.get(f"/api/contentstore/v2/downstreams/{block.location}"))
            assert "Globex text" not in body_of(client.get(f"/xblock/{block.location}"))

    def test_a_certificate_that_names_a_foreign_file_does_not_delete_it(self):
        files = {}
        for org, content in self.courses.items():
            key = content["course"].id.make_asset_key("asset", "signature.png")
            contentstore().save(StaticContent(key, "signature.png", "image/png", org.encode()))
            files[org] = key
        course = self.courses["Acme"]["course"].id
        CourseMode.objects.create(course_id=course, mode_slug="honor", mode_display_name="honor")
        for org, is_left in (("Globex", True), ("Acme", False)):
            client = client_of(self.author, HOST)
            signatory = {"name": "x", "title": "x", "organization": "x", "signature_image_path": f"/{files[org]}"}
            body = {"name": "c", "description": "d", "version": 1, "is_active": False, "signatories": [signatory]}
            made = client.post(
                f"/certificates/{course}", body, content_type="application/json", HTTP_ACCEPT="application/json"
            )
            assert made.status_code == 201, body_of(made)
            assert client.delete(f"/certificates/{course}/{made.json()['id']}").status_code == 204
            assert (contentstore().find(files[org], throw_on_not_found=False) is not None) == is_left

    # People

    def test_a_team_takes_people_of_the_tenant_and_tells_of_nobody_else(self):
        course = "course-v1:Acme+AX1+2026"
        for user in (self.author, self.staff):
            client = client_of(user, HOST)
            answers = {
                email: client.post(
                    f"/course_team/{course}/{email}", json.dumps({"role": "staff"}), content_type="application/json"
                )
                for email in ("learner@acme.example", "stranger@globex.example", "nobody@globex.example")
            }
            said = {email: (one.status_code, body_of(one).replace(email, "")) for email, one in answers.items()}
            assert said["learner@acme.example"][0] in (200, 204)
            assert said["stranger@globex.example"] == said["nobody@globex.example"]
            assert said["stranger@globex.example"][0] == 404
        client = client_of(self.author, HOST)
        said = [
            (one.status_code, body_of(one))
            for email in ("stranger@globex.example", "nobody@globex.example")
            for one in [
                client.post(
                    "/api/libraries/v2/lib:Acme:lib2/team/",
                    {"email": email, "access_level": "read"},
                    content_type="application/json",
                )
            ]
        ]
        assert said[0] == said[1]
        assert said[0][0] == 400

    def test_staff_find_close_and_change_people_of_the_tenant_and_nobody_elses(self):
        before = digest_of_tables()
        client = client_of(self.staff, HOST)
        emails = [f"{name}@{tenant}.example" for name, tenant in (("learner", "acme"), ("stranger", "globex"))]
        answer = client.post("/api/user/v1/accounts/search_emails", {"emails": emails}, content_type="application/json")
        assert [one["email"] for one in answer.json()] == emails[:1]
        said = {}
        for name in ("stranger", "nobody"):
            said[name] = [
                (one.status_code, body_of(one).replace(name, ""))
                for one in (
                    client.get(f"/api/user/v1/preferences/{name}"),
                    client.get(f"/api/user/v1/accounts/{name}"),
                    client.post("/accounts/disable_account_ajax", {"username": name, "account_action": "disable"}),
                    client.patch(
                        "/api/v1/course_runs/course-v1:Acme+AX1+2026/",
                        {"team": [{"user": name, "role": "staff"}]},
                        content_type="application/json",
                    ),
                )
            ]
        assert said["stranger"] == said["nobody"]
        assert digest_of_tables() == before
        for user in (self.author, self.staff):
            shown = body_of(client_of(user, HOST).get("/api/contentstore/v1/course_team/course-v1:Acme+AX1+2026"))
            assert "author@acme.example" in shown and "stranger" not in shown
        answer = client.patch(
            "/api/v1/course_runs/course-v1:Acme+AX1+2026/",
            {"team": [{"user": "learner", "role": "staff"}]},
            content_type="application/json",
        )
        assert answer.status_code == 200 and "learner" in body_of(answer)

    # Numbers

    def test_a_rerun_is_shown_to_and_dismissed_by_its_own_people_only(self):
        made = {}
        for org, owner in (("Acme", self.author), ("Globex", self.stranger)):
            new = CourseKey.from_string(f"course-v1:{org}+Rerun+2026")
            CourseInstructorRole(new).add_users(owner)
            CourseRerunState.objects.initiated(self.courses[org]["course"].id, new, owner, "Rerun")
            CourseRerunState.objects.failed(new)
            made[org] = CourseRerunState.objects.get(course_key=new).pk
        before = digest_of_tables()
        path = "/course_notifications/course-v1:Acme+AX1+2026/{}"
        for user in (self.author, self.staff):
            client = client_of(user, HOST)
            for method in ("GET", "DELETE"):
                foreign, none = (
                    client.generic(method, path.format(number), HTTP_ACCEPT="application/json")
                    for number in (made["Globex"], 999)
                )
                assert (foreign.status_code, body_of(foreign)) == (none.status_code, body_of(none)) == (400, "")
            assert client.get(path.format(made["Acme"]), HTTP_ACCEPT="application/json").json()["should_display"]
        assert digest_of_tables() == before
        client = client_of(self.author, HOST)
        assert client.delete(path.format(made["Acme"]), HTTP_ACCEPT="application/json").json() == {"success": True}
        assert [row.pk for row in CourseRerunState.objects.all()] == [made["Globex"]]

    # Writing

    def test_every_route_with_a_foreign_key_refuses_every_verb_and_changes_no_row(self):
        before = digest_of_tables(), self._versions()
        wrong = []
        client = client_of(self.staff, HOST)
        for pattern, view, paths in paths_with_keys("Globex", "GX1", "GLIB"):
            # Such a view may say which verbs and whose tokens it takes before it looks; it changes no row either.
            refusals = (401, 404, 405) if judges_itself(view) else (404,)
            # In a thousand routes of the admin any text is an id; test_in_host.py asks the gate for each of them.
            is_admin = pattern.startswith("admin/")
            for method in ("POST",) if is_admin else ("POST", "PUT", "PATCH", "DELETE"):
                for path in paths[: 1 if is_admin else 2]:
                    answer = client.generic(method, path, "{}", content_type="application/json")
                    if answer.status_code not in refusals:
                        wrong.append((method, path, answer.status_code, pattern))
        assert wrong == []
        assert (digest_of_tables(), self._versions()) == before

    def _versions(self):
        return {
            str(course.id): str(modulestore().get_course(course.id).course_version)
            for course in modulestore().get_courses()
        }

    # What the lists cost

    def test_a_list_asks_no_question_more_than_the_platform_alone(self):
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        def count(user, path):
            client = client_of(user, HOST)
            client.get(path)
            with CaptureQueriesContext(connection) as asked:
                assert client.get(path).status_code == 200
            return [one["sql"] for one in asked if "ccx_tenants_revision" not in one["sql"]]

        paths = (
            "/api/contentstore/v1/home/courses",
            "/api/contentstore/v2/home/courses",
            "/api/contentstore/v1/home/libraries",
            "/api/libraries/v2/",
            "/organizations",
        )
        for user in (self.author, self.staff):
            ours = {path: count(user, path) for path in paths}
            patches.remove()
            try:
                stock = {path: count(user, path) for path in paths}
            finally:
                patches.install()
            more = {path: _more(ours[path], stock[path]) for path in paths if len(ours[path]) > len(stock[path])}
            assert not more, json.dumps(more, indent=1)


def _more(ours, stock):
    """Return the questions that are asked more often by us: the beginning of each, without its numbers."""
    ours, stock = (Counter(re.sub(r"\d+", "#", question) for question in questions) for questions in (ours, stock))
    return [question[-300:] for question in ours - stock]
