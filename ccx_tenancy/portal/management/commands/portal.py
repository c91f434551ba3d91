"""``manage.py portal``: do what is due, show what waits, try again, compare with hub and gateway."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from ccx_tenancy.errors import InvalidInput
from ccx_tenancy.management.command import SubcommandsCommand, add_dry_run, add_format
from ccx_tenancy.management.output import as_json, table
from ccx_tenancy.outgoing import durable
from ccx_tenancy.portal import accounts, api, fulfilment, payments
from ccx_tenancy.portal.models import Holding, Payment, Refund


class Command(SubcommandsCommand):
    """The command ``portal``."""

    help = "Fulfil orders, look up payments, show what waits."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the actions."""
        add = self.actions(parser)
        work = add("work", "Do what is due, until stopped by Ctrl-C or SIGTERM.", self.work)
        work.add_argument("--once", action="store_true", help="Stop when nothing is due.")
        work.add_argument("--idle", type=float, default=1.0, metavar="SECONDS", help="How long to wait. Default: 1.")
        status = add("status", "Show how many orders wait, and for what; name those that were refused.", self.status)
        add_format(status)
        retry = add("retry", "Try again what was refused or given up.", self.retry)
        retry.add_argument("keys", nargs="*", metavar="KEY", help="As `status` shows them.")
        retry.add_argument("--all", action="store_true", help="Everything that was refused or given up.")
        prune = add("prune", "Delete registrations that ended long ago.", self.prune)
        prune.add_argument("--older-than", type=int, default=90, metavar="DAYS", help="Default: 90.")
        add_dry_run(prune)
        add(
            "reconcile",
            "Compare seats with the hub and payments with the gateway; put right what differs.",
            self.reconcile,
        )

    def work(self, options: dict[str, Any]) -> None:
        """Do what is due."""
        done = durable.work(api.step, once=options["once"], idle_seconds=options["idle"])
        self.say(f"{done} done.")

    def status(self, options: dict[str, Any]) -> None:
        """Show what waits."""
        counts = api.status()
        refused = [
            {"key": row.key, "kind": row._meta.model_name, "status": row.last_status, "reason": row.last_error}
            for row in _refused()
        ]
        if options["format"] == "json":
            self.say(as_json({"counts": counts, "refused": refused}))
            return
        self.say(table(["what", "how many"], counts.items()))
        if refused:
            rows = [[one["key"], one["kind"], one["status"], one["reason"]] for one in refused]
            self.say("\n" + table(["key", "kind", "status", "reason"], rows))

    def retry(self, options: dict[str, Any]) -> None:
        """Try again."""
        rows = _refused()
        if not options["all"]:
            keys = set(options["keys"])
            rows = [row for row in rows if row.key in keys]
            missing = keys - {row.key for row in rows}
            if missing or not keys:
                wrong = ", ".join(sorted(missing)) or "nothing"
                raise InvalidInput(f"{wrong} is no key of a refused row; `portal status` shows them, --all takes all.")
        for row in rows:
            if isinstance(row, Holding):
                fulfilment.retry(row, by=None)
            else:
                row.retry_now()
        self.say(f"{len(rows)} due again.")

    def prune(self, options: dict[str, Any]) -> None:
        """Delete what nobody needs any more."""
        count = accounts.forget_registrations(options["older_than"], dry_run=options["dry_run"])
        self.say(f"{'Would delete' if options['dry_run'] else 'Deleted'} {count} registrations.")

    def reconcile(self, options: dict[str, Any]) -> None:
        """Compare with hub and gateway."""
        found = payments.reconcile()
        for line in found:
            self.say(line)
        wrong = fulfilment.reconcile(self.say)
        self.say(f"{len(found)} payments and {wrong} CCXs differed.")


def _refused() -> list[Any]:
    refused = durable.State.REFUSED
    models: tuple[Any, ...] = (Holding, Payment, Refund)
    return [row for model in models for row in model.objects.filter(state=refused).order_by("pk")]
