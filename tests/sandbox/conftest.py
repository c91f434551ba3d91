"""A process has one Django: what needs the sandbox's settings runs in a process of its own (see test_sandbox.py)."""

import os

UNDER_SANDBOX_SETTINGS = os.environ.get("DJANGO_SETTINGS_MODULE") == "sandbox.settings"

collect_ignore = ["test_sandbox.py"] if UNDER_SANDBOX_SETTINGS else ["under_sandbox_settings"]
