"""A command that tells in which tenant it runs."""

import sys

import pytest
from django.core import management
from django.core.management.base import BaseCommand

from ccx_tenancy import api
from ccx_tenancy.management.commands import tenancy
from ccx_tenancy.site_config import helpers


class WhichTenant(BaseCommand):
    """Writes the current tenant's key, its platform's name and the words it was given."""

    def add_arguments(self, parser):
        parser.add_argument("--fail-in")
        parser.add_argument("--exit-in")
        parser.add_argument("words", nargs="*")

    def handle(self, *args, **options):
        key = api.require_tenant().key
        if options["fail_in"] == key:
            raise ValueError("as asked")
        if options["exit_in"] == key:
            sys.exit(3)
        self.stdout.write(f"{key}|{helpers.get_value('PLATFORM_NAME')}|{' '.join(options['words'])}", ending="")


@pytest.fixture
def tenant_commands(monkeypatch):
    """Django knows ``which_tenant`` during the test."""
    found = {**management.get_commands(), "which_tenant": WhichTenant()}
    for module in (management, tenancy):
        monkeypatch.setattr(module, "get_commands", lambda: found)
