"""Rows that a request in Studio does not see, on stand-ins of the host's tables."""

import sys
from importlib import import_module

import crum
import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import RequestFactory
from django.urls import ResolverMatch
from opaque_keys.edx.keys import CourseKey
from organizations.models import Organization

from ccx_tenancy import api
from ccx_tenancy.context import Scope, push, remove
from ccx_tenancy.hosts.openedx import patches, rows, rows_in_studio, sight, studio
from ccx_tenancy.hosts.openedx.targets import Patch
from ccx_tenancy.middleware import drf
from ccx_tenancy.tenants.index import index
from tests.counting import counted
from tests.hosts.openedx.standin.content_libraries.models import ContentLibrary, ContentLibraryPermission
from tests.hosts.openedx.standin.course_overviews.models import CourseOverview
from tests.hosts.openedx.standin.student.models import CourseAccessRole, CourseEnrollment

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def cut(settings, monkeypatch):
    settings.CCX_TENANCY = {"HOST": "ccx_tenancy.hosts.openedx.OpenEdxHost", "SURFACE": "studio"}
    monkeypatch.setattr(sight.roles, "known_roles", lambda user: list(CourseAccessRole.objects.filter(user_id=user.pk)))
    # In the place of reruns and exams.
    monkeypatch.setattr(rows_in_studio, "NUMBERED_APPS", frozenset({"course_overviews"}))
    rows_in_studio._found.cache_clear()
    patch = {"studio_rows": Patch(studio._rows, "why", "without", surface="studio")}
    patches.install(patch)
    yield
    patches.remove(patch)
    rows_in_studio._found.cache_clear()


@pytest.fixture
def tenants(cut):
    for key, name in (("acme", "Acme"), ("globex", "Globex")):
        api.create_tenant(key, name=name, domain=f"{key}.localhost", organizations=[name])
    Organization.objects.create(short_name="Platform", name="Platform")


def account(name, organization=None, role="author", **flags):
    user = User.objects.create_user(name, f"{name}@example.com", **flags)
    if organization:
        api.add_member(user, organization, role)
    return user


def key(org):
    return CourseKey.from_string(f"course-v1:{org}+X+2026")


def role_on(user, org, role="staff"):
    # As before the plug-in came: it refuses a role to who is no member.
    CourseAccessRole.objects.bulk_create([CourseAccessRole(user=user, org=org, course_id=key(org), role=role)])


class Asked:
    """A request of a user to Studio, while the block runs."""

    def __init__(self, user):
        self.request = RequestFactory().get("/")
        self.request.user = user

    def __enter__(self):
        crum.set_current_request(self.request)

    def __exit__(self, *error):
        crum.set_current_request(None)


def found_by(user):
    with Asked(user):
        return set(User.objects.values_list("username", flat=True))


READ_LATE = "from django.contrib.auth.models import User\nFOUND = User.objects.all()\n"


def test_what_a_module_keeps_is_not_cut_to_who_asked_when_it_was_read(people, tmp_path, monkeypatch):
    (tmp_path / "read_late_in_studio.py").write_text(READ_LATE)
    monkeypatch.syspath_prepend(tmp_path)
    with Asked(people["author"]):
        kept = import_module("read_late_in_studio").FOUND
        del sys.modules["read_late_in_studio"]
        assert "stranger" not in set(kept.all().values_list("username", flat=True))
    with Asked(people["stranger"]):
        assert {"stranger"} <= set(kept.all().values_list("username", flat=True)) <= found_by(people["stranger"])
    with Asked(account("root", is_superuser=True)):
        assert kept.all().count() == User.objects.count()


@pytest.fixture
def people(tenants):
    made = {
        "author": account("author", "Acme"),
        "staff": account("staff", "Acme", is_staff=True),
        "learner": account("learner", "Acme", "learner"),
        "stranger": account("stranger", "Globex"),
        "helper": account("helper", "Globex"),
        "nobody": account("nobody", is_staff=True),
        "enrolled": account("enrolled"),
        "super": account("super", is_superuser=True),
    }
    for org in ("Acme", "Globex", "Platform"):
        CourseOverview.objects.create(id=key(org), org=org)
    CourseEnrollment.objects.create(user=made["enrolled"], course_id=key("Acme"))
    return made


def test_authors_and_staff_find_people_of_their_tenant_and_whoever_was_enrolled_there(people):
    for name in ("author", "staff"):
        assert found_by(people[name]) == {"author", "staff", "learner", "enrolled", "super"}
    assert found_by(people["stranger"]) == {"stranger", "helper", "super"}


def test_a_learner_finds_nobody_but_itself_and_operators(people):
    assert found_by(people["learner"]) == {"learner", "super"}


def test_people_of_no_tenant_find_each_other(people):
    assert found_by(people["nobody"]) == {"nobody", "enrolled", "super"}


def test_operators_find_everybody_and_so_do_staff_where_they_are_not_partitioned(people, settings):
    assert len(found_by(people["super"])) == len(people)
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "PARTITION_GLOBAL_STAFF": False}
    assert len(found_by(people["staff"])) == len(people)


def test_the_team_of_one_foreign_course_or_library_finds_each_other(people):
    role_on(people["stranger"], "Globex", "instructor")
    assert "stranger" not in found_by(people["author"])
    role_on(people["author"], "Globex")
    assert found_by(people["author"]) >= {"stranger", "learner"} and "helper" not in found_by(people["author"])
    library = ContentLibrary.objects.create(org=Organization.objects.get(short_name="Globex"), slug="lib")
    for name in ("helper", "author"):
        ContentLibraryPermission.objects.create(library=library, user=people[name], access_level="read")
    assert "helper" in found_by(people["author"])


def test_a_member_in_the_team_of_a_course_finds_the_people_of_that_tenant(people):
    role_on(people["learner"], "Acme", "instructor")
    assert found_by(people["learner"]) == {"author", "staff", "learner", "super"}
    role_on(people["learner"], "Globex", "instructor")
    assert not {"stranger", "helper"} & found_by(people["learner"])


def test_who_has_picked_one_tenant_finds_its_people_only_an_operator_too(people):
    for name in ("author", "super"):
        role_on(people[name], "Globex")
    role_on(people["stranger"], "Globex", "instructor")
    for name in ("author", "super"):
        user = people[name]
        assert "stranger" in found_by(user)
        scope = Scope(None, None)
        scope.pick = str(user.pk), index().tenants["acme"]
        push(scope)
        try:
            assert found_by(user) == {"author", "staff", "learner", "enrolled", "super"}
        finally:
            remove(scope)


def test_a_look_up_by_any_way_answers_as_for_nobody(people):
    made_before = User.objects.all()
    with Asked(people["staff"]):
        for wanted in ({"username": "stranger"}, {"email": "stranger@example.com"}, {"pk": people["stranger"].pk}):
            assert not User.objects.filter(**wanted).exists()
            assert not made_before.all().filter(**wanted).exists()
        # A link between rows is followed.
        assert CourseAccessRole(user_id=people["stranger"].pk).user.username == "stranger"


def test_nobody_is_hidden_while_it_is_found_out_who_asks_nor_from_our_own_rooms_nor_outside_of_requests(people):
    assert User.objects.count() == len(people)
    assert len(found_by(AnonymousUser())) == len(people)
    with Asked(people["staff"]):
        with rows.uncut():
            assert User.objects.count() == len(people)
        with drf.finding_out():
            assert User.objects.count() == len(people)


def test_who_signs_in_is_anybody_whoever_was_signed_in_before(people):
    asked = Asked(people["staff"])
    for app, found in (("social", len(people)), ("other", 5)):
        asked.request.resolver_match = ResolverMatch(len, (), {}, app_names=[app])
        with asked:
            assert User.objects.count() == found


def test_without_a_tenant_everybody_finds_everybody(cut):
    asker = account("staff", is_staff=True)
    account("other")
    assert found_by(asker) == {"staff", "other"}


def seen_by(user):
    with Asked(user):
        return {row.org for row in CourseOverview.objects.all()}


def test_what_is_asked_for_by_a_number_is_of_a_course_in_sight(people):
    assert seen_by(people["author"]) == seen_by(people["staff"]) == {"Acme"}
    assert seen_by(people["nobody"]) == {"Platform"} and seen_by(people["learner"]) == set()
    assert seen_by(people["super"]) == {"Acme", "Globex", "Platform"}
    role_on(people["author"], "Globex")
    assert seen_by(people["author"]) == {"Acme", "Globex"}


def test_finding_people_takes_one_question(people):
    with Asked(people["staff"]):
        assert len(counted(lambda: User.objects.filter(username="stranger").exists())) == 1
