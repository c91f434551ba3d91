"""Courses on their way to the connectors.

A change of a course makes one row due for each connector that serves its organization, in the transaction of the
change. What is sent is read when it is sent: is the course open for CCXs, does it name this connector? So the last
state always wins, whatever came in between, and a course that is closed, deleted, or given to another connector is
withdrawn from the one that knew it.
"""

from __future__ import annotations

import logging
import math
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from ccx_tenancy.ccxcon import connectors, links
from ccx_tenancy.ccxcon.models import Connector, CourseExport, first_version
from ccx_tenancy.conf import conf
from ccx_tenancy.outgoing import durable
from ccx_tenancy.outgoing.durable import State
from ccx_tenancy.outgoing.errors import AddressRefused, CallFailed
from ccx_tenancy.ports import MasterCourse
from ccx_tenancy.sealing import CannotUnseal

logger = logging.getLogger(__name__)

ACTIVE = "active"
WITHDRAWN = "withdrawn"

#: A retry that is due later than this is left to the sweep, in seconds: brokers keep delayed messages badly.
_LONGEST_COUNTDOWN = 900


def course_changed(key: Any) -> int:
    """Say that a course was published, changed, closed or deleted; return for how many connectors it is now waiting.

    Part of the caller's transaction. The key of a CCX, which the host publishes like a course, is none of a master
    course and is left out; so is what is no key of a course.
    """
    organization = _organization_of(str(key))
    if organization is None:
        return 0
    waiting = {connector.pk for connector in connectors.serving(organization)}
    waiting.update(CourseExport.objects.filter(course_key=str(key), told=True).values_list("connector_id", flat=True))
    for connector_id in sorted(waiting):
        _note(connector_id, str(key))
    return len(waiting)


def resend(rows: QuerySet[CourseExport]) -> int:
    """Have the present state of those courses sent again, as a new version; return how many there are."""
    from ccx_tenancy.ccxcon import tasks

    found = list(rows.values_list("connector_id", "course_key"))
    with transaction.atomic():
        for connector_id, key in found:
            _note(connector_id, key)
        # What was waiting already was not announced again above, and perhaps while nobody might send it.
        durable.kick(tasks.sweep)
    return len(found)


def follow_connector(connector: Connector) -> int:
    """Have every course that a connector knows looked at again: what it serves, or whether it may be used, changed."""
    return resend(CourseExport.objects.filter(connector=connector, sent_version__isnull=False))


@transaction.atomic
def _note(connector_id: int, key: str) -> None:
    rows: Any = CourseExport.objects.filter(connector_id=connector_id, course_key=key)
    now = timezone.now()
    wait = conf.ccxcon_coalesce_seconds
    row = _locked(rows)
    if row is None:
        # The first time, and perhaps several publishers at once: they wait for each other at the connector's row. Of
        # inserts that meet at an index MariaDB would end some as a deadlock.
        if not Connector.objects.select_for_update().filter(pk=connector_id).exists():
            return
        row = _locked(rows)
    if row is None:
        due_at = now + timedelta(seconds=wait)
        row = CourseExport.objects.create(connector_id=connector_id, course_key=key, due_at=due_at)
        _kick(row.pk, wait)
        return
    version = max(row.version + 1, first_version())
    mine: Any = CourseExport.objects.filter(pk=row.pk)
    if row.state == State.WAITING and row.attempts == 0 and not row.lease:
        # It goes on waiting: however often a course is published meanwhile, it is sent when the wait that the first of
        # them began is over.
        mine.update(version=version, modified=now)
        return
    mine.arm(version=version)
    mine.update(due_at=now + timedelta(seconds=wait))
    _kick(row.pk, wait)


def _locked(rows: Any) -> CourseExport | None:
    """Return the row, locked by the index that names it: an update that searched would lock what it passes, too."""
    found: CourseExport | None = rows.select_for_update().first()
    return found


def _kick(pk: int, wait: float) -> None:
    from ccx_tenancy.ccxcon import tasks

    durable.kick(tasks.send_export, pk, countdown=math.ceil(wait))


def send_due(limit: int = 20) -> int:
    """Send up to ``limit`` of what is due now; return how much that was."""
    rows = _claimable().claim(limit)
    for row in rows:
        send(row)
    return len(rows)


def send_one(pk: int) -> bool:
    """Send one row, and again while it changes meanwhile. Whether it was due."""
    was_due = False
    while (row := _claimable().claim_one(pk)) is not None:
        was_due = True
        send(row)
    return was_due


def _claimable() -> Any:
    """Return the rows of connectors that are enabled. Their ids are asked first: a claim must not join tables."""
    enabled = list(Connector.objects.filter(enabled=True).values_list("pk", flat=True))
    return CourseExport.objects.filter(connector_id__in=enabled)


def send(row: CourseExport) -> None:
    """Tell a connector the present state of a course; what comes of it stands in the row."""
    connector = row.connector
    version = row.version
    try:
        course = conf.host.custom_courses.course(row.course_key)
    except Exception as error:
        logger.exception("The course %s cannot be read, to be sent to %s.", row.course_key, connector.url)
        _later(row, f"The course cannot be read: {type(error).__name__}: {error}")
        return
    is_wanted = _is_wanted(connector, course, row.course_key)
    if not is_wanted and not row.told:
        row.succeeded(version=version)
        return
    body = payload(row, course, ACTIVE if is_wanted else WITHDRAWN)
    if is_wanted and not row.told:
        # Before the call: a process that dies in it does not know what the connector knows.
        CourseExport.objects.filter(pk=row.pk).update(told=True)
    try:
        answer = connector.credentials.request("POST", connector.courses_url, json=body)
    except (AddressRefused, CannotUnseal) as error:
        row.refuse(error)
        return
    except CallFailed as error:
        _later(row, error, status=getattr(error, "status", None))
        return
    if not answer.is_success:
        if durable.outcome(answer.status) == durable.RETRY:
            said = f"The answer was {answer.status}: {answer.text[:500]}"
            _later(row, said, status=answer.status, retry_after=answer.retry_after())
        else:
            row.answered(answer)
        return
    with transaction.atomic():
        if is_wanted and course is not None:
            links.remember(connector, course)
        held = CourseExport.objects.filter(pk=row.pk, lease=row.lease)
        held.update(told=is_wanted, sent=body, sent_version=version)
        row.succeeded(status=answer.status, version=version)
    wait = conf.ccxcon_coalesce_seconds
    if wait:
        # Changed while it was sent: what comes now waits as the first change did.
        changed = CourseExport.objects.filter(pk=row.pk, state=State.WAITING, attempts=0, lease="")
        if changed.update(due_at=timezone.now() + timedelta(seconds=wait)):
            _kick(row.pk, wait)


def payload(row: CourseExport, course: MasterCourse | None, state: str) -> dict[str, Any]:
    """Return what a connector is told: the fields of the original first, then what it ignores.

    A course that is gone is told as it was last. An original hub takes no course without an ``image_url``.
    """
    if course is None:
        body = {name: value for name, value in (row.sent or {}).items() if name not in ("version", "state")}
        body = body or _fields(MasterCourse(row.course_key, row.course_key, False, ""))
    else:
        body = _fields(course)
    return {**body, "version": row.version, "state": state}


def _fields(course: MasterCourse) -> dict[str, Any]:
    return {
        "course_id": course.key,
        "title": course.title,
        "author_name": None,
        "overview": course.overview,
        "description": course.description,
        "image_url": course.image_url or "/",
        "instructors": [one.anonymous_id for one in course.instructors],
        "modules": [
            {"locator_id": one.locator, "title": one.title, "subchapters": list(one.subchapters), "order": place}
            for place, one in enumerate(course.modules)
        ],
    }


def _is_wanted(connector: Connector, course: MasterCourse | None, key: str) -> bool:
    if course is None or not course.is_open or not connectors.is_named(connector, course.connector):
        return False
    organization = _organization_of(key)
    return organization is not None and connectors.serves(connector, organization)


def _later(row: CourseExport, error: object, *, status: int | None = None, retry_after: float | None = None) -> None:
    row.failed(error, status=status, retry_after=retry_after)
    due_at = CourseExport.objects.filter(pk=row.pk, state=State.WAITING).values_list("due_at", flat=True).first()
    if due_at is not None and (wait := (due_at - timezone.now()).total_seconds()) < _LONGEST_COUNTDOWN:
        _kick(row.pk, max(wait, 0.0))


def _organization_of(key: str) -> str | None:
    """Return the organization of a master course's key, None for what is none."""
    try:
        parsed = CourseKey.from_string(key)
    except InvalidKeyError:
        return None
    if getattr(parsed, "ccx", None) is not None or key.startswith(("ccx-", "library-")):
        return None
    return parsed.org


def standing() -> dict[str, int]:
    """Return how many exports there are of each state, and how many of those waiting have failed before."""
    rows = CourseExport.objects.all()
    counts = {str(state): rows.filter(state=state).count() for state in State.values}
    counts["failing"] = rows.filter(Q(state=State.WAITING), ~Q(last_error="")).count()
    return counts


def prune(days: int, *, dry_run: bool = False) -> int:
    """Delete the exports of courses that are gone, which their connectors were told that many days ago or more; return
    how many there were.

    An export that waits, was refused, or whose connector may still hold the course stays; so does that of a course that
    is there: it is sent again when its tenant or connector comes back. Raises InvalidInput for fewer than one day.
    """
    old = CourseExport.objects.filter(state=State.DONE, told=False, modified__lt=durable.long_ago(days))
    count = 0
    for pk, key in old.order_by("pk").values_list("pk", "course_key").iterator():
        if conf.host.custom_courses.course(key) is None:
            count += 1 if dry_run else old.filter(pk=pk).delete()[0]
    return count
