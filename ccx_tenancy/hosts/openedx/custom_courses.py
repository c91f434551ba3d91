"""The platform's courses and CCXs, by its own models and the functions of its CCX API.

Studio has the courses alone: CCXs are made and changed in the LMS. Both are imported when they are used, since the one
service does not install what the other has.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import transaction
from django.utils import timezone
from opaque_keys import InvalidKeyError
from opaque_keys.edx.django.models import CourseKeyField
from opaque_keys.edx.keys import CourseKey

from ccx_tenancy.errors import CourseClosed, SeatsTaken, UnknownCourse, UnknownOrganization
from ccx_tenancy.hosts.openedx.rows import uncut
from ccx_tenancy.membership import api as membership
from ccx_tenancy.ports import ConnectorRow, CourseModule, CustomCourse, Instructor, MasterCourse

logger = logging.getLogger(__name__)

_SEATS = "max_student_enrollments_allowed"
_INSTRUCTOR = "instructor"


class OpenEdxCourses:
    """Over the platform's modulestore and the tables of its app ``ccx`` (ccx_tenancy.ports.CustomCourses).

    Whoever calls has asked whether it may be done, and a seller's request deals with what is the buyer's: rows are read
    whosever they are. Cut, the host would not find what is there, and make it a second time.
    """

    @uncut()
    def course(self, key: str) -> MasterCourse | None:
        """Return a course from the modulestore, with its published texts and the anonymous ids of its instructors."""
        from openedx.core.djangoapps.models.course_details import CourseDetails

        course_key = _key(key)
        block = None if course_key is None or _is_ccx(course_key) else _block(course_key, depth=2)
        if block is None:
            return None
        connector = (getattr(block, "ccx_connector", "") or "").strip()
        if not block.enable_ccx or not connector:
            # The rest is for the connector alone.
            return MasterCourse(str(course_key), block.display_name or "", bool(block.enable_ccx), connector)
        details = CourseDetails.fetch(course_key)
        return MasterCourse(
            key=str(course_key),
            title=block.display_name or "",
            is_open=True,
            connector=connector,
            overview=details.overview or "",
            description=details.short_description or "",
            image_url=details.course_image_asset_path or "",
            modules=tuple(_modules(block)),
            instructors=tuple(_instructors(course_key)),
        )

    @uncut()
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
        """Make a CCX as the host's CCX API does. The host is told of it, and the coach by mail, after the commit."""
        from ccx_keys.locator import CCXLocator
        from lms.djangoapps.ccx.api.v0.views import make_user_coach
        from lms.djangoapps.ccx.models import CustomCourseForEdX
        from lms.djangoapps.ccx.overrides import override_field_for_ccx
        from lms.djangoapps.ccx.utils import add_master_course_staff_to_ccx, assign_staff_role_to_ccx
        from lms.djangoapps.instructor.enrollment import enroll_email, get_email_params

        course_key = _key(master_key)
        master = None if course_key is None else _block(course_key, depth=3)
        if master is None:
            raise _unknown(master_key)
        ccx = CustomCourseForEdX(
            course_id=course_key,
            coach=coach,
            display_name=display_name,
            structure_json=json.dumps(None if modules is None else list(modules)),
        )
        ccx.save()
        override_field_for_ccx(ccx, master, "start", timezone.now())
        override_field_for_ccx(ccx, master, "due", None)
        override_field_for_ccx(ccx, master, _SEATS, seats)
        # As the host has it: the coach shows what is to be seen.
        for chapter in master.get_children():
            for block in (chapter, *chapter.get_children()):
                override_field_for_ccx(ccx, block, "visible_to_staff_only", True)
            for sequence in chapter.get_children():
                for unit in sequence.get_children():
                    override_field_for_ccx(ccx, unit, "visible_to_staff_only", True)
        locator = CCXLocator.from_course_locator(course_key, str(ccx.id))
        announce(str(locator))
        make_user_coach(coach, course_key)
        enroll_email(course_id=locator, student_email=coach.email, auto_enroll=True, message_students=False)
        assign_staff_role_to_ccx(locator, coach, course_key)
        if staffed_by_master:
            add_master_course_staff_to_ccx(master, locator, display_name, send_email=False)

        @uncut()
        def tell() -> None:
            _published(ccx, locator)
            parameters = get_email_params(master, auto_enroll=True, course_key=locator, display_name=display_name)
            enroll_email(
                course_id=locator,
                student_email=coach.email,
                auto_enroll=True,
                message_students=True,
                message_params=parameters,
            )

        # Robust: what is committed stands, and a mail that fails is logged.
        transaction.on_commit(tell, robust=True)
        return str(locator)

    @uncut()
    def read(self, key: str) -> CustomCourse | None:
        """Return a CCX; its seats are taken by the learners whom the host counts, without the course teams."""
        from lms.djangoapps.ccx.overrides import get_override_for_ccx

        found = _find(key)
        if found is None:
            return None
        ccx, locator = found
        _forget_overrides(ccx)
        master = ccx.course
        return CustomCourse(
            key=str(locator),
            master_key=str(ccx.course_id),
            display_name=ccx.display_name,
            coach_email=ccx.coach.email,
            seats=get_override_for_ccx(ccx, master, _SEATS),
            seats_taken=_taken(locator),
            modules=None if ccx.structure is None else tuple(ccx.structure),
            start=_moment(get_override_for_ccx(ccx, master, "start")),
            due=_moment(get_override_for_ccx(ccx, master, "due")),
        )

    @uncut()
    def set_seats(self, key: str, seats: int) -> None:
        """Change the seats. The host's own enrolment takes no lock: somebody may enrol at this very moment."""
        from lms.djangoapps.ccx.overrides import override_field_for_ccx

        ccx, locator = self._locked(key)
        taken = _taken(locator)
        if seats < taken:
            raise SeatsTaken(f"{taken} seats of {key} are taken; allowed are that many or more.", taken=taken)
        override_field_for_ccx(ccx, ccx.course, _SEATS, seats)
        transaction.on_commit(lambda: _published(ccx, locator), robust=True)

    @uncut()
    def close(self, key: str) -> None:
        """End a CCX: it is due now, and enrolment has ended. Nothing is deleted."""
        from lms.djangoapps.ccx.overrides import override_field_for_ccx

        ccx, locator = self._locked(key)
        now = timezone.now()
        for name in ("due", "enrollment_end"):
            override_field_for_ccx(ccx, ccx.course, name, now)
        override_field_for_ccx(ccx, ccx.course, _SEATS, _taken(locator))
        transaction.on_commit(lambda: _published(ccx, locator), robust=True)

    @uncut()
    def is_enrolled(self, user: Any, key: str) -> bool:
        """Whether the user's enrolment in the CCX is active. One query."""
        course_key = _key(key)
        rows = _rows("student.CourseEnrollment")
        return course_key is not None and rows.filter(user_id=user.pk, course_id=course_key, is_active=True).exists()

    def connectors(self) -> Sequence[ConnectorRow]:
        """Return the rows of the host's app ``ccxcon``; none where that is not installed."""
        if not apps.is_installed("openedx.core.djangoapps.ccxcon"):
            return ()
        rows = _rows("ccxcon.CCXCon").order_by("pk")
        return [
            ConnectorRow(row.url, row.title, row.oauth_client_id, row.oauth_client_secret) for row in rows.iterator()
        ]

    def _locked(self, key: str) -> tuple[Any, Any]:
        found = _find(key, lock=True)
        if found is None:
            raise _unknown(key)
        if found[0].course is None:
            raise CourseClosed(f"The master course of {key} is gone.")
        _forget_overrides(found[0])
        return found


def _key(text: str) -> Any:
    try:
        return CourseKey.from_string(text)
    except InvalidKeyError:
        return None


def _is_ccx(key: Any) -> bool:
    return getattr(key, "ccx", None) is not None


def _block(key: Any, *, depth: int) -> Any:
    from xmodule.error_block import ErrorBlock
    from xmodule.modulestore.django import modulestore

    found = modulestore().get_course(key, depth=depth)
    if isinstance(found, ErrorBlock):
        raise ValueError(f"The course {key} is broken in the modulestore.")
    return found


def _modules(block: Any) -> Sequence[CourseModule]:
    """Return the chapters of a course in their order, without those that learners do not see."""
    return [
        CourseModule(
            str(chapter.location),
            chapter.display_name or "",
            tuple(
                section.display_name or "" for section in chapter.get_children() if not section.visible_to_staff_only
            ),
        )
        for chapter in block.get_children()
        if chapter.category == "chapter" and not chapter.visible_to_staff_only
    ]


def _instructors(key: Any) -> Sequence[Instructor]:
    """Return the instructors of a course and of its organization: by the host's roles, and by memberships.

    The anonymous id is the account's, not the one it has in this course: a link, sent once, stands for all courses.
    """
    from common.djangoapps.student.models import anonymous_id_for_user
    from common.djangoapps.student.roles import CourseInstructorRole

    users = {user.pk: user for user in CourseInstructorRole(key).users_with_role()}
    # By its table: where openedx-authz keeps the roles of courses, the host's class for the organization's fails.
    of_all = _rows("student.CourseAccessRole").filter(org=key.org, course_id=CourseKeyField.Empty)
    users.update((row.user_id, row.user) for row in of_all.filter(role=_INSTRUCTOR).select_related("user"))
    try:
        for member in membership.members_of(key.org, membership.ADMIN).select_related("user"):
            users[member.user.pk] = member.user
    except UnknownOrganization:
        logger.debug("No organization has the short name %s: its course has no members.", key.org)
    active = sorted((pk, user) for pk, user in users.items() if user.is_active)
    return [Instructor(pk, str(anonymous_id_for_user(user, None))) for pk, user in active]


def _find(key: str, *, lock: bool = False) -> tuple[Any, Any] | None:
    """Return the CCX's row and its key; None where there is no such, also where the number is of another course's."""
    locator = _key(key)
    if locator is None or not _is_ccx(locator):
        return None
    rows = _rows("ccx.CustomCourseForEdX")
    if lock:
        rows = rows.select_for_update()
    ccx = rows.filter(pk=locator.ccx, course_id=locator.to_course_locator()).first()
    return None if ccx is None else (ccx, ccx.locator)


def _taken(locator: Any) -> int:
    rows = _rows("student.CourseEnrollment")
    return int(rows.num_enrolled_in_exclude_admins(locator))


def _forget_overrides(ccx: Any) -> None:
    """Have the overrides read anew: the host keeps them for the request, and another request may have changed them."""
    from openedx.core.lib.cache_utils import get_cache

    get_cache("ccx-overrides").pop(ccx, None)


@uncut()
def _published(ccx: Any, locator: Any) -> None:
    """Tell the host that a CCX changed, as its own API does: what it keeps of the course is made anew."""
    from xmodule.modulestore.django import SignalHandler

    for receiver, response in SignalHandler.course_published.send_robust(sender=ccx, course_key=locator):
        if isinstance(response, Exception):
            logger.error("%s failed for %s: %r", receiver, locator, response)


def _rows(label: str) -> Any:
    return apps.get_model(label)._default_manager


def _moment(value: Any) -> datetime | None:
    return value if isinstance(value, datetime) else None


def _unknown(key: str) -> UnknownCourse:
    return UnknownCourse(f"There is no course {key!r}.")
