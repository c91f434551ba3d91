"""``manage.py sandbox_seed``: the courses and accounts of the sandbox, from its JSON files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from ccx_tenancy.errors import TenancyError
from sandbox.courses.seeding import load_courses, load_users
from sandbox.paths import SEED


class Command(BaseCommand):
    """Load courses and accounts; loading again changes only what differs."""

    help = "Load the courses and accounts of the sandbox from JSON files. Loading again changes only what differs."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take other files than those of the sandbox."""
        parser.add_argument("--courses", type=Path, default=SEED / "courses.json", metavar="FILE")
        parser.add_argument("--users", type=Path, default=SEED / "users.json", metavar="FILE")

    def handle(self, *args: Any, courses: Path, users: Path, **options: Any) -> None:
        """Load both, and say what was done. Raises CommandError, exit code 1, for a bad file."""
        try:
            with transaction.atomic():
                done = {"courses": load_courses(courses), "accounts": load_users(users)}
        except TenancyError as error:
            raise CommandError(str(error)) from error
        for what, count in done.items():
            self.stdout.write(f"{what}: {count}")
