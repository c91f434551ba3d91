"""CCXs that clients order: made once for one key, changed, read and closed at the LMS of their master course.

The LMS is asked within the request, by the one process that holds the CCX's lease, and never within a transaction. A
request that ends without an answer leaves a row that the next one with the same key takes up.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from ccx_tenancy.conf import conf
from ccx_tenancy.errors import TenancyError
from ccx_tenancy.hub import lms
from ccx_tenancy.hub.clients import visible_courses
from ccx_tenancy.hub.models import Ccx, Client, Course, digest
from ccx_tenancy.outgoing.durable import DONE, RETRY, outcome
from ccx_tenancy.outgoing.errors import AddressRefused, CallFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ccx_tenancy.outgoing.http import Answer

#: In the order in which the original names them.
REQUIRED = ("master_course_id", "display_name", "total_seats", "user_email")
MOST_SEATS = 1_000_000
FOREIGN_MODULES = "One or more course_modules UUID do not belong to the specified master course"
_UPSTREAM = "Unable to create course on upstream edx server. "
_BUSY_SECONDS, _AWAY_SECONDS = 1, 5


class Problem(TenancyError):
    """What is answered in place of what was asked: ``status``, ``body`` and, where it may go away, when to retry."""

    def __init__(self, status: int, body: dict[str, Any], retry_after: int | None = None) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Order:
    """An order as a client sent it, checked."""

    course: Course
    user_email: str
    total_seats: int
    display_name: str
    modules: list[str] | None
    organization: str
    fingerprint: str = field(repr=False)


def read_order(data: Any, client: Client) -> Order:
    """Return what an order says. Raises Problem."""
    if not isinstance(data, Mapping):
        raise Problem(400, {"error": "The body is no object; allowed is one with the fields of an order."})
    if missing := [name for name in REQUIRED if name not in data]:
        raise Problem(400, {"error": f"You did not supply required POST argument(s): {','.join(missing)}"})
    seats = read_seats(data["total_seats"])
    email, name = data["user_email"], data["display_name"]
    organization = data.get("organization") or ""
    try:
        validate_email(email if isinstance(email, str) and len(email) <= 254 else "")
    except ValidationError:
        raise Problem(400, {"error": "user_email is no e-mail address."}) from None
    for label, text in (("display_name", name), ("organization", organization)):
        if not isinstance(text, str) or len(text) > 255 or "\0" in text:
            raise Problem(400, {"error": f"{label} must be a text of at most 255 characters."})
    if not name.strip():
        raise Problem(400, {"error": "display_name must not be empty."})
    master = as_uuid(data["master_course_id"])
    course = visible_courses(client).filter(uuid=master).first() if master else None
    if course is None:
        raise Problem(404, {"detail": "Not found."})
    getlist = getattr(data, "getlist", None)
    asked = getlist("course_modules") if getlist and "course_modules" in data else data.get("course_modules")
    said = [str(master), email, seats, name, asked, organization]
    fingerprint = digest(json.dumps(said, sort_keys=True, default=str))
    return Order(course, email, seats, name, _locators(course, asked), organization, fingerprint)


def read_seats(value: Any) -> int:
    """Return a number of seats. Raises Problem for what is none: also for ``true``, fractions and negative ones."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_SEATS:
        raise Problem(400, {"error": f"total_seats must be a whole number from 1 to {MOST_SEATS}."})
    return value


def as_uuid(value: Any) -> uuid.UUID | None:
    """Return a uuid, None for what is none."""
    try:
        return uuid.UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _locators(course: Course, asked: Any) -> list[str] | None:
    """Return the locators of modules named by our uuids, in the course's order. Raises Problem for a foreign one."""
    if asked is None:
        return None
    wanted = [as_uuid(one) for one in asked] if isinstance(asked, list | tuple) else [None]
    found = list(course.modules.filter(uuid__in=[one for one in wanted if one], removed=False))
    if None in wanted or len(found) != len(wanted):
        raise Problem(400, {"error": FOREIGN_MODULES})
    return [module.locator_id for module in found]


def create(client: Client, data: Any, key: str) -> Ccx:
    """Order a CCX and return it, made. The same key returns the same CCX, and orders nothing.

    Raises Problem: 422 for another order under a key that was used, 503 while the same order is being worked on, 502
    with a time to retry where the LMS did not answer, and 400 where it refused.
    """
    if len(key) > 255:
        raise Problem(400, {"error": "The Idempotency-Key is longer than 255 characters."})
    known = Ccx.objects.filter(client=client, idempotency_digest=digest(key)).first() if key else None
    if known is None:
        order = read_order(data, client)
        ccx = _remember(client, order, key or uuid.uuid4().hex)
        fingerprint = order.fingerprint
    else:
        # What was ordered then may have changed since: what is compared is what the client says, not what is there.
        ccx, fingerprint = known, _fingerprint(data)
    if ccx.request_digest != fingerprint:
        raise Problem(422, {"error": "This Idempotency-Key was used for another order."})
    if ccx.state != Ccx.State.ORDERED:
        return ccx
    with _held(ccx) as mine:
        return mine if mine.state != Ccx.State.ORDERED else _make(mine)


def _fingerprint(data: Any) -> str:
    if not isinstance(data, Mapping):
        return ""
    getlist = getattr(data, "getlist", None)
    asked = getlist("course_modules") if getlist and "course_modules" in data else data.get("course_modules")
    master = as_uuid(data.get("master_course_id"))
    try:
        seats = read_seats(data.get("total_seats"))
    except Problem:
        return ""
    said = [str(master), data.get("user_email"), seats, data.get("display_name"), asked, data.get("organization") or ""]
    return digest(json.dumps(said, sort_keys=True, default=str))


def _remember(client: Client, order: Order, key: str) -> Ccx:
    """Return the row of an order: one for each key, whoever comes first."""
    try:
        with transaction.atomic():
            return Ccx.objects.create(
                client=client,
                course=order.course,
                idempotency_digest=digest(key),
                request_digest=order.fingerprint,
                coach_email=order.user_email,
                display_name=order.display_name,
                organization=order.organization,
                seats=order.total_seats,
                modules=order.modules,
            )
    except IntegrityError:
        return Ccx.objects.get(client=client, idempotency_digest=digest(key))


def _make(ccx: Ccx) -> Ccx:
    """Have the LMS make a CCX that has its lease."""
    try:
        found: Any = None
        if not lms.is_ours(ccx.course.instance) and ccx.attempts > 1:
            found = lms.find_ccx(ccx)
        if found is None:
            answer = lms.create_ccx(ccx)
            _check(ccx, answer)
            found = answer.json()
        key = found.get("ccx_course_id") if isinstance(found, dict) else None
        if not isinstance(key, str) or not 0 < len(key) <= 255:
            raise CallFailed("The LMS answered without a ccx_course_id")
    except (CallFailed, AddressRefused) as error:
        raise _away(ccx, error) from None
    try:
        with transaction.atomic():
            _write(
                ccx, state=Ccx.State.OPEN, ccx_key=key, ccx_digest=digest(key), answer=json.dumps(found), last_error=""
            )
    except IntegrityError:
        # Two orders that look the same, and both lost their answer: the other one has taken this CCX.
        ccx.state, ccx.ccx_key = Ccx.State.ORDERED, ""
        raise Problem(502, {"error": f"{_UPSTREAM}The CCX {key} belongs to another order."}, _BUSY_SECONDS) from None
    return ccx


def _check(ccx: Ccx, answer: Answer) -> None:
    """Raise Problem where an LMS did not do what was asked: 502 where it may later, 409 or 400 where it will not."""
    word = outcome(answer.status)
    if word == DONE:
        return
    reason = f"{_UPSTREAM}Invalid status code for edx request, {answer.status}"
    _write(ccx, last_error=f"{reason}: {answer.text[:500]}")
    try:
        said = answer.json()
    except CallFailed:
        said = None
    if word == RETRY:
        raise Problem(502, {"error": reason}, int(answer.retry_after() or _AWAY_SECONDS))
    body: dict[str, Any] = {"error": reason, "upstream_status": answer.status, "upstream": said}
    if answer.status == 409:
        body |= {name: said[name] for name in ("error", "seats_taken") if isinstance(said, dict) and name in said}
        raise Problem(409, body)
    raise Problem(400, body)


def _away(ccx: Ccx, error: Exception) -> Problem:
    _write(ccx, last_error=str(error)[:2000])
    return Problem(502, {"error": f"{_UPSTREAM}{error}"}, _AWAY_SECONDS)


def find(client: Client, identifier: str) -> Ccx:
    """Return a client's own CCX that is open, by our uuid or by its key at the LMS. Raises Problem (404)."""
    number = as_uuid(identifier)
    named = Q(uuid=number) if number else Q(ccx_digest=digest(identifier))
    ccx = Ccx.objects.select_related("course__instance").filter(named, client=client, state=Ccx.State.OPEN).first()
    if ccx is None:
        raise Problem(404, {"detail": "Not found."})
    return ccx


def describe(ccx: Ccx) -> dict[str, Any]:
    """Return a CCX as clients read it: what the LMS last said of it, and how we call it."""
    return {
        **ccx.said,
        "uuid": str(ccx.uuid),
        "ccx_course_id": ccx.ccx_key,
        "max_students_allowed": ccx.seats,
        "total_seats": ccx.seats,
        "version": ccx.version,
    }


def read(ccx: Ccx) -> dict[str, Any]:
    """Return how a CCX stands at its LMS now. Raises Problem where it does not say."""
    try:
        answer = lms.read_ccx(ccx)
        if answer.status in (404, 410):
            raise Problem(404, {"detail": "Not found."})
        _check(ccx, answer)
        found = answer.json()
    except (CallFailed, AddressRefused) as error:
        raise _away(ccx, error) from None
    body = {**describe(ccx), **(found if isinstance(found, dict) else {})}
    seats = body.get("max_students_allowed")
    return {**body, "uuid": str(ccx.uuid), "total_seats": seats, "version": ccx.version}


def set_seats(ccx: Ccx, data: Any) -> dict[str, Any]:
    """Change how many seats a CCX has; return how it stands. A version below the one held changes nothing.

    Raises Problem: 409 below what is taken, 503 while another change is being worked on, 502 where the LMS is away.
    """
    if not isinstance(data, Mapping) or "total_seats" not in data:
        raise Problem(400, {"error": "You did not supply required PATCH argument(s): total_seats"})
    seats = read_seats(data["total_seats"])
    version = data.get("version")
    if version is not None and (not isinstance(version, int) or isinstance(version, bool) or not 0 <= version < 2**63):
        raise Problem(400, {"error": "version must be a whole number from 0."})
    with _held(ccx) as mine:
        wanted = mine.version + 1 if version is None else version
        if wanted < mine.version:
            return describe(mine)
        if wanted == mine.version and mine.version > 0:
            if seats != mine.seats:
                raise Problem(409, {"error": f"Version {wanted} has {mine.seats} seats already."})
            return describe(mine)
        try:
            answer = lms.set_seats(mine, seats, wanted)
            _check(mine, answer)
            found = answer.json() if answer.body.strip() else None
        except (CallFailed, AddressRefused) as error:
            raise _away(mine, error) from None
        said = found if isinstance(found, dict) else {}
        # Where a later change was faster the LMS says how it stands, and that counts.
        seats = _number(said.get("max_students_allowed"), seats)
        wanted = max(wanted, _number(said.get("version"), wanted))
        _write(mine, seats=seats, version=wanted, answer=json.dumps({**mine.said, **said}), last_error="")
        return describe(mine)


def _number(value: Any, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else default


def close(ccx: Ccx) -> None:
    """Close a CCX at its LMS. One that is gone there is closed, too. Raises Problem."""
    with _held(ccx) as mine:
        try:
            answer = lms.close_ccx(mine)
        except (CallFailed, AddressRefused) as error:
            raise _away(mine, error) from None
        if answer.status not in (404, 410):
            _check(mine, answer)
        _write(mine, state=Ccx.State.CLOSED, last_error="")


@contextmanager
def _held(ccx: Ccx) -> Iterator[Ccx]:
    """Hold a CCX's lease. Raises Problem (503, with a time to retry) while another process holds it."""
    now = timezone.now()
    mine = uuid.uuid4().hex
    free = Q(leased_until__isnull=True) | Q(leased_until__lte=now)
    # A token and two calls: each may take its whole time.
    until = now + timedelta(seconds=max(conf.outgoing_lease_seconds, 4 * conf.outgoing_timeout))
    taken = Ccx.objects.filter(free, pk=ccx.pk, lease=ccx.lease).update(
        lease=mine, leased_until=until, attempts=F("attempts") + 1
    )
    if not taken:
        raise Problem(503, {"error": "This CCX is being worked on; ask again."}, _BUSY_SECONDS)
    try:
        yield Ccx.objects.select_related("course__instance").get(pk=ccx.pk)
    finally:
        Ccx.objects.filter(pk=ccx.pk, lease=mine).update(leased_until=None)


def _write(ccx: Ccx, **changes: Any) -> None:
    """Write down what has become of a CCX, unless our lease has ended and another process is at it."""
    for name, value in changes.items():
        setattr(ccx, name, value)
    if not Ccx.objects.filter(pk=ccx.pk, lease=ccx.lease).update(modified=timezone.now(), **changes):
        raise Problem(503, {"error": "This CCX is being worked on; ask again."}, _BUSY_SECONDS)
