"""What we ask of a host, on one page. ``hosts/`` implements it; ``CCX_TENANCY["HOST"]`` names the implementation.

Whose account a name is depends on the installation too: ``CCX_TENANCY["ACCOUNT_POLICY"]`` names what knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from ccx_tenancy.context import TenantContext


@dataclass(frozen=True, slots=True)
class StoredValues:
    """The configuration of one site as its table holds it.

    ``values`` keep their order and may hold sealed secrets; ``revision`` counts the changes of that site (0: none yet).
    """

    site_id: int
    enabled: bool
    values: dict[str, Any]
    revision: int


@dataclass(frozen=True, slots=True)
class StoredRevision:
    """One entry of a site's history, newest state first: the values after the change, who made it, when and why."""

    site_id: int
    revision: int
    enabled: bool
    values: dict[str, Any]
    actor_id: int | None
    actor: str
    reason: str
    created: datetime = field(compare=False)


class SiteValueStore(Protocol):
    """The table that holds site values: our own, or the host's where it has one."""

    def load(self, site_id: int) -> StoredValues | None:
        """Return what is stored for the site, or None where nothing is. One query."""

    def load_many(self, site_ids: Iterable[int] | None = None) -> list[StoredValues]:
        """Return what is stored for those sites (None: for every site). One query."""

    def save(
        self,
        site_id: int,
        values: dict[str, Any],
        *,
        enabled: bool,
        expected: int,
        actor: Any,
        reason: str,
    ) -> StoredValues:
        """Write a new revision in the current transaction, and its history. Raises StaleRevision where the revision
        found is not ``expected``, also where another writer commits at the same moment."""

    def history(self, site_id: int, *, limit: int | None = None, before: int | None = None) -> Sequence[StoredRevision]:
        """Return the revisions of a site, newest first: at most ``limit``, only those older than ``before``. What is
        not asked for is not read."""


@dataclass(frozen=True, slots=True)
class DirectRoles:
    """What the host's own tables give a user, besides any membership: ``keys`` of courses and libraries as texts, and
    short names of ``organizations``."""

    keys: frozenset[str] = frozenset()
    organizations: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CourseModule:
    """A part of a course that can be bought alone (a chapter): its usage key, title, and what is in it."""

    locator: str
    title: str
    subchapters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Instructor:
    """An instructor of a course: the account, and the name by which other services know it and nothing else."""

    user_id: int
    anonymous_id: str


@dataclass(frozen=True, slots=True)
class MasterCourse:
    """A course as it is published now. ``is_open`` says that CCXs may be made of it, ``connector`` is the address of
    the service that sells them (empty: none); ``modules`` stand in the order of the course, without hidden ones;
    ``instructors`` include those of the whole organization."""

    key: str
    title: str
    is_open: bool
    connector: str
    overview: str = ""
    description: str = ""
    image_url: str = ""
    modules: tuple[CourseModule, ...] = ()
    instructors: tuple[Instructor, ...] = ()


@dataclass(frozen=True, slots=True)
class CustomCourse:
    """A CCX as it is now. ``seats`` None: without a limit; ``modules`` None: all of the master course."""

    key: str
    master_key: str
    display_name: str
    coach_email: str
    seats: int | None
    seats_taken: int
    modules: tuple[str, ...] | None = None
    start: datetime | None = None
    due: datetime | None = None


class CustomCourses(Protocol):
    """Courses, and the custom courses (CCX) that are made of them. Keys are texts.

    What changes something is called inside a transaction, and is undone with it.
    """

    def course(self, key: str) -> MasterCourse | None:
        """Return a course as it is published now, None where there is none."""

    def create(
        self,
        master_key: str,
        *,
        coach: Any,
        display_name: str,
        seats: int,
        modules: Sequence[str] | None,
        staffed_by_master: bool,
        announce: Callable[[str], None],
    ) -> str:
        """Make a CCX and return its key. ``staffed_by_master``: the course team of the master course is also the
        CCX's. ``announce`` is called with the key as soon as that is known, before anybody is enrolled or gets a role:
        from then on it is known who runs the CCX. Raises UnknownCourse."""

    def read(self, key: str) -> CustomCourse | None:
        """Return a CCX, None where there is none."""

    def set_seats(self, key: str, seats: int) -> None:
        """Change the seats. Raises SeatsTaken below what is taken, UnknownCourse."""

    def close(self, key: str) -> None:
        """End a CCX: nobody can enrol any more. What its learners did stays. Raises UnknownCourse."""

    def is_enrolled(self, user: Any, key: str) -> bool:
        """Whether a signed-in user is enrolled in a CCX."""

    def connectors(self) -> Sequence[ConnectorRow]:
        """Return the connectors that the host's own table holds; none where it has no such table."""


@dataclass(frozen=True, slots=True)
class ConnectorRow:
    """A connector as the host's own table holds it."""

    url: str
    title: str
    client_id: str
    client_secret: str = field(repr=False)


class Host(Protocol):
    """The project we are plugged into."""

    @property
    def custom_courses(self) -> CustomCourses:
        """Its courses and custom courses."""

    @property
    def site_values(self) -> SiteValueStore:
        """The table of site values."""

    def surface(self, request: HttpRequest) -> str:
        """Return ``"lms"`` or ``"studio"`` for a request on a host name that no tenant names."""

    def bind_site(self, request: HttpRequest, site_id: int) -> None:
        """Make the host's own idea of the request's Site agree with ours, at no query."""

    def direct_roles(self, user: Any, surface: str) -> DirectRoles:
        """Return the roles that the host itself gives a signed-in user on that surface. Asked for lists."""

    def has_direct_role(self, user: Any, organization: str, key: str, surface: str) -> bool:
        """Whether the host itself gives a signed-in user a role on what ``key`` names (any text of a key, never
        trusted to be a valid one; empty: on anything of the organization, given folded). Asked where no membership
        opens it."""

    def create_account(self, username: str, email: str, password: str) -> AbstractBaseUser:
        """Make an account, with all that the host expects of one, in the caller's transaction, and return it. Its
        address is known to be its owner's; name and password were checked. Raises IntegrityError where somebody else
        was faster to take the name."""


class AccountPolicy(Protocol):
    """Whose account a user name or an e-mail address is, and which are free. ``tenant`` is where it is asked for
    (None: on the platform's own sites).

    Names compare without regard to case. A name that could be two accounts' is nobody's: no answer is better than a
    wrong one.
    """

    def find(self, identifier: str, tenant: TenantContext | None) -> AbstractBaseUser | None:
        """Return the account that a person means who signs in with that user name or e-mail address. One query,
        whether there is one or not."""

    def find_many(self, identifiers: Iterable[str], tenant: TenantContext | None) -> Mapping[str, AbstractBaseUser]:
        """Return the same for many at once, by identifier; those that are nobody's are missing. A few queries."""

    def taken(self, tenant: TenantContext | None, *, username: str = "", email: str = "") -> frozenset[str]:
        """Return which of ``"username"`` and ``"email"`` nobody else may register with there."""
