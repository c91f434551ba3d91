"""The table of the 23 weaknesses names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TABLE = ROOT / "docs" / "reference" / "marketplace-weaknesses.rst"

pytestmark = pytest.mark.once


def rows():
    """Return the tests of each weakness, by its number."""
    found = {}
    for number, row in re.findall(r"^   \* - (\d+)\n(.*?)(?=^   \* - |\Z)", TABLE.read_text(), re.M | re.S):
        found[int(number)] = re.findall(r"``(tests/[\w/]+\.py)::(\w+)``", row)
    return found


def test_each_of_the_23_weaknesses_is_in_the_table_with_a_test():
    assert list(rows()) == list(range(1, 24))
    assert all(rows().values())


@pytest.mark.parametrize("number", range(1, 24))
def test_the_tests_that_the_table_names_exist(number):
    for file, name in rows()[number]:
        tree = ast.parse((ROOT / file).read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{file}::{name}"
