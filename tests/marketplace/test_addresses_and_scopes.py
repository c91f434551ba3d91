"""A walk over all three rooms: every address has its guard, every endpoint its scope, every redirect its own site.

What is walked is what is there: a field, an endpoint or a page that is added without its guard makes a test fail.
"""

from __future__ import annotations

import ast
import importlib
import logging
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models
from django.forms import URLField, modelform_factory
from django.test import Client
from django.urls import URLPattern, get_resolver

from ccx_tenancy.hub.models import CCX_WRITE, COURSES_READ, COURSES_WRITE, SCOPES
from ccx_tenancy.outgoing.addresses import validate_url
from tests.hub.conftest import Api
from tests.outgoing.conftest import loopback  # noqa: F401 - a fixture
from tests.portal import world

ROOMS = ("ccxcon", "hub", "portal")
PACKAGE = Path(__file__).resolve().parent.parent.parent / "ccx_tenancy"
#: Fields whose names say *address* and that nothing here ever calls.
NEVER_CALLED = {
    ("Course", "image_url"),  # It is passed on and shown to browsers.
}
PRIVATE = (
    "http://169.254.169.254/latest/meta-data/",
    "https://127.0.0.1/",
    "https://10.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://2130706433/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "https://user:secret@example.com/",
)
FOREIGN = (
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "https:evil.example",
    "http:///evil.example/",
    "javascript:alert(1)",
    " //evil.example/",
    "/\t/evil.example/",
    "//evil.example@testserver/",
    "https://testserver.evil.example/",
)


def fields_that_hold_addresses():
    """Every text field of the rooms that is an address by its kind or by its name."""
    words = re.compile(r"(^|_)(url|uri|address|endpoint|callback|webhook|hook|host|href)(_|$)")
    for room in ROOMS:
        for model in apps.get_app_config(f"ccx_{room}").get_models():
            for field in model._meta.concrete_fields:
                is_text = isinstance(field, models.CharField | models.TextField)
                is_secret = "secret" in field.name
                if is_text and not is_secret and (isinstance(field, models.URLField) or words.search(field.name)):
                    yield pytest.param(model, field, id=f"{room}.{model.__name__}.{field.name}")


@pytest.mark.once
@pytest.mark.parametrize(("model", "field"), list(fields_that_hold_addresses()))
def test_every_field_that_holds_an_address_refuses_private_networks(model, field):
    if (model.__name__, field.name) in NEVER_CALLED:
        return
    assert validate_url in field.validators
    form_class = modelform_factory(model, fields=[field.name])
    for address in PRIVATE:
        with pytest.raises(ValidationError):
            field.clean(address, model())
        assert form_class({field.name: address}).errors[field.name]


@pytest.mark.once
def test_the_walk_finds_the_addresses_that_there_are():
    found = {(param.values[0].__name__, param.values[1].name) for param in fields_that_hold_addresses()}
    assert {
        ("Connector", "url"),
        ("Connector", "portal_url"),
        ("BackingInstance", "instance_url"),
        ("BackingInstance", "token_url"),
        ("Receiver", "url"),
        ("Source", "url"),
    } <= found


@pytest.mark.once
@pytest.mark.parametrize("room", ROOMS)
def test_forms_of_their_own_have_no_address_without_the_guard(room):
    for file in sorted((PACKAGE / room).rglob("*.py")):
        name = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
        if file.stem not in ("forms", "admin"):
            continue
        for form in vars(importlib.import_module(name)).values():
            for field in getattr(form, "base_fields", {}).values():
                assert not isinstance(field, URLField) or validate_url in field.validators, (name, form)


@pytest.mark.once
@pytest.mark.parametrize("room", ROOMS)
def test_nothing_but_the_guarded_library_calls_other_servers(room):
    callers = {
        "requests",
        "urllib3",
        "http.client",
        "httpx",
        "aiohttp",
        "socket",
        "urllib.request",
        "ftplib",
        "smtplib",
    }
    for file in sorted((PACKAGE / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            assert not callers & set(names), f"{file}: {names}; allowed is ccx_tenancy.outgoing.http"


# Scopes


def endpoints(urlconf: str):
    """Every path of a URLconf with a value for each of its arguments, and the view behind it."""
    for pattern in importlib.import_module(urlconf).urlpatterns:
        assert isinstance(pattern, URLPattern), "a URLconf inside a URLconf: walk it, too"
        route = str(pattern.pattern)
        filled = re.sub(r"<[^>]+>", "00000000-0000-4000-8000-000000000000", route)
        yield filled, pattern


#: The scope that each endpoint and method needs. None: whoever has a token. What is not here must not be there.
NEEDED = {
    "root": {"GET": None},
    "courses": {"GET": COURSES_READ, "POST": COURSES_WRITE},
    "course": {"GET": COURSES_READ},
    "modules": {"GET": COURSES_READ},
    "module": {"GET": COURSES_READ},
    "user_exists": {"GET": COURSES_READ},
    "login_links": {"POST": COURSES_READ},
    "ccxs": {"POST": CCX_WRITE},
    "ccx": {"GET": CCX_WRITE, "PATCH": CCX_WRITE, "DELETE": CCX_WRITE},
}
OPEN = {"token", "status"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture
def hub_urls(settings):
    settings.ROOT_URLCONF = "tests.hub.urls"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.OAUTH2_PROVIDER = {"CLIENT_SECRET_HASHER": "md5"}


@pytest.mark.django_db
def test_every_endpoint_of_the_hub_needs_its_scope_and_a_token(hub_urls):
    from ccx_tenancy.hub import api

    tokens = {}
    for number, scope in enumerate(sorted(SCOPES)):
        tokens[scope] = Api(api.create_client(f"client {number}", scopes=[scope])).sign_in()
    seen = set()
    for path, pattern in endpoints("ccx_tenancy.hub.urls"):
        seen.add(pattern.name)
        if pattern.name in OPEN:
            continue
        needed = NEEDED[pattern.name]
        view = pattern.callback.view_class
        assert {name for name in METHODS if hasattr(view, name.lower())} == set(needed), pattern.name
        for method, scope in needed.items():
            where = (pattern.name, method)
            nobody = Api(tokens[COURSES_READ].credentials)
            assert nobody.call(method, path, {}).status_code == 401, where
            basic = Client().generic(method, f"/hub/{path}", HTTP_AUTHORIZATION="Basic YTpi")
            assert basic.status_code == 401, where
            in_query = Client().generic(method, f"/hub/{path}?access_token={tokens[COURSES_READ].token}")
            assert in_query.status_code == 401, where
            for held, caller in tokens.items():
                status = caller.call(method, path, {}).status_code
                assert (status == 403) == (scope not in (None, held)), (*where, held, status)
                assert status < 500, (*where, held, status)
    assert seen == OPEN | set(NEEDED)


@pytest.mark.django_db
def test_the_two_endpoints_without_a_token_open_nothing(hub_urls, settings):
    assert Client().get("/hub/status/").status_code == 404
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "HUB_STATUS_TOKEN": "a monitor's"}
    assert Client().get("/hub/status/?token=another").status_code == 404
    assert Client().post("/hub/o/token/", {"grant_type": "client_credentials"}).status_code == 401


@pytest.mark.django_db
def test_a_token_that_is_given_is_not_logged(hub_urls, caplog):
    from ccx_tenancy.hub import api

    caplog.set_level(logging.DEBUG)
    caller = Api(api.create_client("client", scopes=[COURSES_READ])).sign_in()
    assert caller.get("api/v1/coursexs/").status_code == 200
    assert len(caller.token) > 20
    assert caller.token not in caplog.text
    assert caller.credentials.client_secret not in caplog.text


# Redirects


@pytest.fixture
def portal_urls(settings, loopback):  # noqa: F811
    settings.ROOT_URLCONF = "tests.portal.urls"


@pytest.mark.django_db
def test_no_page_of_the_portal_leads_to_another_site(portal_urls):
    source = world.make_source()
    course = world.make_course(source)
    user = world.make_user("reader@example.com")
    names = ("next", "redirect", "redirect_to", "redirect_url", "return", "return_to", "url", "target", "continue")
    anonymous, signed_in = Client(), world.client_of(user)
    for path, pattern in endpoints("ccx_tenancy.portal.urls"):
        if "uuid" in str(pattern.pattern):
            path = path.replace("00000000-0000-4000-8000-000000000000", course.uuid)
        # Pages that go on to somewhere get everything that has fooled others; the rest would have to begin to.
        goes_on = pattern.name in ("sign_in", "register", "activate", "new_password", "link")
        for foreign in FOREIGN if goes_on else FOREIGN[:2]:
            said = dict.fromkeys(names, foreign)
            address = f"/{path}?{urlencode(said)}"
            for client in (anonymous, signed_in):
                check_location(client.get(address), path, foreign)
                check_location(client.post(address, said), path, foreign)
    for foreign in FOREIGN:
        said = {**dict.fromkeys(names, foreign), "email": "reader@example.com", "password": world.PASSWORD}
        answer = Client().post(f"/sign-in/?{urlencode({'next': foreign})}", said)
        assert answer.status_code == 302
        check_location(answer, "/sign-in/", foreign)
    for answer in (
        Client().get("//evil.example/cart/"),
        Client().get("/\\evil.example"),
        Client().get("//evil.example"),
    ):
        check_location(answer, "//evil.example", "")


def check_location(answer, path, foreign):
    """A redirect stays here, and a page leads nowhere else by a link or a form."""
    location = answer.headers.get("Location")
    if location is not None:
        assert re.fullmatch(r"/(?![/\\])[^\s\\]*", location), (path, foreign, location)
        assert not location.startswith(foreign.strip()[:8]) or location.startswith("/sign-in/"), (
            path,
            foreign,
            location,
        )
    elif foreign and answer.headers.get("Content-Type", "").startswith("text/html"):
        links = re.findall(r"""(?:href|action|src)=["']?([^"'\s>]*)""", answer.content.decode())
        assert not [link for link in links if "evil.example" in link.partition("?")[0] or link.startswith("javascript")]


@pytest.mark.django_db
def test_a_path_that_is_kept_for_after_the_registration_is_local(portal_urls, mailoutbox):
    from ccx_tenancy.portal import accounts
    from ccx_tenancy.portal.models import Registration

    for foreign in FOREIGN:
        assert accounts.local_path(foreign) == "", foreign
    accounts.register(
        full_name="A", organization="O", email="a@example.com", password=world.PASSWORD, next_path="//evil.example"
    )
    assert Registration.objects.get().next == ""


# Webhooks


@pytest.mark.django_db
def test_a_webhook_is_refused_stale_replayed_and_without_a_secret(portal_urls):
    import time

    from ccx_tenancy.portal.models import Course, ReceivedEvent, Source

    source = world.make_source()
    message = world.event("Course", world.course_payload("6d0b2a52-5d1e-4bd1-9d0a-b2f0a7d3e111"))
    body, headers = world.signed(message)

    def send():
        return Client().post("/api/v1/webhooks/ccxcon/", body, content_type="application/json", **headers)

    assert send().status_code == 200
    Course.objects.update(hub_title="changed since")
    assert send().status_code == 200  # The same event again is answered, and does nothing.
    assert Course.objects.get().hub_title == "changed since"
    assert ReceivedEvent.objects.count() == 1
    assert world.post(message, timestamp=time.time() - 301).status_code == 403
    assert world.post(message, timestamp=time.time() + 301).status_code == 403
    altered = Client().post("/api/v1/webhooks/ccxcon/", body + b" ", content_type="application/json", **headers)
    assert altered.status_code == 403
    # Signed anew under the event's id, the time of a replay is not the time that was signed.
    moved = {**headers, "HTTP_X_CCXCON_TIMESTAMP": str(int(time.time()) + 1)}
    assert Client().post("/api/v1/webhooks/ccxcon/", body, content_type="application/json", **moved).status_code == 403
    Source.objects.filter(pk=source.pk).update(webhook_secret="")
    assert world.post(message).status_code == 403
    assert Course.objects.get().hub_title == "changed since"


def test_the_urlconf_that_is_walked_is_the_rooms_own():
    assert {pattern.name for _, pattern in endpoints("ccx_tenancy.hub.urls")} >= {"token", "ccxs"}
    assert get_resolver("tests.portal.urls").url_patterns
