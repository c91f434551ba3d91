"""The OpenAPI schema read by others: a validator finds it valid, and a client generated from it works.

Both are installed into an environment of their own (requirements/openapi.txt), which takes a package index. Without
one the test is skipped, saying so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ccx_tenancy.rest_api import keys as api_keys
from tests.conftest import ROOT as PROJECT
from tests.rest_api.conftest import Caller

pytestmark = [pytest.mark.slow, pytest.mark.once]

#: What somebody who has only the generated package writes.
PROGRAM = """
import json, sys
from tenancy_client import AuthenticatedClient
from tenancy_client.api.config import get_config, patch_config
from tenancy_client.api.invitations import get_invitations, post_invitations
from tenancy_client.api.members import get_members
from tenancy_client.models import LostRace, NewInvitation, PatchedConfigChange, PatchedConfigChangeValues, Problem

url, token = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=token, prefix="Api-Key", raise_on_unexpected_status=True)
said = {}

said["members"] = sorted(one.username for one in get_members.sync(client=client).results)

guest = NewInvitation(email="guest@example.com", organization="AcmeX")
made = post_invitations.sync_detailed(client=client, body=guest, idempotency_key="one")
again = post_invitations.sync_detailed(client=client, body=guest, idempotency_key="one")
said["made"] = [made.status_code, made.parsed.email, again.status_code, again.parsed.id == made.parsed.id]
said["invitations"] = [one.email for one in get_invitations.sync(client=client).results]

def change(name, tag):
    values = PatchedConfigChangeValues()
    values["PLATFORM_NAME"] = name
    return patch_config.sync_detailed(client=client, body=PatchedConfigChange(values=values), if_match=tag)

tag = get_config.sync_detailed(client=client).headers["ETag"]
changed = change("Changed", tag)
said["changed"] = [changed.status_code, changed.parsed.values["PLATFORM_NAME"], changed.headers["ETag"] != tag]
lost = change("Lost", tag)
said["lost"] = [lost.status_code, type(lost.parsed) is LostRace, [one.after for one in lost.parsed.theirs]]

wrong = AuthenticatedClient(base_url=url, token="wrong.key", prefix="Api-Key")
refused = get_config.sync_detailed(client=wrong)
said["refused"] = [refused.status_code, type(refused.parsed) is Problem]
print(json.dumps(said))
"""


def run(*command: str | Path, **options: object) -> str:
    """Run a command; return what it wrote, or fail with all of it."""
    done = subprocess.run([str(one) for one in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def others_python(tmp_path):
    """Return the Python of an environment with what others use. Skips where it cannot be installed."""
    directory = tmp_path / "venv"
    run(sys.executable, "-m", "venv", directory)
    python = directory / "bin" / "python"
    wanted = PROJECT / "requirements" / "openapi.txt"
    installed = subprocess.run(
        [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--retries", "1", "-r", wanted],
        capture_output=True,
        text=True,
        check=False,
    )
    if installed.returncode:
        said = installed.stderr.strip().splitlines()
        pytest.skip(f"{wanted.name} cannot be installed here: {said[-1] if said else installed.returncode}")
    return python


@pytest.fixture
def schema(tmp_path, db):
    """Return a file with the schema."""
    path = tmp_path / "schema.json"
    path.write_bytes(Caller().get("schema/").content)
    return path


def test_the_schema_is_valid_and_a_client_made_from_it_lists_makes_changes_and_loses_a_race(
    others_python, schema, live_server, people, acme, tmp_path
):
    check = "import json, sys, openapi_spec_validator as v; v.validate(json.load(open(sys.argv[1])))"
    run(others_python, "-c", check, schema)
    key = api_keys.make_key(acme, name="client", scopes=api_keys.SCOPES, by=people["owner"])
    generator = others_python.parent / "openapi-python-client"
    package = tmp_path / "tenancy_client"
    command = (generator, "generate", "--path", schema, "--meta", "none", "--output-path", package, "--fail-on-warning")
    # It calls the ruff that was installed beside it.
    said = run(*command, env={**os.environ, "PATH": f"{generator.parent}{os.pathsep}{os.environ['PATH']}"})
    assert "warning" not in said.lower()
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    url = f"{live_server.url}{json.loads(schema.read_text())['servers'][0]['url']}"
    found = json.loads(run(others_python, program, url, key.secret, cwd=tmp_path, timeout=120))
    assert found == {
        "members": ["admin", "author", "learner", "owner", "staff"],
        "made": [201, "guest@example.com", 201, True],
        "invitations": ["guest@example.com"],
        "changed": [200, "Changed", True],
        "lost": [412, True, ["Changed"]],
        "refused": [401, True],
    }
