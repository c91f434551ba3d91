"""``manage.py site_config``: read, change, explain and undo the configuration of a site."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.sites.models import Site
from django.core.management.base import CommandError, CommandParser

from ccx_tenancy.errors import InvalidDocument
from ccx_tenancy.management.command import (
    SubcommandsCommand,
    UsageError,
    actor_of,
    add_dry_run,
    add_format,
    add_who_and_why,
    listed,
    number,
    only_looking,
    read_file,
)
from ccx_tenancy.management.output import as_json, compact, difference_data, difference_line, table
from ccx_tenancy.ports import StoredValues
from ccx_tenancy.site_config import api
from ccx_tenancy.site_config.documents import parse, parse_value


class Command(SubcommandsCommand):
    """The command; each action is a method."""

    help = "Read, change, explain and undo the configuration of a site. Secrets are masked."

    def add_arguments(self, parser: CommandParser) -> None:
        """Say what each action takes."""
        add = self.actions(parser)

        get = add("get", "Show what a site stores: all of it, or one value.", self.show_values)
        get.add_argument("domain", metavar="DOMAIN")
        get.add_argument("name", metavar="NAME", nargs="?")
        add_format(get)

        set_ = add("set", "Store values of a site.", self.set_values)
        set_.add_argument("domain", metavar="DOMAIN")
        set_.add_argument(
            "pairs", metavar="NAME=JSON", nargs="*", help="A value as JSON; a text in quotes: 'PLATFORM_NAME=\"x\"'."
        )
        set_.add_argument(
            "--text", metavar="NAME=VALUE", action="append", default=[], help="A text as it is, without quotes."
        )
        set_.add_argument("-f", "--file", metavar="FILE", help="All values from a JSON document; - is stdin.")
        set_.add_argument("--replace", action="store_true", help="Remove what is not given, rather than keep it.")
        self._add_change(set_)

        unset = add("unset", "Remove values of a site.", self.unset_values)
        unset.add_argument("domain", metavar="DOMAIN")
        unset.add_argument("names", metavar="NAME", nargs="+")
        self._add_change(unset)

        explain = add(
            "explain", "Say where values come from: the site, the settings, or a known default.", self.explain_values
        )
        explain.add_argument("domain", metavar="DOMAIN")
        explain.add_argument("names", metavar="NAME", nargs="*", help="Default: all that the site stores.")
        add_format(explain)

        history = add("history", "List the revisions of a site, newest first.", self.show_history)
        history.add_argument("domain", metavar="DOMAIN")
        history.add_argument("--limit", type=number(1), metavar="NUMBER", help="At most so many.")
        add_format(history)

        diff = add("diff", "Show what changed between two revisions.", self.show_difference)
        diff.add_argument("domain", metavar="DOMAIN")
        diff.add_argument("old", metavar="FROM", nargs="?", type=number(0), help="Default: the one before TO.")
        diff.add_argument("new", metavar="TO", nargs="?", type=number(0), help="Default: the present one.")
        add_format(diff)

        rollback = add("rollback", "Make an earlier revision the present one again, as a new revision.", self.roll_back)
        rollback.add_argument("domain", metavar="DOMAIN")
        rollback.add_argument("revision", metavar="REVISION", type=number(1))
        self._add_change(rollback)

    def _add_change(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--expect", metavar="REVISION", type=number(0), help="Refuse where the site is at another revision by now."
        )
        add_dry_run(parser)
        add_who_and_why(parser)

    # Reading

    def show_values(self, options: dict[str, Any]) -> None:
        """Show what a site stores."""
        site = api.site_of(options["domain"])
        stored = api.current_values(site)
        name = options["name"]
        if not stored.revision and not stored.values:
            raise CommandError(f"{site.domain} stores no configuration.")
        if name is not None and name not in stored.values:
            raise CommandError(f"{site.domain} stores no value {name!r}; it stores {listed(stored.values)}.")
        if not stored.enabled:
            self.warn(f"the configuration of {site.domain} is disabled: none of its values applies.")
        if name is not None:
            self.say(as_json(stored.values[name]) if options["format"] == "json" else compact(stored.values[name]))
        elif options["format"] == "json":
            self.say(as_json(stored.values))
        else:
            self.say(table(("name", "value"), [(name, compact(value)) for name, value in stored.values.items()]))

    def explain_values(self, options: dict[str, Any]) -> None:
        """Say where values come from."""
        site = api.site_of(options["domain"])
        names = options["names"] or list(api.current_values(site).values)
        found = [api.explain_site_value(site, name) for name in names]
        if options["format"] == "json":
            fields = ("name", "value", "source", "revision", "known", "meaning", "default", "secret", "denied")
            self.say(as_json([{field: getattr(one, field) for field in fields} for one in found]))
            return
        rows = []
        for one in found:
            source = f"{one.source} (revision {one.revision})" if one.revision is not None else one.source
            meaning = one.meaning or "Nothing is known of this key."
            rows.append(
                (one.name, compact(one.value), source, f"No site may set it: {one.denied}." if one.denied else meaning)
            )
        self.say(table(("name", "value", "source", "meaning"), rows))

    def show_history(self, options: dict[str, Any]) -> None:
        """List revisions."""
        site = api.site_of(options["domain"])
        found = api.history(site, limit=options["limit"])
        if options["format"] == "json":
            rows = [
                {
                    "revision": one.revision,
                    "created": one.created.isoformat(),
                    "actor": one.actor,
                    "reason": one.reason,
                    "enabled": one.enabled,
                    "changes": [difference_data(change) for change in one.changes],
                }
                for one in found
            ]
            self.say(as_json(rows))
        elif found:
            self.say(
                table(
                    ("revision", "when", "who", "changes", "enabled", "reason"),
                    [
                        (
                            one.revision,
                            one.created.isoformat(timespec="seconds"),
                            one.actor or "the system",
                            listed(dict.fromkeys(change.path[0] for change in one.changes)),
                            "yes" if one.enabled else "no",
                            one.reason,
                        )
                        for one in found
                    ],
                )
            )
        else:
            self.say(f"{site.domain} has no history: it stores no configuration.")

    def show_difference(self, options: dict[str, Any]) -> None:
        """Show what changed."""
        site = api.site_of(options["domain"])
        new = options["new"] if options["new"] is not None else api.current_values(site).revision
        old = options["old"]
        if old is None:
            # A host may number the revisions of all sites in one row.
            old = next((one.revision for one in api.history(site, limit=1, before=new)), 0)
        found = api.compare(site, old, new)
        if options["format"] == "json":
            self.say(as_json({"from": old, "to": new, "changes": [difference_data(one) for one in found]}))
        elif found:
            self.say("\n".join(map(difference_line, found)))
        else:
            self.say(f"The revisions {old} and {new} of {site.domain} hold the same values.")

    # Changing

    def set_values(self, options: dict[str, Any]) -> None:
        """Store values."""
        values = self._values(options)
        site = api.site_of(options["domain"])
        replace = options["replace"]
        self._change(options, site, lambda **common: api.set_site_values(site, values, replace=replace, **common))
        for warning in api.warnings_for(values):
            self.warn(warning)

    def unset_values(self, options: dict[str, Any]) -> None:
        """Remove values."""
        site = api.site_of(options["domain"])
        self._change(options, site, lambda **common: api.unset_site_values(site, options["names"], **common))

    def roll_back(self, options: dict[str, Any]) -> None:
        """Go back to a revision."""
        site = api.site_of(options["domain"])
        self._change(options, site, lambda **common: api.rollback(site, options["revision"], **common))

    def _change(self, options: dict[str, Any], site: Site, step: Callable[..., StoredValues]) -> None:
        common = {"actor": actor_of(options), "reason": options["reason"], "expected": options["expect"]}
        with only_looking(options["dry_run"]):
            before = api.current_values(site)
            after = step(**common)
            changes = api.history(site, limit=1)[0].changes if after.revision != before.revision else ()
        if after.revision == before.revision:
            self.say(f"{site.domain} stays at revision {before.revision}, which says so already; nothing to do.")
        elif options["dry_run"]:
            for change in changes:
                self.say(difference_line(change))
            self.say(f"Would make a new revision of {site.domain}, which is at {before.revision}.")
        else:
            names = listed(dict.fromkeys(change.path[0] for change in changes))
            self.say(f"Made the revision {after.revision} of {site.domain}; changed are {names}.")

    def _values(self, options: dict[str, Any]) -> dict[str, Any]:
        if options["file"] is not None:
            if options["pairs"] or options["text"]:
                raise UsageError("Allowed are values one by one (NAME=JSON, --text NAME=VALUE), or a file; not both.")
            text, source = read_file(options["file"])
            return parse(text, source=source)
        values: dict[str, Any] = {}
        for pair in options["pairs"]:
            name, text = _split(pair, "NAME=JSON", values)
            try:
                values[name] = parse_value(text, source=name)
            except InvalidDocument as error:
                hint = f"A text stands in quotes: '{name}={compact(text)}', or write --text {name}=..."
                raise InvalidDocument(
                    f"{error.message} {hint}", line=error.line, column=error.column, source=name
                ) from error
        for pair in options["text"]:
            name, text = _split(pair, "--text NAME=VALUE", values)
            values[name] = text
        if not values:
            raise UsageError("Which values? Allowed are NAME=JSON, --text NAME=VALUE, or --file FILE.")
        return values


def _split(pair: str, form: str, values: dict[str, Any]) -> tuple[str, str]:
    name, equals, text = pair.partition("=")
    if not equals or not name:
        raise UsageError(f"{pair!r} is not of the form {form}.")
    if name in values:
        raise UsageError(f"The name {name!r} is given twice; one of them is allowed.")
    return name, text
