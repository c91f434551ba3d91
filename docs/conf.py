"""Sphinx: built with warnings as errors (`make docs`), without the network."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "test_settings")
django.setup()  # autodoc imports models

from ccx_tenancy import __version__  # noqa: E402 (Django has to be set up first)

project = "ccx_tenancy"
author = "ccx_tenancy maintainers"
copyright = author
release = __version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
nitpicky = True
nitpick_ignore_regex = [
    # Classes of other projects: their documentation is not at hand while ours is built.
    (r"py:.*", r"(django|rest_framework|celery|opaque_keys|organizations|collections|typing|uuid|datetime)\..*"),
]

html_theme = "furo"
html_title = f"ccx_tenancy {release}"
