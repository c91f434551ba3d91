"""Fixtures for all tests."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections
from django.db.backends.signals import connection_created
from hypothesis import HealthCheck, settings

from ccx_tenancy import api
from ccx_tenancy.conf import Conf

ROOT = Path(__file__).resolve().parent.parent

# How long an example takes, and how long it is in the making, says how busy the machine is.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def _reverse_what_is_unordered(connection, **kwargs):
    """Have SQLite answer the other way round where no order is asked for, which PostgreSQL does now and then."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA reverse_unordered_selects = ON")


if "CCX_TENANCY_REVERSED" in os.environ:
    connection_created.connect(_reverse_what_is_unordered)

MAXI = {
    "PLATFORM_NAME": "Maxi's Academy",
    "SITE_NAME": "maxi-academy.example.com",
    "course_org_filter": "maxi-academy",
    "ENABLE_COMBINED_LOGIN_REGISTRATION": True,
}
BLUE = {"PLATFORM_NAME": "Blue University", "course_org_filter": ["blue", "Blue2"]}


def make_tenants():
    """Make the two tenants that most tests use."""
    maxi = api.create_tenant(
        "maxi-academy",
        name="Maxi's Academy",
        domain="maxi-academy.localhost",
        organizations=["maxi-academy"],
        values=MAXI,
    )
    blue = api.create_tenant(
        "blue-university",
        name="Blue University",
        domain="blue-university.localhost",
        organizations=["blue", "Blue2"],
        studio_domain="studio.blue-university.localhost",
        values=BLUE,
    )
    return maxi, blue


@pytest.fixture(autouse=True)
def _numbers_are_read_when_a_change_says_so(monkeypatch, settings):
    """Keep the question of once a second out of counted queries, for tests that do not set ``FRESHNESS_SECONDS``."""

    def freshness_seconds(self):
        return getattr(settings, "CCX_TENANCY", {}).get("FRESHNESS_SECONDS", 3600.0)

    monkeypatch.setattr(Conf, "freshness_seconds", property(freshness_seconds))


@pytest.fixture(autouse=True)
def _no_connection_of_async_code_stays_open(request):
    """Close what asynchronous tests opened in the thread that runs their queries: it outlives them."""
    yield
    if inspect.iscoroutinefunction(request.function):
        asyncio.run(sync_to_async(connections.close_all)())


@pytest.fixture
def tenants(db):
    """The two tenants, inside the test's transaction."""
    return make_tenants()


@pytest.fixture
def committed_tenants(transactional_db):
    """The two tenants, committed, so that other threads and processes see them."""
    return make_tenants()


class OtherProcess:
    """A Python process of its own on the same database, which runs what it is sent and answers with JSON."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.other_process"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, code: str):
        """Run ``code``; what it assigns to ``result`` comes back."""
        self._process.stdin.write(json.dumps(code) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the other process ended with {self._process.wait()}"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def stop(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()


def database_url(path: Path) -> str:
    """Return how another process reaches a database with our tables: the test's own, or a SQLite file at ``path``."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{path}"
    scheme = "postgresql" if connection.vendor == "postgresql" else "mysql"
    return "{scheme}://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(scheme=scheme, **settings)


@pytest.fixture
def processes(transactional_db, tmp_path):
    """Two other processes on one database that is empty but for its tables."""
    environment = {"CCX_TENANCY_DATABASE_URL": database_url(tmp_path / "shared.sqlite3")}
    if connection.vendor == "sqlite":
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity=0"],
            cwd=ROOT,
            env={**os.environ, **environment},
            check=True,
        )
    both = [OtherProcess(environment), OtherProcess(environment)]
    yield both
    for process in both:
        process.stop()
