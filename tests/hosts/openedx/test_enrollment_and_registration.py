"""Who is enrolled, who gets a role and who gets an account on a tenant's site, on stand-ins of the host's tables."""

import sys
from types import ModuleType, SimpleNamespace

import crum
import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core import mail
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse
from django.test import RequestFactory
from opaque_keys.edx.keys import CourseKey
from openedx_filters.learning.filters import CourseEnrollmentStarted, StudentRegistrationRequested

from ccx_tenancy import api
from ccx_tenancy.hosts.openedx import enrollment, registration
from ccx_tenancy.hosts.openedx import middleware as module
from ccx_tenancy.hosts.openedx.settings import placement
from ccx_tenancy.membership import api as membership
from tests.hosts.openedx.standin.student.models import CourseAccessRole
from tests.people import empty_memory

__all__ = ["empty_memory"]
pytestmark = pytest.mark.django_db
ACME, FREE = "course-v1:Acme+AX1+2026", "course-v1:Free+F1+2026"


@pytest.fixture(autouse=True)
def host(settings):
    settings.CCX_TENANCY = {"HOST": "ccx_tenancy.hosts.openedx.OpenEdxHost"}
    settings.OPEN_EDX_FILTERS_CONFIG = placement.with_steps({})


@pytest.fixture
def tenants(host):
    api.create_tenant("acme", name="Acme", domain="acme.localhost", organizations=["Acme"])
    api.create_tenant("globex", name="Globex", domain="globex.localhost", organizations=["Globex"])


@pytest.fixture
def foreigner(tenants):
    user = User.objects.create_user("globex_learner", "g@globex.example")
    api.add_member(user, "Globex")
    return user


@pytest.fixture
def member(tenants):
    user = User.objects.create_user("acme_learner", "a@acme.example")
    api.add_member(user, "Acme")
    return user


@pytest.fixture
def visit():
    """Return a function that makes a request current; it ends with the test."""

    def begin(host, user=None):
        request = RequestFactory().post("/", HTTP_HOST=host)
        request.tenant = api.resolve_tenant(host)
        request.tenancy_surface = "lms"
        request.user = user or AnonymousUser()
        crum.set_current_request(request)
        return request

    yield begin
    crum.set_current_request(None)


# Enrollment and roles


def enroll(user, key):
    return CourseEnrollmentStarted.run_filter(user=user, course_key=CourseKey.from_string(key), mode="audit")


def test_a_member_is_enrolled_and_nothing_about_it_is_changed(member):
    assert enroll(member, ACME) == (member, CourseKey.from_string(ACME), "audit")


def test_nobody_is_enrolled_in_a_course_of_a_tenant_of_which_they_are_no_member(foreigner):
    with pytest.raises(CourseEnrollmentStarted.PreventEnrollment):
        enroll(foreigner, ACME)


def test_an_operator_and_who_is_in_the_very_courses_team_are_enrolled(foreigner):
    assert enroll(User.objects.create_superuser("root"), ACME)
    role = CourseAccessRole(user=foreigner, org="Acme", role="beta_testers", course_id=CourseKey.from_string(ACME))
    CourseAccessRole.objects.bulk_create([role])
    assert enroll(foreigner, ACME)


def test_the_platforms_own_course_is_open_to_all_but_not_on_a_tenants_site(foreigner):
    assert enroll(foreigner, FREE)
    with api.tenant_context("globex"), pytest.raises(CourseEnrollmentStarted.PreventEnrollment):
        enroll(foreigner, FREE)


def test_without_a_tenant_everybody_is_enrolled_anywhere(db):
    assert enroll(User.objects.create_user("anybody"), ACME)


@pytest.mark.parametrize("key", [ACME, None])
def test_a_role_in_a_tenants_organization_is_refused_to_who_is_no_member(foreigner, key):
    course = CourseKey.from_string(key) if key else None
    fields = {"course_id": course} if course else {}
    with pytest.raises(enrollment.RoleRefused, match="globex_learner is no member of Acme"):
        CourseAccessRole.objects.create(user=foreigner, org="Acme", role="staff", **fields)
    assert not CourseAccessRole.objects.exists()


def test_a_member_an_operator_and_the_platforms_own_organizations_get_roles(member, foreigner):
    CourseAccessRole.objects.create(user=member, org="acme", role="staff")
    CourseAccessRole.objects.create(user=User.objects.create_superuser("root"), org="Acme", role="staff")
    CourseAccessRole.objects.create(user=foreigner, org="Free", role="staff")
    CourseAccessRole.objects.create(user=foreigner, org="", role="support")
    assert CourseAccessRole.objects.count() == 4


def test_global_staff_who_see_everything_in_studio_get_the_roles_on_what_they_make(foreigner, settings):
    foreigner.is_staff = True
    role = {"user": foreigner, "org": "Acme", "role": "instructor", "course_id": CourseKey.from_string(ACME)}
    for surface, is_partitioned in (("studio", True), ("lms", False)):
        settings.CCX_TENANCY = {
            **settings.CCX_TENANCY,
            "SURFACE": surface,
            "PARTITION_GLOBAL_STAFF": is_partitioned,
        }
        with pytest.raises(enrollment.RoleRefused):
            CourseAccessRole.objects.create(**role)
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "SURFACE": "studio"}
    CourseAccessRole.objects.create(**role)


# Registration


def register(request, **form):
    """What the host does: ask the filter, then make the account in a transaction."""
    form = {"username": "newcomer", "email": "new@acme.example", **form}
    StudentRegistrationRequested.run_filter(form_data=form)
    with transaction.atomic():
        user = User(username=form["username"], email=form["email"], is_active=False)
        user.save()
    return user


def refused(request, **form):
    with pytest.raises(StudentRegistrationRequested.PreventRegistration) as raised:
        register(request, **form)
    return raised.value.status_code


def allow(policy, **values):
    api.set_site_values("acme.localhost", {"JOIN_POLICY": policy, **values})


def test_who_registers_on_an_open_site_is_its_member_with_the_account(tenants, visit):
    allow("open")
    user = register(visit("acme.localhost"))
    assert api.is_member(user, "acme") and not api.is_member(user, "globex")


def test_on_a_site_of_invitations_nobody_learns_whether_an_account_exists(foreigner, visit):
    request = visit("acme.localhost")
    answers = {refused(request, email=email) for email in ("g@globex.example", "nobody@globex.example")}
    assert answers == {403}
    assert not User.objects.filter(username="newcomer").exists()


def test_addresses_that_a_site_does_not_admit_learn_nothing_and_the_others_wait_for_their_confirmation(
    foreigner, visit
):
    allow("email_domains", JOIN_EMAIL_DOMAINS=["acme.example"])
    request = visit("acme.localhost")
    assert refused(request, email="g@globex.example") == 403
    user = register(request)
    assert not api.is_member(user, "acme")
    user.is_active = True
    user.save()
    assert api.is_member(user, "acme")


def test_where_all_may_register_a_name_that_is_taken_gets_one_answer_whoever_has_it(foreigner, member, visit):
    allow("open")
    request = visit("acme.localhost")
    texts = set()
    for taken in ({"email": "G@globex.example"}, {"email": "a@acme.example"}, {"username": "Globex_Learner"}):
        with pytest.raises(StudentRegistrationRequested.PreventRegistration) as raised:
            register(request, **taken)
        texts.add((raised.value.status_code, str(raised.value)))
    assert len(texts) == 1
    assert next(iter(texts))[0] == 409


@pytest.fixture
def token(tenants, django_capture_on_commit_callbacks):
    """Return the token of an invitation to Acme, as its mail has it."""
    root = User.objects.create_superuser("root")
    with django_capture_on_commit_callbacks(execute=True):
        membership.invite("new@acme.example", "Acme", "author", invited_by=root)
    return mail.outbox[-1].body.split("/invitations/")[1].split("/")[0]


@pytest.mark.parametrize("where", ["invitation", "next"])
def test_an_invitation_lets_in_whom_it_names_with_its_role(token, visit, where):
    form = {"invitation": token} if where == "invitation" else {"next": f"/tenancy/invitations/{token}/?a=b"}
    user = register(visit("acme.localhost"), **form)
    assert api.has_role(user, "Acme", "author")


def test_an_invitation_of_another_address_site_or_of_nobody_lets_nobody_in(token, visit):
    assert refused(visit("acme.localhost"), invitation=token, email="other@acme.example") == 403
    assert refused(visit("acme.localhost"), invitation="x" * 43) == 403
    assert refused(visit("acme.localhost"), next="http://[/tenancy") == 403
    with pytest.raises(PermissionDenied):
        register(visit("globex.localhost"), invitation=token)
    assert not User.objects.filter(username="newcomer").exists()


def test_an_account_that_staff_make_for_somebody_is_a_learner_of_theirs(member, visit):
    request = visit("acme.localhost", member)
    stranger = User.objects.create_user("made_by_a_learner")
    assert not api.is_member(stranger, "acme")
    api.set_role(member, "Acme", "staff")
    assert api.is_member(User.objects.create_user("made_by_staff"), "acme")
    request.tenancy_surface = "studio"
    assert not api.is_member(User.objects.create_user("made_in_studio"), "acme")


def test_on_the_platforms_own_site_registration_is_the_hosts(foreigner, visit):
    user = register(visit("lms.localhost"), email="g2@globex.example")
    assert not api.is_member(user, "acme")
    registration.check({})


# What the host does not catch


class EnrollmentNotAllowed(Exception):
    """The host's exception of a refused enrollment."""


@pytest.fixture
def middleware(monkeypatch):
    wikis = {"Globex.GX1": ["course-v1:Globex+GX1+2026"], "shared": ["course-v1:Globex+GX1+2026", ACME], "nobodys": []}
    models, stores = ModuleType(module.STUDENT_MODELS), ModuleType(module.MODULESTORE)
    models.EnrollmentNotAllowed = EnrollmentNotAllowed
    stores.modulestore = lambda: SimpleNamespace(
        get_courses_for_wiki=lambda slug: [CourseKey.from_string(key) for key in wikis.get(slug, [])]
    )
    for made in (models, stores):
        monkeypatch.setitem(sys.modules, made.__name__, made)
    return module.HostMiddleware(lambda request: HttpResponse())


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_refused_enrollment_that_nobody_caught_is_403_and_no_failure(middleware, accept):
    request = RequestFactory().get("/", HTTP_ACCEPT=accept)
    answer = middleware.process_exception(request, EnrollmentNotAllowed("This course is not open."))
    assert answer.status_code == 403 and b"not open" in answer.content
    assert middleware.process_exception(request, ValueError()) is None


@pytest.mark.parametrize(
    ("path", "is_foreign"),
    [
        ("/wiki/Globex.GX1/", True),
        ("/wiki/Globex.GX1/a/b/", True),
        (f"/courses/{ACME}/wiki/Globex.GX1/", True),
        ("/wiki/shared/", False),
        ("/wiki/nobodys/", False),
        ("/wiki/", False),
        ("/about", False),
    ],
)
def test_a_wiki_page_is_its_courses_and_of_no_other_tenant(middleware, tenants, visit, path, is_foreign):
    request = visit("acme.localhost")
    request.path_info = path
    if is_foreign:
        with pytest.raises(Http404):
            middleware.process_view(request, lambda request: None, (), {})
    else:
        assert middleware.process_view(request, lambda request: None, (), {}) is None
