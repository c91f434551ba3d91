"""The courses and accounts that the sandbox starts with, from JSON files that a person edits.

A file is checked whole before anything is written. Loading it again changes only what differs; what is not in the
file stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from jsonschema import Draft202012Validator
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey
from organizations.models import Organization

from ccx_tenancy.errors import InvalidInput, InvalidValues, Problem
from ccx_tenancy.membership import api as membership
from ccx_tenancy.site_config.documents import parse
from ccx_tenancy.tenants.api import fold
from sandbox.courses.models import Course

_TEXT = {"type": "string", "minLength": 1, "maxLength": 255}


def _list_of(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    one = {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }
    return {"type": "array", "items": one}


def _document(**lists: Any) -> Draft202012Validator:
    return Draft202012Validator(
        {"type": "object", "properties": lists, "required": list(lists), "additionalProperties": False}
    )


_COURSES = _document(
    organizations=_list_of({"short_name": _TEXT, "name": _TEXT}),
    courses=_list_of(
        {"key": _TEXT, "name": _TEXT, "start": _TEXT},
        {
            "description": {"type": "string"},
            "chapters": _list_of({"title": _TEXT}, {"sections": {"type": "array", "items": _TEXT}}),
        },
    ),
)
_USERS = _document(
    users=_list_of(
        {"username": {**_TEXT, "maxLength": 150}, "email": _TEXT, "password": {**_TEXT, "minLength": 8}},
        {
            "superuser": {"type": "boolean"},
            "staff": {"type": "boolean"},
            "memberships": _list_of({"organization": _TEXT, "role": {"enum": list(membership.ROLES)}}),
        },
    )
)


@dataclass
class Count:
    """What a load did."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0

    def add(self, *, created: bool, changed: bool) -> None:
        """Count one row."""
        if created:
            self.created += 1
        elif changed:
            self.changed += 1
        else:
            self.unchanged += 1

    def __str__(self) -> str:
        return f"{self.created} created, {self.changed} changed, {self.unchanged} unchanged"


def load_courses(file: Path) -> Count:
    """Make the courses of a file, and the organizations that it lists, and return what was done.

    Raises InvalidInput, which names the file, the place in it and what is allowed, and changes nothing then.
    """
    document = _read(file, _COURSES)
    problems = list(_course_problems(document, _known_organizations()))
    if problems:
        raise InvalidValues(problems, source=str(file))
    count = Count()
    with transaction.atomic():
        for one in document["organizations"]:
            if not Organization.objects.filter(short_name__iexact=one["short_name"]).exists():
                Organization.objects.create(short_name=one["short_name"], name=one["name"])
        for one in document["courses"]:
            wanted = {
                "display_name": one["name"],
                "short_description": one.get("description", ""),
                "start": date.fromisoformat(one["start"]),
            }
            key = CourseKey.from_string(one["key"])
            if "chapters" in one:
                wanted["chapters"] = list(_chapters(key, one["chapters"]))
            course = Course.objects.filter(id=key).first()
            created = course is None
            count.add(created=created, changed=_save(course or Course(id=key), wanted, is_new=created))
    return count


def load_users(file: Path) -> Count:
    """Make the accounts of a file and their memberships, and return what was done.

    Raises InvalidInput, as :func:`load_courses`; LastOwner where an organization would be left without one.
    """
    document = _read(file, _USERS)
    problems = list(_user_problems(document, _known_organizations()))
    if problems:
        raise InvalidValues(problems, source=str(file))
    count = Count()
    model = get_user_model()
    with transaction.atomic():
        for one in document["users"]:
            wanted = {
                "email": one["email"],
                "is_superuser": one.get("superuser", False),
                "is_staff": one.get("staff", False),
                "is_active": True,
            }
            user = model.objects.filter(username=one["username"]).first()
            created = user is None
            user = user or model(username=one["username"])
            other_password = created or not user.check_password(one["password"])
            if other_password:
                user.set_password(one["password"])
            changed = _save(user, wanted, is_new=other_password)
            joined = [_belongs(user, belonging) for belonging in one.get("memberships", ())]
            count.add(created=created, changed=changed or any(joined))
    return count


def _chapters(key: CourseKey, chapters: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the chapters as a course keeps them, each with a usage key made of its place."""
    for number, one in enumerate(chapters, start=1):
        locator = str(key.make_usage_key("chapter", f"chapter{number}"))
        yield {"locator": locator, "title": one["title"], "subchapters": one.get("sections", [])}


def _belongs(user: AbstractUser, wanted: Mapping[str, str]) -> bool:
    organization, role = wanted["organization"], wanted["role"]
    if membership.rank_in(user, organization) == membership.rank_of(role):
        return False
    if membership.rank_in(user, organization):
        membership.set_role(user, organization, role)
    else:
        membership.add_member(user, organization, role)
    return True


def _known_organizations() -> set[str]:
    return {fold(name) for name in Organization.objects.values_list("short_name", flat=True)}


def _save(row: Course | AbstractUser, wanted: Mapping[str, Any], *, is_new: bool) -> bool:
    changed = is_new or any(getattr(row, name) != value for name, value in wanted.items())
    if changed:
        for name, value in wanted.items():
            setattr(row, name, value)
        row.save()
    return changed


def _read(file: Path, schema: Draft202012Validator) -> dict[str, Any]:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{file}: cannot be read: {error.strerror}.") from None
    document = parse(content, source=str(file))
    problems = [
        Problem(error.json_path.removeprefix("$.").removeprefix("$"), error.message)
        for error in schema.iter_errors(document)
    ]
    if problems:
        raise InvalidValues(problems, source=str(file))
    return document


def _course_problems(document: Mapping[str, Any], known: set[str]) -> Iterator[Problem]:
    organizations = known | {fold(one["short_name"]) for one in document["organizations"]}
    seen: set[CourseKey] = set()
    for place, one in enumerate(document["courses"]):
        path = f"courses[{place}]"
        try:
            key = CourseKey.from_string(one["key"])
        except InvalidKeyError:
            yield Problem(f"{path}.key", f"{one['key']!r} is no course key; allowed is course-v1:ORG+NUMBER+RUN.")
        else:
            if key in seen:
                yield Problem(f"{path}.key", f"{one['key']!r} is in the file twice.")
            if key.org is None or fold(key.org) not in organizations:
                message = f"there is no organization {key.org!r}; it must be a tenant's, or be listed in organizations."
                yield Problem(f"{path}.key", message)
            seen.add(key)
        try:
            date.fromisoformat(one["start"])
        except ValueError:
            yield Problem(f"{path}.start", f"{one['start']!r} is no date; allowed is YEAR-MONTH-DAY.")


def _user_problems(document: Mapping[str, Any], known: set[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for place, one in enumerate(document["users"]):
        for number, belonging in enumerate(one.get("memberships", ())):
            if fold(belonging["organization"]) not in known:
                path = f"users[{place}].memberships[{number}].organization"
                yield Problem(path, f"there is no organization {belonging['organization']!r}.")
        if one["username"] in seen:
            yield Problem(f"users[{place}].username", f"{one['username']!r} is in the file twice.")
        seen.add(one["username"])
        for name, check in (("username", UnicodeUsernameValidator()), ("email", validate_email)):
            try:
                check(one[name])
            except ValidationError as error:
                yield Problem(f"users[{place}].{name}", f"{one[name]!r}: {error.messages[0]}")
