"""``manage.py create_or_update_site_configuration``: the Open edX platform's command, for hosts that have none.

It takes the same arguments. A host that has it keeps its own: Django prefers the command of the application that
stands first in ``INSTALLED_APPS``.
"""

from __future__ import annotations

from typing import Any

from django.contrib.sites.models import Site
from django.core.management.base import CommandParser
from django.db import transaction

from ccx_tenancy.errors import UnknownDomain
from ccx_tenancy.management.command import TenancyCommand, UsageError, number, read_file
from ccx_tenancy.provisioning import ensure_site
from ccx_tenancy.site_config import api
from ccx_tenancy.site_config.documents import parse


class Command(TenancyCommand):
    """The command. Values are merged by their names into those that the site stores."""

    help = "Create a site where it is missing, and merge values into its configuration."

    def add_arguments(self, parser: CommandParser) -> None:
        """Say what it takes."""
        parser.add_argument("domain", metavar="DOMAIN", nargs="?", help="The site, made where it is missing.")
        parser.add_argument("--site-id", type=number(1), help="Instead of DOMAIN: the number of a site that exists.")
        values = parser.add_mutually_exclusive_group()
        values.add_argument("--configuration", metavar="JSON", help="The values, as a JSON object.")
        values.add_argument("-f", "--configuration-file", metavar="FILE", help="The same from a file; - is stdin.")
        switch = parser.add_mutually_exclusive_group()
        switch.add_argument("--enabled", action="store_true", default=None, help="Switch the configuration on.")
        switch.add_argument("--disabled", action="store_false", dest="enabled", default=None, help="Switch it off.")

    def run(self, options: dict[str, Any]) -> None:
        """Make the site, and store the values."""
        if (options["domain"] is None) == (options["site_id"] is None):
            raise UsageError("Allowed is exactly one of DOMAIN and --site-id.")
        values = self._values(options)
        with transaction.atomic():
            if options["domain"] is None:
                site = Site.objects.filter(pk=options["site_id"]).first()
                if site is None:
                    raise UnknownDomain(f"There is no site with the number {options['site_id']}; a DOMAIN makes one.")
            else:
                site = ensure_site(options["domain"])
            before = api.current_values(site)
            after = api.set_site_values(
                site, values, reason="create_or_update_site_configuration", enabled=options["enabled"]
            )
        for warning in api.warnings_for(values):
            self.warn(warning)
        if after.revision == before.revision:
            self.say(f"{site.domain} stays at revision {after.revision}, which says so already; nothing to do.")
        else:
            state = "enabled" if after.enabled else "disabled"
            self.say(f"Made the revision {after.revision} of the configuration of {site.domain}, which is {state}.")

    def _values(self, options: dict[str, Any]) -> dict[str, Any]:
        if options["configuration_file"] is not None:
            text, source = read_file(options["configuration_file"])
            return parse(text, source=source)
        if options["configuration"] is not None:
            return parse(options["configuration"], source="--configuration")
        return {}
