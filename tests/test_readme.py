"""The README says what the code does."""

import os
import re
import textwrap

import pytest
from django.conf import settings

from ccx_tenancy.conf import KEYS
from tests.conftest import ROOT

README = ROOT / "README.rst"

pytestmark = pytest.mark.once
SECTION = re.compile(r"(?<=\.\. settings start\n\n).*?(?=\.\. settings end)", re.DOTALL)


def settings_section():
    """Return what the README must say of the settings."""
    lines = []
    for name, key in KEYS.items():
        kinds = " or ".join(kind.__name__ for kind in key.kinds)
        lines.append(f"``{name}`` ({kinds}, default ``{key.default!r}``)")
        lines += textwrap.wrap(key.meant, 116, initial_indent="    ", subsequent_indent="    ")
        lines.append("")
    return "\n".join(lines) + "\n"


def test_every_setting_stands_there_with_type_default_and_meaning():
    """``CCX_TENANCY_WRITE_README=1 pytest tests/test_readme.py`` writes the section anew."""
    text = README.read_text(encoding="utf-8")
    if os.environ.get("CCX_TENANCY_WRITE_README"):
        text = SECTION.sub(lambda match: settings_section(), text)
        README.write_text(text, encoding="utf-8")
    assert SECTION.search(text).group() == settings_section()


def test_the_apps_middleware_and_backends_it_lists_are_those_that_are_tested():
    text = README.read_text(encoding="utf-8")
    every = [*settings.INSTALLED_APPS, *settings.MIDDLEWARE, *settings.AUTHENTICATION_BACKENDS]
    ours = [name for name in every if not name.startswith("ccx_tenancy.hosts.")]
    missing = [name for name in ours if name.startswith("ccx_tenancy") and f'"{name}"' not in text]
    assert missing == []
