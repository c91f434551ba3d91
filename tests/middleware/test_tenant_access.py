"""A signed-in user acts only where a membership allows it."""

from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import RequestFactory

from ccx_tenancy import api
from ccx_tenancy.audit import api as audit
from ccx_tenancy.context import _stack
from ccx_tenancy.middleware import TenantAccessMiddleware, drf, tenant_access
from tests.middleware.conftest import ACME_SITE, GLOBEX_SITE, PLATFORM_SITE, SiteAsyncClient

WHO = ["/page/", "/api/who/"]


def who(client, host, path="/page/", **headers):
    answer = client.get(path, HTTP_HOST=host, **headers)
    assert answer.status_code == 200, answer.content
    return answer.json()["user"]


@pytest.fixture(autouse=True)
def fresh_cache():
    cache.clear()


@pytest.mark.parametrize("path", WHO)
def test_a_session_of_one_tenant_is_nobody_on_the_site_of_another(client_of, path):
    client = client_of("acme_learner")
    assert who(client, ACME_SITE, path) == "acme_learner"
    assert who(client, GLOBEX_SITE, path) is None
    assert who(client, ACME_SITE, path) == "acme_learner", "the session stays good where it was made"


@pytest.mark.parametrize("path", WHO)
def test_on_a_host_of_no_tenant_everybody_is_who_they_are(client_of, path):
    for name in ("acme_learner", "stranger", "global_staff"):
        assert who(client_of(name), PLATFORM_SITE, path) == name
    assert who(client_of(), PLATFORM_SITE, path) is None


@pytest.mark.parametrize("name", ["stranger", "global_staff"])
def test_who_is_no_member_is_nobody_on_a_tenants_site(client_of, name):
    assert who(client_of(name), ACME_SITE) is None


@pytest.mark.parametrize("name", ["acme_learner", "globex_learner", "stranger", "global_staff", "root"])
@pytest.mark.parametrize("site", [ACME_SITE, GLOBEX_SITE, PLATFORM_SITE])
def test_a_token_that_the_view_resolves_is_held_to_the_same(client_of, name, site):
    allowed = site == PLATFORM_SITE or name == "root" or name.split("_")[0] == site.split(".")[0]
    header = {"HTTP_AUTHORIZATION": f"Bearer {name}"}
    assert who(client_of(), site, "/api/who/", **header) == (name if allowed else None)
    for path in ("/api/members/", "/api/function/", "/things/1/", "/api/closed/x/"):
        answer = client_of().get(path, HTTP_HOST=site, **header)
        assert answer.status_code == (200 if allowed else 401)
        assert allowed or answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_foreign_token_is_answered_like_none(client_of):
    for path in ("/api/members/", "/api/who/"):
        none = client_of().get(path, HTTP_HOST=GLOBEX_SITE)
        foreign = client_of().get(path, HTTP_HOST=GLOBEX_SITE, HTTP_AUTHORIZATION="Bearer acme_learner")
        assert (foreign.status_code, foreign.content) == (none.status_code, none.content)
        # A request with a token, good or not, never gets as far as the session.
        assert {**foreign.headers, "Vary": ""} == {**none.headers, "Vary": ""}


def test_a_member_who_is_removed_or_suspended_is_out_at_the_next_request(client_of, people):
    client = client_of("acme_learner")
    assert who(client, ACME_SITE) == "acme_learner"
    api.remove_member(people["acme_learner"], "AcmeX")
    assert who(client, ACME_SITE) is None
    api.add_member(people["acme_learner"], "AcmeX")
    assert who(client, ACME_SITE) == "acme_learner"


def test_refusal_is_403_where_the_setting_says_so(client_of, settings):
    settings.CCX_TENANCY = {"ACCESS_DENIED": "refuse"}
    client = client_of("acme_learner")
    assert client.get("/page/", HTTP_HOST=GLOBEX_SITE).status_code == 403
    assert client.get("/silent/x/", HTTP_HOST=GLOBEX_SITE).status_code == 403
    answer = client.get("/api/who/", HTTP_HOST=GLOBEX_SITE)
    assert answer.status_code == 403 and answer.headers["Content-Type"] == "application/json"
    answer = client_of().get("/api/who/", HTTP_HOST=GLOBEX_SITE, HTTP_AUTHORIZATION="Bearer acme_learner")
    assert answer.status_code == 403
    assert who(client, ACME_SITE) == "acme_learner"
    assert who(client_of(), GLOBEX_SITE) is None


def test_an_operator_passes_and_the_record_says_so_once_in_a_while(client_of, people):
    client = client_of("root")
    for _ in range(3):
        assert who(client, ACME_SITE) == "root"
    assert who(client, PLATFORM_SITE) == "root"
    entries = audit.entries().filter(action=audit.OPERATOR_PASS).all
    assert [(one.tenant_key, one.actor, one.target) for one in entries()] == [("acme", "root", ACME_SITE)]
    assert who(client, GLOBEX_SITE, "/api/who/") == "root"
    assert who(client_of(), GLOBEX_SITE, "/api/who/", HTTP_AUTHORIZATION="Bearer root") == "root"
    assert entries().count() == 3
    tenant_access.forget_passes()
    assert who(client, ACME_SITE) == "root"
    assert entries().count() == 3, "another process asks the cache"
    tenant_access.forget_passes()
    cache.clear()
    assert who(client, ACME_SITE) == "root"
    assert entries().count() == 4


def test_a_pass_that_a_view_has_recorded_is_not_recorded_again(client_of, people):
    request = RequestFactory().get("/")
    request.user, request.tenant, request.tenancy_surface = people["root"], api.resolve_tenant(ACME_SITE), "lms"

    def view(request):
        for _ in range(2):
            audit.record_pass(request, tenant_key="acme", actor=request.user, target="GET /")
        return HttpResponse(request.user.get_username())

    assert TenantAccessMiddleware(view)(request).content == b"root"
    [entry] = audit.entries().filter(action=audit.OPERATOR_PASS)
    assert (entry.tenant_key, entry.target) == ("acme", "GET /")


def test_a_user_whom_middleware_sets_later_is_looked_at_too(people, client_of, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE]
    position = settings.MIDDLEWARE.index("ccx_tenancy.middleware.TenantAccessMiddleware")
    settings.MIDDLEWARE.insert(position, "tests.middleware.test_tenant_access.CookieMiddleware")
    client = client_of()
    client.cookies["name"] = "acme_learner"
    assert who(client, ACME_SITE) == "acme_learner"
    assert who(client, GLOBEX_SITE) is None


class CookieMiddleware:
    """Sets a lazy user in its process_view, as the host's middleware for JWT cookies does."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        from django.contrib.auth.models import User
        from django.utils.functional import SimpleLazyObject

        if name := request.COOKIES.get("name"):
            request.user = SimpleLazyObject(lambda: User.objects.get(username=name))


def test_an_authenticator_that_a_view_calls_by_hand_can_be_guarded(people):
    class ByHand:
        def authenticate(self, request):
            return (people["acme_learner"], "token")

    tenant_access.guard_authenticator(ByHand)
    tenant_access.guard_authenticator(ByHand)

    def view(request):
        found = ByHand().authenticate(request)
        return HttpResponse(found[0].username if found else "nobody")

    for site, expected in (("acme", b"acme_learner"), ("globex", b"nobody")):
        request = RequestFactory().get("/")
        request.tenant, request.tenancy_surface = api.resolve_tenant(f"{site}.example.com"), "lms"
        assert TenantAccessMiddleware(view)(request).content == expected
    assert view(RequestFactory().get("/")).content == b"acme_learner"


def test_the_user_is_not_looked_at_before_somebody_asks(client_of, django_assert_num_queries):
    client = client_of("acme_learner")
    client.get("/silent/x/", HTTP_HOST=ACME_SITE)
    with django_assert_num_queries(0):
        client.get("/silent/x/", HTTP_HOST=ACME_SITE)


@pytest.mark.parametrize("path", WHO)
@pytest.mark.parametrize("site", [ACME_SITE, PLATFORM_SITE])
def test_the_middlewares_add_no_query(client_of, settings, django_assert_num_queries, path, site):
    settings.CCX_TENANCY = {"FRESHNESS_SECONDS": 300}
    client = client_of("acme_learner")
    ours = settings.MIDDLEWARE
    settings.MIDDLEWARE = [name for name in ours if not name.startswith("ccx_tenancy.")]
    plain = client_of("acme_learner")
    with django_assert_num_queries(2):  # The session and its user.
        plain.get(path, HTTP_HOST=site)
    settings.MIDDLEWARE = ours
    client = client_of("acme_learner")
    client.get(path, HTTP_HOST=site)
    with django_assert_num_queries(2):
        assert who(client, site, path) == "acme_learner"


def test_without_the_current_tenant_above_it_the_middleware_says_what_is_missing():
    with pytest.raises(ImproperlyConfigured, match="CurrentTenantMiddleware has to stand above"):
        TenantAccessMiddleware(lambda request: HttpResponse())(RequestFactory().get("/"))


@pytest.mark.django_db(transaction=True)
async def test_asynchronous_requests_are_held_to_the_same(people):
    client = SiteAsyncClient()
    await sync_to_async(client.force_login)(people["acme_learner"])
    for site, expected in ((ACME_SITE, "acme_learner"), (GLOBEX_SITE, None)):
        answer = await client.get("/page/", headers={"host": site})
        assert answer.json()["user"] == expected
    header = {"host": GLOBEX_SITE, "authorization": "Bearer acme_learner"}
    answer = await client.get("/api/who/", headers=header)
    assert answer.json()["user"] is None
    answer = await client.get("/api/who/", headers={**header, "host": ACME_SITE})
    assert answer.json()["user"] == "acme_learner"
    assert _stack.get() == ()


# What holds DRF


def test_drfs_own_authentication_is_followed():
    assert drf.install() == "Request._authenticate"


def test_a_release_without_the_private_method_is_followed_by_the_public_one(monkeypatch):
    from rest_framework.request import Request
    from rest_framework.views import APIView

    def renamed(self):
        self.user, self.auth, self._authenticator = None, None, None

    public = APIView.perform_authentication
    monkeypatch.setattr(Request, "_identify", renamed, raising=False)
    monkeypatch.setattr(Request, "user", property(lambda self: None))
    monkeypatch.setattr(APIView, "perform_authentication", public)
    assert drf.install() == "APIView.perform_authentication"


def test_a_release_that_calls_neither_is_refused(monkeypatch):
    from rest_framework.request import Request
    from rest_framework.views import APIView

    monkeypatch.setattr(Request, "user", property(lambda self: None))
    monkeypatch.delattr(APIView, "perform_authentication")
    monkeypatch.setattr(drf, "_is_followed", lambda: False)
    with pytest.raises(ImproperlyConfigured, match="neither"):
        drf.install()
