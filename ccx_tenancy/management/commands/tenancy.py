"""``manage.py tenancy``: make tenants, look at them, change their state, run commands inside them."""

from __future__ import annotations

from argparse import REMAINDER
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.core.management import call_command, get_commands
from django.core.management.base import CommandError, CommandParser

from ccx_tenancy import api
from ccx_tenancy.audit import api as audit
from ccx_tenancy.context import ACTIVE, ARCHIVED, SUSPENDED, TenantContext
from ccx_tenancy.management.command import (
    SubcommandsCommand,
    UsageError,
    actor_of,
    add_dry_run,
    add_format,
    add_who_and_why,
    listed,
    moment,
    new_file,
    only_looking,
    read_file,
    some,
    user_of,
)
from ccx_tenancy.management.output import as_json, printable, table
from ccx_tenancy.management.plans import item_data, item_lines
from ccx_tenancy.provisioning import Adoption, Applied, Failure, Item, adopt_sites, check_adoption, plan_adoption
from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.site_config.documents import parse
from ccx_tenancy.tenants import api as tenants


class Command(SubcommandsCommand):
    """The command; each action is a method."""

    help = "Make tenants, look at them, change their state, and run commands inside them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Say what each action takes."""
        add = self.actions(parser)

        create = add(
            "create", "Make a tenant with its domain, site, organizations and configuration.", self.create_tenant
        )
        create.add_argument("key", metavar="KEY")
        create.add_argument("--name", required=True, help="What people call it.")
        create.add_argument("--domain", required=True, help="Its primary LMS host name; a site is made for it.")
        create.add_argument("--organization", action="append", default=[], help="A short name; may be repeated.")
        create.add_argument("--studio-domain", help="Its host name for Studio.")
        create.add_argument("--values", dest="values_file", metavar="FILE", help="Its configuration: JSON; - is stdin.")
        create.add_argument("--owner", metavar="USERNAME", help="A user who becomes an owner of each organization.")
        add_who_and_why(create, reason=False)

        listing = add("list", "List tenants.", self.list_tenants)
        listing.add_argument("--state", choices=(ACTIVE, SUSPENDED, ARCHIVED))
        listing.add_argument("--search", default="", help="A part of the key, the name, a domain or an organization.")
        add_format(listing)

        show = add("show", "Show a tenant; --format json is an entry of a document for apply.", self.show_tenant)
        show.add_argument("key", metavar="KEY")
        add_format(show)

        apply = add("apply", "Make tenants and platform sites what a document says.", self.apply_document)
        apply.add_argument("file", metavar="FILE", help="JSON; - is stdin.")
        apply.add_argument(
            "--prune",
            action="store_true",
            help="Remove the domains and organizations of listed tenants that the document does not list.",
        )
        add_dry_run(apply)
        add_who_and_why(apply)
        add_format(apply)

        adopt = add("adopt", "Make tenants of the sites whose course_org_filter names organizations.", self.adopt_sites)
        adopt.add_argument("domains", metavar="DOMAIN", nargs="*", help="Only these sites. Default: all that can be.")
        add_dry_run(adopt)
        add_who_and_why(adopt, reason=False)
        add_format(adopt)

        for name, help_text, method in (
            ("suspend", "Make a tenant's sites answer 503; its data stay.", self.suspend_tenant),
            ("resume", "Make a suspended or archived tenant active again.", self.resume_tenant),
            ("archive", "Make a tenant's sites answer 404; its data stay.", self.archive_tenant),
        ):
            step = add(name, help_text, method)
            step.add_argument("key", metavar="KEY")
            add_dry_run(step)
            add_who_and_why(step)

        record = add("audit", "Write the audit record, oldest entry first: all of it, or a tenant's.", self.write_audit)
        record.add_argument("key", metavar="KEY", nargs="?", help="A tenant, also one that is gone. Default: all.")
        record.add_argument("--since", type=moment, metavar="WHEN", help="Not older: 2026-11-01, or with a time.")
        record.add_argument("--until", type=moment, metavar="WHEN", help="Older than that.")
        record.add_argument("--do", default="", metavar="ACTION", help="Only this action; member. is all of members.")
        record.add_argument("--by", metavar="USERNAME", help="Only what this user did; an empty name is the system.")
        record.add_argument("--format", choices=audit.FORMATS, default="table", help="How to write it.")
        record.add_argument("--output", metavar="FILE", help="A file that does not exist yet. Default: stdout.")

        run = add("run", "Run another command inside a tenant: tenancy run KEY -- COMMAND ARGS...", self.run_inside)
        run.add_argument("--all", action="store_true", help="Instead of KEY: inside each active tenant.")
        run.add_argument("key", metavar="KEY", nargs="?")
        run.add_argument("words", metavar="-- COMMAND", nargs=REMAINDER, help="The command and its arguments.")

    def create_tenant(self, options: dict[str, Any]) -> None:
        """Make one tenant."""
        values = None
        if options["values_file"] is not None:
            text, source = read_file(options["values_file"])
            values = parse(text, source=source)
        tenant = api.create_tenant(
            options["key"],
            name=options["name"],
            domain=options["domain"],
            organizations=options["organization"],
            studio_domain=options["studio_domain"],
            values=values,
            owner=user_of(options, "owner"),
            actor=actor_of(options),
        )
        for warning in site_config.warnings_for(values or {}):
            self.warn(warning)
        domain = tenant.domains.get(surface="lms", is_primary=True).domain
        organizations = listed(options["organization"])
        self.say(f"Created the tenant {tenant.key!r} on {domain} with the organizations {organizations}.")

    def list_tenants(self, options: dict[str, Any]) -> None:
        """Show tenants, one a line. Two queries."""
        found = tenants.summaries(options["state"], search=options["search"])
        if options["format"] == "json":
            self.say(as_json([asdict(one) for one in found]))
        elif found:
            rows = [(one.key, one.name, one.state, one.domain, ", ".join(one.organizations)) for one in found]
            self.say(table(("key", "name", "state", "domain", "organizations"), rows))
        else:
            self.say("There are no such tenants." if options["state"] or options["search"] else "There are no tenants.")

    def show_tenant(self, options: dict[str, Any]) -> None:
        """Show one tenant."""
        entry = api.describe_tenant(options["key"])
        if options["format"] == "json":
            self.say(as_json(entry))
            return
        rows = [(name, entry[name]) for name in ("key", "name", "state")]
        for one in entry["domains"]:
            primary = ", primary" if one.get("primary") else ""
            rows.append(("domain", f"{one['domain']} ({one['surface']}{primary})"))
        rows.extend(("organization", short_name) for short_name in entry["organizations"])
        for row in tenants.get_tenant(entry["key"]).domains.filter(surface="lms").select_related("site"):
            assert row.site is not None
            stored = site_config.current_values(row.site)
            switch = "" if stored.enabled else ", disabled"
            values = some(len(stored.values), "value")
            rows.append(("configuration", f"{row.domain}: {values}, revision {stored.revision}{switch}"))
        self.say(table(("what", "is"), rows))

    # A document

    def apply_document(self, options: dict[str, Any]) -> None:
        """Plan a document, and carry it out."""
        text, source = read_file(options["file"])
        actor = actor_of(options)
        as_table = options["format"] == "table"
        if options["dry_run"]:
            applied = Applied(api.plan_document(text, source=source, prune=options["prune"]))
            if as_table:
                for item in applied.plan.items:
                    self._show_item(item, None)
        else:
            applied = api.apply_document(
                text,
                source=source,
                prune=options["prune"],
                actor=actor,
                reason=options["reason"],
                on_item=self._show_item if as_table else None,
            )
        if not as_table:
            failures = {failure.item.path: failure for failure in applied.failures}
            items = [item_data(item, failures.get(item.path)) for item in applied.plan.items]
            self.say(as_json({"source": source, "dry_run": options["dry_run"], "items": items}))
        for item in applied.plan.items:
            for warning in item.warnings:
                self.warn(str(warning))
        failed = {failure.item.path for failure in applied.failures}
        counts = [item.action for item in applied.plan.items if item.path not in failed]
        verbs = ("would be created", "would be changed") if options["dry_run"] else ("created", "changed")
        done = f"{counts.count('create')} {verbs[0]}, {counts.count('change')} {verbs[1]}"
        summary = f"{source}: {done}, {counts.count('nothing')} as they should be"
        if applied.failures:
            reasons = "; ".join(map(str, applied.failures))
            raise CommandError(printable(f"{summary}, {len(failed)} failed: {reasons}"))
        if as_table:
            self.say(f"{summary}.")

    def _show_item(self, item: Item, failure: Failure | None) -> None:
        if failure is not None:
            self.say(f"! {item.kind} {item.name}: failed, and nothing of it was changed")
            return
        for line in item_lines(item):
            self.say(line)

    # Sites that are there already

    def adopt_sites(self, options: dict[str, Any]) -> None:
        """Plan the adoption of sites, and carry it out: all, or none where one of them cannot be."""
        domains = options["domains"] or None
        found = plan_adoption(domains) if options["dry_run"] else adopt_sites(domains, actor=actor_of(options))
        if options["format"] == "json":
            self.say(as_json([_adoption_data(one) for one in found]))
        else:
            for one in found:
                for line in _adoption_lines(one):
                    self.say(printable(line))
        for one in found:
            for warning in one.warnings:
                self.warn(printable(f"{one.domain}: {warning}"))
        if options["dry_run"]:
            check_adoption(domains)
        if options["format"] == "table":
            ready = [one for one in found if not one.skipped and not one.conflicts]
            done = "would be adopted" if options["dry_run"] else "adopted"
            self.say(f"{some(len(ready), 'site')} {done}.")

    # States

    def suspend_tenant(self, options: dict[str, Any]) -> None:
        """Suspend one tenant."""
        self._change_state(options, api.suspend_tenant, ("Suspended", "suspend", "its sites answer 503, its data stay"))

    def resume_tenant(self, options: dict[str, Any]) -> None:
        """Make one tenant active again."""
        self._change_state(options, api.resume_tenant, ("Resumed", "resume", "its sites answer again"))

    def archive_tenant(self, options: dict[str, Any]) -> None:
        """Archive one tenant."""
        self._change_state(options, api.archive_tenant, ("Archived", "archive", "its sites answer 404, its data stay"))

    def _change_state(
        self, options: dict[str, Any], step: Callable[..., tenants.Tenant], words: tuple[str, str, str]
    ) -> None:
        key = options["key"]
        actor = actor_of(options)
        before = api.get_tenant(key).state
        done, verb, meaning = words
        with only_looking(options["dry_run"]):
            after = step(key, actor=actor, reason=options["reason"]).state
        if after == before:
            self.say(f"The tenant {key!r} is {before} already; nothing to do.")
        elif options["dry_run"]:
            self.say(f"Would {verb} the tenant {key!r}, which is {before}: {meaning}.")
        else:
            self.say(f"{done} the tenant {key!r}, which was {before}: {meaning}.")

    # The record

    def write_audit(self, options: dict[str, Any]) -> None:
        """Write entries as they are read."""
        rows = audit.entries(
            tenant_key=options["key"],
            since=options["since"],
            until=options["until"],
            action=options["do"],
            actor=options["by"],
        )
        lines = audit.lines(rows, options["format"])
        if options["output"] is None:
            for line in lines:
                self.stdout.write(line, ending="")
            return
        with new_file(options["output"]) as file:
            file.writelines(lines)
        self.say(f"Wrote the audit record to {options['output']}.")

    # Inside of a tenant

    def run_inside(self, options: dict[str, Any]) -> None:
        """Run another command in one tenant, or in each active one."""
        key, words = options["key"], options["words"]
        if options["all"] and key is not None:
            # Without KEY the parser takes the command's name for it.
            key, words = None, [key, *words]
        if words[:1] == ["--"]:
            words = words[1:]
        if key is None and not options["all"]:
            raise UsageError("Which tenant? Allowed is KEY, or --all for each active one.")
        if not words:
            raise UsageError("Which command? Write it after two hyphens: tenancy run KEY -- COMMAND ARGS...")
        if words[0] not in get_commands():
            raise UsageError(f"There is no command {words[0]!r}; manage.py help lists those there are.")
        if key is not None:
            with api.tenant_context(key):
                self._call(words)
            self.stderr.write(f"Ran {words[0]} in the tenant {key!r}.", style_func=self.style.SUCCESS)
        else:
            self._call_in_all(words)

    def _call_in_all(self, words: list[str]) -> None:
        def call(tenant: TenantContext) -> None:
            self.stderr.write(f"# {tenant.key}", style_func=self.style.NOTICE)
            try:
                self._call(words)
            except SystemExit as exit_:
                if exit_.code not in (None, 0):
                    raise CommandError(f"it ended with {exit_.code}") from exit_

        try:
            done = api.for_each_tenant(call)
        except ExceptionGroup as group:
            reasons = "; ".join(
                printable(f"{' '.join(getattr(error, '__notes__', []))}: {type(error).__name__}: {error}")
                for error in group.exceptions
            )
            failed = some(len(group.exceptions), "tenant")
            raise CommandError(f"{words[0]} failed in {failed}: {reasons}") from group
        self.stderr.write(f"Ran {words[0]} in {some(len(done), 'tenant')}.", style_func=self.style.SUCCESS)

    def _call(self, words: list[str]) -> None:
        ending, self.stdout.ending = self.stdout.ending, ""
        try:
            call_command(words[0], *words[1:], stdout=self.stdout)
        finally:
            self.stdout.ending = ending


def _adoption_data(one: Adoption) -> dict[str, Any]:
    names = ("domain", "key", "name", "organizations", "missing", "skipped", "conflicts", "warnings")
    return {name: getattr(one, name) for name in names}


def _adoption_lines(one: Adoption) -> list[str]:
    if one.skipped:
        return [f"  {one.domain}: left as it is, {one.skipped}"]
    lines = [f"{'!' if one.conflicts else '+'} {one.domain}: tenant {one.key!r} with {listed(one.organizations)}"]
    if one.conflicts:
        return lines + [f"    conflict: {reason}" for reason in one.conflicts]
    return lines + [f"    + organization {name}, a new one" for name in one.missing]
