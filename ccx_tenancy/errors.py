"""The exceptions a caller may catch.

Every one is a :class:`TenancyError`. Its text says what was found, where, and what is allowed; the same facts are
attributes where a program needs them. Conflicts and bad input are also ``ValueError``, unknown things ``LookupError``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class TenancyError(Exception):
    """Base of all errors of this library."""


class NoCurrentTenant(TenancyError, LookupError):
    """Code that needs a tenant ran without one."""


class UnknownTenant(TenancyError, LookupError):
    """No tenant has that key."""


class UnknownDomain(TenancyError, LookupError):
    """No site answers on that domain."""


class UnknownOrganization(TenancyError, LookupError):
    """No organization has that short name."""


class UnknownAccount(TenancyError, LookupError):
    """No account, or more than one, has that user name or e-mail address."""


class NotAMember(TenancyError, LookupError):
    """The user is not a member of that organization."""


class UnknownInvitation(TenancyError, LookupError):
    """No invitation has that token or number."""


class UnknownRevision(TenancyError, LookupError):
    """A site's history has no such revision."""


class UnknownCourse(TenancyError, LookupError):
    """There is no course, or custom course, of that key."""


class NoDraft(TenancyError, LookupError):
    """There is no draft to preview, publish or discard."""


class InvalidInput(TenancyError, ValueError):
    """Something given to the library is not of the allowed form. Nothing was changed."""


class InvalidKey(InvalidInput):
    """A tenant key or an organization's short name has a character or a length that is not allowed."""


class InvalidDomain(InvalidInput):
    """A domain is not a plain host name."""


class UnknownRole(InvalidInput):
    """There is no role of that name."""


class InvalidState(TenancyError, ValueError):
    """The tenant's state does not allow the step."""


class CourseClosed(InvalidState):
    """The custom course is closed."""


class InvitationClosed(InvalidState):
    """The invitation was accepted or revoked, or has expired."""


class NotAllowed(TenancyError):
    """The acting user's role does not allow the change. Nothing was changed."""


class JoinRefused(NotAllowed):
    """The site lets nobody join in that way. Nothing was changed."""


class WrongRecipient(NotAllowed):
    """The invitation is bound to another e-mail address than the account's."""


class Conflict(TenancyError, ValueError):
    """Something is already taken. Nothing was changed."""


class TenantExists(Conflict):
    """A tenant with that key exists."""


class DomainTaken(Conflict):
    """A domain (in whatever spelling) already answers for a site."""


class OrganizationTaken(Conflict):
    """An organization belongs to another tenant, or exists under a name that differs only in case."""


class AlreadyMember(Conflict):
    """The user is a member of that organization already, with another role or suspended."""


class AlreadyInvited(Conflict):
    """An invitation of that e-mail address to that organization is open."""


class LastOwner(Conflict):
    """The organization would be left without an owner."""


class SeatsTaken(Conflict):
    """A custom course would have fewer seats than are taken. ``taken`` says how many are."""

    def __init__(self, message: str, *, taken: int) -> None:
        super().__init__(message)
        self.taken = taken


class StaleRevision(Conflict):
    """Somebody else published in between.

    ``expected`` is the revision the caller started from, ``actual`` the one found; ``theirs`` and ``yours`` are the
    two differences (see :class:`ccx_tenancy.site_config.diff.Difference`) against the common start, where known.
    """

    def __init__(
        self, message: str, *, expected: int, actual: int, theirs: Sequence[object] = (), yours: Sequence[object] = ()
    ) -> None:
        super().__init__(message)
        self.expected = expected
        self.actual = actual
        self.theirs = tuple(theirs)
        self.yours = tuple(yours)


class InvalidDocument(InvalidInput):
    """A text is not the JSON document that is asked for. ``line`` and ``column`` count from 1 (0: the whole text)."""

    def __init__(self, message: str, *, line: int = 0, column: int = 0, source: str = "") -> None:
        where = f"line {line}, column {column}: " if line else ""
        prefix = f"{source}: " if source else ""
        super().__init__(f"{prefix}{where}{message}")
        self.message = message
        self.line = line
        self.column = column
        self.source = source


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a document: ``path`` names the place in it (``tenants[0].domain``), ``message`` the reason."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class InvalidValues(InvalidInput):
    """A document is JSON, but what it says is not allowed. ``problems`` lists every reason, each with its place."""

    def __init__(self, problems: Sequence[Problem], *, source: str = "") -> None:
        prefix = f"{source}: " if source else ""
        super().__init__(prefix + "; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
        self.source = source
