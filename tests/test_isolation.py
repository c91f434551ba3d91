"""Two tenants at the same time, from many threads and from async views: not one value of another tenant.

``CCX_TENANCY_ISOLATION_REQUESTS`` is how many requests (2,000 by default); ``make bench-isolation`` asks 100,000.
"""

import asyncio
import os
import random
import threading
from collections import Counter

import pytest
from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse
from django.test import AsyncRequestFactory, RequestFactory

from ccx_tenancy import api
from ccx_tenancy.context import _stack
from ccx_tenancy.middleware import CurrentTenantMiddleware
from ccx_tenancy.site_config import helpers
from ccx_tenancy.tenants import revisions

REQUESTS = int(os.environ.get("CCX_TENANCY_ISOLATION_REQUESTS", "2000"))
THREADS = 8
HOSTS = {
    "maxi-academy.localhost": ("maxi-academy", "Maxi's Academy"),
    "blue-university.localhost": ("blue-university", "Blue University"),
    "nobody.localhost": (None, None),
}
TENANTS = [expected for expected in HOSTS.values() if expected[0]]


class Leak(AssertionError):
    """Somebody saw another tenant."""


def check(expected):
    tenant = api.current_tenant()
    found = (tenant.key if tenant else None, helpers.get_value("PLATFORM_NAME"))
    if found != expected:
        raise Leak(f"{found} where {expected} is due")
    if tenant and helpers.get_current_site_orgs() != {"maxi-academy": ["maxi-academy"]}.get(
        tenant.key, ["blue", "Blue2"]
    ):
        raise Leak(f"organizations of another tenant in {tenant.key}")


def nested(expected, rng, depth=0):
    """Enter another tenant, leave it by the end, an exception or a generator, and be back where we were."""
    check(expected)
    other = rng.choice(TENANTS)
    way = rng.randrange(4)
    if way == 0:
        with api.tenant_context(other[0]):
            check(other)
            if depth < 3:
                nested(other, rng, depth + 1)
    elif way == 1:
        try:
            with api.tenant_context(other[0]):
                check(other)
                raise ZeroDivisionError
        except ZeroDivisionError:
            check(expected)
    elif way == 2:
        for _ in api.tenant_context(other[0])(steps)(other):
            check(expected)
    else:
        values = helpers.get_value("X_PLUGIN", {"mine": expected[0]})
        values["mine"] = "changed"
    check(expected)


def steps(expected):
    for _ in range(3):
        check(expected)
        yield


def view(request):
    rng = request.rng
    nested(request.expected, rng)
    if rng.randrange(20) == 0:
        raise ZeroDivisionError
    if rng.randrange(5) == 0:
        return StreamingHttpResponse(piece(request.expected) for _ in range(3))
    return HttpResponse()


def piece(expected):
    check(expected)
    return b"x"


async def async_view(request):
    await asyncio.sleep(0)
    nested(request.expected, request.rng)
    other = request.rng.choice(TENANTS)
    async with api.tenant_context(other[0]):
        await asyncio.sleep(0)
        check(other)
    await asyncio.sleep(0)
    check(request.expected)
    if request.rng.randrange(20) == 0:
        raise ZeroDivisionError
    return HttpResponse()


def prepared(factory, rng):
    host = rng.choice(list(HOSTS))
    request = factory.get("/")
    request.META["HTTP_HOST"] = rng.choice([host, host.upper(), host + ":8000", host + "."])
    request.expected = HOSTS[host]
    request.rng = rng
    return request


def outside():
    if api.current_tenant() is not None or _stack.get():
        raise Leak("a tenant is left behind")


def test_threads_never_see_another_tenant(committed_tenants):
    asked, leaks = Counter(), []

    def work(number):
        rng = random.Random(number)
        middleware, factory = CurrentTenantMiddleware(view), RequestFactory()
        try:
            for _ in range(REQUESTS // THREADS):
                if rng.randrange(200) == 0:
                    revisions.expire()
                request = prepared(factory, rng)
                try:
                    response = middleware(request)
                except ZeroDivisionError:
                    asked["raised"] += 1
                else:
                    outside()
                    list(response)
                outside()
                asked[request.expected[0]] += 1
        except Exception as error:
            leaks.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert leaks == []
    assert sum(asked[key] for key, _ in HOSTS.values()) == REQUESTS // THREADS * THREADS
    assert all(asked[key] for key, _ in HOSTS.values())
    assert asked["raised"]


async def test_async_views_never_see_another_tenant(committed_tenants):
    rng = random.Random(7)
    middleware, factory = CurrentTenantMiddleware(async_view), AsyncRequestFactory()
    asked = Counter()

    async def work():
        request = prepared(factory, rng)
        try:
            await middleware(request)
        except ZeroDivisionError:
            asked["raised"] += 1
        outside()
        asked[request.expected[0]] += 1

    # Tasks that run at the same time, 50 of them: each has a copy of this task's context.
    for _ in range(REQUESTS // 4 // 50):
        await asyncio.gather(*(work() for _ in range(50)))
    assert all(asked[key] for key, _ in HOSTS.values())
    assert asked["raised"]


def test_the_check_can_fail(tenants):
    with api.tenant_context("maxi-academy"), pytest.raises(Leak):
        check(HOSTS["blue-university.localhost"])
