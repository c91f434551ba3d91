"""Starts the tests that run inside a real edx-platform, LMS and Studio, where one is given.

``CCX_TENANCY_OPENEDX_ROOT`` is a checkout of it, ``CCX_TENANCY_OPENEDX_PYTHON`` the Python of its environment (default:
``python``), with a wheel of ours in it: the entry points come from there, the code from this repository.
"""

import os
import shutil
import subprocess

import pytest

from tests.conftest import ROOT

HOST = os.environ.get("CCX_TENANCY_OPENEDX_ROOT")
PYTHON = os.environ.get("CCX_TENANCY_OPENEDX_PYTHON", "python")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not HOST, reason="CCX_TENANCY_OPENEDX_ROOT is not set: no edx-platform to run inside of"),
]


@pytest.mark.parametrize("service", ["lms", "cms"])
def test_inside_the_host(service, tmp_path):
    inside = shutil.copytree(ROOT / "tests/openedx_host/inside", tmp_path / "inside")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DJANGO_", "COV_"))}
    done = subprocess.run(
        [
            *(PYTHON, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "conftest"),
            *(f"--ds={service}.envs.test", "-c", "setup.cfg", "--rootdir=.", str(inside)),
        ],
        cwd=HOST,
        env={**kept, "PYTHONPATH": f"{ROOT}{os.pathsep}{inside}", "CCX_TENANCY_REPOSITORY": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


@pytest.mark.parametrize("service", ["lms", "cms"])
def test_the_host_starts_before_our_tables_are_there(service):
    """Installing is ``pip install`` and ``migrate``: that command reads all of the host's modules first."""
    done = subprocess.run(
        [PYTHON, "manage.py", service, "--settings=test", "check"],
        cwd=HOST,
        env={**os.environ, "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": f"{service}.envs.test"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
