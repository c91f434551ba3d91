"""``manage.py remove_ccx_tenancy``: everything of ours out of the platform's database, before uninstalling."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from ccx_tenancy.hosts.openedx.removal import remove
from ccx_tenancy.management.command import TenancyCommand, add_dry_run, some
from ccx_tenancy.site_config.secrets import CannotUnseal


class Command(TenancyCommand):
    """The command."""

    help = (
        "Remove what ccx-tenancy keeps in the platform's database, before the package is uninstalled: roles that it"
        " gave are withdrawn, sealed secrets opened, its tables dropped with all tenants, members and records in them."
        " Stop all services first, and keep a copy: there is no way back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Say what it takes."""
        add_dry_run(parser)

    def run(self, options: dict[str, Any]) -> None:
        """Remove, and say what was removed."""
        try:
            done = remove(dry_run=options["dry_run"])
        except CannotUnseal as error:
            raise CommandError(f"A site's secret cannot be opened, so nothing was removed: {error}") from error
        would = "would be " if options["dry_run"] else ""
        for table in done.tables:
            self.say(f"- {table}")
        roles, sites, tables = (
            some(len(done.roles.take), "role"),
            some(done.sites, "site"),
            some(len(done.tables), "table"),
        )
        self.say(f"{roles} {would}withdrawn, the secrets of {sites} {would}opened, {tables} {would}dropped.")
