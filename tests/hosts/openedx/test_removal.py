"""Everything of ours out of the platform's database, in processes of their own on a SQLite file."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.once

MAKE = """
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import override_settings
from ccx_tenancy import api
from ccx_tenancy.site_config import helpers
# Not in the settings: at start the adapter looks for the platform's functions, and here are its models only.
override_settings(CCX_TENANCY={**settings.CCX_TENANCY, "HOST": "ccx_tenancy.hosts.openedx.OpenEdxHost"}).enable()
user = get_user_model().objects.create_user("ann", "ann@acme.example", "edx")
api.create_tenant("acme", name="Acme", domain="acme.localhost", organizations=["Acme"], owner=user)
helpers.set_site_values("acme.localhost", {"SEGMENT_KEY": "hush", "PLATFORM_NAME": "Acme"})
"""
SETTINGS = """
import os
from test_settings import *
SECRET_KEY = os.environ.get("SECRET_KEY_OF_THE_TEST", SECRET_KEY)
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """Return a database with a tenant, its owner and a secret, and a function that runs ``manage.py`` on it."""
    place = tmp_path_factory.mktemp("removal")
    (place / "removal_settings.py").write_text(SETTINGS, encoding="utf-8")
    path = place / "host.sqlite3"
    environment = {
        **os.environ,
        "CCX_TENANCY_DATABASE_URL": f"sqlite:///{path}",
        "DJANGO_SETTINGS_MODULE": "removal_settings",
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(place))),
    }

    def call(*words, **more):
        command = [sys.executable, "-W", "error", "-m", "django", *words]
        return subprocess.run(
            command, cwd=ROOT, env={**environment, **more}, capture_output=True, text=True, check=False, timeout=240
        )

    for words in (("migrate", "--verbosity=0"), ("shell", "-c", MAKE)):
        done = call(*words)
        assert done.returncode == 0, done.stderr
    return path, call


def asked(path, sql):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def tables(path):
    return {name for (name,) in asked(path, "SELECT name FROM sqlite_master WHERE type = 'table'")}


def values(path):
    return json.loads(asked(path, "SELECT site_values FROM site_configuration_siteconfiguration")[0][0])


def test_the_platform_is_left_with_its_own_and_with_open_secrets(host):
    path, call = host
    rooms = ("audit", "tenants", "site_config", "membership", "rest_api", "ccxcon", "openedx")
    ours = {name for name in tables(path) if name.startswith(tuple(f"ccx_{room}_" for room in rooms))}
    assert "ccx_tenants_tenant" in ours and "ccx_ccxcon_connector_tenants" in ours
    assert "$sealed" in values(path)["SEGMENT_KEY"]
    roles = "SELECT role FROM student_courseaccessrole"
    assert asked(path, roles)

    planned = call("remove_ccx_tenancy", "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert "would be dropped" in planned.stdout
    assert ours <= tables(path)

    lost = call("remove_ccx_tenancy", SECRET_KEY_OF_THE_TEST="another key, so that no secret can be opened here")
    assert lost.returncode == 1
    assert "nothing was removed" in lost.stderr
    assert ours <= tables(path)

    done = call("remove_ccx_tenancy")
    assert done.returncode == 0, done.stderr
    assert f"{len(ours)} tables dropped" in done.stdout
    left = tables(path)
    assert not ours & left
    assert "site_configuration_siteconfiguration" in left
    assert values(path) == {"SEGMENT_KEY": "hush", "PLATFORM_NAME": "Acme"}
    assert "hush" not in str(asked(path, "SELECT site_values FROM site_configuration_siteconfigurationhistory"))
    assert asked(path, roles) == []
    labels = "('ccx_tenants', 'ccx_membership', 'ccx_openedx', 'ccx_ccxcon', 'ccx_audit')"
    assert asked(path, f"SELECT * FROM django_content_type WHERE app_label IN {labels}") == []
    assert asked(path, f"SELECT * FROM django_migrations WHERE app IN {labels}") == []
    assert len(asked(path, "SELECT * FROM organizations_organization")) == 1

    again = call("remove_ccx_tenancy")
    assert again.returncode == 0, again.stderr
    assert "0 tables dropped" in again.stdout
