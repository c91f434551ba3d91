"""Courses and modules as a hub sends them: each kind of event has its handler here, by name.

A webhook is done once (by its event's id), in one transaction. What comes out of order does no harm: a lower version
than the one held is dropped, and a module that comes before its course waits with it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from ccx_tenancy import json_bodies
from ccx_tenancy.errors import InvalidInput
from ccx_tenancy.outgoing import signing
from ccx_tenancy.outgoing.errors import BadSignature
from ccx_tenancy.portal.models import Course, CourseInstructor, Module, ReceivedEvent, Source

#: An event is remembered longer than its signature is good.
REMEMBERED = timedelta(days=7)
_ID_LENGTH = 64
_UID_LENGTH = 255
_VERSIONS = range(-1, 2**63)


def authenticate(body: bytes, headers: Mapping[str, str]) -> tuple[Source, str]:
    """Return the hub that signed a webhook, and the event's id (empty: an original has none).

    A signature without a time is accepted of a hub that the admin says is an original, and of no other: an intruder
    cannot take the better signature off. Raises BadSignature.
    """
    is_timed = signing.SIGNATURE in headers
    reason = "No hub is configured that signs so."
    for source in Source.objects.filter(enabled=True):
        secret = source.webhook_secret.open()
        try:
            if is_timed and not source.is_original:
                return source, signing.verify(secret, body, headers)
            if not is_timed and source.is_original:
                signing.verify_original(secret, body, headers)
                return source, ""
        except BadSignature as error:
            reason = str(error)
    raise BadSignature(reason)


def receive(source: Source, event_id: str, body: bytes) -> bool:
    """Do what a webhook says, once; return whether it was new. Raises InvalidInput, and then nothing is changed."""
    message = _parse(body)
    if len(event_id) > _ID_LENGTH:
        raise InvalidInput(f"The event's id has more than {_ID_LENGTH} characters.")
    with transaction.atomic():
        # The lock of the hub: its webhooks are done one after the other.
        Source.objects.filter(pk=source.pk).update(name=F("name"))
        if event_id:
            try:
                with transaction.atomic():
                    ReceivedEvent.objects.create(source=source, event_id=event_id)
            except IntegrityError:
                return False
        _handle(source, message)
    return True


def forget_old_events() -> int:
    """Delete the ids of events whose signature is stale for long; return how many they were."""
    return ReceivedEvent.objects.filter(received__lt=timezone.now() - REMEMBERED).delete()[0]


def _parse(body: bytes) -> dict[str, Any]:
    found = json_bodies.loads(body)
    if not isinstance(found, dict):
        raise InvalidInput("Missing key type")
    return found


def _handle(source: Source, message: dict[str, Any]) -> None:
    kind, action = _key(message, "type"), _key(message, "action")
    payload = _key(message, "payload")
    if not isinstance(payload, dict):
        raise InvalidInput("Invalid payload: it must be an object")
    if "\x00" in json.dumps(payload, ensure_ascii=False) or "\\u0000" in json.dumps(payload):
        raise InvalidInput("Invalid payload: it has a NUL")
    handlers: dict[Any, dict[Any, Callable[[Source, dict[str, Any]], None]]] = {
        "Course": {"update": _update_course, "delete": _delete_course},
        "Module": {"update": _update_module, "delete": _delete_module},
    }
    if not isinstance(kind, str) or kind not in handlers:
        raise InvalidInput(f"No handler for type {str(kind)[:40]}")
    if not isinstance(action, str) or action not in handlers[kind]:
        raise InvalidInput(f"Unknown action {str(action)[:40]}")
    handlers[kind][action](source, payload)


def _update_course(source: Source, payload: dict[str, Any]) -> None:
    wanted = ("external_pk", "course_id", "title", "author_name", "overview", "description", "image_url", "instance")
    values = {name: _key(payload, name) for name in (*wanted, "instructors")}
    pk, instance = _identifier(values["external_pk"], "external_pk"), values["instance"]
    if not isinstance(instance, str) or not instance or len(instance) > 500:
        raise InvalidInput("Instance must be a non-empty string")
    uids = _uids(values["instructors"])
    course = _course(source, pk)
    if course.instance and course.instance != instance:
        raise InvalidInput("Instance cannot be changed")
    version = _version(payload)
    if _is_old(version, course.version):
        return
    course.version = version
    course.instance = instance
    course.state = Course.State.WITHDRAWN if payload.get("state") == "withdrawn" else Course.State.ACTIVE
    course.hub_title = _text(values["title"], "title")
    course.hub_description = _text(values["description"], "description")
    course.author_name = _text(values["author_name"], "author_name")
    course.overview = _text(values["overview"], "overview")
    course.image_url = _text(values["image_url"], "image_url")
    # What an original does not send is not thereby gone.
    course.course_id = _text(payload.get("edx_course_id") or values["course_id"], "course_id", 255)
    course.save()
    CourseInstructor.objects.filter(course=course).exclude(uid__in=uids).delete()
    known = set(CourseInstructor.objects.filter(course=course).values_list("uid", flat=True))
    CourseInstructor.objects.bulk_create(CourseInstructor(course=course, uid=uid) for uid in uids if uid not in known)


def _delete_course(source: Source, payload: dict[str, Any]) -> None:
    course = Course.objects.filter(uuid=_deleted(payload)).first()
    if course is None or course.source_id != source.pk:
        return
    version = _version(payload)
    if not _is_old(version, course.version):
        Course.objects.filter(pk=course.pk).update(state=Course.State.DELETED, version=version)


def _update_module(source: Source, payload: dict[str, Any]) -> None:
    pk = _identifier(_key(payload, "external_pk"), "external_pk")
    title = _text(_key(payload, "title"), "title")
    course = _course(source, _identifier(_key(payload, "course_external_pk"), "course_external_pk"))
    module, _ = Module.objects.select_related("course").get_or_create(uuid=pk, defaults={"course": course})
    # Of a course that never came nothing was sold: a module that waits for it may turn out to be another's.
    if module.course_id != course.pk and module.course.state == Course.State.AWAITED:
        module.course = course if module.course.source_id == source.pk else module.course
    if module.course_id != course.pk:
        raise InvalidInput("Invalid course_external_pk: the module belongs to another course")
    version = _version(payload)
    if _is_old(version, module.version):
        return
    module.version = version
    module.hub_title = title
    module.deleted = False
    subchapters, order = payload.get("subchapters"), payload.get("order")
    if isinstance(subchapters, list) and all(isinstance(one, str) for one in subchapters):
        module.subchapters = subchapters
    if isinstance(order, int) and not isinstance(order, bool) and abs(order) < 2**31:
        module.order = order
    if payload.get("locator_id"):
        module.locator_id = _text(payload["locator_id"], "locator_id", 255)
    module.save()


def _delete_module(source: Source, payload: dict[str, Any]) -> None:
    module = Module.objects.select_related("course").filter(uuid=_deleted(payload)).first()
    if module is None or module.course.source_id != source.pk:
        return
    version = _version(payload)
    if not _is_old(version, module.version):
        Module.objects.filter(pk=module.pk).update(deleted=True, version=version)


def _course(source: Source, pk: str) -> Course:
    """Return the hub's course, made as one that is awaited where it is new. Raises InvalidInput for another hub's."""
    course, _ = Course.objects.get_or_create(uuid=pk, defaults={"source": source})
    if course.source_id != source.pk:
        raise InvalidInput("Invalid external_pk: the course belongs to another hub")
    return course


def _is_old(version: int | None, held: int | None) -> bool:
    return version is not None and held is not None and version < held


def _version(payload: dict[str, Any]) -> int | None:
    version = payload.get("version")
    if version is None:
        return None
    if not isinstance(version, int) or isinstance(version, bool) or version not in _VERSIONS:
        raise InvalidInput("Invalid version: it must be a whole number")
    return version


def _key(found: dict[str, Any], name: str) -> Any:
    if name not in found:
        raise InvalidInput(f"Missing key {name}")
    return found[name]


def _deleted(payload: dict[str, Any]) -> str:
    """Return what is deleted; the CCXCon of 2016 had its id under another name than it sent otherwise."""
    return _identifier(
        payload["uuid"] if "external_pk" not in payload and "uuid" in payload else _key(payload, "external_pk"),
        "external_pk",
    )


def _identifier(value: Any, name: str) -> str:
    """Return an id in its one spelling. Raises InvalidInput."""
    if not isinstance(value, str) or not value.strip() or len(value) > _ID_LENGTH:
        raise InvalidInput(f"Invalid {name}")
    try:
        return str(uuid.UUID(value))
    except ValueError:
        return value.lower()


def _text(value: Any, name: str, most: int = 200_000) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > most:
        raise InvalidInput(f"Invalid {name}")
    return value


def _uids(value: Any) -> list[str]:
    value = [] if value is None else value
    if not isinstance(value, list) or not all(isinstance(one, str) and 0 < len(one) <= _UID_LENGTH for one in value):
        raise InvalidInput("Invalid instructors")
    return list(dict.fromkeys(value))
