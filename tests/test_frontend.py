"""The editor's sources: their own tests, and that the committed build was made from them.

Neither needs the packages of npm: the parts with tests import none, and a build carries the digest of its sources.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

SOURCES = Path(__file__).parent.parent / "frontend" / "json-editor"
BUILT = Path(__file__).parent.parent / "ccx_tenancy" / "site_config" / "static" / "ccx_tenancy" / "json-editor"


def test_the_committed_editor_was_built_from_the_sources_beside_it():
    names = sorted(["build.js", "package-lock.json", *(f"src/{path.name}" for path in (SOURCES / "src").iterdir())])
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{name}\n".encode() + (SOURCES / name).read_bytes() + b"\n")
    for name in ("json-editor.js", "json-editor.css"):
        head = (BUILT / name).read_text(encoding="utf-8")[:400]
        built_from = re.search(r"sha256 of the sources: ([0-9a-f]{64})", head)
        assert built_from, f"{name} does not say what it was built from"
        assert built_from[1] == digest.hexdigest(), f"{name} is stale: npm ci && npm run build in frontend/json-editor"


def test_every_bundled_package_is_in_the_licences():
    licences = (BUILT / "LICENSES.txt").read_text(encoding="utf-8")
    found = re.findall(r"^-{80}\n(\S+) \S+ \((\S+)\)$", licences, flags=re.MULTILINE)
    assert {licence for _, licence in found} == {"MIT"}
    assert {name for name, _ in found} >= {"@codemirror/view", "@codemirror/state", "@lezer/json", "style-mod"}


def test_the_editor_names_no_server():
    for name in ("json-editor.js", "json-editor.css"):
        text = (BUILT / name).read_text(encoding="utf-8")
        # The name of a markup language, in CodeMirror's inline pictures.
        assert set(re.findall(r"(?:https?|wss?)://[\w.-]+", text)) <= {"http://www.w3.org"}
        assert "sourceMappingURL" not in text


def test_the_reader_the_formatter_and_the_schema_pass_their_own_tests():
    node = shutil.which("node")
    if node is None:
        pytest.skip("No node on the path: the tests of the editor's sources were not run.")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    if int(version.removeprefix("v").split(".")[0]) < 20:
        pytest.skip(f"node is {version.strip()}: the tests of the editor's sources need 20 or later.")
    tests = sorted(str(path) for path in (SOURCES / "test").glob("*.test.js"))
    run = subprocess.run([node, "--test", *tests], capture_output=True, text=True, timeout=300, cwd=SOURCES)
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr
    assert re.search(r"pass [1-9]\d*", run.stdout)
