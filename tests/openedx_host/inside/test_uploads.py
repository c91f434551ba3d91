"""What a course that is imported into Studio gets of what its files name: the own, and nothing of another tenant's."""

import io
import json
import tarfile

import pytest
from asking import body_of, client_of, empty_memory  # noqa: F401 - a fixture
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile

if settings.ROOT_URLCONF != "cms.urls":
    pytest.skip("Studio's", allow_module_level=True)

from common.djangoapps.student.models import UserProfile
from common.djangoapps.student.roles import CourseInstructorRole, OrgInstructorRole, OrgStaffRole
from django.core.files.base import ContentFile
from edxval import api as videos
from edxval.models import CourseVideo, Profile, VideoTranscript
from opaque_keys.edx.keys import CourseKey, UsageKey
from openedx.core.djangoapps.content_libraries import api as libraries
from openedx.core.djangoapps.content_tagging import api as tagging
from organizations.models import Organization
from xmodule.modulestore.django import modulestore
from xmodule.modulestore.tests.django_utils import ModuleStoreTestCase
from xmodule.modulestore.tests.factories import BlockFactory, CourseFactory, LibraryFactory

from ccx_tenancy import api
from ccx_tenancy.hosts.openedx import patches

HOST = "studio.localhost"
TARGET = "course-v1:Acme+AX1+2026"
JSON = {"HTTP_ACCEPT": "application/json"}
SUBTITLES = "0\n00:00:00,000 --> 00:00:01,000\n{}\n"


def olx(org):
    """Return a course in which blocks name a library of either kind, a unit, a video and a taxonomy of ``org``."""
    blocks = f"""
        <library_content url_name="old" source_library_id="library-v1:{org}+LIB" max_count="1"/>
        <problem url_name="linked" upstream="lb:{org}:lib2:problem:prob1" upstream_version="1"><p>own</p></problem>
        <video url_name="film" edx_video_id="{org.lower()}-film"><video_asset client_video_id="x" duration="1">
        <transcripts><transcript file_format="srt" language_code="de" provider="Custom"/></transcripts>
        </video_asset></video>"""
    return {
        "course/course.xml": f"""<course url_name="2026" org="{org}" course="{org[0]}X1" display_name="Imported">
            <chapter url_name="ch"><sequential url_name="sq"><vertical url_name="un">{blocks}</vertical>
            <vertical url_name="unit" upstream="lct:{org}:lib2:unit:unit1" upstream_version="1">
            <html url_name="h">x</html></vertical></sequential></chapter></course>""",
        "course/tags.csv": f'"Name","Type","ID","{org.lower()}-tags"\r\n"x","html","h","{org} tag"\r\n',
        f"course/static/{org.lower()}-film-de.srt": SUBTITLES.format("injected"),
    }


def packed(files):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return SimpleUploadedFile("course.tar.gz", made.getvalue(), content_type="application/gzip")


def _version_of(root):
    """Return the id under which the modulestore keeps this version of a course or an old library."""
    return str(root.runtime.course_entry.structure["_id"])


class TestUploads(ModuleStoreTestCase):
    def setUp(self):
        super().setUp()
        for key, name in (("acme", "Acme"), ("globex", "Globex")):
            api.create_tenant(key, name=name, domain=f"{key}.localhost", organizations=[name])
        self.author = self._account("author", "Acme")
        self.staff = self._account("staff", "Acme", is_staff=True)
        CourseFactory.create(org="Acme", number="AX1", run="2026")
        self._account("stranger", "Globex")
        for role in (
            OrgStaffRole("Acme"),
            OrgInstructorRole("Acme"),
            CourseInstructorRole(CourseKey.from_string(TARGET)),
        ):
            role.add_users(self.author)
        Profile.objects.get_or_create(profile_name="desktop_mp4")
        for org in ("Acme", "Globex"):
            self._make_content(org)

    def _account(self, name, organization, **flags):
        user = get_user_model().objects.create_user(name, f"{name}@example.com", "edx", **flags)
        UserProfile.objects.create(user=user, name=name)
        api.add_member(user, organization, "author")
        return user

    def _make_content(self, org):
        old = LibraryFactory.create(org=org, library="LIB", display_name=f"{org} secret")
        BlockFactory.create(
            category="problem",
            parent_location=old.location,
            user_id=self.user.id,
            publish_item=False,
            display_name=f"{org} secret",
        )
        made = libraries.create_library(
            org=Organization.objects.get(short_name=org), slug="lib2", title=f"{org} secret"
        )
        libraries.set_library_user_permissions(
            made.key,
            self.author if org == "Acme" else get_user_model().objects.get(username="stranger"),
            libraries.AccessLevel.ADMIN_LEVEL,
        )
        problem = libraries.create_library_block(made.key, "problem", "prob1", self.user.id)
        libraries.set_library_block_olx(problem.usage_key, f'<problem display_name="{org} secret"><p>t</p></problem>')
        unit = libraries.create_container(
            made.key, libraries.ContainerType.Unit, "unit1", f"{org} secret", self.user.id
        )
        libraries.update_container_children(unit.container_key, [problem.usage_key], self.user.id)
        libraries.publish_changes(made.key, self.user.id)
        taxonomy = tagging.create_taxonomy(
            name=f"{org} secret", export_id=f"{org.lower()}-tags", orgs=[Organization.objects.get(short_name=org)]
        )
        tagging.add_tag_to_taxonomy(taxonomy, f"{org} tag")
        film = f"{org.lower()}-film"
        videos.create_video(
            {
                "edx_video_id": film,
                "client_video_id": f"{org} secret",
                "duration": 1.0,
                "status": "file_complete",
                "encoded_videos": [
                    {"profile": "desktop_mp4", "url": f"https://{org} secret", "file_size": 1, "bitrate": 1}
                ],
                "courses": [{f"course-v1:{org}+{org[0]}X9+2026": None}],
            }
        )
        videos.create_video_transcript(film, "en", "srt", ContentFile(SUBTITLES.format(f"{org} secret").encode()))

    def _block(self, kind, name):
        return UsageKey.from_string(f"block-v1:Acme+AX1+2026+type@{kind}+block@{name}")

    def _import(self, user, org):
        client = client_of(user, HOST)
        client.post(f"/import/{TARGET}", {"course-data": packed(olx(org))}, **JSON)
        done = client.get(f"/import_status/{TARGET}/course.tar.gz").json()
        assert done == {"ImportStatus": 4, "Message": ""}, done
        return client

    def _shown(self, client, org):
        """Return where Studio shows what is in the content of an organization, and what the links say."""
        film = f"{org.lower()}-film"
        pages = [
            f"/xblock/{self._block(kind, name)}/{view}"
            for kind, name in (("library_content", "old"), ("problem", "linked"), ("video", "film"))
            for view in ("container_preview", "studio_view", "author_view")
        ]
        pages += [f"/xblock/outline/{self._block('vertical', name)}" for name in ("un", "unit")]
        pages += [
            f"/api/contentstore/v1/container/vertical/{self._block('vertical', 'un')}/children",
            f"/api/contentstore/v1/videos/{TARGET}",
            f"/api/content_tagging/v1/object_tags/{TARGET}/export/",
            f"/api/contentstore/v2/downstreams/?course_id={TARGET}",
            f"/transcript_download/?edx_video_id={film}&language_code=en",
            f"/xblock/{self._block('video', 'film')}/handler/transcript/translation/en",
        ]
        bodies = {page: body_of(client.get(page, **JSON)) for page in pages}
        links = [
            client.get(f"/api/contentstore/v2/downstreams/{self._block(*one)}").json()["version_available"]
            for one in (("problem", "linked"), ("vertical", "unit"))
        ]
        secrets = (f"{org} secret", f"{org} tag", f"{org}%20secret")
        return {page for page, body in bodies.items() if any(secret in body for secret in secrets)}, links

    def _children(self):
        return modulestore().get_item(self._block("library_content", "old")).children

    def test_a_course_that_names_another_tenants_content_gets_none_of_it(self):
        for user in (self.author, self.staff):
            client = self._import(user, "Globex")
            assert self._children() == []
            assert self._shown(client, "Globex") == (set(), [None, None])
            for one in (("problem", "linked"), ("vertical", "unit")):
                answer = client.post(f"/api/contentstore/v2/downstreams/{self._block(*one)}/sync")
                assert answer.status_code == 400 and "not found" in body_of(answer)
            # An edit of another field would copy the library; so would a paste.
            old = self._block("library_content", "old")
            for kind in ("multiplechoiceresponse", "any"):
                body = json.dumps({"id": str(old), "metadata": {"capa_type": kind}})
                assert client.post(f"/xblock/{old}", body, content_type="application/json").status_code == 200
            assert self._children() == []
            # What is held against is there: the platform alone tells of it.
            patches.remove()
            try:
                assert self._shown(client, "Globex")[1] == [2, 2]
            finally:
                patches.install()

    def test_an_old_library_is_copied_in_its_own_versions_only(self):
        store = modulestore()
        own = CourseKey.from_string("library-v1:Acme+LIB")
        foreign = CourseFactory.create(org="Globex", number="GX1", run="2026")
        BlockFactory.create(parent=foreign, category="chapter", display_name="Globex secret")
        versions = [_version_of(store.get_library(own))]
        BlockFactory.create(
            category="problem",
            parent_location=store.get_library(own).location,
            user_id=self.user.id,
            publish_item=False,
            display_name="Acme newer",
        )
        versions.append(_version_of(store.get_library(own)))
        versions.append(_version_of(store.get_course(foreign.id)))
        versions.append(_version_of(store.get_library(CourseKey.from_string("library-v1:Globex+LIB"))))
        copied = []
        for version in versions:
            files = olx("Acme")
            files["course/course.xml"] = files["course/course.xml"].replace(
                'max_count="1"', f'max_count="1" source_library_version="{version}"'
            )
            client = client_of(self.author, HOST)
            client.post(f"/import/{TARGET}", {"course-data": packed(files)}, **JSON)
            copied.append([store.get_item(key).display_name for key in self._children()])
        assert copied == [["Acme secret"], ["Acme secret", "Acme newer"], [], []]

    def test_a_video_of_another_tenant_is_neither_read_nor_replaced(self):
        client = self._import(self.author, "Globex")
        block = self._block("video", "film")
        assert modulestore().get_item(block).edx_video_id != "globex-film"
        body = json.dumps({"id": str(block), "metadata": {"edx_video_id": "globex-film"}})
        assert client.post(f"/xblock/{block}", body, content_type="application/json").status_code == 200
        assert self._shown(client, "Globex")[0] == set()
        file = SimpleUploadedFile("t.srt", SUBTITLES.format("injected").encode())
        form = {"edx_video_id": "globex-film", "language_code": "en", "new_language_code": "en", "file": file}
        client.post("/transcript_upload/", form)
        client.delete(f"/transcript_delete/{TARGET}/globex-film/en")
        assert list(
            CourseVideo.objects.filter(video__edx_video_id="globex-film").values_list("course_id", flat=True)
        ) == ["course-v1:Globex+GX9+2026"]
        (transcript,) = VideoTranscript.objects.filter(video__edx_video_id="globex-film")
        assert transcript.language_code == "en" and b"Globex secret" in transcript.transcript.read()

    def test_a_course_that_names_the_own_content_gets_it_as_without_the_plug_in(self):
        client = self._import(self.author, "Acme")
        ours = self._shown(client, "Acme")
        assert len(self._children()) == 1 and ours[1] == [2, 2]
        patches.remove()
        try:
            stock = self._shown(client, "Acme")
        finally:
            patches.install()
        assert ours == stock
        answer = client.post(f"/api/contentstore/v2/downstreams/{self._block('problem', 'linked')}/sync")
        assert answer.status_code == 200
        assert modulestore().get_item(self._block("problem", "linked")).upstream_display_name == "Acme secret"
