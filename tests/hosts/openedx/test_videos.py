"""Videos and transcripts, on stand-ins of the host's models: found by whoever sees a course in which the video is."""

import sys
from importlib import import_module
from types import ModuleType

import crum
import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from django.test import RequestFactory
from opaque_keys.edx.keys import CourseKey
from rest_framework.generics import ListAPIView

from ccx_tenancy import api
from ccx_tenancy.context import Scope, push, remove
from ccx_tenancy.hosts.openedx import patches, sight, videos
from ccx_tenancy.hosts.openedx.targets import Patch
from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.index import index
from tests.hosts.openedx.standin.edxval.models import CourseVideo, EncodedVideo, Video, VideoTranscript
from tests.hosts.openedx.standin.student.models import CourseAccessRole
from tests.hosts.openedx.standin_of_videos import stand_ins_of_videos

pytestmark = pytest.mark.django_db

PATCH = {"videos": Patch(videos.targets, "", "")}
COURSE = "course-v1:{}+X+2026"


@pytest.fixture(autouse=True, params=["lms", "studio"])
def surface(request, settings, monkeypatch):
    """The patch alone, in either service."""
    settings.CCX_TENANCY = {"HOST": "ccx_tenancy.hosts.openedx.OpenEdxHost", "SURFACE": request.param}
    monkeypatch.setattr(sight.roles, "known_roles", lambda user: list(CourseAccessRole.objects.filter(user_id=user.pk)))
    for made in stand_ins_of_videos():
        parts = made.__name__.split(".")
        for length in range(1, len(parts)):
            package = ModuleType(".".join(parts[:length]))
            package.__path__ = []
            monkeypatch.setitem(sys.modules, package.__name__, package)
        monkeypatch.setitem(sys.modules, made.__name__, made)
    patches.install(PATCH)
    assert all(target.is_installed for target in videos.targets())
    yield request.param
    patches.remove(PATCH)
    assert not any(target.is_installed for target in videos.targets())


@pytest.fixture
def tenants(db):
    """Two tenants, and a video of each, of the platform, of both, and of no course."""
    for key, name in (("acme", "Acme"), ("globex", "Globex")):
        api.create_tenant(key, name=name, domain=f"{key}.localhost", organizations=[name])
    in_courses = {name: [name] for name in ("Acme", "Globex", "Platform")} | {"both": ["Acme", "Globex"], "none": []}
    for name, owners in in_courses.items():
        video = Video._base_manager.create(edx_video_id=name, status=f"of {name}")
        EncodedVideo._base_manager.create(video=video, url=f"https://{name}")
        VideoTranscript._base_manager.create(video=video, language_code="en")
        for owner in owners:
            CourseVideo._base_manager.create(video=video, course_id=COURSE.format(owner))


@pytest.fixture
def asked_by(surface, tenants):
    """Make a request of that user the current one: on the tenant's own site, or in Studio."""
    scopes = []

    def ask(user, tenant="acme"):
        request = RequestFactory().get("/")
        request.user = user
        request.tenancy_surface = surface
        request.tenant = index().tenants.get(tenant) if surface == "lms" else None
        scopes.append(Scope(request.tenant, None))
        push(scopes[-1])
        crum.set_current_request(request)

    yield ask
    crum.set_current_request(None)
    for scope in reversed(scopes):
        remove(scope)


def account(name, tenant, **flags):
    user = User.objects.create_user(name, f"{name}@example.com", **flags)
    if tenant:
        api.add_member(user, tenant, "author")
    return user


def seen():
    """The ids of the videos that are there, which have to be the same ways all over."""
    found = set(Video.objects.values_list("edx_video_id", flat=True))
    assert found == set(EncodedVideo.objects.values_list("video__edx_video_id", flat=True))
    assert found == set(VideoTranscript.objects.values_list("video__edx_video_id", flat=True))
    return found


@pytest.mark.parametrize("flags", [{}, {"is_staff": True}])
def test_videos_are_there_that_are_in_a_course_in_sight_or_in_none(asked_by, flags):
    asked_by(account("author", "Acme", **flags))
    assert seen() == {"Acme", "both", "none"}
    assert set(CourseVideo.objects.values_list("course_id", flat=True)) == {COURSE.format("Acme")}
    with pytest.raises(Video.DoesNotExist):
        Video.objects.get(edx_video_id="Globex")


def test_on_the_platforms_own_hosts_nobody_has_videos_of_tenants(asked_by):
    asked_by(AnonymousUser(), tenant=None)
    assert seen() == {"Platform", "none"}


def test_an_operator_a_task_and_an_installation_without_tenants_have_all_videos(asked_by):
    everything = {"Acme", "Globex", "Platform", "both", "none"}
    assert seen() == everything
    asked_by(account("super", None, is_superuser=True, is_staff=True))
    assert seen() == everything


def test_without_a_tenant_nothing_is_asked_besides(db):
    assert "coursevideo" not in str(Video.objects.all().query).lower()


class VideosView(ListAPIView):
    queryset = Video._base_manager.all()


def test_a_view_that_took_its_rows_when_its_module_was_read_has_those_in_sight(asked_by):
    asked_by(account("author", "Acme"))
    assert {row.edx_video_id for row in VideosView().get_queryset()} == {"Acme", "both", "none"}
    asked_by(account("super", None, is_superuser=True))
    assert VideosView().get_queryset().count() == 5


def test_a_view_whose_module_is_read_while_somebody_asks_is_not_cut_to_what_that_one_sees(
    asked_by, tmp_path, monkeypatch
):
    (tmp_path / "read_late_videos.py").write_text(
        f"from {Video.__module__} import Video\nFOUND = Video.objects.all()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    asked_by(account("author", "Acme"))
    found = import_module("read_late_videos").FOUND
    del sys.modules["read_late_videos"]
    assert found.count() == 5 and Video.objects.count() == 3


def test_modules_may_be_read_before_there_are_tables(db):
    """The host's views take their rows when their module is read, as in the command that makes the tables."""
    revisions.forget()
    with connection.execute_wrapper(lambda *asked: pytest.fail(f"asked: {asked[1]}")):
        assert Video.objects.all() is not None


def test_a_role_on_a_course_of_another_tenant_counts_in_studio(asked_by, surface):
    author = account("author", "Acme")
    key = CourseKey.from_string(COURSE.format("Globex"))
    CourseAccessRole.objects.bulk_create([CourseAccessRole(user=author, org="Globex", course_id=key, role="staff")])
    asked_by(author)
    assert ("Globex" in seen()) == (surface == "studio")


def block_of(organization, video):
    return sys.modules[videos.BLOCKS[0]].VideoBlock(f"block-v1:{organization}+X+2026+type@video+block@v", video)


def test_what_a_block_keeps_of_a_video_is_what_its_own_course_has_whoever_asks(asked_by):
    asked_by(account("super", None, is_superuser=True))
    for ask in ("student_view_data", "index_dictionary"):
        assert getattr(block_of("Acme", "Acme"), ask)() == ["of Acme"]
        assert getattr(block_of("Acme", "both"), ask)() == ["of both"]
        assert getattr(block_of("Acme", "Globex"), ask)() == []
        assert getattr(block_of("Platform", "Globex"), ask)() == []
        assert getattr(block_of("Platform", "Platform"), ask)() == ["of Platform"]
    # A task asks for nobody.
    crum.set_current_request(None)
    assert block_of("Acme", "Globex").definition_to_xml(None) == []
    assert block_of("Globex", "Globex").definition_to_xml(None) == ["of Globex"]


@pytest.mark.parametrize("is_task", [True, False])
def test_an_imported_block_gets_a_video_of_its_own_where_it_names_another_tenants(asked_by, is_task):
    if not is_task:
        asked_by(account("author", "Acme"))
    importing = sys.modules[videos.API].import_from_xml
    acme, globex = COURSE.format("Acme"), COURSE.format("Globex")
    for name in ("Acme", "both", "none", "new"):
        assert importing(None, name, None, None, {}, acme) == name
    assert importing(None, "Globex", None, None, course_id=acme).startswith("made")
    links = CourseVideo._base_manager.filter(video__edx_video_id="Globex")
    assert list(links.values_list("course_id", flat=True)) == [globex]
    # What is pasted is put into no course.
    assert importing(None, "Globex", None, None).startswith("Globex" if is_task else "made")


def test_a_manager_that_is_not_there_is_told():
    (target, *_) = videos.targets()
    assert target.found() == target.expected == "(self)"
    assert str(target).endswith("Video.objects")
    assert videos.OfManager(Video, "things", ("self",), None).found() == "nothing of that name"
