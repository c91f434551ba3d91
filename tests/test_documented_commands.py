"""The commands of the README and of docs/how-to, run literally, in a project of their own.

Each page is one story: its blocks run in their order in one folder, on one new database. In the folder are ``python``,
``manage.py`` (also with the platform's ``lms`` and ``cms``), the sandbox, and ``tenants.json`` where the page has one.
A block that needs more than that says so in a comment before it, ``.. not run: needs ...``; one that needs something
else in the folder, ``.. run with: ...``. Output in a block has to be what the command said.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.once, pytest.mark.slow]

PAGES = [ROOT / "README.rst", *sorted((ROOT / "docs" / "how-to").glob("*.rst"))]
SHELL = ("console", "shell", "bash", "sh")
DIRECTIVE = re.compile(r"^\.\. code-block:: (\S+)$")
MARK = re.compile(r"^\.\. (not run|run with): (.+)$")

MANAGE = """#!/usr/bin/env python
import os, sys

if sys.argv[1:2] in (["lms"], ["cms"]):  # As the platform's own has it.
    del sys.argv[1]
os.environ["DJANGO_SETTINGS_MODULE"] = "test_settings"
from django.core.management import execute_from_command_line

execute_from_command_line(sys.argv)
"""


@dataclass
class Block:
    """One block of a page: its language, its text, and what the comment before it says of it."""

    language: str
    text: str
    line: int
    not_run: str = ""
    run_with: str = ""

    def commands(self) -> list[tuple[str, str]]:
        """Return each command with the output that the page shows for it."""
        found: list[tuple[str, str]] = []
        lines = iter(self.text.splitlines())
        for line in lines:
            if line.startswith("$ "):
                command = line[2:]
                while command.endswith("\\"):
                    command = f"{command[:-1]}{next(lines).strip()}"
                found.append((command, ""))
            else:
                assert found, f"line {self.line}: a block starts with '$ ', and this with {line!r}"
                found[-1] = (found[-1][0], f"{found[-1][1]}{line}\n")
        return found


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page that have a language, in their order."""
    found: list[Block] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    mark: dict[str, str] = {}
    for number, line in enumerate(lines):
        if match := MARK.match(line):
            mark = {match[1].replace(" ", "_"): match[2]}
        elif match := DIRECTIVE.match(line):
            text: list[str] = []
            for following in lines[number + 1 :]:
                if following and not following.startswith("   "):
                    break
                text.append(following[3:])
            found.append(Block(match[1], "\n".join(text).strip("\n"), number + 1, **mark))
            mark = {}
        elif line.strip():
            assert not mark, f"{page.name}, line {number + 1}: a mark stands directly before its block"
    return found


def one_domain_twice(folder: Path) -> None:
    """Write a ``tenants.json`` that is refused for a domain that stands in it twice."""
    tenants = [
        {"key": key, "name": key, "domains": [{"domain": "maxi-academy.localhost"}], "organizations": [key]}
        for key in ("maxi-academy", "blue")
    ]
    (folder / "tenants.json").write_text(json.dumps({"tenants": tenants}))


PREPARATIONS = {"one domain twice in tenants.json": one_domain_twice}


@pytest.fixture
def project(tmp_path):
    """Return a folder that has what the pages take for granted, and the environment for commands in it."""
    for folder in ("bin", ".venv/bin"):
        (tmp_path / folder).mkdir(parents=True)
        # A script, not a link: Python finds its packages by the path that it was started with.
        python = tmp_path / folder / "python"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
    (tmp_path / "sandbox").symlink_to(ROOT / "sandbox")
    (tmp_path / "manage.py").write_text(MANAGE)
    (tmp_path / "manage.py").chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
        "PYTHONUNBUFFERED": "1",
        "COLUMNS": "120",
        "CCX_TENANCY_DATABASE_URL": f"sqlite:///{tmp_path / 'project.sqlite3'}",
        "SANDBOX_VAR": str(tmp_path / "var"),
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    return tmp_path, environment


def run(command: str, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run a command in a shell, and return its exit code and all that it said.

    One that serves until Ctrl-C gets its Ctrl-C as soon as it serves.
    """
    process = subprocess.Popen(
        f"exec {command}",
        shell=True,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("Serving on "):
            process.send_signal(signal.SIGINT)
    process.stdout.close()
    return process.wait(timeout=60), "".join(said)


def squeezed(text: str) -> str:
    """Return a text without its line breaks and columns: a page wraps what a command says in one line."""
    return " ".join(text.split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_do_what_it_says(page, project):
    folder, environment = project
    code, said = run("python manage.py migrate --verbosity=0", folder, environment)
    assert code == 0, said
    for block in blocks(page):
        place = f"{page.relative_to(ROOT)}, line {block.line}"
        if block.language == "json" and '"tenants"' in block.text:
            (folder / "tenants.json").write_text(block.text)
        if block.language not in SHELL or block.not_run:
            continue
        if block.run_with:
            PREPARATIONS[block.run_with](folder)
        for command, expected in block.commands():
            code, said = run(command, folder, environment)
            assert (code == 0) is ("Error: " not in expected), f"{place}: {command}\nexit code {code}\n{said}"
            assert squeezed(expected) in squeezed(said), f"{place}: {command}\nsaid:\n{said}\nand not:\n{expected}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_command_hides_in_a_block_without_a_language(page):
    hidden = [
        f"line {number}: {line}"
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
        if line.rstrip().endswith("::") and not line.startswith("..")
    ]
    assert hidden == []


def test_what_is_not_run_says_what_it_needs():
    marked = [block for page in PAGES for block in blocks(page) if block.not_run]
    assert marked
    assert [block.not_run for block in marked if not block.not_run.startswith("needs ")] == []
    assert all(block.language in SHELL for block in marked)
