"""Rows of other tenants, on stand-ins of the host's tables: what a request's reads leave out."""

import sys
from importlib import import_module

import crum
import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import IntegrityError, connection
from django.db.models import Count, TextField
from django.db.models.functions import Cast
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils.functional import SimpleLazyObject
from opaque_keys.edx.keys import CourseKey
from organizations.models import Organization

from ccx_tenancy import api
from ccx_tenancy.hosts.openedx import bought, patches, rows
from ccx_tenancy.hosts.openedx.rows import conditions, dealings
from ccx_tenancy.hosts.openedx.rows import people as rows_of_people
from ccx_tenancy.hosts.openedx.rows.cuts import narrowed
from ccx_tenancy.middleware import CoursePartitionMiddleware, drf
from ccx_tenancy.partition import owners
from tests.counting import counted
from tests.hosts.openedx.standin.ccx.models import CustomCourseForEdX
from tests.hosts.openedx.standin.content_libraries.models import ContentLibrary, ContentLibraryPermission
from tests.hosts.openedx.standin.course_overviews.models import CourseOverview
from tests.hosts.openedx.standin.split_modulestore_django.models import SplitModulestoreCourseIndex
from tests.hosts.openedx.standin.staffgrader.models import SubmissionGradingLock
from tests.hosts.openedx.standin.student.models import (
    CourseAccessRole,
    CourseEnrollment,
    CourseEnrollmentAttribute,
    UserProfile,
    UserSignupSource,
)
from tests.hosts.openedx.standin.wiki.models import Article, ArticleRevision, URLPath
from tests.hosts.openedx.standin.workflow.models import AssessmentWorkflow
from tests.people import empty_memory

__all__ = ["empty_memory"]
pytestmark = pytest.mark.django_db
COURSES = (
    "course-v1:Acme+AX1+2026",
    "course-v1:acme+AX2+2026",
    "Acme/Old/2012",
    "course-v1:Acme_+AX1+2026",
    "course-v1:Globex+GX1+2026",
    "course-v1:Free+F1+2026",
)
ACME, FREE, GLOBEX = set(COURSES[:3]), set(COURSES[5:]), set(COURSES[4:5])


@pytest.fixture(autouse=True)
def cut():
    patch = {"tenant_rows": patches.PATCHES["tenant_rows"]}
    patches.install(patch)
    yield
    patches.remove(patch)


@pytest.fixture
def people(cut):
    api.create_tenant("acme", name="Acme", domain="acme.localhost", organizations=["Acme"])
    api.create_tenant("globex", name="Globex", domain="globex.localhost", organizations=["Globex"])
    api.create_tenant("dash", name="Dash", domain="dash.localhost", organizations=["Acme_"])
    made = {}
    for name in ("acme_learner", "globex_learner", "stranger", "once", "worker", "root"):
        made[name] = User.objects.create_user(name, f"{name}@example.com", is_superuser=name == "root")
        UserProfile.objects.create(user=made[name], name=name)
    api.add_member(made["acme_learner"], "Acme")
    api.add_member(made["globex_learner"], "Globex")
    for key in COURSES:
        course = CourseKey.from_string(key)
        CourseOverview.objects.create(id=course, org=course.org)
        learner = made["once" if key in ACME else "stranger"]
        CourseEnrollment.objects.create(user=learner, course_id=course)
    return made


class Visit:
    """A request on a host, by a user, while the block runs."""

    def __init__(self, host, user=None, surface="lms"):
        self.request = RequestFactory().get("/", HTTP_HOST=host)
        self.request.tenant = api.resolve_tenant(host)
        self.request.tenancy_surface = surface
        self.request.user = user or AnonymousUser()

    def __enter__(self):
        self._before = crum.get_current_request()
        crum.set_current_request(self.request)
        self._context = api.tenant_context(self.request.tenant) if self.request.tenant else None
        if self._context:
            self._context.__enter__()
        return self

    def __exit__(self, *error):
        if self._context:
            self._context.__exit__(*error)
        crum.set_current_request(self._before)


def courses(found=None):
    return {str(one.pk) for one in (CourseOverview.objects.all() if found is None else found)}


def names(found=None):
    return {one.username for one in (User.objects.all() if found is None else found)}


def test_on_a_tenants_site_every_read_of_courses_finds_the_tenants_own(people):
    with Visit("acme.localhost", people["acme_learner"]):
        assert courses() == ACME
        assert {str(one.course_id) for one in CourseEnrollment.objects.all()} == ACME
        assert CourseEnrollment.objects.count() == 3
        assert not CourseEnrollment.objects.filter(course_id=CourseKey.from_string(COURSES[4])).exists()
        assert CourseEnrollment.objects.values("user").annotate(n=Count("pk")).get()["n"] == 3
        with pytest.raises(CourseOverview.DoesNotExist):
            CourseOverview.objects.get(pk=CourseKey.from_string(COURSES[4]))
        assert CourseEnrollment.objects.update(is_active=False) == 3
    assert CourseEnrollment.objects.filter(is_active=True).count() == 3


def test_a_queryset_that_was_made_before_the_request_is_cut_when_it_is_copied(people):
    made = CourseOverview.objects.all()
    with Visit("acme.localhost"):
        assert courses(made.all()) == ACME


def test_what_a_module_keeps_is_not_cut_to_the_site_that_was_asked_when_it_was_read(people, tmp_path, monkeypatch):
    models = CourseOverview.__module__
    text = f"from {models} import CourseOverview\nFOUND = CourseOverview.objects.all()\n"
    (tmp_path / "read_late_in_the_lms.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with Visit("acme.localhost", people["acme_learner"]):
        kept = import_module("read_late_in_the_lms").FOUND
        del sys.modules["read_late_in_the_lms"]
        assert courses(kept.all()) == ACME
    with Visit("globex.localhost", people["globex_learner"]):
        assert courses(kept.all()) == courses() != set()


def test_links_between_rows_are_followed_wherever_they_lead(people):
    enrollment = CourseEnrollment.objects.get(course_id=CourseKey.from_string(COURSES[4]))
    with Visit("acme.localhost"):
        assert enrollment.course.org == "Globex"
        assert enrollment.user.username == "stranger"
        enrollment.refresh_from_db()
        assert people["globex_learner"].profile.name == "globex_learner"
        assert not people["stranger"].courseenrollment_set.exists()


def test_a_role_on_a_whole_organization_is_a_row_of_that_organization(people):
    roles = [
        CourseAccessRole(user=people["acme_learner"], org=org, role="staff") for org in ("Globex", "ACME", "", "Free")
    ]
    CourseAccessRole.objects.bulk_create(roles)
    with Visit("acme.localhost"):
        assert {one.org for one in CourseAccessRole.objects.all()} == {"ACME", ""}
    with Visit("lms.localhost", people["acme_learner"]):
        assert CourseAccessRole.objects.count() == 4


def test_on_a_tenants_site_people_are_its_members_and_who_is_in_its_courses(people, settings):
    settings.CCX_TENANCY = {"SERVICE_USERS": ["worker"]}
    with Visit("acme.localhost", people["acme_learner"]):
        assert names() == {"acme_learner", "once", "worker", "root"}
        assert not User.objects.filter(email__iexact="globex_learner@example.com").exists()
        assert {one.name for one in UserProfile.objects.all()} == {"acme_learner", "once", "worker", "root"}
    with Visit("acme.localhost"):
        assert "globex_learner" not in names()


def test_the_hosts_own_services_are_found_by_the_names_that_its_settings_say(people, settings):
    settings.ECOMMERCE_SERVICE_WORKER_USERNAME = "worker"
    rows_of_people._service_settings.cache_clear()
    with Visit("acme.localhost"):
        assert "worker" in names()
    rows_of_people._service_settings.cache_clear()


def test_on_the_platforms_own_host_tenants_are_hidden_from_who_is_no_member(people):
    everything = set(COURSES)
    with Visit("lms.localhost"):
        assert courses() == FREE
        assert names() == set(people)
    with Visit("lms.localhost", people["stranger"]):
        assert courses() == FREE
        assert names() == {"stranger", "once", "worker", "root"}
    with Visit("lms.localhost", people["globex_learner"]):
        assert courses() == FREE | GLOBEX
        assert names() == {"globex_learner", "root"}
    with Visit("lms.localhost", people["root"]):
        assert courses() == everything


# What hangs on a row


def test_what_hangs_on_a_row_of_a_course_is_seen_where_that_row_is(people):
    for enrollment in CourseEnrollment.objects.all():
        CourseEnrollmentAttribute.objects.create(enrollment=enrollment, name=str(enrollment.course_id))
    for host, name, expected in (
        ("acme.localhost", "acme_learner", ACME),
        ("acme.localhost", None, ACME),
        ("lms.localhost", "globex_learner", FREE | GLOBEX),
        ("lms.localhost", "stranger", FREE),
        ("acme.localhost", "root", set(COURSES)),
    ):
        with Visit(host, people.get(name)):
            found = CourseEnrollmentAttribute.objects.all()
            assert {one.name for one in found} == expected, (host, name)
            assert found.filter(enrollment__course=GX1).count() == len(GLOBEX & expected)
            assert CourseEnrollmentAttribute.objects.filter(name=GX1).update(value="x") == len(GLOBEX & expected)
            assert CourseEnrollmentAttribute.objects.filter(name="nothing").delete() == (0, {})


def test_nothing_is_hung_on_a_row_of_a_course_by_a_number_that_is_another_tenants(people):
    own, foreign = (
        CourseEnrollment.objects.get(course_id=CourseKey.from_string(key)) for key in (COURSES[0], COURSES[4])
    )
    with Visit("acme.localhost", people["acme_learner"]):
        made = CourseEnrollmentAttribute.objects.create(enrollment_id=own.pk, name="by number")
        for number in (foreign.pk, foreign.pk + 1000):
            with pytest.raises(IntegrityError, match="there is no student.CourseEnrollment"):
                CourseEnrollmentAttribute.objects.create(enrollment_id=number, name="by number")
        # Who has read the row has been asked already, and what was made once is not asked for again.
        assert len(counted(lambda: CourseEnrollmentAttribute.objects.create(enrollment=own, name="by row"))) == 1
        made = CourseEnrollmentAttribute.objects.get(pk=made.pk)
        assert len(counted(made.save)) == 1
    with Visit("acme.localhost", people["root"]):
        CourseEnrollmentAttribute.objects.create(enrollment_id=foreign.pk, name="by number")
    CourseEnrollmentAttribute.objects.create(enrollment_id=foreign.pk, name="by number")


def test_what_belongs_to_a_person_is_seen_where_the_person_is(people):
    for user in people.values():
        UserSignupSource.objects.create(user=user, site=user.username)
    for host, name in (
        ("acme.localhost", "acme_learner"),
        ("acme.localhost", None),
        ("lms.localhost", "globex_learner"),
        ("lms.localhost", "stranger"),
        ("lms.localhost", None),
        ("acme.localhost", "root"),
    ):
        with Visit(host, people.get(name)):
            assert {one.site for one in UserSignupSource.objects.all()} == names(), (host, name)


def test_what_belongs_to_an_account_or_to_none_yet_is_seen_with_the_account_or_by_all(people):
    organization = Organization.objects.get(short_name="Acme")
    library = ContentLibrary.objects.create(org=organization, slug="lib")
    for user in (people["acme_learner"], people["globex_learner"], None):
        ContentLibraryPermission.objects.create(library=library, user=user, access_level="read")

    def seen():
        return {one.user and one.user.username for one in ContentLibraryPermission.objects.all()}

    with Visit("acme.localhost"):
        assert seen() == {"acme_learner", None}
    with Visit("lms.localhost", people["globex_learner"]):
        assert seen() == {"globex_learner", None}
    assert seen() == {"acme_learner", "globex_learner", None}


def test_what_is_said_of_an_answer_by_its_id_is_seen_where_the_answer_is(people):
    for org in ("Acme", "Globex", "Free"):
        course = f"course-v1:{org}+{org[0]}X1+2026"
        AssessmentWorkflow.objects.create(submission_uuid=org, course_id=course, item_id="x")
    for org in ("Acme", "Globex", "Free", "nowhere"):
        SubmissionGradingLock.objects.create(submission_uuid=org, owner_id="x")

    def seen():
        return set(SubmissionGradingLock.objects.values_list("submission_uuid", flat=True))

    with Visit("acme.localhost", people["acme_learner"]):
        assert seen() == {"Acme", "nowhere"}
    with Visit("lms.localhost", people["globex_learner"]):
        assert seen() == {"Globex", "Free", "nowhere"}
    with Visit("acme.localhost", people["root"]):
        assert seen() == {"Acme", "Globex", "Free", "nowhere"}


def test_what_is_cut_is_found_by_the_shape_of_a_model():
    cut = {model._meta.label for model in rows.cut_models()}
    assert cut >= {"student.CourseEnrollment", "student.CourseEnrollmentAttribute", "student.UserSignupSource"}
    parents = {model._meta.label for model in rows.models_with_parents()}
    assert "student.CourseEnrollmentAttribute" in parents
    assert not parents & {"student.CourseEnrollment", "student.UserSignupSource"}
    assert not any(label.startswith(("ccx_", "auth.Permission", "contenttypes.", "sites.")) for label in cut)


# Wikis

#: The name of each course's wiki, as the platform would make it or as somebody has chosen it.
WIKIS = {
    COURSES[0]: "Acme.AX1.2026",
    COURSES[1]: "Algebra",
    COURSES[2]: "Shared",
    COURSES[3]: "shared",
    COURSES[4]: "Globex.GX1.2026",
    # Chosen to get at what is Acme's and Globex's.
    "course-v1:Globex+GX2+2026": "acme.ax1.2026",
    "course-v1:Acme+AX3+2026": "Globex.GX9.2026",
    COURSES[5]: "Free.F1.2026",
}
#: Wikis of no course that is there: of old runs, and of nothing.
ORPHANS = ("Acme.AX1.2019", "Globex.GX1.2019", "Acme_.D1.2019", "Nothing")


@pytest.fixture
def wikis(people):
    """Each wiki with one page below its first, and what is written on both."""
    for key, slug in WIKIS.items():
        SplitModulestoreCourseIndex.objects.create(course_id=CourseKey.from_string(key), wiki_slug=slug)
    slugs = [*dict.fromkeys(slug for slug in WIKIS.values() if slug not in ("shared", "acme.ax1.2026")), *ORPHANS]
    root = page(None, None, 0, 1, 4 * len(slugs) + 2)
    for number, slug in enumerate(slugs):
        start = 4 * number + 2
        first = page(root, slug, 1, start, start + 3)
        page(first, "inner", 2, start + 1, start + 2)
    return slugs


def page(parent, slug, level, lft, rght):
    article = Article.objects.create()
    ArticleRevision.objects.create(article=article, title=slug or "root")
    return URLPath.objects.create(parent=parent, slug=slug, level=level, lft=lft, rght=rght, tree_id=1, article=article)


def wikis_seen():
    """Return the wikis that are seen, once by each way in which they are read."""
    first = {one.slug for one in URLPath.objects.filter(level=1)}
    inner = {one.parent.slug for one in URLPath.objects.filter(slug="inner")}
    written = set(ArticleRevision.objects.exclude(title__in=("root", "inner")).values_list("title", flat=True))
    assert first == inner == written
    assert Article.objects.filter(urlpath__level__gt=0).count() == 2 * len(first)
    return first


def test_on_a_tenants_site_the_wikis_of_its_courses_are_seen_and_below_the_root_nothing_else(wikis, people):
    for host, expected in (
        # Not its third course's, whose name is that of a wiki of another tenant's course too; nor what begins with
        # another's organization.
        ("acme.localhost", {"Acme.AX1.2026", "Algebra", "Acme.AX1.2019"}),
        ("globex.localhost", {"Globex.GX1.2026", "Globex.GX1.2019"}),
        ("dash.localhost", {"Acme_.D1.2019"}),
    ):
        with Visit(host, people["stranger"]):
            assert wikis_seen() == expected, host
            assert not Article.objects.filter(urlpath__level=0).exists()
            assert URLPath.objects.filter(level=0).count() == 1


def test_on_the_platforms_own_host_wikis_of_tenants_are_hidden_from_who_is_no_member(wikis, people):
    with Visit("lms.localhost", people["stranger"]):
        assert wikis_seen() == {"Free.F1.2026", "Nothing"}
        assert Article.objects.filter(urlpath__level=0).count() == 1
    with Visit("lms.localhost", people["globex_learner"]):
        assert wikis_seen() == {"Free.F1.2026", "Nothing", "Globex.GX1.2026", "Globex.GX1.2019"}
    with Visit("acme.localhost", people["root"]):
        assert wikis_seen() == set(wikis)


def test_what_is_written_before_its_page_is_made_is_seen(wikis, people):
    with Visit("acme.localhost", people["acme_learner"]):
        article = Article.objects.create()
        ArticleRevision.objects.create(article=article, title="new")
        assert Article.objects.filter(pk=article.pk).exists()
        assert ArticleRevision.objects.filter(title="new").exists()


def test_the_page_above_all_wikis_is_not_on_a_tenants_site(wikis, people):
    patch = {"wikis": patches.PATCHES["wikis"]}
    patches.install(patch)
    try:
        with Visit("acme.localhost", people["acme_learner"]):
            for path in ("", "/", "globex.gx1.2026", "Globex.GX1.2026/inner"):
                with pytest.raises(URLPath.DoesNotExist):
                    URLPath.get_by_path(path)
            assert URLPath.get_by_path("/acme.ax1.2026/inner/", select_related=True).slug == "inner"
        with Visit("lms.localhost", people["acme_learner"]):
            assert URLPath.get_by_path("").level == 0
        with Visit("acme.localhost", people["root"]):
            assert URLPath.get_by_path("").level == 0
        assert URLPath.get_by_path("Globex.GX1.2026").level == 1
    finally:
        patches.remove(patch)


# CCXs that were bought


AX1, GX1 = COURSES[0], COURSES[4]
#: Two CCXs of Acme's course: Globex runs the first, and Dash the second.
OURS, THEIRS, SOLD_ON = "ccx-v1:Acme+AX1+2026+ccx@3", "ccx-v1:Acme+AX1+2026+ccx@4", "ccx-v1:Globex+GX1+2026+ccx@5"


class Bought:
    """Whose they are."""

    def __init__(self):
        self.pairs = {3: (OURS, "globex"), 4: (THEIRS, "acme_"), 5: (SOLD_ON, "acme_")}

    def by_number(self):
        return self.pairs

    def is_enrolled(self, user, key):
        return False


def rename(model, column, key):
    """Give the newest row of a table the key of a CCX. The package that parses those is in the host alone."""
    with connection.cursor() as cursor:
        newest = model.objects.filter(**{column: CourseKey.from_string("course-v1:Tmp+T1+2026")}).get()
        quoted = connection.ops.quote_name(model._meta.get_field(column).column)
        table = connection.ops.quote_name(model._meta.db_table)
        if column == "id":
            cursor.execute(f"UPDATE {table} SET id = %s WHERE id = %s", [key, str(newest.pk)])
        else:
            cursor.execute(f"UPDATE {table} SET {quoted} = %s WHERE id = %s", [key, newest.pk])


def texts(model, column):
    """Return the keys of a table as they stand there."""
    return set(model.objects.annotate(text=Cast(column, TextField())).values_list("text", flat=True))


@pytest.fixture
def ccxs(people, monkeypatch):
    """The CCXs with an overview and an enrolled learner each, and their coaches with what the host gives them."""
    made = {}
    placeholder = CourseKey.from_string("course-v1:Tmp+T1+2026")
    for number, key, organization in ((3, OURS, "Globex"), (4, THEIRS, "Acme_"), (5, SOLD_ON, "Acme_")):
        coach, learner = (User.objects.create_user(f"{kind}{number}") for kind in ("coach", "learner"))
        api.add_member(coach, organization, "author")
        made[f"coach{number}"], made[f"learner{number}"] = coach, learner
        CourseOverview.objects.create(id=placeholder, org=key.partition(":")[2].partition("+")[0])
        rename(CourseOverview, "id", key)
        CourseEnrollment.objects.create(user=learner, course_id=placeholder)
        rename(CourseEnrollment, "course", key)
        master = CourseKey.from_string(dealings.master_of(key))
        CustomCourseForEdX.objects.create(pk=number, course_id=master, display_name=key, coach=coach)
        role = CourseAccessRole(user=coach, org=master.org, course_id=master, role="ccx_coach")
        CourseAccessRole.objects.bulk_create([role])
    CustomCourseForEdX.objects.create(
        pk=1, course_id=CourseKey.from_string(AX1), display_name="Acme's own", coach=people["acme_learner"]
    )
    for name, role in (("acme_learner", "staff"), ("once", "instructor"), ("coach3", "staff")):
        row = CourseAccessRole(user=people.get(name) or made[name], org="Acme", course_id=AX1_KEY, role=role)
        CourseAccessRole.objects.bulk_create([row])
    monkeypatch.setattr(owners, "_registered", [Bought()])
    return {**people, **made}


AX1_KEY = CourseKey.from_string(AX1)


def test_a_ccx_is_its_buyers_and_no_longer_the_sellers(ccxs):
    seen = {}
    for host, name in (
        ("acme.localhost", None),
        ("globex.localhost", None),
        ("dash.localhost", None),
        ("lms.localhost", "acme_learner"),
        ("lms.localhost", "globex_learner"),
        ("lms.localhost", "stranger"),
    ):
        with Visit(host, ccxs.get(name)):
            seen[host, name] = texts(CourseOverview, "pk")
            enrolled = texts(CourseEnrollment, "course_id")
            assert enrolled == seen[host, name]
            shown = set(CustomCourseForEdX.objects.values_list("display_name", flat=True))
            assert shown == {one for one in seen[host, name] if "ccx@" in one} | (
                {"Acme's own"} if seen[host, name] >= ACME else set()
            )
    assert list(seen.values()) == [
        ACME,
        GLOBEX | {OURS},
        {COURSES[3], THEIRS, SOLD_ON},
        FREE | ACME,
        FREE | GLOBEX | {OURS},
        FREE,
    ]


def test_of_the_master_course_the_buyer_sees_who_coaches_the_ccx_and_nobody_else(ccxs):
    def roles():
        return {(one.user.username, one.role) for one in CourseAccessRole.objects.filter(course_id=AX1_KEY)}

    with Visit("globex.localhost", ccxs["coach3"]):
        assert roles() == {("coach3", "ccx_coach")}
        assert not CourseOverview.objects.filter(pk=AX1_KEY).exists()
        assert not CourseEnrollment.objects.filter(course_id=AX1_KEY).exists()
    with Visit("lms.localhost", ccxs["coach3"]):
        assert roles() == {("coach3", "ccx_coach")}
    with Visit("dash.localhost", ccxs["coach4"]):
        assert roles() == {("coach4", "ccx_coach")}
    with Visit("acme.localhost", ccxs["acme_learner"]):
        assert roles() >= {("acme_learner", "staff"), ("once", "instructor")}


def test_who_learns_in_a_ccx_is_known_to_its_buyer_and_not_to_the_seller(ccxs):
    with Visit("globex.localhost", ccxs["coach3"]):
        assert {"coach3", "learner3"} <= names()
        assert not {"learner4", "coach4", "once", "acme_learner"} & names()
    with Visit("acme.localhost", ccxs["acme_learner"]):
        # The last has a role in the team of the master course, too.
        assert {one for one in names() if one[:-1] in ("learner", "coach")} == {"coach3"}


def test_in_a_request_that_names_a_ccx_the_sellers_roles_count_for_nothing(ccxs):
    both = ccxs["globex_learner"]
    api.add_member(both, "Acme", "author")
    # To a member of both sides it is neither bought nor sold.
    owners._registered[0].pairs = {3: (OURS, "globex")}
    rows_of_both = [CourseAccessRole(user=both, org=org, role="staff") for org in ("Acme", "Globex")]
    rows_of_both += [
        CourseAccessRole(user=both, org="Acme", course_id=AX1_KEY, role=role) for role in ("instructor", "ccx_coach")
    ]
    CourseAccessRole.objects.bulk_create(rows_of_both)
    all_of_them = {("Acme", "staff"), ("Globex", "staff"), ("Acme", "instructor"), ("Acme", "ccx_coach")}
    for path, expected in (
        (f"/courses/{OURS}/x", {("Globex", "staff"), ("Acme", "ccx_coach")}),
        (f"/courses/{AX1}/x", all_of_them),
    ):
        with Visit("lms.localhost", both) as visit:
            visit.request.path_info = path
            CoursePartitionMiddleware(lambda request: HttpResponse(status=404))(visit.request)
            found = set(CourseAccessRole.objects.filter(user=both).values_list("org", "role"))
        assert found == expected, path


def test_our_own_rooms_read_all_rows(ccxs):
    with Visit("acme.localhost", ccxs["acme_learner"]), rows.uncut():
        assert OURS in texts(CourseOverview, "pk")
        assert "learner3" in names()


def test_what_was_bought_is_worked_out_once_and_names_no_more_than_the_viewers(ccxs):
    with Visit("acme.localhost", ccxs["acme_learner"]):
        assert len(counted(lambda: texts(CourseOverview, "pk"))) == 1
        assert len(counted(names)) == 1
    with Visit("globex.localhost", ccxs["coach3"]):
        assert len(counted(lambda: list(CourseAccessRole.objects.filter(course_id=AX1_KEY)))) == 1
        text = str(CourseOverview.objects.all().query)
        first = dealings.dealings_of(rows.viewer())
        assert OURS in text and SOLD_ON in text and THEIRS not in text
        assert first == dealings.Dealings((OURS,), (3,), (AX1,), (SOLD_ON,), (5,))
        assert dealings.dealings_of(rows.viewer()) is first
        owners._registered[0].pairs = {4: (THEIRS, "acme_")}
        assert dealings.dealings_of(rows.viewer()) is None


def test_a_site_shows_the_sellers_organization_only_where_rows_are_cut(ccxs, settings):
    with Visit("globex.localhost", ccxs["coach3"]):
        assert bought.organizations_shown(["Globex"]) == ["Acme", "Globex"]
        assert bought.organizations_shown(None) == ["Acme", "Globex"]
        settings.CCX_TENANCY = {**settings.CCX_TENANCY, "HOST_PATCHES_OFF": ["tenant_rows"]}
        assert bought.organizations_shown(["Globex"]) == ["Globex"]
        settings.CCX_TENANCY = {**settings.CCX_TENANCY, "HOST_PATCHES_OFF": []}
    with Visit("acme.localhost", ccxs["acme_learner"]):
        assert bought.organizations_shown(["Acme"]) == ["Acme"]
        assert bought.organizations_shown(None) == ["Acme"]
    for host, name in (("lms.localhost", "coach3"), ("globex.localhost", "root")):
        with Visit(host, ccxs[name]):
            assert bought.organizations_shown(None) is None


def test_a_service_of_the_platform_is_held_to_no_tenant_on_the_platforms_own_host(people, settings):
    settings.CCX_TENANCY = {"SERVICE_USERS": ["worker"]}
    with Visit("lms.localhost", people["worker"]):
        assert courses() == set(COURSES)
    with Visit("acme.localhost", people["worker"]):
        assert courses() == ACME


def test_an_operator_sees_all_and_so_does_who_finds_out_whose_a_session_is(people):
    with Visit("acme.localhost", people["root"]):
        assert courses() == set(COURSES)
        assert names() == set(people)
    with Visit("acme.localhost"), drf.finding_out():
        assert names() == set(people)
    lazy = SimpleLazyObject(lambda: User.objects.get(username="globex_learner"))
    visit = Visit("acme.localhost")
    visit.request.user = lazy
    with visit:
        assert lazy.username == "globex_learner"


def test_nothing_is_cut_in_studio_in_tasks_in_another_tenant_and_without_tenants(people):
    assert courses() == set(COURSES)
    with Visit("acme.localhost", surface="studio"):
        assert courses() == set(COURSES)
    with Visit("acme.localhost"), api.tenant_context("globex"):
        assert courses() == set(COURSES)


def test_without_a_tenant_a_read_is_the_same_query(db):
    plain = str(CourseOverview.objects.all().query)
    with Visit("lms.localhost"):
        assert str(CourseOverview.objects.all().query) == plain


def test_a_cut_adds_no_query(people, django_assert_num_queries):
    with Visit("acme.localhost", people["acme_learner"]):
        courses()
        with django_assert_num_queries(2):
            courses()
            names()


def test_slices_and_unions_are_left_as_they_are(people):
    half = CourseOverview.objects.order_by("pk")[:2]
    both = CourseOverview.objects.filter(org="Globex").union(CourseOverview.objects.filter(org="Free"))
    with Visit("acme.localhost"):
        assert len(half.all()) == 2
        assert len(both.all()) == 2


def test_the_list_of_organizations_has_those_of_the_tenant_and_elsewhere_those_of_no_other(people):
    Organization.objects.create(name="Free", short_name="Free")
    shown = {}
    for host, name in (("acme.localhost", None), ("lms.localhost", "globex_learner"), ("lms.localhost", "root")):
        with Visit(host, people.get(name)):
            found = rows.cut_organizations(Organization.objects.all())
            shown[host, name] = set(found.values_list("short_name", flat=True))
    assert list(shown.values()) == [{"Acme"}, {"Globex", "Free"}, {"Acme", "Acme_", "Globex", "Free"}]
    assert rows.cut_organizations(Organization.objects.all()).count() == 4


@pytest.mark.parametrize("name", ["100%", "a_b", "x!y"])
def test_marks_of_patterns_in_a_name_are_letters(people, name):
    condition = conditions.begins("pk", False, frozenset({name}))
    key = f"course-v1:{name}+C+1".replace("%", "%%")
    assert CourseOverview.objects.filter(condition).count() == 0
    assert all("!" in one for one in (conditions._pattern(key[: -len("+C+1")]),))


def test_rows_under_another_name_in_a_query_are_cut_all_the_same(db):
    for org in ("Acme", "Globex"):
        CourseOverview._base_manager.create(id=CourseKey.from_string(f"course-v1:{org}+Z1+2026"), org=org)
    table = CourseOverview._meta.db_table
    found = CourseOverview._base_manager.all()
    assert found.query.get_initial_alias() == table
    found.query.change_aliases({table: "other"})
    condition = conditions.begins_at(CourseOverview, "id", False, frozenset({"Acme"}))
    assert [row.org for row in narrowed(found, condition)] == ["Acme"]
