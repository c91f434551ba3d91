"""Every recording of the originals that lies in the repository is read by a test of the room where it lies."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
FILES = sorted(
    file
    for file in TESTS.glob("*/recordings/*")
    if file.suffix in (".txt", ".jsonl") and file.parent.parent.name != "marketplace"
)

pytestmark = pytest.mark.once


def names_in(room: Path) -> set[str]:
    """The texts that the modules of a room's tests hold."""
    return {
        node.value
        for module in room.rglob("*.py")
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.parent.name}/{file.name}")
def test_a_recording_is_read_by_a_test_of_its_room(file):
    assert file.name in names_in(file.parent.parent)


def test_both_ends_of_each_conversation_are_there():
    found = {file.name: set() for file in FILES}
    for file in FILES:
        found[file.name].add(file.parent.parent.name)
    # An LMS pushes courses and a portal orders; a hub takes both, sends webhooks, and orders at an LMS.
    assert found["02-course-push.txt"] == {"ccxcon", "hub"}
    assert found["03-webhooks.txt"] == found["16-tp-to-ccxcon-bytes.txt"] == {"hub", "portal"}
    assert found["01-ccxcon-auth.txt"] == found["05-create-ccx.txt"] == {"ccxcon", "hub", "portal"}
    assert found["04-tp-webhook.txt"] == found["06-tp-client.txt"] == found["07-checkout.txt"] == {"portal"}
