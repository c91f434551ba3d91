"""Fail where a model of ours has changed and no migration says so: `makemigrations --check` for our apps alone.

Without the labels Django would look at other people's apps too: theirs say which migrations they lack under another
version of Django than they were made with, and that is no business of ours.
"""

import os
import sys
from pathlib import Path

import django
from django.apps import apps
from django.core.management import call_command

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    os.environ["DJANGO_SETTINGS_MODULE"] = "test_settings"
    django.setup()
    ours = [config.label for config in apps.get_app_configs() if config.name.partition(".")[0] == "ccx_tenancy"]
    call_command("makemigrations", *ours, check_changes=True, dry_run=True)
