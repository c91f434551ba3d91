"""The course partition: reading a value, gating a request, walking a body; beside parsing the keys."""

import json
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import ResolverMatch
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey, UsageKey

from ccx_tenancy import api
from ccx_tenancy.middleware import CoursePartitionMiddleware, TenantAccessMiddleware
from ccx_tenancy.partition.keys import named_in
from ccx_tenancy.tenants import revisions
from tests.counting import counted

ROUNDS = {"rounds": 50, "iterations": 500, "warmup_rounds": 2}
FEW = {"rounds": 20, "iterations": 5, "warmup_rounds": 1}
ANSWER = HttpResponse()
COURSE = "course-v1:Org00005+C1+2026"
USAGE = "block-v1:Org00005+C1+2026+type@problem+block@0123456789abcdef"

VALUES = {
    "word": "edit",
    "sentence": "Hello world, this is some text of a form",
    "time": "2026-01-02T10:00:00Z",
    "link": "https://example.com/courses/all",
    "course key": COURSE,
    "usage key": USAGE,
    "library block": "lb:Org00005:Lib:html:one",
    "old key": "i4x://Org00005/C1/problem/one",
    "encoded key": "course-v1%3AOrg00005%2BC1%2B2026",
}


@pytest.mark.benchmark(group="read one value (budget 1 us without a key)")
class TestValue:
    """A value of a query or a body; and the same question put to the parser of keys."""

    @pytest.mark.parametrize("kind", VALUES)
    def test_read(self, benchmark, kind):
        benchmark.pedantic(named_in, (VALUES[kind],), **ROUNDS)

    @pytest.mark.parametrize("kind", ["word", "course key", "usage key"])
    def test_opaque_keys_parse(self, benchmark, kind):
        parse = UsageKey.from_string if kind == "usage key" else CourseKey.from_string

        def ask():
            try:
                parse(VALUES[kind])
            except InvalidKeyError:
                return

        benchmark.pedantic(ask, **ROUNDS)


def prepared(path, *, tenant, surface, user, kwargs=None):
    """Return a request as it reaches our middleware, with its view found."""
    request = RequestFactory().get(path)
    request.tenant = api.resolve_tenant(tenant) if tenant else None
    request.tenancy_surface = surface
    request.user = user
    request.resolver_match = ResolverMatch(lambda request: ANSWER, (), kwargs or {})
    return request


@pytest.fixture(scope="module")
def committed_author(size, django_db_blocker):
    with django_db_blocker.unblock():
        user = User.objects.create(username=f"author-{size}")
        api.add_member(user, "Org00005", "author")
    return user


@pytest.fixture
def author(committed_author, installation, settings):
    """An author, committed before the benchmark: a thread that has changed something reads with more care.

    What is read once a second is left out: it is no part of what the gate does.
    """
    settings.CCX_TENANCY = {"FRESHNESS_SECONDS": 300}
    revisions.expire()
    yield committed_author
    revisions.expire()


REQUESTS = {
    "no key": ("/account/settings/", "t5.localhost", "lms", {}),
    "LMS, key in the path": (f"/courses/{COURSE}/course/", "t5.localhost", "lms", {"course_id": COURSE}),
    "LMS, key in path and query": (
        f"/courses/{COURSE}/xblock/{USAGE}?course=course-v1%3AOrg00005%2BC1%2B2026",
        "t5.localhost",
        "lms",
        {"course_id": COURSE, "usage_id": USAGE},
    ),
    "Studio, key in the path": (f"/course/{COURSE}", None, "studio", {"course_key_string": COURSE}),
}


@pytest.mark.benchmark(group="gate a request without a body (budget 10 us)")
class TestGate:
    """Both halves of the middleware, around an empty view."""

    @pytest.mark.parametrize("kind", REQUESTS)
    def test_gate(self, benchmark, author, kind):
        path, tenant, surface, kwargs = REQUESTS[kind]
        request = prepared(path, tenant=tenant, surface=surface, user=author, kwargs=kwargs)

        def view(request):
            """Any view, as a function: which kind of view it is, is remembered for those."""

        def answer(request):
            assert middleware.process_view(request, view, (), kwargs) is None
            return ANSWER

        middleware = CoursePartitionMiddleware(answer)
        middleware(request)
        assert counted(lambda: middleware(request)) == []
        benchmark.pedantic(middleware, (request,), **ROUNDS)

    @pytest.mark.parametrize("who", ["member", "anonymous"])
    def test_access(self, benchmark, author, who):
        user = author if who == "member" else AnonymousUser()
        request = prepared("/", tenant="t5.localhost", surface="lms", user=user)

        def answer(request):
            middleware.process_view(request, None, (), {})
            assert bool(request.user.is_authenticated) is (who == "member")
            return ANSWER

        middleware = TenantAccessMiddleware(answer)

        def ask():
            request.user = user
            middleware(request)

        ask()
        benchmark.pedantic(ask, **ROUNDS)


@pytest.mark.benchmark(group="look through a JSON body of 100 KiB")
class TestBody:
    """2,000 texts; parsing them alone beside it."""

    BODY = json.dumps({"blocks": [{"id": f"{USAGE}{n}", "name": f"Unit {n}: a title"} for n in range(1000)]}).encode()

    def test_gate(self, benchmark, author):
        request = prepared("/api/blocks/", tenant="t5.localhost", surface="lms", user=author)
        middleware = CoursePartitionMiddleware(lambda request: ANSWER)
        request.META.update(CONTENT_LENGTH=str(len(self.BODY)), CONTENT_TYPE="application/json")
        request.content_type, request._body = "application/json", self.BODY

        def ask():
            middleware(request)
            assert middleware.process_view(request, SimpleNamespace(), (), {}) is None

        ask()
        benchmark.pedantic(ask, **FEW)

    def test_parse_alone(self, benchmark):
        benchmark.pedantic(json.loads, (self.BODY,), **FEW)
