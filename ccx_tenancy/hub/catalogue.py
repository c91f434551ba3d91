"""What an LMS tells of a course: checked, compared with what is known, and told on where it is new."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.db import transaction
from django.db.models import F

from ccx_tenancy.errors import InvalidInput
from ccx_tenancy.hub.events import kick, lock, publish
from ccx_tenancy.hub.models import BackingInstance, Course, Instructor, Module, ModulePull, digest

REQUIRED = "This field is required."
NOT_NULL = "This field may not be null."
NOT_BLANK = "This field may not be blank."

#: How much of a kind one course may have.
MOST_MODULES, MOST_INSTRUCTORS, MOST_SUBCHAPTERS = 1000, 1000, 1000
# No more than the portal takes: what it refused would be told to it for ever.
_TITLE, _KEY, _URL, _TEXT, _SUBCHAPTER = 255, 255, 2000, 200_000, 255
_VERSION = 2**63 - 1


class Refused(InvalidInput):
    """What an LMS sent is not allowed. ``detail`` is what it is answered: a list, or reasons by field."""

    def __init__(self, detail: Any) -> None:
        super().__init__(str(detail))
        self.detail = detail


@dataclass(frozen=True, slots=True)
class ModuleState:
    """A module as an LMS tells it."""

    locator_id: str
    title: str
    subchapters: tuple[str, ...]
    order: int


@dataclass(frozen=True, slots=True)
class CourseState:
    """A course as an LMS tells it. ``version`` None: it numbers nothing; ``modules`` None: it said nothing of them."""

    course_id: str
    title: str
    image_url: str
    instructors: tuple[str, ...]
    author_name: str | None = None
    overview: str | None = None
    description: str | None = None
    version: int | None = None
    state: str = Course.State.ACTIVE
    modules: tuple[ModuleState, ...] | None = None


def read_course(data: Any, instance: BackingInstance | None) -> CourseState:
    """Return what a push says. Raises Refused, in the words of the original where it had some."""
    if not isinstance(data, Mapping):
        raise Refused({"non_field_errors": ["The body is no object; allowed is one with the fields of a course."]})
    if not data.get("image_url"):
        raise Refused(["You must specify an image_url"])
    if instance is None:
        raise Refused(["User must have an associated edx_instance."])
    errors: dict[str, list[str]] = {}
    texts: dict[str, str] = {}
    for name, most in (("course_id", _KEY), ("title", _TITLE)):
        texts[name] = _text(data, name, most, errors) or ""
        if name not in errors and not texts[name].strip():
            errors[name] = [NOT_BLANK] if name in data else [REQUIRED]
    image = _text(data, "image_url", _URL, errors)
    address = _image_address(instance, image or "")
    if "image_url" not in errors and not address:
        errors["image_url"] = ["Allowed is a path, or an address that begins with https:// or http://."]
    optional = {
        name: _text(data, name, _TEXT, errors) if data.get(name) is not None else None
        for name in ("author_name", "overview", "description")
    }
    instructors = _instructors(data, errors)
    version = data.get("version")
    if version is not None and (
        not isinstance(version, int) or isinstance(version, bool) or not 0 <= version <= _VERSION
    ):
        errors["version"] = [f"{version!r} is no version; allowed is a whole number from 0."]
    state = data.get("state", Course.State.ACTIVE)
    if state not in (Course.State.ACTIVE, Course.State.WITHDRAWN):
        errors["state"] = [f"{state!r} is no state; allowed are 'active' and 'withdrawn'."]
    modules = _modules(data["modules"], errors) if data.get("modules") is not None else None
    if errors:
        raise Refused(errors)
    return CourseState(
        course_id=texts["course_id"],
        title=texts["title"],
        image_url=address,
        instructors=instructors,
        version=version,
        state=str(state),
        modules=modules,
        **optional,
    )


def _image_address(instance: BackingInstance, image: str) -> str:
    """Return the address of an image, which may be told as a path at its LMS; an empty text where it is none."""
    try:
        address = urljoin(instance.instance_url + "/", image)
        is_allowed = urlsplit(address).scheme in ("http", "https") and len(address) <= _URL
    except ValueError:
        return ""
    return address if is_allowed else ""


def _text(data: Mapping[str, Any], name: str, most: int, errors: dict[str, list[str]]) -> str | None:
    """Return a text of the data; None, with the reason among the errors, where it is none."""
    value = data.get(name)
    if value is None:
        errors[name] = [NOT_NULL if name in data else REQUIRED]
    elif isinstance(value, bool) or not isinstance(value, str | int | float):
        errors[name] = ["Not a valid string."]
    elif "\0" in str(value):
        errors[name] = ["Null characters are not allowed."]
    elif len(str(value)) > most:
        errors[name] = [f"Ensure this field has no more than {most} characters."]
    else:
        return str(value)
    return None


def _instructors(data: Mapping[str, Any], errors: dict[str, list[str]]) -> tuple[str, ...]:
    # A form has them as a list of its own kind, and as one text where there is one.
    getlist = getattr(data, "getlist", None)
    value = getlist("instructors") if getlist and "instructors" in data else data.get("instructors")
    if value is None:
        errors["instructors"] = [NOT_NULL]
        return ()
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(one, str) and 0 < len(one) <= 255 for one in found):
        errors["instructors"] = ["Allowed is a list of texts, each of 1 to 255 characters."]
        return ()
    if len(found) > MOST_INSTRUCTORS or any("\0" in one for one in found):
        errors["instructors"] = [f"Allowed are at most {MOST_INSTRUCTORS}, without null characters."]
        return ()
    return tuple(dict.fromkeys(found))


def _modules(value: Any, errors: dict[str, list[str]]) -> tuple[ModuleState, ...]:
    if not isinstance(value, list) or len(value) > MOST_MODULES:
        errors["modules"] = [f"Allowed is a list of at most {MOST_MODULES} modules."]
        return ()
    found: dict[str, ModuleState] = {}
    for number, one in enumerate(value):
        problem: dict[str, list[str]] = {}
        if not isinstance(one, Mapping):
            errors["modules"] = [f"Number {number} is no object."]
            return ()
        locator = _text(one, "locator_id", _KEY, problem) or ""
        title = _text(one, "title", _TITLE, problem)
        subchapters = one.get("subchapters", [])
        order = one.get("order", number)
        if not _is_texts(subchapters):
            problem["subchapters"] = [
                f"Allowed is a list of at most {MOST_SUBCHAPTERS} texts, each of at most {_SUBCHAPTER} characters."
            ]
        if not isinstance(order, int) or isinstance(order, bool) or not 0 <= order < 2**31:
            problem["order"] = ["Allowed is a whole number from 0."]
        if not problem and (not locator or locator in found):
            problem["locator_id"] = ["Allowed is one that no other module of the course has."]
        if problem:
            name, reasons = next(iter(problem.items()))
            errors["modules"] = [f"Number {number}, {name}: {reasons[0]}"]
            return ()
        found[locator] = ModuleState(locator, title or "", tuple(subchapters), order)
    return tuple(found.values())


def _is_texts(value: Any) -> bool:
    if not isinstance(value, list) or len(value) > MOST_SUBCHAPTERS:
        return False
    return all(isinstance(text, str) and len(text) <= _SUBCHAPTER and "\0" not in text for text in value)


def receive(instance: BackingInstance, told: CourseState) -> tuple[Course, bool]:
    """Make what an LMS told so, and tell its receivers what has changed; return the course and whether it is new.

    A version below the one held changes nothing. Pushes of one LMS wait for each other.
    """
    with transaction.atomic():
        lock(instance)
        key = digest(told.course_id)
        course = Course.objects.filter(instance=instance, course_digest=key).first()
        is_new = course is None
        if course is None:
            course = Course(instance=instance, course_id=told.course_id, course_digest=key)
        course.instance = instance
        if told.version is not None and told.version < course.version:
            return course, False
        changed = _apply(course, told, is_new)
        if told.modules is not None:
            changed |= apply_modules(course, told.modules)
        elif instance.speaks == BackingInstance.Speaks.EDX and told.state == Course.State.ACTIVE:
            pull(course)
        publish(course, changed)
    return course, is_new


def _apply(course: Course, told: CourseState, is_new: bool) -> set[uuid.UUID]:
    """Write a course's own fields and instructors; return the subjects that have changed."""
    names = ("title", "author_name", "overview", "description", "image_url", "state")
    before = [getattr(course, name) for name in names]
    came_back = not is_new and course.state != told.state
    for name in names:
        setattr(course, name, getattr(told, name))
    if told.version is not None:
        course.version = told.version
    course.save()
    instructors = [] if is_new else list(course.instructors.values_list("uid", flat=True))
    if instructors != list(told.instructors):
        course.instructors.all().delete()
        Instructor.objects.bulk_create(
            Instructor(course=course, uid=uid, uid_digest=digest(uid), position=position)
            for position, uid in enumerate(told.instructors)
        )
    elif not is_new and before == [getattr(course, name) for name in names]:
        return set()
    if came_back:  # Who dropped the course has dropped its modules.
        return {course.uuid, *course.modules.filter(removed=False).values_list("uuid", flat=True)}
    return {course.uuid}


def apply_modules(course: Course, told: Sequence[ModuleState]) -> set[uuid.UUID]:
    """Make a course's modules so; return the uuids of those that have changed. The caller holds the lock.

    A module is known by its locator: one that goes is kept, marked, and has its uuid again when it comes back.
    """
    known = {module.locator_digest: module for module in course.modules.all()}
    changed: set[uuid.UUID] = set()
    for state in told:
        module = known.pop(digest(state.locator_id), None)
        if module is None:
            module = Module(course=course, locator_id=state.locator_id, locator_digest=digest(state.locator_id))
        elif (module.title, tuple(module.subchapters), module.order, module.removed) == (
            state.title,
            state.subchapters,
            state.order,
            False,
        ):
            continue
        module.title, module.subchapters, module.order = state.title, list(state.subchapters), state.order
        module.removed = False
        module.save()
        changed.add(module.uuid)
    for module in known.values():
        if not module.removed:
            module.removed = True
            module.save()
            changed.add(module.uuid)
    return changed


def receive_modules(course: Course, told: Sequence[ModuleState]) -> None:
    """Make a course's modules so, and tell what has changed."""
    with transaction.atomic():
        lock(course.instance)
        current = Course.objects.select_related("instance").get(pk=course.pk)
        publish(current, apply_modules(current, told))


def pull(course: Course) -> None:
    """Have the modules read from the LMS: the latest push counts."""
    if not ModulePull.objects.filter(course=course).arm(wanted=F("wanted") + 1):
        ModulePull.objects.create(course=course)
    kick()


def delete_course(course: Course) -> None:
    """Take a course out, and tell its receivers. Its row stays: what it is called does, too, should it come back."""
    with transaction.atomic():
        lock(course.instance)
        current = Course.objects.select_related("instance").get(pk=course.pk)
        if current.state == Course.State.DELETED:
            return
        current.state = Course.State.DELETED
        current.save()
        publish(current, {current.uuid})
