"""The page on the commands is held to the code."""

import argparse
import json
import re

import pytest
from django.core.management import get_commands, load_command_class

from ccx_tenancy import api
from tests.conftest import ROOT

PAGE = (ROOT / "docs/reference/commands.rst").read_text(encoding="utf-8")
HOW_TO = (ROOT / "docs/how-to/tenancy-apply.rst").read_text(encoding="utf-8")
DJANGOS_OWN = {"-h", "--help", "--version"}


def section(name):
    return PAGE.split(f"\n{name}\n{'-' * len(name)}\n", 1)[1].split("\n---", 1)[0]


def parsers(name):
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


@pytest.mark.parametrize("name", ["tenancy", "site_config", "ccxcon"])
def test_every_action_and_option_is_documented(name):
    text = section(name)
    for action, parser in parsers(name):
        assert f"``{name} {action} " in text or f"``{name} {action}``" in text
        for option in parser._actions:
            if option.help != argparse.SUPPRESS:
                for flag in set(option.option_strings) - DJANGOS_OWN:
                    assert flag in text, f"{name} {action} {flag}"


def test_the_platforms_arguments_are_documented():
    text = section("create_or_update_site_configuration")
    for flag in ("--site-id", "--configuration JSON", "--configuration-file", "-f", "--enabled", "--disabled"):
        assert flag in text


@pytest.mark.django_db
def test_the_document_in_the_how_to_is_good():
    (block,) = re.findall(r"\.\. code-block:: json\n\n((?:   .*\n|\n)+)", HOW_TO)
    plan = api.plan_document(block)
    assert [item.name for item in plan.items] == ["maxi-academy", "localhost"]
    assert json.loads(block)["tenants"][0]["key"] == "maxi-academy"
