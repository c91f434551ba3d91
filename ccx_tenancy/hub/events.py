"""What receivers are told: events of a course in their order, one delivery for each receiver that is to get it.

Everything here runs in the transaction of the change, with the LMS of the course locked (:func:`lock`): the numbers of
a course's events rise in the order in which they are committed.

Only the latest state matters. So what a receiver has not been told yet is not told piece by piece: its waiting
deliveries of the course are superseded, and what they were about is told anew, as it is now, after them.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from ccx_tenancy.hub.models import BackingInstance, Course, Delivery, Event, Module, Receiver
from ccx_tenancy.outgoing import durable
from ccx_tenancy.outgoing.durable import State

COURSE, MODULE = "Course", "Module"
UPDATE, DELETE = "update", "delete"

#: What a receiver of 2016 knows of a course and of a module.
ORIGINAL_COURSE = (
    *("title", "external_pk", "instance", "course_id", "author_name"),
    *("overview", "description", "image_url", "instructors"),
)
ORIGINAL_MODULE = ("title", "external_pk", "subchapters", "course_external_pk", "instance")


def lock(instance: BackingInstance) -> None:
    """Make other transactions that change courses of this LMS wait for the end of ours.

    It is an UPDATE, the first statement of the transaction, on every database: SQLite would refuse to begin to write
    after a read that another transaction has overtaken.
    """
    BackingInstance.objects.filter(pk=instance.pk).update(touched=timezone.now())


def publish(course: Course, subjects: Iterable[uuid.UUID], *, receivers: Iterable[Receiver] | None = None) -> int:
    """Tell the receivers of a course (or these) how its ``subjects`` now stand; return how many deliveries are due.

    A subject is the uuid of the course itself or of one of its modules. The caller is in a transaction and holds
    :func:`lock`.
    """
    changed = set(subjects)
    chosen = list(receivers_of(course) if receivers is None else receivers)
    if not changed or not chosen:
        return 0
    pending = _supersede(course, chosen)
    wanted = {receiver.pk: _fitting(course, receiver, changed | pending[receiver.pk]) for receiver in chosen}
    events: dict[uuid.UUID, Event] = {}
    for action, kind, subject, payload in _states(course, set().union(*wanted.values())):
        course.sequence += 1
        payload["version"] = course.sequence
        events[subject] = Event(
            course_uuid=course.uuid,
            sequence=course.sequence,
            action=action,
            type=kind,
            subject=subject,
            payload=json.dumps(payload),
        )
    course.save(update_fields=["sequence"])
    for event in events.values():
        event.save()
    deliveries = [
        Delivery(
            receiver=receiver,
            event=event,
            course_uuid=course.uuid,
            subject=event.subject,
            sequence=event.sequence,
        )
        for receiver in chosen
        for event in events.values()
        if event.subject in wanted[receiver.pk]
    ]
    Delivery.objects.bulk_create(deliveries, batch_size=500)
    kick()
    return len(deliveries)


def kick() -> None:
    """Have a worker look at once, after the commit."""
    from ccx_tenancy.hub import tasks

    durable.kick(tasks.work)


def receivers_of(course: Course) -> list[Receiver]:
    """Return the enabled receivers that get the courses of this one's LMS."""
    wanted = Q(everything=True) | Q(instances=course.instance_id)
    return list(Receiver.objects.filter(wanted, enabled=True).distinct())


def courses_of(receiver: Receiver) -> list[Course]:
    """Return the courses that a receiver gets, the withdrawn and the deleted ones included."""
    courses = Course.objects.select_related("instance").order_by("pk")
    if not receiver.everything:
        courses = courses.filter(instance__in=receiver.instances.all())
    return list(courses)


def resync(receiver: Receiver, course: Course | None = None) -> int:
    """Tell a receiver everything anew (of one course): for one that is new, was switched off, or has lost its data.

    Returns how many deliveries are due.
    """
    count = 0
    for one in [course] if course is not None else courses_of(receiver):
        with transaction.atomic():
            lock(one.instance)
            current = Course.objects.select_related("instance").get(pk=one.pk)
            modules = current.modules.values_list("uuid", flat=True)
            count += publish(current, {current.uuid, *modules}, receivers=[receiver])
    return count


def replay(delivery: Delivery) -> int:
    """Send what a delivery was about once more, as it is now; return how many deliveries are due.

    The old one stays in the list, superseded: a body of then, sent now, would undo what was told since.
    """
    course = Course.objects.select_related("instance").filter(uuid=delivery.course_uuid).first()
    if course is None:
        return 0
    with transaction.atomic():
        lock(course.instance)
        current = Course.objects.select_related("instance").get(pk=course.pk)
        Delivery.objects.filter(pk=delivery.pk).exclude(state=State.WAITING).update(superseded=True)
        return publish(current, {delivery.subject}, receivers=[delivery.receiver])


def body(delivery: Delivery) -> bytes:
    """Return the bytes of a delivery's request, the same each time."""
    event = delivery.event
    payload = event.content
    if delivery.receiver.speaks == Receiver.Speaks.ORIGINAL:
        action, payload = _for_original(event.action, event.type, payload)
    else:
        action = event.action
    return json.dumps({"action": action, "type": event.type, "payload": payload}).encode()


def _for_original(action: str, kind: str, payload: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    # It knows no withdrawn course: one that is not to be sold has to go. And an edx_course_id would make it fetch
    # modules from the LMS by itself, under other ids than ours.
    if action == DELETE or payload.get("state", Course.State.ACTIVE) != Course.State.ACTIVE:
        return DELETE, {"uuid": payload["external_pk"], "external_pk": payload["external_pk"]}
    names = ORIGINAL_COURSE if kind == COURSE else ORIGINAL_MODULE
    return action, {name: payload[name] for name in names}


def _supersede(course: Course, receivers: Iterable[Receiver]) -> dict[int, set[uuid.UUID]]:
    """Take the place of what these receivers have not been told of the course; return what that was about, by receiver.

    What a process is sending at this moment stays: it comes before ours. What was refused is tried with the rest.
    """
    subjects: dict[int, set[uuid.UUID]] = {receiver.pk: set() for receiver in receivers}
    waiting = Q(state=State.WAITING, lease="") | Q(state=State.REFUSED)
    mine = Delivery.objects.filter(waiting, receiver__in=subjects, course_uuid=course.uuid, superseded=False)
    found = list(mine.values_list("pk", "receiver_id", "subject"))
    if not found:
        return subjects
    # On the condition that no process has taken them since.
    rows = Delivery.objects.filter(pk__in=[pk for pk, _, _ in found])
    now = timezone.now()
    rows.filter(state=State.REFUSED).update(superseded=True, modified=now)
    rows.filter(state=State.WAITING, lease="").update(state=State.DONE, superseded=True, modified=now)
    taken = set(rows.filter(superseded=True).values_list("pk", flat=True))
    for pk, receiver, subject in found:
        if pk in taken:
            subjects[receiver].add(subject)
    return subjects


def _fitting(course: Course, receiver: Receiver, subjects: set[uuid.UUID]) -> set[uuid.UUID]:
    """Return those subjects that a receiver can be told of: an original has no modules of a course that it dropped."""
    if receiver.speaks == Receiver.Speaks.ORIGINAL and course.state != Course.State.ACTIVE:
        return subjects & {course.uuid}
    return subjects


def _states(course: Course, subjects: set[uuid.UUID]) -> list[tuple[str, str, uuid.UUID, dict[str, Any]]]:
    """Return action, type, subject and payload of each subject: the course first, then its modules in their order,
    then those that are gone."""
    modules = {module.uuid: module for module in course.modules.all()}
    found: list[tuple[str, str, uuid.UUID, dict[str, Any]]] = []
    if course.uuid in subjects:
        if course.state == Course.State.DELETED:
            return [(DELETE, COURSE, course.uuid, _gone(course.uuid))]
        found.append((UPDATE, COURSE, course.uuid, course_payload(course)))
    wanted = [module for module in modules.values() if module.uuid in subjects]
    for module in sorted(wanted, key=lambda one: (one.removed, one.order, one.pk)):
        if module.removed:
            gone = {**_gone(module.uuid), "course_external_pk": str(course.uuid)}
            found.append((DELETE, MODULE, module.uuid, gone))
        else:
            found.append((UPDATE, MODULE, module.uuid, module_payload(course, module)))
    return found


def course_payload(course: Course) -> dict[str, Any]:
    """Return what is told of a course: the original's fields, then ours."""
    return {
        "title": course.title,
        "external_pk": str(course.uuid),
        "instance": course.instance.instance_url,
        "course_id": course.course_id,
        "author_name": course.author_name,
        "overview": course.overview,
        "description": course.description,
        "image_url": course.image_url,
        "instructors": [one.uid for one in course.instructors.all()],
        "edx_course_id": course.course_id,
        "state": course.state,
    }


def module_payload(course: Course, module: Module) -> dict[str, Any]:
    """Return what is told of a module: the original's fields, then ours."""
    return {
        "title": module.title,
        "external_pk": str(module.uuid),
        "subchapters": module.subchapters,
        "course_external_pk": str(course.uuid),
        "instance": course.instance.instance_url,
        "locator_id": module.locator_id,
        "order": module.order,
    }


def _gone(subject: uuid.UUID) -> dict[str, Any]:
    return {"uuid": str(subject), "external_pk": str(subject)}
