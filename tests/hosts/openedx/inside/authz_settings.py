"""The settings of the tests, and openedx-authz as its own plug-in settings have it in the host."""

import sys

from openedx_authz.settings import common

import test_settings
from test_settings import *  # noqa: F403 - settings are names

INSTALLED_APPS = [*test_settings.INSTALLED_APPS, "waffle", "openedx_authz.apps.OpenedxAuthzConfig"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}

common.plugin_settings(sys.modules[__name__])
