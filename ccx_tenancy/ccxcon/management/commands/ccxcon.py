"""``manage.py ccxcon``: send what waits, take over the host's connectors, see how things stand, try again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from ccx_tenancy.ccxcon import api, tasks
from ccx_tenancy.ccxcon.models import CourseExport, LoginLink
from ccx_tenancy.management.command import (
    SubcommandsCommand,
    UsageError,
    actor_of,
    add_dry_run,
    add_format,
    only_looking,
)
from ccx_tenancy.management.output import as_json, table
from ccx_tenancy.outgoing import durable

_SHOWN = 100


class Command(SubcommandsCommand):
    """The marketplace's LMS side."""

    help = "Courses on their way to CCX connectors: work, import, status, retry."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the actions."""
        action = self.actions(parser)
        work = action("work", "Send what is due, until the process is told to stop.", self.work)
        work.add_argument("--once", action="store_true", help="Stop when nothing is due any more.")
        importing = action("import", "Take over the connectors of the host's own table.", self.take_over)
        importing.add_argument("--tenant", action="append", default=[], metavar="KEY", help="Whose courses they get.")
        importing.add_argument(
            "--tenants-only", action="store_true", help="Not those of organizations that no tenant owns."
        )
        importing.add_argument("--actor", metavar="USERNAME", help="The user the record names. Default: the system.")
        add_dry_run(importing)
        status = action("status", "Show what waits, and what was refused and why.", self.status)
        add_format(status)
        retry = action("retry", "Try again what was refused or waits.", self.retry)
        retry.add_argument("courses", nargs="*", metavar="COURSE", help="Keys of courses.")
        retry.add_argument("--all", action="store_true", help="All that was refused.")
        retry.add_argument("--connector", metavar="ADDRESS", help="Only for this connector (its address or title).")
        prune = action("prune", "Delete exports of courses that are gone, done long ago.", self.prune)
        prune.add_argument("--older-than", type=int, default=90, metavar="DAYS", help="Default: 90.")
        add_dry_run(prune)

    def work(self, options: dict[str, Any]) -> None:
        """Send what is due."""
        count = durable.work(tasks.step, once=options["once"])
        self.say(f"{count} sent or tried.")

    def take_over(self, options: dict[str, Any]) -> None:
        """Copy the host's connectors into ours."""
        with only_looking(options["dry_run"]):
            found = api.import_connectors(
                tenant_keys=options["tenant"],
                serves_platform=not options["tenants_only"],
                actor=actor_of(options),
            )
        for one in found:
            self.say(f"{one.what} {one.url}" + (f": {one.why}" if one.why else ""))
        if not found:
            self.say("The host has no connectors.")

    def prune(self, options: dict[str, Any]) -> None:
        """Delete what nobody needs any more."""
        count = api.prune(options["older_than"], dry_run=options["dry_run"])
        self.say(f"{'Would delete' if options['dry_run'] else 'Deleted'} {count} exports.")

    def status(self, options: dict[str, Any]) -> None:
        """Show how things stand."""
        troubled = CourseExport.objects.exclude(last_error="").select_related("connector").order_by("-modified")
        rows = [
            {
                "course": row.course_key,
                "connector": row.connector.url,
                "state": str(row.state),
                "attempts": row.attempts,
                "due": row.due_at.isoformat(timespec="seconds") if row.state == durable.State.WAITING else "",
                "reason": row.last_error,
            }
            for row in troubled[:_SHOWN]
        ]
        counts = api.standing()
        mails = {str(state): LoginLink.objects.filter(state=state).count() for state in durable.State.values}
        if options["format"] == "json":
            self.say(as_json({"exports": counts, "login_links": mails, "troubled": rows}))
            return
        self.say("exports: " + ", ".join(f"{count} {state}" for state, count in counts.items()))
        self.say("login links: " + ", ".join(f"{count} {state}" for state, count in mails.items()))
        if rows:
            self.say(table(list(rows[0]), [list(row.values()) for row in rows]))

    def retry(self, options: dict[str, Any]) -> None:
        """Make rows due now."""
        if bool(options["courses"]) == options["all"]:
            raise UsageError("Name courses, or --all.")
        rows: Any = CourseExport.objects.exclude(state=durable.State.DONE)
        rows = (
            rows.filter(state=durable.State.REFUSED)
            if options["all"]
            else rows.filter(course_key__in=options["courses"])
        )
        if options["connector"]:
            rows = rows.filter(connector=api.get_connector(options["connector"]))
        count = rows.arm()
        durable.kick(tasks.sweep)
        self.say(f"{count} due now.")
