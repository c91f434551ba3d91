"""``tenancy apply|suspend|resume``, as far as the sandbox needs it until the library's own command is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from ccx_tenancy import api
from ccx_tenancy.errors import TenancyError
from ccx_tenancy.site_config.api import set_site_values
from ccx_tenancy.site_config.documents import parse
from ccx_tenancy.tenants.api import Tenant, add_domain


class Command(BaseCommand):
    """Make the tenants of a file where they are missing; suspend and resume one."""

    help = "Make the tenants of a file, suspend or resume one."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the step and what it is for."""
        parser.add_argument("step", choices=["apply", "suspend", "resume"])
        parser.add_argument("subject")

    def handle(self, *args: Any, step: str, subject: str, **options: Any) -> None:
        """Do the step. Raises CommandError for what is refused."""
        try:
            with transaction.atomic():
                if step == "apply":
                    self._apply(Path(subject))
                else:
                    {"suspend": api.suspend_tenant, "resume": api.resume_tenant}[step](subject)
        except TenancyError as error:
            raise CommandError(str(error)) from error

    def _apply(self, file: Path) -> None:
        document = parse(file.read_bytes(), source=str(file))
        for one in document["tenants"]:
            main, *others = one["domains"]
            if not Tenant.objects.filter(key=one["key"]).exists():
                tenant = api.create_tenant(
                    one["key"], name=one["name"], domain=main["domain"], organizations=one["organizations"]
                )
                for other in others:
                    add_domain(tenant, other["domain"], surface=other["surface"])
            set_site_values(main["domain"], one["configuration"], replace=True)
        for one in document["sites"]:
            set_site_values(one["domain"], one["configuration"], replace=True)
        self.stdout.write(f"{file}: applied")
