"""``manage.py hub``: send what is due, make clients and receivers, see how things stand, send again."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError

from ccx_tenancy.errors import TenancyError
from ccx_tenancy.hub import api
from ccx_tenancy.hub.models import BackingInstance, Client, Course, Delivery, Receiver
from ccx_tenancy.outgoing import durable
from ccx_tenancy.outgoing.durable import State


class Command(BaseCommand):
    """The command; each action is a method."""

    help = "The CCX hub: send what is due, make clients and receivers, see how things stand, send again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Say what each action takes."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

        def add(name: str, text: str, method: Callable[[Namespace], None]) -> CommandParser:
            found: CommandParser = actions.add_parser(name, help=text, description=text)
            found.set_defaults(method=method)
            return found

        work = add("work", "Send deliveries and read modules until stopped (SIGTERM, Ctrl-C).", self.work)
        work.add_argument("--once", action="store_true", help="Stop when nothing is due.")
        work.add_argument("--threads", type=int, help="Calls out at a time; default: HUB_THREADS.")

        client = add("client", "Make a client, or give one a new secret; prints what it signs in with.", self.client)
        client.add_argument("title")
        client.add_argument("--lms", metavar="ADDRESS", help="It publishes the courses of this LMS, made if it is new.")
        client.add_argument("--speaks", choices=BackingInstance.Speaks.values, help="For a new LMS.")
        client.add_argument("--scope", action="append", choices=sorted(api.SCOPES), help="May be repeated.")
        client.add_argument("--renew", action="store_true", help="A new secret for the client of this title.")

        receiver = add("receiver", "Make a receiver; prints its secret, and sends it every course.", self.receiver)
        receiver.add_argument("title")
        receiver.add_argument("--url", required=True)
        receiver.add_argument("--secret", default="", help="Default: one is made.")
        receiver.add_argument("--speaks", choices=Receiver.Speaks.values, default=Receiver.Speaks.OURS)
        receiver.add_argument("--lms", action="append", default=[], metavar="ADDRESS", help="May be repeated.")
        receiver.add_argument("--everything", action="store_true", help="The courses of every LMS.")
        receiver.add_argument("--client", metavar="TITLE", help="The portal behind it.")

        status = add("status", "Say what waits and what has failed.", self.status)
        status.add_argument("--format", choices=("table", "json"), default="table")

        replay = add("replay", "Send once more, as things are now: what was refused, or everything.", self.replay)
        replay.add_argument("--receiver", metavar="TITLE", help="Of this receiver only.")
        replay.add_argument("--course", metavar="UUID", help="Of this course only.")
        replay.add_argument("--all", action="store_true", help="Everything, not only what was refused.")
        replay.add_argument("--dry-run", action="store_true", help="Only say how many.")

        prune = add("prune", "Delete deliveries that were made long ago, and what only they needed.", self.prune)
        prune.add_argument("--older-than", type=int, default=90, metavar="DAYS", help="Default: 90.")
        prune.add_argument("--dry-run", action="store_true", help="Only say how many.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do one action."""
        try:
            options["method"](Namespace(**options))
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from None
        except (TenancyError, IntegrityError) as error:
            raise CommandError(str(error)) from None

    def work(self, options: Namespace) -> None:
        """``hub work``."""
        if options.threads is not None and not 1 <= options.threads <= 500:
            raise CommandError(f"--threads is {options.threads}; allowed is a number from 1 to 500.")
        pulls = 0
        with api.Dispatcher(options.threads) as dispatcher:

            def step() -> int:
                nonlocal pulls
                pulled = api.pull_due()
                pulls += pulled
                return pulled + dispatcher.turn()

            durable.work(step, once=options.once)
        self.stdout.write(f"Tried {dispatcher.sent} deliveries and {pulls} pulls of modules.")

    def prune(self, options: Namespace) -> None:
        """``hub prune``."""
        found = api.prune(options.older_than, dry_run=options.dry_run)
        would = "Would delete" if options.dry_run else "Deleted"
        self.stdout.write(f"{would} " + ", ".join(f"{count} {name}" for name, count in found.items()) + ".")

    def client(self, options: Namespace) -> None:
        """``hub client``."""
        if options.renew:
            found = Client.objects.filter(title=options.title).first()
            if found is None:
                raise CommandError(f"There is no client {options.title!r}.")
            credentials = api.renew_secret(found)
        else:
            if Client.objects.filter(title=options.title).exists():
                raise CommandError(f"There is a client {options.title!r} already; --renew gives it a new secret.")
            instance = self._instance(options.lms, options.speaks, makes=True) if options.lms else None
            default = [api.COURSES_WRITE, api.COURSES_READ] if instance else [api.COURSES_READ, api.CCX_WRITE]
            credentials = api.create_client(options.title, scopes=options.scope or default, instance=instance)
        self.stdout.write(f"client_id      {credentials.client_id}")
        self.stdout.write(f"client_secret  {credentials.client_secret}")
        if credentials.link_secret:
            self.stdout.write(f"link_secret    {credentials.link_secret}")
        self.stderr.write("These are shown once: only the hash of the secret is kept.")

    def receiver(self, options: Namespace) -> None:
        """``hub receiver``."""
        if not options.lms and not options.everything:
            raise CommandError("Say whose courses it gets: --lms ADDRESS, or --everything.")
        client = None
        if options.client:
            client = Client.objects.filter(title=options.client).first()
            if client is None:
                raise CommandError(f"There is no client {options.client!r}.")
        receiver = api.create_receiver(
            options.title,
            url=options.url,
            secret=options.secret,
            speaks=options.speaks,
            everything=options.everything,
            instances=[self._instance(address, None, makes=False) for address in options.lms],
            client=client,
        )
        self.stdout.write(f"secret  {receiver.secret.open()}")
        self.stderr.write("It is shown once.")

    def _instance(self, address: str, speaks: str | None, *, makes: bool) -> BackingInstance:
        address = address.rstrip("/")
        found = BackingInstance.objects.filter(instance_url=address).first()
        if found is not None:
            return found
        if not makes:
            raise CommandError(f"There is no LMS {address!r}.")
        made = BackingInstance(instance_url=address, speaks=speaks or BackingInstance.Speaks.OURS)
        made.full_clean()
        made.save()
        return made

    def status(self, options: Namespace) -> None:
        """``hub status``."""
        found = api.standing()
        if options.format == "json":
            self.stdout.write(json.dumps(found))
            return
        for name, value in found.items():
            self.stdout.write(f"{name.replace('_', ' '):20} {value}")

    def replay(self, options: Namespace) -> None:
        """``hub replay``."""
        receivers = Receiver.objects.filter(enabled=True)
        if options.receiver:
            receivers = receivers.filter(title=options.receiver)
            if not receivers:
                raise CommandError(f"There is no enabled receiver {options.receiver!r}.")
        course = None
        if options.course:
            try:
                course = Course.objects.filter(uuid=options.course).first()
            except ValidationError:
                course = None
            if course is None:
                raise CommandError(f"There is no course {options.course!r}.")
        if options.all:
            count = self._everything(list(receivers), course, dry_run=options.dry_run)
        else:
            refused = Delivery.objects.filter(state=State.REFUSED, superseded=False, receiver__in=receivers)
            if course is not None:
                refused = refused.filter(course_uuid=course.uuid)
            count = refused.count() if options.dry_run else 0
            while not options.dry_run and (one := refused.order_by("pk").first()) is not None:
                if not api.replay(one):
                    Delivery.objects.filter(pk=one.pk).update(superseded=True)  # Its course is no more.
                    continue
                count += 1
        self.stdout.write(f"{'Would send' if options.dry_run else 'Due now:'} {count}.")

    def _everything(self, receivers: list[Receiver], course: Course | None, *, dry_run: bool) -> int:
        count = 0
        for receiver in receivers:
            if not dry_run:
                count += api.resync(receiver, course)
                continue
            courses = Course.objects.all() if course is None else Course.objects.filter(pk=course.pk)
            if not receiver.everything:
                courses = courses.filter(instance__in=receiver.instances.all())
            count += sum(1 + one.modules.count() for one in courses)
        return count
