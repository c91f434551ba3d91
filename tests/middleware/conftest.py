"""The fixtures of :mod:`tests.people`, and people to ask with."""

import pytest
from django.test import AsyncClient, Client
from organizations.models import Organization

from ccx_tenancy import api
from ccx_tenancy.middleware import tenant_access
from ccx_tenancy.tenants import revisions
from tests.people import acme, globex, make_user

__all__ = ["acme", "globex", "make_user"]

ACME = "course-v1:AcmeX+A1+2026"
GLOBEX = "course-v1:GlobexX+G1+2026"
PLATFORM = "course-v1:PlatX+P1+2026"
UNKNOWN = "course-v1:NobodyX+N1+2026"

ACME_SITE = "acme.example.com"
GLOBEX_SITE = "globex.example.com"
PLATFORM_SITE = "platform.example.com"


@pytest.fixture
def forgetful(db):
    """Nothing that was read or recorded in another test is remembered."""
    revisions.forget()
    tenant_access.forget_passes()
    yield
    revisions.forget()
    tenant_access.forget_passes()


@pytest.fixture
def people(forgetful, acme, globex, make_user, settings):
    """Two tenants, an organization of the platform's, and people with the roles that their names say."""
    settings.ROOT_URLCONF = "tests.middleware.project"
    Organization.objects.create(short_name="PlatX", name="The platform's own")
    made = {
        name: make_user(name)
        for name in ("acme_learner", "acme_staff", "acme_author", "globex_learner", "globex_author", "stranger")
    }
    made["global_staff"] = make_user("global_staff", is_staff=True)
    made["root"] = make_user("root", is_superuser=True, is_staff=True)
    for name, user in made.items():
        tenant, _, role = name.partition("_")
        if tenant in ("acme", "globex"):
            api.add_member(user, {"acme": "AcmeX", "globex": "GlobexX"}[tenant], role)
    return made


@pytest.fixture
def studio(settings):
    """Host names of no tenant are Studio's."""
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "SURFACE": "studio"}


@pytest.fixture
def client_of(people):
    """Return a function that makes a client with the session of somebody (None: nobody)."""

    def make(name=None, **options):
        client = Client(**options)
        if name is not None:
            client.force_login(people[name])
        return client

    return make


class SiteAsyncClient(AsyncClient):
    """An asynchronous client whose ``host`` header takes the place of the test client's own."""

    def _base_scope(self, **request):
        scope = super()._base_scope(**request)
        hosts = [header for header in scope["headers"] if header[0] == b"host"]
        scope["headers"] = [header for header in scope["headers"] if header[0] != b"host"] + hosts[-1:]
        return scope
