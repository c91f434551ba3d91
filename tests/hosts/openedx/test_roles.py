"""Roles that the host's own tables give: course teams, organization roles, library teams."""

import pytest
from django.contrib.auth.models import Group, User
from opaque_keys.edx.keys import CourseKey
from organizations.models import Organization

from ccx_tenancy import api
from ccx_tenancy.hosts.openedx import OpenEdxHost
from ccx_tenancy.partition import policy
from ccx_tenancy.partition.keys import Named
from tests.hosts.openedx.standin.content_libraries.models import ContentLibrary, ContentLibraryPermission
from tests.hosts.openedx.standin.course_overviews.models import CourseOverview
from tests.hosts.openedx.standin.student.models import CourseAccessRole

pytestmark = pytest.mark.django_db
COURSE = "course-v1:Globex+GX1+2026"
host = OpenEdxHost()


@pytest.fixture(autouse=True)
def this_host(settings):
    settings.CCX_TENANCY = {"HOST": "ccx_tenancy.hosts.openedx.OpenEdxHost", "SURFACE": "studio"}


@pytest.fixture
def author(db):
    api.create_tenant("globex", name="Globex", domain="globex.localhost", organizations=["Globex"])
    return User.objects.create_user("author")


def grant(user, role="staff", org="Globex", key=COURSE):
    # As before the plug-in came: it refuses a role to who is no member.
    course = CourseKey.from_string(key) if key else ""
    CourseAccessRole.objects.bulk_create([CourseAccessRole(user=user, org=org, role=role, course_id=course)])


def share(slug="lib2", **whom):
    organization = Organization.objects.get(short_name="Globex")
    library, _ = ContentLibrary.objects.get_or_create(org=organization, slug=slug)
    ContentLibraryPermission.objects.create(library=library, access_level="author", **whom)


@pytest.mark.parametrize(
    "key",
    [
        COURSE,
        "block-v1:Globex+GX1+2026+type@problem+block@p1",
        "asset-v1:Globex+GX1+2026+type@asset+block@note.txt",
    ],
)
def test_a_course_team_opens_everything_of_its_course(author, key):
    assert not host.has_direct_role(author, "globex", key, "studio")
    grant(author)
    assert host.has_direct_role(author, "globex", key, "studio")


def test_a_course_team_opens_no_other_course(author):
    grant(author)
    assert not host.has_direct_role(author, "globex", "course-v1:Globex+GX2+2026", "studio")


def test_a_beta_tester_has_a_role_in_the_lms_and_none_in_studio(author):
    grant(author, role="beta_testers")
    assert host.has_direct_role(author, "globex", COURSE, "lms")
    assert not host.has_direct_role(author, "globex", COURSE, "studio")


def test_a_role_on_the_organization_opens_no_key_of_a_tenant(author):
    grant(author, key="")
    assert not host.has_direct_role(author, "globex", COURSE, "studio")
    assert host.direct_roles(author, "studio").organizations == {"Globex"}


def test_a_role_on_the_organization_opens_what_no_tenant_owns(author):
    grant(author, org="Platform", key="")
    assert host.has_direct_role(author, "platform", "course-v1:Platform+P1+2026", "studio")
    assert host.has_direct_role(author, "platform", "", "studio")
    assert not host.has_direct_role(author, "other", "course-v1:Other+P1+2026", "studio")


def test_a_library_team_opens_its_library_for_the_user_and_for_a_group(author):
    share(user=author)
    group = Group.objects.create(name="authors")
    author.groups.add(group)
    share("lib3", group=group)
    for key in ("lib:Globex:lib2", "lib:Globex:lib3", "lb:Globex:lib2:html:h1"):
        assert host.has_direct_role(author, "globex", key, "studio")
    assert not host.has_direct_role(author, "globex", "lib:Globex:lib4", "studio")


def test_who_is_in_a_team_may_say_the_organizations_name_in_studio(author):
    named = [Named("globex", "")]
    assert not policy.may_name(author, named, policy.STUDIO)
    grant(author, key="")
    assert not policy.may_name(author, named, policy.STUDIO)
    grant(author, role="beta_testers")
    assert not policy.may_name(author, named, policy.STUDIO)
    grant(author)
    assert policy.may_name(author, named, policy.STUDIO) and not policy.may_name(author, named, policy.LMS)
    assert not policy.may_name(author, [Named("globex", "*")], policy.STUDIO)
    api.suspend_tenant("globex")
    assert not policy.may_name(author, named, policy.STUDIO)


def test_who_is_in_the_team_of_a_library_may_say_the_organizations_name_in_studio(author):
    share(user=author)
    assert policy.may_name(author, [Named("globex", "")], policy.STUDIO)


def test_a_course_team_may_ask_for_all_blocks_of_its_course_and_of_no_other_that_begins_so(author):
    grant(author)
    CourseOverview.objects.create(id=CourseKey.from_string(COURSE), org="Globex")
    assert host.has_direct_role(author, "globex", "block-v1:Globex+GX1+2026*", "studio")
    for key in ("block-v1:Globex+GX1+202*", "block-v1:Globex+GX1*", "block-v1:Globex*", "course-v1:Globex+GX1+2026*"):
        assert not host.has_direct_role(author, "globex", key, "studio")
    CourseOverview.objects.create(id=CourseKey.from_string(f"{COURSE}B"), org="Globex")
    assert not host.has_direct_role(author, "globex", "block-v1:Globex+GX1+2026*", "studio")


@pytest.mark.parametrize("key", ["course-v1:", "course-v1:Globex+*", "\x00", "lib:Globex", "Globex/GX1/2026/x"])
def test_what_is_no_key_is_nobodys(author, key):
    grant(author)
    assert not host.has_direct_role(author, "globex", key, "studio")


def test_all_direct_roles_cost_two_queries(author, django_assert_num_queries):
    grant(author)
    share(user=author)
    with django_assert_num_queries(2):
        found = host.direct_roles(author, "studio")
    assert found.keys == {COURSE, "lib:Globex:lib2"}
