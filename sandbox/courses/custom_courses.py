"""The sandbox's courses and custom courses, as the library asks for them (ccx_tenancy.ports.CustomCourses)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from ccx_tenancy.ccxcon import api as ccxcon
from ccx_tenancy.errors import CourseClosed, SeatsTaken, UnknownCourse, UnknownOrganization
from ccx_tenancy.membership import api as membership
from ccx_tenancy.ports import ConnectorRow, CourseModule, Instructor, MasterCourse
from ccx_tenancy.ports import CustomCourse as Described
from sandbox.courses.models import Course, CustomCourse, Enrollment


def publish(course: Course) -> None:
    """Save a course, and tell the connectors, in one transaction."""
    with transaction.atomic():
        course.save()
        ccxcon.course_changed(course.id)


def delete(course: Course) -> None:
    """Delete a course, and tell the connectors, in one transaction."""
    key = course.id
    with transaction.atomic():
        course.delete()
        ccxcon.course_changed(key)


def enroll(user: Any, key: str) -> None:
    """Give a learner a seat. Raises SeatsTaken where none is free, CourseClosed, UnknownCourse."""
    with transaction.atomic():
        found = _locked(key)
        if found.due is not None and found.due <= timezone.now():
            raise CourseClosed(f"{key} is closed.")
        taken = found.enrollments.count()
        if found.enrollments.filter(user=user).exists():
            return
        if taken >= found.seats:
            raise SeatsTaken(f"All {found.seats} seats of {key} are taken.", taken=taken)
        Enrollment.objects.create(user=user, custom_course=found)


def anonymous_id(user_id: int) -> str:
    """Return the name by which other services know an account: always the same, and telling nothing."""
    return hmac.new(settings.SECRET_KEY.encode(), f"anonymous {user_id}".encode(), hashlib.sha256).hexdigest()[:32]


class SandboxCourses:
    """Over the sandbox's own tables."""

    def course(self, key: str) -> MasterCourse | None:
        """Return a course. Its instructors are the administrators and owners of its organization."""
        try:
            found = Course.objects.filter(id=CourseKey.from_string(key)).first()
        except InvalidKeyError:
            return None
        if found is None:
            return None
        return MasterCourse(
            key=str(found.id),
            title=found.display_name,
            is_open=found.enable_ccx,
            connector=found.ccx_connector,
            overview=found.overview,
            description=found.short_description,
            image_url="/static/sandbox/course.png",
            modules=tuple(
                CourseModule(one["locator"], one["title"], tuple(one["subchapters"])) for one in found.chapters
            ),
            instructors=tuple(Instructor(pk, anonymous_id(pk)) for pk in _instructors(found.id.org)),
        )

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
        """Make a custom course; who may enter it is asked of the partition, so there is no team to write down."""
        master = Course.objects.filter(id=CourseKey.from_string(master_key)).first()
        if master is None:
            raise _unknown(master_key)
        made = CustomCourse.objects.create(
            master=master,
            coach=coach,
            display_name=display_name,
            seats=seats,
            chapters=None if modules is None else list(modules),
            start=timezone.now(),
        )
        announce(made.key)
        return made.key

    def read(self, key: str) -> Described | None:
        """Return a custom course."""
        found = CustomCourse.objects.filter(pk=_number(key)).select_related("master", "coach").first()
        if found is None or found.key != key:
            return None
        return Described(
            key=key,
            master_key=str(found.master.id),
            display_name=found.display_name,
            coach_email=found.coach.email,
            seats=found.seats,
            seats_taken=found.enrollments.count(),
            modules=None if found.chapters is None else tuple(found.chapters),
            start=found.start,
            due=found.due,
        )

    def set_seats(self, key: str, seats: int) -> None:
        """Change the seats."""
        found = _locked(key)
        taken = found.enrollments.count()
        if seats < taken:
            raise SeatsTaken(f"{taken} seats of {key} are taken; allowed are that many or more.", taken=taken)
        found.seats = seats
        found.save(update_fields=["seats"])

    def close(self, key: str) -> None:
        """End a custom course."""
        found = _locked(key)
        found.due = timezone.now()
        found.save(update_fields=["due"])

    def is_enrolled(self, user: Any, key: str) -> bool:
        """Whether the user has a seat."""
        return Enrollment.objects.filter(user_id=user.pk, custom_course_id=_number(key)).exists()

    def connectors(self) -> Sequence[ConnectorRow]:
        """Return none: the sandbox has no such table of its own."""
        return ()


def _instructors(organization: str) -> list[int]:
    try:
        members = membership.members_of(organization, membership.ADMIN)
    except UnknownOrganization:
        return []
    return sorted(members.values_list("user_id", flat=True))


def _locked(key: str) -> CustomCourse:
    found = CustomCourse.objects.select_for_update().filter(pk=_number(key)).first()
    if found is None or found.key != key:
        raise _unknown(key)
    return found


def _number(key: str) -> int:
    number = key.rpartition("+ccx@")[2]
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else 0


def _unknown(key: str) -> UnknownCourse:
    return UnknownCourse(f"There is no course {key!r}.")
