"""Starts the tests that need the real openedx-authz among the installed apps: in a process of their own.

It is in the extra ``authz``. ``CCX_TENANCY_AUTHZ_PYTHON`` names the Python of another environment that has it, with
another version for example.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import ROOT

PYTHON = os.environ.get("CCX_TENANCY_AUTHZ_PYTHON")
INSIDE = Path(__file__).parent / "inside"

pytestmark = [
    pytest.mark.once,
    pytest.mark.slow,
    pytest.mark.skipif(
        PYTHON is None and not (find_spec("openedx_authz") and find_spec("ccx_keys")),
        reason="openedx-authz is not installed (extra authz), and CCX_TENANCY_AUTHZ_PYTHON names no Python that has it",
    ),
]


def test_with_the_real_package(tmp_path):
    ini = tmp_path / "pytest.ini"
    ini.write_text("[pytest]\n")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "DJANGO_", "COV_", "CCX_TENANCY_"))
    }
    done = subprocess.run(
        [
            *(PYTHON or sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(ini)),
            *(f"--rootdir={ROOT}", f"--confcutdir={INSIDE}", "--ds=authz_settings", str(INSIDE)),
        ],
        cwd=ROOT,
        env={**kept, "PYTHONPATH": f"{ROOT}{os.pathsep}{INSIDE}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
