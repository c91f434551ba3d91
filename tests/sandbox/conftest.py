"""A process has one Django: what needs the sandbox's settings runs in a process of its own (see test_sandbox.py)."""

import os

UNDER_SANDBOX_SETTINGS = os.environ.get("DJANGO_SETTINGS_MODULE") == "sandbox.settings"

# The sandbox has a database of its own, so another one below the suite makes no difference to it: once is enough.
ELSEWHERE = "CCX_TENANCY_DATABASE_URL" in os.environ or "CCX_TENANCY_REDIS_URL" in os.environ

collect_ignore = ["test_sandbox.py"] if UNDER_SANDBOX_SETTINGS or ELSEWHERE else []
if not UNDER_SANDBOX_SETTINGS:
    collect_ignore.append("under_sandbox_settings")
