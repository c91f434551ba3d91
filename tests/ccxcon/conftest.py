"""A marketplace's LMS: a tenant with a course, another that buys, a connector to a hub on loopback."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date

import pytest
from celery import current_app
from opaque_keys.edx.keys import CourseKey

from ccx_tenancy import api
from ccx_tenancy.ccxcon.models import Connector, CourseExport
from sandbox.courses.models import Course
from tests.outgoing.conftest import loopback  # noqa: F401 - a fixture
from tests.outgoing.servers import serving
from tests.people import acme, empty_memory, globex, make_user  # noqa: F401 - fixtures

KEY = "course-v1:AcmeX+AX1+2026"
CHAPTERS = [
    {
        "locator": f"block-v1:AcmeX+AX1+2026+type@chapter+block@ch{number}",
        "title": f"Chapter {number}",
        "subchapters": [],
    }
    for number in (1, 2)
]
TOKEN = json.dumps({"access_token": "A" * 30, "token_type": "Bearer", "expires_in": 36000}).encode()


@dataclass
class Hub:
    """A hub on loopback: its address, the answers it is to give to courses (default: 201), the courses it was sent."""

    url: str = ""
    answers: list = field(default_factory=list)
    courses: list = field(default_factory=list)
    tokens: int = 0

    def reply(self, request):
        if request.path == "/o/token/":
            self.tokens += 1
            return 200, {}, TOKEN
        body = json.loads(request.body)
        answer = self.answers.pop(0) if self.answers else (201, {}, b"{}")
        if callable(answer):
            answer = answer(body)
        if answer is not None and answer[0] < 300:
            self.courses.append(body)
        return answer


@pytest.fixture(autouse=True)
def marketplace(settings, loopback):  # noqa: F811
    """The sandbox's courses as the host's, and nothing waits to be coalesced."""
    settings.CCX_TENANCY = {
        **settings.CCX_TENANCY,
        "HOST": "sandbox.surfaces.SandboxHost",
        "CCXCON_COALESCE_SECONDS": 0,
        "CCXCON_AUTHENTICATION": ["rest_framework.authentication.SessionAuthentication"],
    }


@pytest.fixture(autouse=True)
def broker():
    """Tasks are published to a broker in memory, which nobody reads: what is due is sent by the tests themselves."""
    before = current_app.conf.broker_url
    current_app.conf.broker_url = "memory://"
    yield
    current_app.conf.broker_url = before


@pytest.fixture
def hub():
    found = Hub()
    with serving(found.reply) as server:
        found.url = server.url
        found.received = server.received
        yield found


def make_connector(url, *tenants, **fields):
    """Make a connector that serves those tenants."""
    connector = Connector.objects.create(
        **{"url": url, "title": "Portal", "client_id": "lms", "client_secret": "lms secret", **fields}
    )
    connector.tenants.set(tenants)
    return connector


@pytest.fixture
def connector(hub, acme):  # noqa: F811
    return make_connector(hub.url, acme)


def make_course(connector_url, key=KEY, **fields):
    """Make a course that is open for CCXs and names a connector."""
    return Course.objects.create(
        **{
            "id": CourseKey.from_string(key),
            "display_name": "Peer Physics",
            "short_description": "DESC",
            "overview": "OV",
            "start": date(2026, 1, 1),
            "chapters": CHAPTERS,
            "enable_ccx": True,
            "ccx_connector": connector_url,
            **fields,
        }
    )


@pytest.fixture
def course(connector):
    return make_course(connector.url)


@pytest.fixture
def export():
    """Return a function that reads the one export there is."""
    return CourseExport.objects.get


@pytest.fixture
def seller(acme, make_user):  # noqa: F811
    """Return the account of a hub: administrator of the selling organization."""
    user = make_user("hub")
    api.add_member(user, "AcmeX", "admin")
    return user


@pytest.fixture
def teacher(globex, make_user):  # noqa: F811
    """Return a teacher of the buying organization."""
    user = make_user("teacher")
    api.add_member(user, "GlobexX", "staff")
    return user


@pytest.fixture
def celery_eager():
    """Tasks run where they are published, as in a project without a broker."""
    before = current_app.conf.task_always_eager
    current_app.conf.task_always_eager = True
    yield
    current_app.conf.task_always_eager = before
