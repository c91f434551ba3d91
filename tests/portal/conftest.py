"""The fixtures of the portal's tests."""

from __future__ import annotations

import pytest
from celery import current_app
from django.core.cache import cache

from ccx_tenancy.outgoing import tokens
from tests.outgoing.servers import serving
from tests.portal import world

LOOPBACK = ["127.0.0.0/8"]


@pytest.fixture(autouse=True)
def _portal(settings):
    """The portal stands at the root, calls loopback, and tries again at once."""
    settings.ROOT_URLCONF = "tests.portal.urls"
    settings.CCX_TENANCY = {
        **settings.CCX_TENANCY,
        "OUTGOING_PRIVATE_NETWORKS": LOOPBACK,
        "OUTGOING_RETRY_SECONDS": 0.01,
        "OUTGOING_RETRY_MOST_SECONDS": 0.01,
    }
    tokens.forget_all()
    cache.clear()


@pytest.fixture(autouse=True)
def _tasks_run_in_place():
    """A task that is published runs where it is, as in a project without a broker."""
    before = current_app.conf.task_always_eager
    current_app.conf.task_always_eager = True
    yield
    current_app.conf.task_always_eager = before


@pytest.fixture
def hub():
    """A hub to be told how to behave; ``hub.server.received`` is what it was sent."""
    standin = world.HubStandin()
    with serving(standin) as server:
        standin.server = server
        yield standin


@pytest.fixture
def source(db, hub):
    """The hub, configured."""
    return world.make_source(hub.server.url)


@pytest.fixture
def course(source):
    """A course that is offered, of two modules that cost 20.00 USD a seat together."""
    return world.make_course(source)


@pytest.fixture
def buyer(db):
    """A teacher who buys."""
    return world.make_user("buyer@example.com")


@pytest.fixture
def owner(source):
    """The instructor of the courses, linked."""
    return world.make_owner(source)
