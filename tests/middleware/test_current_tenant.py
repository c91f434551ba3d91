"""The tenant of a request."""

import asyncio

import pytest
from django.core.signals import request_finished
from django.db import close_old_connections
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.test import AsyncRequestFactory, Client, RequestFactory, override_settings

from ccx_tenancy import api
from ccx_tenancy.context import _stack
from ccx_tenancy.middleware import CurrentTenantMiddleware
from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.site_config import helpers
from ccx_tenancy.tenants import api as tenants_api
from ccx_tenancy.tenants import revisions

MAXI_HOST = "maxi-academy.localhost"
BLUE_HOST = "blue-university.localhost"


def seen(request):
    tenant = api.current_tenant()
    assert tenant == request.tenant
    return JsonResponse(
        {
            "tenant": tenant.key if tenant else None,
            "surface": request.tenancy_surface,
            "name": helpers.get_value("PLATFORM_NAME"),
            "site": request.site.pk if hasattr(request, "site") else None,
        }
    )


async def seen_async(request):
    await asyncio.sleep(0)
    return seen(request)


def ask(host=None, path="/path/?a=1&b=%2F", view=seen, method="get", **headers):
    request = getattr(RequestFactory(), method)(path, **headers)
    if host is not None:
        request.META["HTTP_HOST"] = host
    return CurrentTenantMiddleware(view)(request)


async def ask_async(host, view=seen_async, **headers):
    request = AsyncRequestFactory().get("/path/")
    request.META["HTTP_HOST"] = host
    request.META.update(headers)
    return await CurrentTenantMiddleware(view)(request)


def json_of(response):
    import json

    return json.loads(response.content)


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    yield
    assert _stack.get() == ()


@pytest.mark.parametrize(
    "host",
    [MAXI_HOST, "MAXI-Academy.Localhost", f"{MAXI_HOST}:8000", f"{MAXI_HOST}.", f"{MAXI_HOST}.:80", f"{MAXI_HOST}:"],
)
def test_every_spelling_of_a_host_finds_its_tenant(tenants, host):
    found = json_of(ask(host))
    assert (found["tenant"], found["surface"], found["name"]) == ("maxi-academy", "lms", "Maxi's Academy")
    assert found["site"] == api.resolve_tenant(MAXI_HOST).site_id


def test_an_internationalised_host_finds_its_tenant_in_both_forms(db):
    api.create_tenant("books", name="Books", domain="bücher.localhost", organizations=[])
    for host in ("xn--bcher-kva.localhost", "BÜCHER.localhost", "bücher.localhost".encode().decode("latin-1")):
        assert json_of(ask(host))["tenant"] == "books"


@pytest.mark.parametrize(
    "host",
    [
        "nobody.localhost",
        "maxi-academy.localhost.evil.example",
        "evil.example/maxi-academy.localhost",
        "maxi-academy.localhost@evil.example",
        "maxi-academy.localhost\x00",
        "maxi-academy.localhost\r\nX: y",
        "",
        "x" * 300,
        "[::1]:8000",
        "[::1",
        "::",
        "\udcff",
        "日本",
        "xn--",
    ],
)
def test_any_other_host_has_no_tenant_and_never_the_one_before(tenants, host):
    ask(MAXI_HOST)
    found = json_of(ask(host))
    assert (found["tenant"], found["name"]) == (None, None)


def test_a_request_without_a_host_has_no_tenant(tenants):
    ask(MAXI_HOST)
    request = RequestFactory().get("/")
    request.META.pop("HTTP_HOST", None)
    request.META.pop("SERVER_NAME")
    assert json_of(CurrentTenantMiddleware(seen)(request))["tenant"] is None


def test_a_forwarded_host_counts_only_where_the_settings_say_so(tenants):
    forwarded = {"HTTP_X_FORWARDED_HOST": BLUE_HOST}
    assert json_of(ask(MAXI_HOST, **forwarded))["tenant"] == "maxi-academy"
    with override_settings(USE_X_FORWARDED_HOST=True):
        assert json_of(ask(MAXI_HOST, **forwarded))["tenant"] == "blue-university"


def test_the_studio_domain_of_a_tenant_is_the_studio_surface_with_the_tenants_values(tenants):
    found = json_of(ask(f"studio.{BLUE_HOST}"))
    assert (found["tenant"], found["surface"], found["name"]) == ("blue-university", "studio", "Blue University")


def test_a_host_of_the_platform_has_its_own_values_and_an_unknown_one_those_of_the_default_site(tenants):
    from django.contrib.sites.models import Site

    Site.objects.create(domain="platform.localhost", name="platform")
    site_config.set_site_values("platform.localhost", {"PLATFORM_NAME": "Own"})
    site_config.set_site_values("example.com", {"PLATFORM_NAME": "Default"})
    assert json_of(ask("platform.localhost"))["name"] == "Own"
    assert json_of(ask("nobody.localhost"))["name"] == "Default"
    with override_settings(SITE_ID=api.resolve_tenant(MAXI_HOST).site_id):
        assert json_of(ask("nobody.localhost"))["name"] is None
    with override_settings(CCX_TENANCY={"SURFACE": "studio"}):
        assert json_of(ask("nobody.localhost"))["surface"] == "studio"


@pytest.mark.parametrize(("method", "status"), [("get", 301), ("head", 301), ("post", 308), ("put", 308)])
def test_an_alias_redirects_with_path_query_and_port_kept(tenants, method, status):
    tenants_api.add_domain(tenants[0], "www.maxi-academy.localhost", surface="alias")
    response = ask("WWW.Maxi-Academy.localhost:8000", "/a%20b//evil.example?x=1&x=%2F", method=method)
    assert response.status_code == status
    assert response["Location"] == f"http://{MAXI_HOST}:8000/a%20b//evil.example?x=1&x=%2F"
    assert ask("www.maxi-academy.localhost", "/p")["Location"] == f"http://{MAXI_HOST}/p"
    assert ask("www.maxi-academy.localhost:99999", "/p")["Location"] == f"http://{MAXI_HOST}/p"


def test_a_suspended_tenant_answers_503_with_its_own_page(tenants):
    tenants_api.add_domain(tenants[0], "www.maxi-academy.localhost", surface="alias")
    api.suspend_tenant("maxi-academy")
    for host in (MAXI_HOST, "www.maxi-academy.localhost"):
        response = ask(host, view=None)
        assert response.status_code == 503
        assert b"Maxi&#x27;s Academy is suspended" in response.content
        assert response["Retry-After"] == "3600"
        assert response["Cache-Control"] == "no-store"
    response = ask(MAXI_HOST, view=None, HTTP_ACCEPT="application/json")
    assert (response.status_code, json_of(response)["status"]) == (503, 503)
    for accepted in ("application/json", "application/problem+json", "application/json; q=0.9, */*; q=0.1"):
        response = ask(MAXI_HOST, view=None, HTTP_ACCEPT=accepted)
        assert (response["Content-Type"], response["Cache-Control"]) == ("application/problem+json", "no-store")
        assert response["Retry-After"] == "3600"
        assert json_of(response) == {
            "type": "about:blank",
            "title": "Service Unavailable",
            "status": 503,
            "detail": "This site is suspended.",
            "errors": [],
        }
    api_view, page = "/api/tenancy/v1/me/", "/accounts/login/"
    for path, accepted, kind in (
        (api_view, "*/*", "application/problem+json"),
        (api_view, "text/html,*/*;q=0.8", "text/html; charset=utf-8"),
        (page, "*/*", "text/html; charset=utf-8"),
        ("/nowhere/", "*/*", "text/html; charset=utf-8"),
    ):
        response = Client().get(path, HTTP_HOST=MAXI_HOST, HTTP_ACCEPT=accepted)
        assert (response.status_code, response["Content-Type"]) == (503, kind)
    assert json_of(ask(BLUE_HOST))["tenant"] == "blue-university"
    api.resume_tenant("maxi-academy")
    assert json_of(ask(MAXI_HOST))["name"] == "Maxi's Academy"


def test_a_suspended_tenant_without_values_is_called_by_its_domain(db):
    api.create_tenant("plain", name="Plain", domain="plain.localhost", organizations=[])
    api.suspend_tenant("plain")
    assert b"plain.localhost is suspended" in ask("plain.localhost", view=None).content


def test_the_page_speaks_the_language_of_the_site_or_of_the_browser(tenants):
    api.suspend_tenant("maxi-academy")
    closed, cerrado = b"is closed for the time being", "está cerrado por el momento".encode()
    assert closed in ask(MAXI_HOST, view=None).content
    assert cerrado in ask(MAXI_HOST, view=None, HTTP_ACCEPT_LANGUAGE="es-UY,es;q=0.8").content
    site_config.set_site_values(MAXI_HOST, {"LANGUAGE_CODE": "es"})
    assert cerrado in ask(MAXI_HOST, view=None).content
    site_config.set_site_values(MAXI_HOST, {"LANGUAGE_CODE": "tlh"})
    assert closed in ask(MAXI_HOST, view=None).content


def test_an_archived_tenant_answers_404(tenants):
    api.archive_tenant("maxi-academy")
    response = ask(MAXI_HOST, view=None)
    assert response.status_code == 404
    assert b"Maxi" not in response.content
    response = Client().get("/api/tenancy/v1/me/", HTTP_HOST=MAXI_HOST, HTTP_ACCEPT="application/json")
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")
    assert json_of(response)["detail"] == "Not Found."


def test_an_exception_in_the_view_leaves_no_tenant_behind(tenants):
    def broken(request):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask(MAXI_HOST, view=broken)
    assert api.current_tenant() is None


def test_a_streamed_answer_has_its_tenant_and_the_server_none_between(tenants):
    def stream(request):
        def pieces():
            for _ in range(3):
                yield helpers.get_value("PLATFORM_NAME").encode()

        return StreamingHttpResponse(pieces())

    one, other = ask(MAXI_HOST, view=stream), ask(BLUE_HOST, view=stream)
    for first, second in zip(one, other, strict=True):
        assert (first, second) == (b"Maxi's Academy", b"Blue University")
        assert api.current_tenant() is None


def test_a_stream_that_nobody_reads_to_its_end_is_closed_inside_its_tenant(tenants):
    seen = []

    class File:
        def __iter__(self):
            return iter([b"a", b"b"])

        def close(self):
            seen.append((api.current_tenant().key, helpers.get_value("PLATFORM_NAME")))

    def pieces():
        try:
            yield from (b"a", b"b")
        finally:
            seen.append((api.current_tenant().key, helpers.get_value("PLATFORM_NAME")))

    for make in (pieces, File):
        answer = ask(MAXI_HOST, view=lambda request, make=make: StreamingHttpResponse(make()))
        assert next(iter(answer)) == b"a"
        # It announces the end of the request, and Django would close the connection that this test stands on.
        request_finished.disconnect(close_old_connections)
        try:
            with api.tenant_context("blue-university"):
                answer.close()
                assert api.current_tenant().key == "blue-university"
        finally:
            request_finished.connect(close_old_connections)
        assert api.current_tenant() is None
    assert seen == [("maxi-academy", "Maxi's Academy")] * 2


async def test_an_async_stream_that_nobody_reads_to_its_end_is_closed_inside_its_tenant(committed_tenants_async):
    seen = []

    async def stream(request):
        async def pieces():
            try:
                yield b"a"
                yield b"b"
            finally:
                await asyncio.sleep(0)
                seen.append((api.current_tenant().key, helpers.get_value("PLATFORM_NAME")))

        return StreamingHttpResponse(pieces())

    answer = await ask_async(MAXI_HOST, view=stream)
    assert await anext(aiter(answer)) == b"a"
    await answer._iterator.aclose()
    assert seen == [("maxi-academy", "Maxi's Academy")]
    assert api.current_tenant() is None


def test_a_tenant_entered_within_a_stream_is_kept_in_it_and_out_of_the_server(tenants):
    def stream(request):
        def pieces():
            with api.tenant_context("blue-university"):
                yield helpers.get_value("PLATFORM_NAME").encode()
                yield helpers.get_value("PLATFORM_NAME").encode()
            yield helpers.get_value("PLATFORM_NAME").encode()

        return StreamingHttpResponse(pieces())

    found = [(piece, api.current_tenant()) for piece in ask(MAXI_HOST, view=stream)]
    assert found == [(b"Blue University", None)] * 2 + [(b"Maxi's Academy", None)]


def test_warm_it_asks_no_database_and_binds_the_site_lazily(tenants, django_assert_num_queries):
    ask(MAXI_HOST)
    ask("nobody.localhost")
    with django_assert_num_queries(0):
        ask(MAXI_HOST, view=lambda request: HttpResponse(helpers.get_value("PLATFORM_NAME")))
        ask("nobody.localhost", view=lambda request: HttpResponse("x"))
    with django_assert_num_queries(1):
        for _ in range(2):
            ask(BLUE_HOST, view=lambda request: HttpResponse(request.site.domain))


async def test_async_views_have_their_tenant(committed_tenants_async):
    revisions.forget()
    names = await asyncio.gather(*(ask_async(host) for host in (MAXI_HOST, BLUE_HOST, "nobody.localhost") * 10))
    assert [json_of(answer)["tenant"] for answer in names] == ["maxi-academy", "blue-university", None] * 10
    assert [json_of(answer)["name"] for answer in names][:3] == ["Maxi's Academy", "Blue University", None]


async def test_async_streams_have_their_tenant(committed_tenants_async):
    async def stream(request):
        async def pieces():
            for _ in range(3):
                await asyncio.sleep(0)
                yield helpers.get_value("PLATFORM_NAME").encode()

        return StreamingHttpResponse(pieces())

    one, other = await ask_async(MAXI_HOST, view=stream), await ask_async(BLUE_HOST, view=stream)
    others = aiter(other)
    async for piece in one:
        assert (piece, await anext(others)) == (b"Maxi's Academy", b"Blue University")
        assert api.current_tenant() is None


async def test_a_tenant_entered_within_an_async_stream_is_kept_in_it_and_out_of_the_server(committed_tenants_async):
    async def stream(request):
        async def pieces():
            async with api.tenant_context("blue-university"):
                yield helpers.get_value("PLATFORM_NAME").encode()
                yield helpers.get_value("PLATFORM_NAME").encode()
            yield helpers.get_value("PLATFORM_NAME").encode()

        return StreamingHttpResponse(pieces())

    found = [(piece, api.current_tenant()) async for piece in await ask_async(MAXI_HOST, view=stream)]
    assert found == [(b"Blue University", None)] * 2 + [(b"Maxi's Academy", None)]


async def test_async_suspended_sites_answer_503(committed_tenants_async):
    from asgiref.sync import sync_to_async

    await sync_to_async(api.suspend_tenant)("maxi-academy")
    assert (await ask_async(MAXI_HOST)).status_code == 503


@pytest.fixture
def committed_tenants_async(committed_tenants):
    return committed_tenants


def test_a_draft_is_previewed_with_its_cookie_and_by_nobody_else(tenants, admin_user):
    site_config.save_draft(MAXI_HOST, {"PLATFORM_NAME": "Draft"}, actor=admin_user)
    cookie = site_config.preview_cookie(MAXI_HOST, actor=admin_user)

    def ask_with(host, value):
        request = RequestFactory().get("/")
        request.META["HTTP_HOST"] = host
        request.COOKIES[site_config.PREVIEW_COOKIE] = value
        return CurrentTenantMiddleware(seen)(request)

    response = ask_with(MAXI_HOST, cookie)
    assert json_of(response)["name"] == "Draft"
    assert response["Cache-Control"] == "private, no-store"
    assert json_of(ask(MAXI_HOST))["name"] == "Maxi's Academy"
    assert json_of(ask_with(BLUE_HOST, cookie))["name"] == "Blue University"
    assert json_of(ask_with(MAXI_HOST, cookie + "x"))["name"] == "Maxi's Academy"
    assert json_of(ask_with(MAXI_HOST, "nonsense"))["name"] == "Maxi's Academy"
    with override_settings(SECRET_KEY="another"):
        assert json_of(ask_with(MAXI_HOST, cookie))["name"] == "Maxi's Academy"
    site_config.discard_draft(MAXI_HOST, actor=admin_user)
    assert json_of(ask_with(MAXI_HOST, cookie))["name"] == "Maxi's Academy"
