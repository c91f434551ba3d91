"""Lists cut to what somebody sees."""

# ruff: noqa: DJ008

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from django.db import connection, models
from opaque_keys.edx.django.models import CourseKeyField, UsageKeyField
from opaque_keys.edx.keys import CourseKey, UsageKey
from organizations.models import Organization, OrganizationCourse

from ccx_tenancy import api, errors
from ccx_tenancy.partition import owners
from tests.partition.test_policy import ACME, GLOBEX, PLATFORM, TEAM, UNKNOWN, TeamHost

ALL = [ACME, GLOBEX, PLATFORM, UNKNOWN, "AcmeX/Old/2026", "GlobexX/Old/2026", "library-v1:acmex+L1", TEAM]


class Overview(models.Model):
    """A course as the host keeps it: its key, and its organization beside it."""

    id = CourseKeyField(max_length=255, primary_key=True)
    org = models.TextField()

    class Meta:
        app_label = "tests_partition"


class Enrollment(models.Model):
    """A row that links to a course."""

    course = models.ForeignKey(Overview, on_delete=models.DO_NOTHING, db_constraint=False)

    class Meta:
        app_label = "tests_partition"


class Ticket(models.Model):
    """A row that holds a key and says nothing else."""

    course_id = CourseKeyField(max_length=255)

    class Meta:
        app_label = "tests_partition"


class Block(models.Model):
    """A row that holds a usage key."""

    usage_key = UsageKeyField(max_length=255)

    class Meta:
        app_label = "tests_partition"


class Library(models.Model):
    """A library as the host keeps it: linked to its organization."""

    org = models.ForeignKey(Organization, on_delete=models.CASCADE)
    slug = models.SlugField()

    class Meta:
        app_label = "tests_partition"


class Nothing(models.Model):
    """A row that says no organization."""

    title = models.TextField()

    class Meta:
        app_label = "tests_partition"


MODELS = (Overview, Enrollment, Ticket, Block, Library)


@pytest.fixture(scope="module", autouse=True)
def tables(django_db_setup, django_db_blocker):
    """The tables of the models above."""
    with django_db_blocker.unblock(), connection.schema_editor() as editor:
        for model in MODELS:
            editor.create_model(model)
    yield
    with django_db_blocker.unblock(), connection.schema_editor() as editor:
        for model in reversed(MODELS):
            editor.delete_model(model)


@pytest.fixture
def author(make_user, acme, globex, platform):
    user = make_user("author")
    api.add_member(user, "AcmeX", "author")
    return user


@pytest.fixture
def rows(author):
    keys = [CourseKey.from_string(key) for key in ALL]
    Overview.objects.bulk_create([Overview(id=key, org=key.org) for key in keys])
    Enrollment.objects.bulk_create([Enrollment(course_id=key) for key in keys])
    Ticket.objects.bulk_create([Ticket(course_id=key) for key in keys])
    blocks = ["block-v1:AcmeX+A1+2026+type@html+block@x", "lb:GlobexX:L1:html:x", "lb:AcmeX:L1:html:x"]
    Block.objects.bulk_create([Block(usage_key=UsageKey.from_string(key)) for key in blocks])
    for name in ("AcmeX", "GlobexX", "PlatX"):
        organization = Organization.objects.get(short_name=name)
        Library.objects.create(org=organization, slug=f"of-{name}")
        OrganizationCourse.objects.create(course_id=f"course-v1:{name}+C1+2026", organization=organization)


OWN = {ACME, "AcmeX/Old/2026", "library-v1:acmex+L1"}


@pytest.mark.parametrize(("surface", "tenant"), [("studio", None), ("lms", "acme")])
@pytest.mark.parametrize(("model", "field"), [(Overview, "id"), (Enrollment, "course_id"), (Ticket, "course_id")])
def test_a_queryset_is_filtered_in_the_database_by_organization_or_key(
    rows, author, surface, tenant, model, field, django_assert_num_queries
):
    with api.tenant_context(tenant) if tenant else nullcontext():
        api.visible_organizations(author, surface)
        owners.has_any()
        with django_assert_num_queries(1):
            found = api.filter_courses(author, model.objects.all(), surface)
            assert isinstance(found, models.QuerySet)
            assert {str(getattr(row, field)) for row in found} == OWN


def test_a_filtered_queryset_can_be_filtered_ordered_and_cut_further(rows, author):
    found = api.filter_courses(author, Overview.objects.filter(org__iexact="acmex"), "studio").order_by("id")
    assert found.count() == len(OWN) and len(found[:2]) == 2
    assert set(found.values_list("org", flat=True)) == {"AcmeX", "acmex"}


def test_a_usage_key_a_link_to_the_organization_and_the_organization_itself_are_understood(rows, author):
    blocks = api.filter_courses(author, Block.objects.all(), "studio")
    assert {str(row.usage_key) for row in blocks} == {
        "block-v1:AcmeX+A1+2026+type@html+block@x",
        "lb:AcmeX:L1:html:x",
    }
    assert {row.slug for row in api.filter_courses(author, Library.objects.all(), "studio")} == {"of-AcmeX"}
    found = api.filter_courses(author, OrganizationCourse.objects.all(), "studio")
    assert {row.course_id for row in found} == {"course-v1:AcmeX+C1+2026"}
    assert [row.short_name for row in api.filter_courses(author, Organization.objects.all(), "studio")] == ["AcmeX"]


def test_people_of_no_tenant_get_what_no_tenant_owns(rows, make_user):
    found = api.filter_courses(make_user("stranger"), Overview.objects.all(), "studio")
    assert {str(row.id) for row in found} == {PLATFORM, UNKNOWN}


def test_an_operator_and_an_installation_without_tenants_get_the_queryset_as_it_is(make_user, db):
    courses = Overview.objects.all()
    assert api.filter_courses(make_user("somebody"), courses, "studio") is courses
    api.create_tenant("acme", name="Acme", domain="acme.example.com", organizations=["AcmeX"])
    assert api.filter_courses(make_user("root", is_superuser=True), courses, "studio") is courses


def test_a_course_on_which_the_host_gives_a_role_stays_in_the_list(rows, author, settings):
    settings.CCX_TENANCY = {"HOST": "tests.partition.test_policy.TeamHost"}
    for model, field in ((Overview, "id"), (Ticket, "course_id")):
        found = api.filter_courses(author, model.objects.all(), "studio")
        assert {str(getattr(row, field)) for row in found} == {*OWN, TEAM, PLATFORM}
    assert set(api.filter_courses(author, ALL, "studio")) == {*OWN, TEAM, PLATFORM}
    with api.tenant_context("acme"):
        found = api.filter_courses(author, Overview.objects.all(), "studio")
        assert {str(row.id) for row in found} == OWN


def test_a_queryset_that_says_no_organization_is_refused_by_name(author):
    with pytest.raises(errors.InvalidInput, match=r"tests_partition\.Nothing"):
        api.filter_courses(author, Nothing.objects.all(), "studio")


def test_items_of_all_kinds_are_filtered_in_their_order(author):
    own = [
        ACME,
        CourseKey.from_string(ACME),
        SimpleNamespace(id=CourseKey.from_string(ACME)),
        SimpleNamespace(key=ACME, id=7),
        SimpleNamespace(location=UsageKey.from_string("block-v1:AcmeX+A1+2026+type@html+block@x")),
        SimpleNamespace(course_id=ACME),
        SimpleNamespace(org="acmex"),
        {"course_key": ACME},
        {"org": "AcmeX", "title": "GlobexX/a/b"},
        Overview(id=CourseKey.from_string(ACME), org="AcmeX"),
    ]
    foreign = [
        GLOBEX,
        CourseKey.from_string(GLOBEX),
        SimpleNamespace(id=CourseKey.from_string(GLOBEX)),
        SimpleNamespace(org="GlobexX", id=CourseKey.from_string(ACME)),
        {"course_id": PLATFORM},
        SimpleNamespace(title="nothing"),
        7,
        None,
    ]
    mixed = [item for pair in zip(own, [*foreign, *foreign], strict=False) for item in pair]
    assert api.filter_courses(author, mixed, "studio") == own
    assert api.filter_courses(author, iter(mixed), "studio") == own


class CountingHost(TeamHost):
    """Counts how often it is asked."""

    asked: list[str] = []

    def direct_roles(self, user, surface):
        self.asked.append("list")
        return super().direct_roles(user, surface)

    def has_direct_role(self, user, organization, key, surface):
        self.asked.append(key)
        return super().has_direct_role(user, organization, key, surface)


def test_the_host_is_asked_for_its_roles_once_a_list_and_not_for_what_a_membership_opens(rows, author, settings):
    settings.CCX_TENANCY = {"HOST": "tests.partition.test_courses.CountingHost"}
    CountingHost.asked.clear()
    assert api.can_see(author, ACME, "studio")
    assert CountingHost.asked == []
    list(api.filter_courses(author, Overview.objects.all(), "studio"))
    assert CountingHost.asked == ["list"]
    api.filter_courses(author, ALL * 20, "studio")
    assert CountingHost.asked == ["list", "list"]
    with api.tenant_context("acme"):
        api.filter_courses(author, ALL, "lms")
    assert CountingHost.asked == ["list", "list"]
