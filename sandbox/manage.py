#!/usr/bin/env python
"""Django's commands in the sandbox: ``python sandbox/manage.py tenancy list``."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    # The repository in place of this folder, whose modules are those of the package `sandbox`.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    os.environ["DJANGO_SETTINGS_MODULE"] = "sandbox.settings"

    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
