"""Members as CSV: out, and in again with a dry run and a report that names each bad line; invitations likewise.

Columns of members: ``email`` or ``username`` (or both, then they must be one account), ``organization``, ``role``
(learner where it is empty or missing) and, if wanted, ``active`` (yes or no). Of invitations: ``email``,
``organization``, ``role``. Comma or semicolon, UTF-8 with or without a mark.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from organizations.models import Organization

from ccx_tenancy.audit import api as audit
from ccx_tenancy.conf import conf
from ccx_tenancy.context import current_tenant
from ccx_tenancy.errors import InvalidInput, TenancyError, UnknownAccount, UnknownOrganization
from ccx_tenancy.membership.invitations import invite
from ccx_tenancy.membership.models import OrganizationMembership
from ccx_tenancy.membership.roles import ADMIN, LEARNER, RANKS, rank_of
from ccx_tenancy.membership.roster import Change, Roster, State
from ccx_tenancy.membership.snapshots import memberships_of
from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.api import fold, owner_of

COLUMNS = ("email", "username", "organization", "role", "active")
INVITATION_COLUMNS = ("email", "organization", "role")

#: Called with the number of steps done and of all steps.
Progress = Callable[[int, int], None]
_CHUNK = 2000
_BATCH = 500
_FLAGS: Mapping[str, bool | None] = {
    "": None,
    **dict.fromkeys(("yes", "true", "1"), True),
    **dict.fromkeys(("no", "false", "0"), False),
}


@dataclass(frozen=True, slots=True)
class ImportLine:
    """What became of one line: ``status`` is ``added``, ``changed``, ``unchanged``, ``invited`` or ``refused``.

    ``line`` counts the lines of the file from 1, the header's; ``message`` says why it was refused, or what changed.
    """

    line: int
    status: str
    account: str
    organization: str
    role: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. ``applied`` tells whether anything was written."""

    lines: tuple[ImportLine, ...]
    applied: bool

    @property
    def refused(self) -> tuple[ImportLine, ...]:
        """The bad lines."""
        return tuple(line for line in self.lines if line.status == "refused")

    def count(self, status: str) -> int:
        """Return how many lines have that status."""
        return sum(line.status == status for line in self.lines)


@dataclass(frozen=True, slots=True)
class CsvLine:
    """One line with its number in the file and its cells by column, blanks cut off; and what is wrong with its form."""

    number: int
    cells: Mapping[str, str]
    problem: str = ""


def read_csv(source: str | bytes, *, required: Sequence[str], allowed: Sequence[str]) -> list[CsvLine]:
    """Return the lines of a CSV text after its header. Empty ones are left out.

    Raises InvalidInput where the text as a whole cannot be read: it is not UTF-8, has no header, or the header lacks
    a required column, has an unknown one or one twice.
    """
    text = _decoded(source)
    header_line = text.split("\n", 1)[0]
    delimiter = ";" if header_line.count(";") > header_line.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines: list[CsvLine] = []
    header: list[str] = []
    # A cell may hold line breaks: a record is named by the line it begins on.
    begins = 1
    try:
        for cells in reader:
            number, begins = begins, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = _header(cells, required, allowed)
                continue
            problem = ""
            if len(cells) != len(header):
                problem = f"it has {len(cells)} cells, and the header {len(header)}"
            values = {name: _unguarded(cell.strip()) for name, cell in zip(header, cells, strict=False)}
            lines.append(CsvLine(number, values, problem))
    except csv.Error as error:
        raise InvalidInput(f"line {max(reader.line_num, begins)}: {error}.") from None
    if not header:
        raise InvalidInput(f"The file has no header; it needs the columns {', '.join(required)}.")
    return lines


def _decoded(source: str | bytes) -> str:
    if isinstance(source, str):
        return source.removeprefix("\ufeff")
    try:
        return source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source[: error.start].count(b"\n") + 1
        raise InvalidInput(f"line {line}: byte {source[error.start]:#04x} is not UTF-8; save the file so.") from None


def _header(cells: Sequence[str], required: Sequence[str], allowed: Sequence[str]) -> list[str]:
    header = [cell.strip().lower() for cell in cells]
    for name in header:
        if name not in allowed:
            raise InvalidInput(f"The header has the column {name!r}; allowed are {', '.join(allowed)}.")
        if header.count(name) > 1:
            raise InvalidInput(f"The header has the column {name!r} twice.")
    for name in required:
        if name not in header:
            raise InvalidInput(f"The header has no column {name!r}; it has {', '.join(header)}.")
    return header


def _unguarded(cell: str) -> str:
    return cell[1:] if audit.guarded(cell[1:]) == cell else cell


# Out


def export_members(rows: Iterable[OrganizationMembership], target: TextIO) -> int:
    """Write memberships (such as ``members_of`` returns) as CSV and return how many. ``import_members`` reads it."""
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    email = get_user_model().get_email_field_name()
    count = 0
    for row in rows.iterator(chunk_size=_CHUNK) if hasattr(rows, "iterator") else rows:
        cells = (
            str(getattr(row.user, email, "") or ""),
            row.user.get_username(),
            row.organization.short_name,
            row.role,
            "yes" if row.active else "no",
        )
        writer.writerow([audit.guarded(cell) for cell in cells])
        count += 1
    return count


# In


@dataclass(frozen=True, slots=True)
class _Wanted:
    line: CsvLine
    user: AbstractBaseUser
    organization: Organization
    role: str
    active: bool | None


def import_members(
    source: str | bytes,
    *,
    by: AbstractBaseUser | None = None,
    dry_run: bool = False,
    apply_good: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Make the members be as a CSV text says, and return what became of each line.

    A line adds a member or gives one that role. A suspended member resumes only where the line says ``active`` yes;
    members that are in no line stay as they are. Lines are judged in their order by the rules for ``by``, each upon
    the ones before. One bad line, and nothing is applied, unless ``apply_good``. ``dry_run`` applies nothing in any
    case. ``progress`` is told how far it is. All is one transaction.

    Who is no platform operator finds only what is theirs: the organizations of which they are a member, and accounts
    that are members of the tenants which they administrate. Anything else is answered as if it did not exist; other
    people are invited.

    Raises InvalidInput where the text as a whole cannot be read.
    """
    lines = read_csv(source, required=("organization",), allowed=COLUMNS)
    if lines and not {"email", "username"} & set(lines[0].cells):
        raise InvalidInput("The header has neither the column 'email' nor 'username'.")
    results: dict[int, ImportLine] = {}
    with revisions.together():
        wanted = list(_resolved(lines, by, results))
        rosters = _rosters(wanted, by)
        seen: set[tuple[Any, int]] = set()
        for done, one in enumerate(wanted, start=1):
            results[one.line.number] = _judged(one, rosters[one.organization.pk], seen)
            if progress is not None:
                progress(done, len(wanted))
        refused = any(line.status == "refused" for line in results.values())
        applied = not dry_run and (apply_good or not refused)
        if applied:
            for roster in rosters.values():
                roster.write(actor=by)
    ordered = tuple(results[number] for number in sorted(results))
    return ImportReport(ordered, applied and any(line.status in ("added", "changed") for line in ordered))


def _resolved(
    lines: Sequence[CsvLine], by: AbstractBaseUser | None, results: dict[int, ImportLine]
) -> Iterator[_Wanted]:
    names = {fold(line.cells.get("organization", "")) for line in lines}
    is_limited = by is not None and not getattr(by, "is_superuser", False)
    if is_limited and by is not None:
        names &= set(memberships_of(by.pk))
    organizations = {
        fold(found.short_name): found
        for found in Organization.objects.all().iterator(chunk_size=_CHUNK)
        if fold(found.short_name) in names
    }
    asked = [line.cells[name] for line in lines for name in ("email", "username") if line.cells.get(name)]
    accounts = conf.account_policy.find_many(asked, current_tenant())
    if is_limited and by is not None:
        accounts = _within_reach(by, accounts)
    for line in lines:
        try:
            yield _resolve(line, organizations, accounts)
        except TenancyError as error:
            results[line.number] = _result(line, "refused", str(error))


def _within_reach(by: AbstractBaseUser, accounts: Mapping[str, AbstractBaseUser]) -> dict[str, AbstractBaseUser]:
    """Return those accounts that are members of a tenant which ``by`` administrates."""
    administrated = [name for name, rank in memberships_of(by.pk).items() if rank >= RANKS[ADMIN]]
    organizations: set[str] = set()
    for name in administrated:
        tenant = owner_of(name)
        organizations |= {fold(one) for one in tenant.organizations} if tenant is not None else {name}
    known: set[int] = set()
    numbers = sorted({user.pk for user in accounts.values()})
    for start in range(0, len(numbers), _BATCH):
        rows = OrganizationMembership.objects.filter(user_id__in=numbers[start : start + _BATCH])
        pairs = rows.values_list("user_id", "organization__short_name")
        known |= {user_id for user_id, name in pairs if fold(name) in organizations}
    return {identifier: user for identifier, user in accounts.items() if user.pk in known}


def _resolve(
    line: CsvLine, organizations: Mapping[str, Organization], accounts: Mapping[str, AbstractBaseUser]
) -> _Wanted:
    if line.problem:
        raise InvalidInput(f"The line is not whole: {line.problem}.")
    cells = line.cells
    user: AbstractBaseUser | None = None
    for column in ("email", "username"):
        text = cells.get(column, "")
        if not text:
            continue
        found = accounts.get(text)
        if found is None or not _matches(found, column, text):
            raise UnknownAccount(f"No one account has the {column} {text!r}.")
        if user is not None and user.pk != found.pk:
            raise UnknownAccount(f"The email {cells['email']!r} and the username {text!r} are two accounts'.")
        user = found
    if user is None:
        raise UnknownAccount("The line names no account: email or username is needed.")
    name = cells.get("organization", "")
    organization = organizations.get(fold(name))
    if organization is None:
        raise UnknownOrganization(f"There is no organization with the short name {name!r}.")
    role = cells.get("role", "").lower() or LEARNER
    rank_of(role)
    flag = cells.get("active", "").lower()
    if flag not in _FLAGS:
        raise InvalidInput(f"The column 'active' has {flag!r}; allowed are yes and no.")
    return _Wanted(line, user, organization, role, _FLAGS[flag])


def _matches(user: AbstractBaseUser, column: str, text: str) -> bool:
    """Whether it was that column that found the account: an e-mail address in the column of user names is none."""
    field = get_user_model().get_email_field_name() if column == "email" else get_user_model().USERNAME_FIELD
    return str(getattr(user, field)).lower() == text.lower()


def _rosters(wanted: Iterable[_Wanted], by: AbstractBaseUser | None) -> dict[int, Roster]:
    users: dict[int, list[AbstractBaseUser]] = {}
    organizations: dict[int, Organization] = {}
    for one in wanted:
        organizations[one.organization.pk] = one.organization
        users.setdefault(one.organization.pk, []).append(one.user)
    # One order for everybody, so that two imports cannot wait for each other.
    return {pk: Roster(organizations[pk], users[pk], authority=by) for pk in sorted(organizations)}


def _judged(one: _Wanted, roster: Roster, seen: set[tuple[Any, int]]) -> ImportLine:
    key = (one.user.pk, one.organization.pk)
    try:
        if key in seen:
            raise InvalidInput("An earlier line is about the same account and organization.")
        before, after = roster.put(one.user, _put(one))
        seen.add(key)
    except TenancyError as error:
        return _result(one.line, "refused", str(error), one.role)
    if before == after:
        return _result(one.line, "unchanged", "", one.role)
    if before is None:
        return _result(one.line, "added", "", one.role)
    return _result(one.line, "changed", f"was {before.role}{'' if before.active else ', not active'}", one.role)


def _put(one: _Wanted) -> Change:
    def change(before: State | None) -> State:
        if before is None:
            return State(one.role, active=one.active is not False)
        if one.active is None and not before.active:
            raise InvalidInput("The member is suspended or pending; say so in the column 'active', or say yes there.")
        return State(one.role, active=before.active if one.active is None else one.active)

    return change


def _result(line: CsvLine, status: str, message: str, role: str = "") -> ImportLine:
    cells = line.cells
    account = cells.get("username") or cells.get("email") or ""
    return ImportLine(
        line.number, status, account, cells.get("organization", ""), role or cells.get("role", ""), message
    )


# Invitations


def import_invitations(
    source: str | bytes,
    *,
    invited_by: AbstractBaseUser | None = None,
    dry_run: bool = False,
    apply_good: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Invite as a CSV text says, and return what became of each line.

    All lines are tried first, and nothing is kept of that. One bad line, and nobody is invited, unless ``apply_good``.
    Then each invitation is a transaction of its own, whose mail is out before the next begins. Raises InvalidInput
    where the text as a whole cannot be read.
    """
    lines = read_csv(source, required=("email", "organization"), allowed=INVITATION_COLUMNS)
    steps = len(lines) * (1 if dry_run else 2)
    with transaction.atomic():
        tried = _invited(lines, invited_by, progress, 0, steps)
        transaction.set_rollback(True)
    refused = {line.number: result for line, result in zip(lines, tried, strict=True) if result.status == "refused"}
    if dry_run or (refused and not apply_good):
        return ImportReport(tuple(tried), False)
    good = [line for line in lines if line.number not in refused]
    done = {result.line: result for result in _invited(good, invited_by, progress, len(lines) + len(refused), steps)}
    ordered = tuple(done.get(line.number) or refused[line.number] for line in lines)
    return ImportReport(ordered, any(line.status == "invited" for line in ordered))


def _invited(
    lines: Sequence[CsvLine], by: AbstractBaseUser | None, progress: Progress | None, before: int, steps: int
) -> list[ImportLine]:
    results = []
    for done, line in enumerate(lines, start=before + 1):
        role = line.cells.get("role", "").lower() or LEARNER
        try:
            if line.problem:
                raise InvalidInput(f"The line is not whole: {line.problem}.")
            with transaction.atomic():
                invite(line.cells["email"], line.cells["organization"], role, invited_by=by)
            results.append(_result(line, "invited", "", role))
        except TenancyError as error:
            results.append(_result(line, "refused", str(error), role))
        if progress is not None:
            progress(done, steps)
    return results
