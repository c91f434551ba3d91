"""Entering a tenant: the request's, and by key."""

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from benchmarks import peers
from ccx_tenancy import api
from ccx_tenancy.middleware import CurrentTenantMiddleware
from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.index import index
from tests.counting import counted

ROUNDS = {"rounds": 50, "iterations": 500, "warmup_rounds": 2}
ANSWER = HttpResponse()


def request_for(host):
    request = RequestFactory().get("/")
    request.META["HTTP_HOST"] = host
    return request


@pytest.mark.benchmark(group="enter a tenant (budget 20 us a request)")
class TestEnter:
    """The middleware around an empty view, ``tenant_context``, and the look-up alone."""

    def test_middleware(self, benchmark, installation):
        middleware = CurrentTenantMiddleware(lambda request: ANSWER)
        request = request_for("t5.localhost")
        middleware(request)
        assert counted(lambda: middleware(request)) == []
        benchmark.pedantic(middleware, (request,), **ROUNDS)

    def test_middleware_unknown_host(self, benchmark, installation):
        middleware = CurrentTenantMiddleware(lambda request: ANSWER)
        request = request_for("nobody.example.com:8000")
        middleware(request)
        benchmark.pedantic(middleware, (request,), **ROUNDS)

    def test_tenant_context(self, benchmark, installation):
        def enter():
            with api.tenant_context("t5"):
                pass

        enter()
        benchmark.pedantic(enter, **ROUNDS)

    def test_resolve_tenant(self, benchmark, installation):
        assert benchmark.pedantic(api.resolve_tenant, ("T5.localhost:8000",), **ROUNDS).key == "t5"

    def test_site_by_host_of_django(self, benchmark, installation):
        peers.site_by_host("t5.localhost")
        assert benchmark.pedantic(peers.site_by_host, ("t5.localhost",), **ROUNDS).domain == "t5.localhost"


@pytest.mark.benchmark(group="load the index (once a process, and after a change of tenants)")
def test_load_the_index(benchmark, installation):
    def load():
        revisions.forget()
        return index()

    with CaptureQueriesContext(connection) as queries:
        load()
    assert len(queries) == 2
    found = benchmark.pedantic(load, rounds=5, iterations=1, warmup_rounds=1)
    assert len(found.tenants) == installation
