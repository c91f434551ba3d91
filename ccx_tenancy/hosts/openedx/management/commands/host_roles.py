"""``manage.py host_roles``: the platform's own roles, kept in step with memberships."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from ccx_tenancy.hosts.openedx import authz
from ccx_tenancy.hosts.openedx.projection import RolePlan, apply_roles, plan_roles
from ccx_tenancy.management.command import SubcommandsCommand, add_dry_run, add_format, some, user_of
from ccx_tenancy.management.output import as_json, printable


class Command(SubcommandsCommand):
    """The command; each action is a method."""

    help = "The platform's own roles of authors: show what is out of step with memberships, give and take, withdraw."

    def add_arguments(self, parser: CommandParser) -> None:
        """Say what each action takes."""
        add = self.actions(parser)
        for name, text, method in (
            ("apply", "Give what memberships ask for, take what they no longer do.", self.apply),
            ("withdraw", "Take back all roles that were ever given here.", self.withdraw),
        ):
            action = add(name, text, method)
            action.add_argument("--user", metavar="USERNAME", help="Only of that user. Default: of all.")
            add_dry_run(action)
            add_format(action)

    def apply(self, options: dict[str, Any]) -> None:
        """Bring the roles into step."""
        self._do(options, plan_roles(self._users(options)))

    def withdraw(self, options: dict[str, Any]) -> None:
        """Take back what was given."""
        self._do(options, plan_roles(self._users(options), withdraw=True))

    def _users(self, options: dict[str, Any]) -> list[int] | None:
        user = user_of(options, "user")
        return None if user is None else [user.pk]

    def _do(self, options: dict[str, Any], plan: RolePlan) -> None:
        if not options["dry_run"]:
            apply_roles(plan)
        if options["format"] == "json":
            self.say(as_json({**asdict(plan), "dry_run": options["dry_run"]}))
            return
        names = authz.usernames(one.user_id for one in (*plan.give, *plan.take))
        for mark, grants in (("+", plan.give), ("-", plan.take)):
            for one in grants:
                who = names.get(one.user_id, str(one.user_id))
                self.say(printable(f"{mark} {who}: {one.role} in {one.scope} ({one.system})"))
        would = "would be " if options["dry_run"] else ""
        self.say(f"{some(len(plan.give), 'role')} {would}given, {len(plan.take)} {would}taken, {plan.kept} kept.")
