"""``manage.py members``: who belongs to which organization, with what role; invitations; CSV in and out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO, cast

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.management.base import CommandError, CommandParser

from ccx_tenancy.conf import conf
from ccx_tenancy.errors import UnknownAccount
from ccx_tenancy.management.command import (
    REFUSED,
    SubcommandsCommand,
    UsageError,
    add_dry_run,
    add_format,
    number,
    only_looking,
    read_file,
    some,
    user_of,
)
from ccx_tenancy.management.output import as_json, printable, table
from ccx_tenancy.management.progress import ProgressBar
from ccx_tenancy.membership import api


class Command(SubcommandsCommand):
    """The command; each action is a method."""

    help = "Members of organizations: list, add, change, suspend and remove them; CSV in and out; invitations."

    def add_arguments(self, parser: CommandParser) -> None:
        """Say what each action takes."""
        add = self.actions(parser)

        list_ = add("list", "List the members of an organization.", self.list_members)
        list_.add_argument("organization", metavar="ORGANIZATION")
        list_.add_argument("--role", metavar="ROLE", help="Only those with that role or a stronger one.")
        list_.add_argument("--suspended", action="store_true", help="Also those who are suspended.")
        add_format(list_)

        _add_change(_add_member(add("add", "Make a user a member.", self.add)), role=True)
        set_role = _add_member(add("set-role", "Give a member another role.", self.set_role))
        set_role.add_argument("role", metavar="ROLE")
        _add_change(set_role)
        _add_change(_add_member(add("suspend", "Suspend a member, who keeps the role.", self.suspend)))
        _add_change(_add_member(add("resume", "Let a suspended member resume.", self.resume)))
        _add_change(_add_member(add("remove", "End a membership.", self.remove)))

        import_ = add("import", "Make the members be as a CSV file says.", self.import_members)
        import_.add_argument("file", metavar="FILE", help="Columns email or username, organization, role. - is stdin.")
        _add_lines(import_)

        export = add("export", "Write the members of an organization as CSV.", self.export_members)
        export.add_argument("organization", metavar="ORGANIZATION")
        export.add_argument("-o", "--output", dest="output_file", metavar="FILE", help="Default: stdout.")

        invite = add("invite", "Invite an e-mail address, or many from a CSV file.", self.invite)
        invite.add_argument("organization", metavar="ORGANIZATION", nargs="?")
        invite.add_argument("email", metavar="EMAIL", nargs="?")
        invite.add_argument("--role", metavar="ROLE", default=api.LEARNER, help=f"Default: {api.LEARNER}.")
        invite.add_argument("--csv", dest="file", metavar="FILE", help="Columns email, organization, role. - is stdin.")
        _add_lines(invite)

        invitations = add("invitations", "List the invitations to an organization.", self.list_invitations)
        invitations.add_argument("organization", metavar="ORGANIZATION")
        invitations.add_argument(
            "--state", choices=("open", "accepted", "revoked", "expired", "all"), default="open", help="Default: open."
        )
        add_format(invitations)

        for name, help_text, method in (
            ("resend", "Send an invitation again, with a new link.", self.resend),
            ("revoke", "End an invitation that is not accepted.", self.revoke),
        ):
            action = add(name, help_text, method)
            action.add_argument("number", metavar="NUMBER", type=number(1), help="As `invitations` shows it.")
            _add_change(action)

    # Members

    def list_members(self, options: dict[str, Any]) -> None:
        """List the members of an organization."""
        rows = api.members_of(options["organization"], options["role"], suspended=options["suspended"])
        found = [
            {
                "username": row.user.get_username(),
                "email": row.user.email,
                "role": row.role,
                "active": row.active,
                "since": row.created.isoformat(timespec="seconds"),
            }
            for row in rows
        ]
        self._show(options, ("username", "email", "role", "active", "since"), found)

    def add(self, options: dict[str, Any]) -> None:
        """Make a user a member."""
        self._change(options, lambda user, by: api.add_member(user, options["organization"], options["role"], by=by))

    def set_role(self, options: dict[str, Any]) -> None:
        """Give a member another role."""
        self._change(options, lambda user, by: api.set_role(user, options["organization"], options["role"], by=by))

    def suspend(self, options: dict[str, Any]) -> None:
        """Suspend a member."""
        self._change(options, lambda user, by: api.set_active(user, options["organization"], False, by=by))

    def resume(self, options: dict[str, Any]) -> None:
        """Let a member resume."""
        self._change(options, lambda user, by: api.set_active(user, options["organization"], True, by=by))

    def remove(self, options: dict[str, Any]) -> None:
        """End a membership."""
        organization = api.find_organization(options["organization"])
        user = _account(options["user"])
        with only_looking(options["dry_run"]):
            api.remove_member(user, organization, by=user_of(options, "by"))
        would = "would be" if options["dry_run"] else "is"
        self.say(f"{user.get_username()} {would} no member of {organization.short_name} any more.")

    def _change(
        self, options: dict[str, Any], change: Callable[[AbstractBaseUser, Any], api.OrganizationMembership]
    ) -> None:
        user = _account(options["user"])
        with only_looking(options["dry_run"]):
            row = change(user, user_of(options, "by"))
        would = "would be" if options["dry_run"] else "is"
        state = "" if row.active else ", not active"
        self.say(f"{user.get_username()} {would} {row.role} of {row.organization.short_name}{state}.")

    def import_members(self, options: dict[str, Any]) -> None:
        """Make the members be as a CSV file says."""
        content, _ = read_file(options["file"])
        with ProgressBar(self.stderr, "Reading") as bar:
            report = api.import_members(
                content,
                by=user_of(options, "by"),
                dry_run=options["dry_run"],
                apply_good=options["apply_good"],
                progress=bar,
            )
        self._report(options, report)

    def export_members(self, options: dict[str, Any]) -> None:
        """Write the members of an organization as CSV."""
        rows = api.members_of(options["organization"], suspended=True)
        name = options["output_file"]
        if name is None:
            api.export_members(rows, cast(TextIO, self.stdout))
            return
        try:
            with Path(name).open("w", encoding="utf-8", newline="") as file:
                count = api.export_members(rows, file)
        except OSError as error:
            raise UsageError(f"The file {name!r} cannot be written: {error.strerror}.") from error
        self.say(f"{some(count, 'member')} of {options['organization']} in {name}.")

    # Invitations

    def invite(self, options: dict[str, Any]) -> None:
        """Invite one, or many."""
        by = user_of(options, "by")
        if options["file"] is not None:
            if options["organization"] is not None:
                raise UsageError("Give either ORGANIZATION and EMAIL, or --csv.")
            content, _ = read_file(options["file"])
            with ProgressBar(self.stderr, "Inviting") as bar:
                report = api.import_invitations(
                    content,
                    invited_by=by,
                    dry_run=options["dry_run"],
                    apply_good=options["apply_good"],
                    progress=bar,
                )
            self._report(options, report)
            return
        if options["email"] is None:
            raise UsageError("Give ORGANIZATION and EMAIL, or --csv FILE.")
        with only_looking(options["dry_run"]):
            invitation = api.invite(options["email"], options["organization"], options["role"], invited_by=by)
        if options["dry_run"]:
            self.say(f"{invitation.email} would be invited to {invitation.organization.short_name}.")
            return
        self._say_invited(invitation)

    def list_invitations(self, options: dict[str, Any]) -> None:
        """List the invitations to an organization."""
        state = None if options["state"] == "all" else options["state"]
        found = [
            {
                "number": row.pk,
                "email": row.email,
                "role": row.role,
                "state": row.state,
                "invited by": row.invited_by_name or "the system",
                "sent": row.sent.isoformat(timespec="seconds") if row.sent else None,
                "expires": row.expires.isoformat(timespec="seconds"),
            }
            for row in api.invitations_of(options["organization"], state=state)
        ]
        self._show(options, ("number", "email", "role", "state", "invited by", "sent", "expires"), found)

    def resend(self, options: dict[str, Any]) -> None:
        """Send an invitation again."""
        with only_looking(options["dry_run"]):
            invitation = api.resend_invitation(options["number"], by=user_of(options, "by"))
        if options["dry_run"]:
            self.say(f"Invitation {invitation.pk} of {invitation.email} would be sent again.")
            return
        self._say_invited(invitation)

    def revoke(self, options: dict[str, Any]) -> None:
        """End an invitation."""
        with only_looking(options["dry_run"]):
            invitation = api.revoke_invitation(options["number"], by=user_of(options, "by"))
        would = "would be" if options["dry_run"] else "is"
        self.say(f"Invitation {invitation.pk} of {invitation.email} {would} revoked.")

    def _say_invited(self, invitation: api.OrganizationInvitation) -> None:
        self.say(
            f"{invitation.email} is invited to {invitation.organization.short_name} as {invitation.role}, until"
            f" {invitation.expires:%Y-%m-%d %H:%M} UTC (invitation {invitation.pk})."
        )
        if invitation.sent is None:
            self.warn("the mail could not be sent; the log says why. Use `members resend`.")

    # Showing

    def _show(self, options: dict[str, Any], columns: tuple[str, ...], found: list[dict[str, Any]]) -> None:
        if options["format"] == "json":
            self.say(as_json([{name.replace(" ", "_"): value for name, value in row.items()} for row in found]))
        else:
            self.say(table(columns, [_cells(row, columns) for row in found]))

    def _report(self, options: dict[str, Any], report: api.ImportReport) -> None:
        fields = ("line", "status", "account", "organization", "role", "message")
        if options["format"] == "json":
            lines = [{field: getattr(line, field) for field in fields} for line in report.lines]
            self.say(as_json({"applied": report.applied, "lines": lines}))
        else:
            self.say(table(fields, [[getattr(line, field) for field in fields] for line in report.lines]))
        counts = ", ".join(
            f"{count} {status}"
            for status in ("added", "changed", "unchanged", "invited", "refused")
            if (count := report.count(status))
        )
        done = "Applied" if report.applied else "Nothing was applied"
        summary = f"{done}: {counts or 'no lines'}."
        if report.refused:
            raise CommandError(summary, returncode=REFUSED)
        if options["format"] != "json":
            self.say(summary)


def _add_member(parser: CommandParser) -> CommandParser:
    parser.add_argument("organization", metavar="ORGANIZATION", help="Its short name.")
    parser.add_argument("user", metavar="USER", help="A user name or an e-mail address.")
    return parser


def _add_change(parser: CommandParser, *, role: bool = False) -> None:
    if role:
        parser.add_argument("--role", metavar="ROLE", default=api.LEARNER, help=f"Default: {api.LEARNER}.")
    parser.add_argument(
        "--by", metavar="USERNAME", help="Act as this user, within the limits of the user's role. Default: the system."
    )
    add_dry_run(parser)


def _add_lines(parser: CommandParser) -> None:
    parser.add_argument("--apply-good", action="store_true", help="Apply the good lines where others are bad.")
    _add_change(parser)
    add_format(parser)


def _account(identifier: str) -> AbstractBaseUser:
    found = conf.account_policy.find(identifier, None)
    if found is None:
        raise UnknownAccount(f"No one account has the user name or e-mail address {printable(identifier)!r}.")
    return found


def _cells(row: dict[str, Any], columns: tuple[str, ...]) -> list[Any]:
    return [("yes" if row[name] else "no") if isinstance(row[name], bool) else row[name] for name in columns]
