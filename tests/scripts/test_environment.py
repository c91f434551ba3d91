"""The search for a Python, and what an environment rests on."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import environment
import pytest

pytestmark = pytest.mark.once

FINDER = environment.ROOT / "scripts" / "find_python.sh"


def find(*arguments, **variables):
    base = {name: value for name, value in os.environ.items() if name != "CCX_TENANCY_PYTHON"}
    command = ["sh", str(FINDER), *arguments]
    return subprocess.run(command, env={**base, **variables}, capture_output=True, text=True, check=False)


def test_the_interpreter_that_is_found_can_make_environments_and_is_outside_of_any():
    found = find()
    assert found.returncode == 0, found.stderr
    path = found.stdout.strip()
    code = "import sys, venv, ensurepip; print(sys.version_info >= (3, 11), sys.prefix == sys.base_prefix)"
    assert subprocess.run([path, "-c", code], capture_output=True, text=True, check=True).stdout.split() == [
        "True",
        "True",
    ]


def test_a_version_that_is_not_there_is_named():
    found = find("3.99")
    assert found.returncode == 1
    assert "No Python 3.99 was found" in found.stderr
    assert environment.find_interpreter("3.99") is None


def test_a_command_that_starts_nothing_is_passed_over(tmp_path):
    for name in ("python3.11", "python3.12"):
        (tmp_path / name).write_text("#!/bin/sh\necho no such version >&2\nexit 127\n")
        (tmp_path / name).chmod(0o755)
    found = find(PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert found.returncode == 0, found.stderr
    assert not found.stdout.startswith(str(tmp_path))


def test_a_python_without_ensurepip_is_named_with_the_package_that_brings_it(tmp_path):
    bare = tmp_path / "python3.99"
    bare.write_text("#!/bin/sh\necho python3.99\nexit 2\n")
    bare.chmod(0o755)
    found = find("3.99", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert found.returncode == 1
    assert "apt-get install python3.99-venv" in found.stderr


def test_a_named_interpreter_ends_the_search(tmp_path):
    assert find(CCX_TENANCY_PYTHON=sys.executable).returncode == 0
    found = find(CCX_TENANCY_PYTHON=str(tmp_path / "absent"))
    assert found.returncode == 1
    assert "CCX_TENANCY_PYTHON" in found.stderr


def test_each_python_goes_with_pins_and_a_newer_one_with_the_newest():
    names = {
        version: environment.Interpreter("python", version).pins.name
        for version in [(3, 11, 7), (3, 12, 1), (3, 14, 0)]
    }
    assert names[3, 11, 7] == "constraints-teak.txt"
    assert names[3, 12, 1] == names[3, 14, 0] == "constraints-2026-04.txt"
    assert all(Path(environment.REQUIREMENTS / name).exists() for name in names.values())


def test_an_environment_is_made_anew_for_a_new_dependency_and_not_for_a_new_rule_of_the_linter(tmp_path, monkeypatch):
    project = tmp_path / "pyproject.toml"
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    interpreter = environment.this_interpreter()

    def fingerprint(dependencies, line_length):
        project.write_text(
            f'[build-system]\nrequires = []\n[project]\nname = "x"\ndependencies = {dependencies}\n'
            f"[tool.ruff]\nline-length = {line_length}\n"
        )
        return environment.fingerprint(interpreter)

    assert fingerprint(["a"], 100) == fingerprint(["a"], 120)
    assert fingerprint(["a"], 100) != fingerprint(["a", "b"], 100)


def test_every_tool_of_ours_is_pinned():
    extras = tomllib.loads((environment.ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = {
        re.match(r"[\w-]+", tool)[0].lower() for extra in ("test", "lint", "types", "docs") for tool in extras[extra]
    }
    tools, *releases = (
        (environment.REQUIREMENTS / name).read_text().lower()
        for name in ("tools.txt", "constraints-teak.txt", "constraints-2026-04.txt")
    )
    loose = [name for name in sorted(names) if f"\n{name}==" not in tools]
    # What an Open edX release pins has its version from there.
    assert [name for name in loose if not all(f"\n{name}==" in release for release in releases)] == []
