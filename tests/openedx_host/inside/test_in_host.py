"""Runs inside a real LMS or Studio, under its own test settings; ``tests/openedx_host/test_host.py`` starts it."""

import ast
import inspect
import os
from pathlib import Path

import pytest
from asking import body_of, client_of, empty_memory  # noqa: F401 - a fixture
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import Http404, HttpResponse
from django.test import RequestFactory
from django.urls import Resolver404, resolve
from routes import judges_itself, paths_with_keys

import ccx_tenancy
from ccx_tenancy import api
from ccx_tenancy.conf import conf
from ccx_tenancy.hosts.openedx import OpenEdxHost, patches
from ccx_tenancy.hosts.openedx.checks import check_plugin
from ccx_tenancy.middleware import CoursePartitionMiddleware, CurrentTenantMiddleware
from ccx_tenancy.site_config import helpers

REPOSITORY = Path(os.environ["CCX_TENANCY_REPOSITORY"])
IS_LMS = settings.ROOT_URLCONF == "lms.urls"
#: At least so many routes take a key in the oldest release we know: fewer, and the enumeration is broken.
FEWEST_ROUTES = 200 if IS_LMS else 100


@pytest.fixture
def tenants(db):
    api.create_tenant(
        "acme", name="Acme", domain="acme.localhost", organizations=["Acme"], values={"PLATFORM_NAME": "Acme"}
    )
    api.create_tenant("globex", name="Globex", domain="globex.localhost", organizations=["Globex"])


@pytest.fixture
def author(tenants):
    user = get_user_model().objects.create_user("author", "author@acme.example", "edx")
    api.add_member(user, "Acme", "author")
    return user


def test_the_code_under_test_is_this_repositorys_and_the_plug_in_is_effective():
    assert Path(ccx_tenancy.__file__).is_relative_to(REPOSITORY)
    assert apps.is_installed("ccx_tenancy")
    assert isinstance(conf.host, OpenEdxHost)
    assert check_plugin() == []
    assert conf.surface == ("lms" if IS_LMS else "studio")


def test_every_patch_is_installed():
    for patch in patches.PATCHES.values():
        if patch.is_for(conf.surface):
            for target in patch.targets():
                assert target.is_installed, target


# The stand-ins, with which the tests run where there is no host


def standin_classes():
    for path in sorted((REPOSITORY / "tests/hosts/openedx/standin").glob("*/models.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                yield pytest.param(path.parent.name, node, id=f"{path.parent.name}.{node.name}")


@pytest.mark.parametrize(("label", "node"), standin_classes())
def test_a_stand_in_has_the_fields_and_signatures_of_the_hosts_model(label, node):
    if label not in apps.app_configs:
        pytest.skip(f"this service has no app {label}")
    # A manager is no model, and stands beside its model.
    model = getattr(apps.get_app_config(label).models_module, node.name)
    for part in node.body:
        if isinstance(part, ast.Assign) and isinstance(part.value, ast.Call):
            name = part.targets[0].id
            field = model._meta.managers_map.get(name) or model._meta.get_field(name)
            made_by = part.value.func
            kind = made_by.attr if isinstance(made_by, ast.Attribute) else made_by.id
            assert kind in ("_values", *(base.__name__ for base in type(field).__mro__)), field
        elif isinstance(part, ast.FunctionDef) and not part.name.startswith("__"):
            found = inspect.getattr_static(model, part.name)
            if isinstance(found, property):
                continue
            is_classmethod = isinstance(found, classmethod)
            function = getattr(found, "__func__", found)
            function = getattr(function, "_ccx_tenancy_original", function)
            function = getattr(function, "__func__", function)
            assert is_classmethod == bool(part.decorator_list), part.name
            assert list(inspect.signature(function).parameters) == [one.arg for one in part.args.args], part.name


# Site values


def test_the_hosts_own_helpers_follow_the_tenant_and_see_each_change(tenants):
    from openedx.core.djangoapps.site_configuration import helpers as host_helpers
    from openedx.core.djangoapps.site_configuration.models import SiteConfiguration

    assert host_helpers.get_value("PLATFORM_NAME", "none") == "none"
    with api.tenant_context("acme"):
        assert host_helpers.get_value("PLATFORM_NAME", "none") == "Acme"
        helpers.set_site_values("acme.localhost", {"PLATFORM_NAME": "Through us"})
        assert host_helpers.get_value("PLATFORM_NAME", "none") == "Through us"
        row = SiteConfiguration.objects.get(site__domain="acme.localhost")
        row.site_values = {"PLATFORM_NAME": "Through the admin"}
        row.save()
        assert host_helpers.get_value("PLATFORM_NAME", "none") == "Through the admin"
        assert helpers.get_value("PLATFORM_NAME") == "Through the admin"
        with api.tenant_context("globex"):
            assert host_helpers.get_value("PLATFORM_NAME", "none") == "none"
    assert host_helpers.get_value("PLATFORM_NAME", "none") == "none"


def test_the_hosts_look_ups_by_organization_answer_from_our_index(tenants, django_assert_num_queries):
    from openedx.core.djangoapps.site_configuration import helpers as host_helpers

    assert host_helpers.get_value_for_org("Acme", "PLATFORM_NAME", "none") == "Acme"
    assert {"Acme", "Globex"} <= host_helpers.get_all_orgs()
    with django_assert_num_queries(0):
        assert host_helpers.get_value_for_org("Acme", "PLATFORM_NAME", "none") == "Acme"


@pytest.mark.parametrize("host", ["acme.localhost", "ACME.localhost.", "acme.localhost:8000"])
def test_a_real_request_has_the_tenants_site_in_every_spelling(tenants, client, host):
    request = client.get("/csrf/api/v1/token", HTTP_HOST=host).wsgi_request
    assert (request.tenant.key, request.site.domain) == ("acme", "acme.localhost")


def test_a_real_session_is_anonymous_on_the_site_of_another_tenant(author, client):
    from openedx.core.djangoapps.safe_sessions.middleware import SafeSessionMiddleware

    client.force_login(author, backend="django.contrib.auth.backends.AllowAllUsersModelBackend")
    SafeSessionMiddleware.update_with_safe_session_cookie(client.cookies, author.id)
    own = client.get("/csrf/api/v1/token", HTTP_HOST="acme.localhost").wsgi_request
    foreign = client.get("/csrf/api/v1/token", HTTP_HOST="globex.localhost").wsgi_request
    assert own.user == author
    assert not foreign.user.is_authenticated


# The gate, on every route


def through_the_gates(path, user, host, method="GET"):
    """Return the status that the middlewares give a request, and whether it reached its view.

    A view of DRF may be reached, where only DRF will know the user: the view here never asks who it is, and gets 404.
    """
    reached = []

    def view(request):
        request.user = user
        match = resolve(request.path_info)
        request.resolver_match = match

        def answer(request):
            refused = gate.process_view(request, match.func, match.args, match.kwargs)
            if refused is None:
                reached.append(match.func)
            return refused or HttpResponse()

        gate = CoursePartitionMiddleware(answer)
        return gate(request)

    body = {} if method == "GET" else {"data": "{}", "content_type": "application/json"}
    request = RequestFactory().generic(method, path, HTTP_HOST=host, **body)
    try:
        status = CurrentTenantMiddleware(view)(request).status_code
    except Http404:  # What the host's own handler makes its page of.
        status = 404
    # DRF's handler of refusals gives up the transaction, which here is the whole test's.
    transaction.set_rollback(False)
    return status, bool(reached)


def resolved(paths):
    for path in paths:
        try:
            resolve(path)
        except Resolver404:
            continue
        yield path


def test_every_route_that_takes_a_key_refuses_a_foreign_one_and_lets_the_own_one_through(author):
    host = "acme.localhost" if IS_LMS else "studio.localhost"
    foreign = [one for one in paths_with_keys("Globex", "GX1", "GLIB") if not judges_itself(one[1])]
    assert len(foreign) >= FEWEST_ROUTES
    for actor in (AnonymousUser(), author):
        wrong = [
            (path, found)
            for _, _, paths in foreign
            for path in resolved(paths)
            if (found := through_the_gates(path, actor, host))[0] != 404 or (IS_LMS and found[1])
        ]
        assert wrong == []
    # Where a route takes an organization's short name, a key is the name of none.
    own = [
        path
        for _, _, paths in paths_with_keys("Acme", "AX1", "ALIB")
        for path in resolved(paths)
        if "short_name" not in resolve(path).kwargs
    ]
    assert own
    assert [path for path in own if through_the_gates(path, author, host) != (200, True)] == []


def test_no_verb_reaches_a_foreign_object_on_any_route(author):
    host = "acme.localhost" if IS_LMS else "studio.localhost"
    wrong = [
        (method, path, found)
        for _, view, paths in paths_with_keys("Globex", "GX1", "GLIB")
        if not judges_itself(view)
        for path in list(resolved(paths))[:1]
        for method in ("POST", "PUT", "PATCH", "DELETE")
        if (found := through_the_gates(path, author, host, method))[0] != 404 or (IS_LMS and found[1])
    ]
    assert wrong == []


def test_without_a_tenant_every_route_is_reached(db):
    for _, _, paths in paths_with_keys("Globex", "GX1", "GLIB"):
        for path in list(resolved(paths))[:1]:
            assert through_the_gates(path, AnonymousUser(), "localhost")[1], path


# The admin


def test_the_hosts_admin_edits_site_values_with_our_editor(tenants):
    from openedx.core.djangoapps.site_configuration.models import SiteConfiguration

    operator = get_user_model().objects.create_superuser("operator", "operator@example.com", "edx")
    client = client_of(operator, "localhost" if IS_LMS else "studio.localhost")
    row = SiteConfiguration.objects.get(site__domain="acme.localhost")
    there = "/admin/site_configuration/siteconfiguration/"
    page = body_of(client.get(f"{there}{row.pk}/change/"))
    assert "ccx-json-editor" in page and "PLATFORM_NAME" in page
    assert "acme.localhost" in body_of(client.get(there))
    assert client.get(f"{there}{row.pk}/history/").status_code == 200
