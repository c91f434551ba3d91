"""The commands as processes of their own, on a SQLite file: what they write where, and how they end."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.once

GREEN = {"key": "green", "name": "Grün", "domain": "grün.localhost", "organizations": ["green"]}


@pytest.fixture(scope="module")
def manage(tmp_path_factory):
    """Return a function that runs ``manage.py`` and returns what became of it."""
    path = tmp_path_factory.mktemp("commands") / "tenancy.sqlite3"
    environment = {**os.environ, "CCX_TENANCY_DATABASE_URL": f"sqlite:///{path}", "PYTHONUTF8": "1"}

    def call(*words, stdin=b"", **more):
        return subprocess.run(
            [sys.executable, "-W", "error", "manage.py", *words],
            cwd=ROOT,
            env={**environment, **more},
            input=stdin,
            capture_output=True,
            check=False,
            timeout=120,
        )

    assert call("migrate", "--verbosity=0").returncode == 0
    assert call("tenancy", "apply", "-", stdin=json.dumps({"tenants": [GREEN]}).encode()).returncode == 0
    call.environment = environment
    return call


def ends(process, code, *, stderr):
    assert (process.returncode, process.stdout) == (code, b""), process.stderr
    lines = process.stderr.decode().splitlines()
    assert stderr in lines[-1]
    assert "Traceback" not in process.stderr.decode()
    return lines


def test_what_is_done_ends_with_nought(manage):
    process = manage("tenancy", "list", "--format", "json")
    assert (process.returncode, process.stderr) == (0, b"")
    (found,) = json.loads(process.stdout)
    assert (found["name"], found["domain"]) == ("Grün", "xn--grn-ioa.localhost")
    process = manage("tenancy", "suspend", "green", "--dry-run")
    assert process.stdout.decode().startswith("Would suspend the tenant 'green'")
    process = manage("tenancy", "run", "green", "--", "site_config", "set", "grün.localhost", "PLATFORM_NAME=7")
    ends(process, 1, stderr="PLATFORM_NAME: the value is a number; allowed is a text.")
    process = manage(
        "tenancy", "run", "green", "--", "site_config", "set", "grün.localhost", "--text", "PLATFORM_NAME=7"
    )
    assert process.stdout.decode().startswith("Made the revision 1 of xn--grn-ioa.localhost")
    assert process.stderr.decode() == "Ran site_config in the tenant 'green'.\n"
    process = manage("tenancy", "run", "--all", "--", "site_config", "get", "grün.localhost", "PLATFORM_NAME")
    assert process.stdout == b'"7"\n'


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("tenancy",), "the following arguments are required: ACTION"),
        (("tenancy", "list", "--format", "xml"), "invalid choice: 'xml'"),
        (("tenancy", "apply", "/no/such/file.json"), "'/no/such/file.json' cannot be read: No such file or directory."),
        (("tenancy", "apply", "/"), "'/' cannot be read: Is a directory."),
        (("tenancy", "create", b"\xff\xfe", "--name", "x", "--domain", "x"), "has a byte that is no text in UTF-8"),
        (("site_config", "set", "grün.localhost", "--expect", "x"), "'x' is not a whole number"),
        (("create_or_update_site_configuration",), "exactly one of DOMAIN and --site-id"),
    ],
)
def test_a_wrong_call_ends_with_two(manage, words, message):
    ends(manage(*words), 2, stderr=message)


@pytest.mark.parametrize(
    ("words", "stdin", "message"),
    [
        (("tenancy", "show", "nobody"), b"", "There is no tenant with the key 'nobody'."),
        (("tenancy", "apply", "-"), b'{"tenants": [],}', "stdin: line 1, column 15: a comma may not stand"),
        (("tenancy", "apply", "-"), b'{"tenants": [{"key": "\\u0000"}]}', "tenants[0].key: The tenant key '\\x00'"),
        (("tenancy", "apply", "-"), b"\x00" * 100, "stdin: line 1, column 1: "),
        (("tenancy", "apply", "-"), b"\xff", "stdin: the document is not UTF-8"),
        (("tenancy", "apply", "-"), b" " * 5_000_000, "(MAX_DOCUMENT_BYTES)"),
        (("tenancy", "apply", "-"), b'{"tenants":' + b"[" * 900_000, "MAX_DOCUMENT_DEPTH"),
        (("tenancy", "apply", "/dev/zero"), b"", "(MAX_DOCUMENT_BYTES)"),
        (("site_config", "get", "nobody"), b"", "No site has the domain 'nobody'"),
        (("site_config", "set", "grün.localhost", "A=x"), b"", "A: line 1, column 1: "),
        (("site_config", "set", "grün.localhost", "-f", "-"), b"[]", "stdin: line 1, column 1: the document is a list"),
        (("create_or_update_site_configuration", "a/b"), b"", "has a path"),
    ],
)
def test_what_is_refused_ends_with_one_and_one_line(manage, words, stdin, message):
    (line,) = ends(manage(*words, stdin=stdin), 1, stderr=message)
    assert line.startswith("CommandError: ")


def test_a_reader_that_leaves_gets_no_traceback(manage):
    command = [sys.executable, "-W", "error", "manage.py", "site_config", "explain", "grün.localhost", "SITE_NAME"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=manage.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    _, stderr = process.communicate(timeout=120)
    assert (process.returncode, stderr) == (141, b"")
