"""CCXs by order: made for a coach with seats, given more seats or fewer, read, closed.

An order and its CCX are one transaction. The same Idempotency-Key of the same caller is the same order, however often
and by however many connections it comes: the table holds it once, and whoever comes second waits for the first and gets
its answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey
from organizations.models import Organization

from ccx_tenancy.audit import api as audit
from ccx_tenancy.ccxcon import owners
from ccx_tenancy.ccxcon.models import CcxOrder, SeatsChange
from ccx_tenancy.conf import conf
from ccx_tenancy.context import current_tenant
from ccx_tenancy.errors import CourseClosed, InvalidInput, UnknownCourse
from ccx_tenancy.membership import api as membership
from ccx_tenancy.partition.policy import STUDIO, is_operator
from ccx_tenancy.ports import CustomCourse, MasterCourse
from ccx_tenancy.tenants import api as tenants
from ccx_tenancy.tenants import revisions

#: More seats than anybody sells in one CCX.
MOST_SEATS = 1_000_000
_LONGEST_KEY = 255
_REQUIRED = ("coach_email", "display_name", "max_students_allowed")


class OrderRefused(InvalidInput):
    """An order is not allowed, and nothing was changed. ``code`` is the word that the host's CCX API says for it,
    ``status`` its status; ``fields`` has the word of each wrong field."""

    def __init__(self, message: str, *, code: str, status: int = 400, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.fields = dict(fields or {})


class KeyReused(OrderRefused):
    """An idempotency key came again with another request."""

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was used for another request; use a new one for each.",
            code="idempotency_key_reused",
            status=422,
        )


@dataclass(frozen=True, slots=True)
class Result:
    """What was answered, and whether it was answered before."""

    answer: dict[str, Any]
    order: CcxOrder
    is_replay: bool = False


def create(data: Any, *, caller: Any, key: str) -> Result:
    """Make a CCX as ``data`` says (the fields of the host's CCX API, and ``organization``), for a caller.

    The caller is a platform operator or an administrator of the master course's organization. The CCX is run by
    ``organization``, of which the coach must be a member; without it by the master course's, if the coach is one of
    its members, or by the coach's own, if all of those are one tenant's. The same ``key`` gives the same answer. Raises
    OrderRefused.
    """
    key_hash = hash_of_key(key)
    if not isinstance(data, Mapping):
        raise OrderRefused("The body is not a JSON object.", code="body_not_an_object")
    request_hash = _digest(data)
    rows = CcxOrder.objects.filter(caller=caller, key_hash=key_hash)
    if (known := rows.first()) is not None:
        return _replayed(known, request_hash)
    order, course, modules = _checked(data, caller)
    order.caller, order.key_hash, order.request_hash = caller, key_hash, request_hash
    try:
        # The revision's row is locked last, as everywhere.
        with revisions.together():
            order.save(force_insert=True)
            _make(order, course, modules)
    except IntegrityError:
        known = rows.first()
        if known is None:
            raise
        return _replayed(known, request_hash)
    return Result(_answer_of(order), order)


def _make(order: CcxOrder, course: MasterCourse, modules: Sequence[str] | None) -> None:
    def announce(made: str) -> None:
        order.ccx_key = made
        order.ccx_number = int(made.rpartition("ccx@")[2])
        order.save(update_fields=["ccx_key", "ccx_number"])
        if not order.run_by_master:
            owners.changed()

    conf.host.custom_courses.create(
        course.key,
        coach=order.coach,
        display_name=order.display_name,
        seats=order.seats,
        modules=modules,
        staffed_by_master=order.run_by_master,
        announce=announce,
    )
    order.answer = json.dumps(_as_json(order, _read(order)))
    order.save(update_fields=["answer"])
    _record("create", order, None, order.caller)


def read(ccx_key: str, *, caller: Any) -> dict[str, Any]:
    """Return a CCX as it is now. Raises OrderRefused (404) where there is none that the caller may know of."""
    order = _order_for(ccx_key, caller)
    return _as_json(order, _read(order))


def set_seats(ccx_key: str, seats: Any, *, caller: Any, version: Any = None, key: str | None = None) -> dict[str, Any]:
    """Change the seats of a CCX, and return it as it is then.

    A ``version`` that is not above the order's changes nothing, and neither does a ``key`` that came before: what is
    sent twice, or arrives late, does no harm. Raises SeatsTaken below what is taken, CourseClosed, OrderRefused.
    """
    wanted = _seats_from(seats)
    if version is not None and (isinstance(version, bool) or not isinstance(version, int) or version < 0):
        raise _field("version", "invalid_version", f"version is {version!r}; allowed is a whole number from 0.")
    key_hash = None if key is None else hash_of_key(key)
    pk = _order_for(ccx_key, caller).pk
    with transaction.atomic():
        order = CcxOrder.objects.select_for_update().get(pk=pk)
        if key_hash is not None and (known := order.changes.filter(key_hash=key_hash).first()) is not None:
            if known.seats != wanted:
                raise KeyReused
            return _as_json(order, _read(order))
        if version is not None and version <= order.version:
            return _as_json(order, _read(order))
        if order.state == CcxOrder.State.CLOSED:
            raise CourseClosed(f"{order.ccx_key} is closed; its seats stay as they are.")
        before = order.seats
        if wanted != before:
            conf.host.custom_courses.set_seats(str(order.ccx_key), wanted)
        order.seats = wanted
        order.version = order.version + 1 if version is None else version
        order.modified = timezone.now()
        order.save(update_fields=["seats", "version", "modified"])
        SeatsChange.objects.create(
            order=order, key_hash=key_hash, seats_before=before, seats=wanted, version=order.version
        )
        if wanted != before:
            _record("seats", order, {"seats": before}, caller)
        return _as_json(order, _read(order))


def close(ccx_key: str, *, caller: Any) -> None:
    """Close a CCX: nobody can enrol any more. One that is closed stays so. Raises OrderRefused."""
    pk = _order_for(ccx_key, caller).pk
    with transaction.atomic():
        order = CcxOrder.objects.select_for_update().get(pk=pk)
        if order.state == CcxOrder.State.CLOSED:
            return
        conf.host.custom_courses.close(str(order.ccx_key))
        order.state = CcxOrder.State.CLOSED
        order.modified = timezone.now()
        order.save(update_fields=["state", "modified"])
        _record("close", order, {"state": CcxOrder.State.OPEN.value}, caller)


def hash_of_key(key: str) -> str:
    """Return the SHA-256 of an idempotency key. Raises OrderRefused for one that is not allowed."""
    if not key or len(key) > _LONGEST_KEY or not key.isprintable():
        raise OrderRefused(
            f"Idempotency-Key is missing or not allowed; allowed are 1 to {_LONGEST_KEY} printable characters.",
            code="idempotency_key_missing" if not key else "idempotency_key_invalid",
        )
    return hashlib.sha256(key.encode()).hexdigest()


# Who may


def _order_for(ccx_key: str, caller: Any) -> CcxOrder:
    rows = CcxOrder.objects.filter(ccx_key=ccx_key.replace("\0", "")).select_related("coach")
    order = rows.first()
    organization = _organization_in(order.master_key) if order is not None else ""
    if order is None or not _is_here(organization, order.organization):
        raise _no_ccx(ccx_key)
    if order.caller_id != caller.pk and not _may_order(caller, organization, order.master_key):
        raise _no_ccx(ccx_key)
    return order


def _is_here(*organizations: str) -> bool:
    """Whether one of the organizations belongs to the current tenant; anything does where there is none."""
    tenant = current_tenant()
    return tenant is None or any(
        (owner := tenants.owner_of(one)) is not None and owner.id == tenant.id for one in organizations
    )


def _may_order(caller: Any, organization: str, master_key: str) -> bool:
    if is_operator(caller):
        return True
    if not caller.is_active:
        return False
    owner = tenants.owner_of(organization)
    if owner is not None and not owner.is_active:
        return False
    if membership.rank_in(caller, organization) >= membership.rank_of(membership.ADMIN):
        return True
    # The platform's own courses stand under the host's rules.
    return owner is None and conf.host.has_direct_role(caller, tenants.fold(organization), master_key, STUDIO)


# What is allowed


def _checked(data: Mapping[str, Any], caller: Any) -> tuple[CcxOrder, MasterCourse, Sequence[str] | None]:
    course, organization = _master_from(data, caller)
    fields = {name: f"missing_field_{name}" for name in _REQUIRED if name not in data}
    if fields:
        raise OrderRefused(f"Missing: {', '.join(fields)}.", code="missing_fields", fields=fields)
    fields = {name: f"null_field_{name}" for name in _REQUIRED if data[name] is None}
    if fields:
        raise OrderRefused(f"Without a value: {', '.join(fields)}.", code="null_fields", fields=fields)
    name = data["display_name"]
    if not isinstance(name, str) or not name.strip() or len(name) > 255 or "\0" in name:
        raise _field("display_name", "invalid_display_name", "display_name is a text of 1 to 255 characters.")
    seats = _seats_from(data["max_students_allowed"])
    modules = _modules_from(data.get("course_modules"), course)
    coach = _coach_from(data["coach_email"])
    runner = _runner_from(data.get("organization"), coach, organization)
    order = CcxOrder(
        master_key=course.key,
        organization=runner,
        run_by_master=tenants.fold(runner) == tenants.fold(organization),
        coach=coach,
        display_name=name,
        seats=seats,
    )
    return order, course, modules


def _master_from(data: Mapping[str, Any], caller: Any) -> tuple[MasterCourse, str]:
    text = data.get("master_course_id")
    if text is None:
        raise OrderRefused("master_course_id is missing.", code="master_course_id_not_provided")
    try:
        key = CourseKey.from_string(text) if isinstance(text, str) else None
    except InvalidKeyError:
        key = None
    if key is None or getattr(key, "ccx", None) is not None or not key.org:
        raise OrderRefused(f"{text!r} is no key of a course.", code="course_id_not_valid")
    missing = OrderRefused(f"There is no course {text!r} here.", code="course_id_does_not_exist", status=404)
    # Nobody is told of a course that is not theirs to sell.
    if not _is_here(key.org) or not _may_order(caller, key.org, str(key)):
        raise missing
    if getattr(key, "deprecated", False):
        raise OrderRefused("The course has a key of the old form.", code="deprecated_master_course_id")
    course = conf.host.custom_courses.course(str(key))
    if course is None:
        raise missing
    if not course.is_open:
        raise OrderRefused("No CCX may be made of this course.", code="ccx_not_enabled_for_master_course", status=403)
    return course, key.org


def _seats_from(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_SEATS:
        raise _field(
            "max_students_allowed",
            "invalid_max_students_allowed",
            f"max_students_allowed is {value!r}; allowed is a whole number from 1 to {MOST_SEATS}.",
        )
    return value


def _modules_from(value: Any, course: MasterCourse) -> Sequence[str] | None:
    if value is None or value == []:
        return None
    if not isinstance(value, list):
        raise _field("course_modules", "invalid_course_module_list", "course_modules is not a list.")
    if not all(isinstance(one, str) for one in value):
        raise _field("course_modules", "invalid_course_module_keys", "course_modules holds what is no key.")
    known = {one.locator for one in course.modules}
    if unknown := [one for one in value if one not in known]:
        raise OrderRefused(
            f"Not of this course: {', '.join(unknown[:5])}.", code="course_module_list_not_belonging_to_master_course"
        )
    return [one.locator for one in course.modules if one.locator in value]


def _coach_from(email: Any) -> Any:
    try:
        validate_email(email)
    except (ValidationError, TypeError):
        raise _field("coach_email", "invalid_coach_email", f"{email!r} is no e-mail address.") from None
    coach = conf.account_policy.find(email, None)
    address = getattr(coach, coach.get_email_field_name(), "") if coach is not None else ""
    if coach is None or not coach.is_active or address.lower() != email.lower():
        raise OrderRefused(
            f"There is no account with the address {email!r}.", code="coach_user_does_not_exist", status=404
        )
    return coach


def _runner_from(named: Any, coach: Any, master: str) -> str:
    """Return the organization that runs the CCX."""
    if named is None or named == "":
        if membership.rank_in(coach, master):
            return master
        ranks = membership.memberships_of(coach.pk)
        owned = {name: owner for name in ranks if (owner := tenants.owner_of(name)) is not None and owner.is_active}
        # Within one tenant all members reach it, whichever of its organizations runs it: the one with the best role.
        is_clear = len({owner.id for owner in owned.values()}) == 1
        found = _spelled(min(owned, key=lambda name: (-ranks[name], name))) if is_clear else None
        if found is None and tenants.owner_of(master) is not None:
            raise _field(
                "organization",
                "coach_not_in_organization",
                "The coach belongs to no tenant, or to several; name the organization that runs the CCX.",
            )
        return found or master
    found = _spelled(named) if isinstance(named, str) and "\0" not in named else None
    # The same words whether it is there or not: who orders is not told of other tenants.
    if found is None or not membership.rank_in(coach, found):
        raise _field(
            "organization",
            "coach_not_in_organization",
            f"The coach is no member of an organization {named!r}; allowed is one of the coach's.",
        )
    owner = tenants.owner_of(found)
    if owner is not None and not owner.is_active:
        raise _field("organization", "organization_not_active", f"The tenant of {named!r} is not active.")
    return found


def _spelled(name: str) -> str | None:
    found: str | None = (
        Organization.objects.filter(short_name__iexact=name, active=True).values_list("short_name", flat=True).first()
    )
    return found


def _organization_in(master_key: str) -> str:
    return str(CourseKey.from_string(master_key).org)


def _field(name: str, code: str, message: str) -> OrderRefused:
    return OrderRefused(message, code=code, fields={name: code})


def _no_ccx(key: str) -> OrderRefused:
    return OrderRefused(f"There is no CCX {key!r} here.", code="ccx_course_id_does_not_exist", status=404)


# What is answered


def _replayed(order: CcxOrder, request_hash: str) -> Result:
    if order.request_hash != request_hash:
        raise KeyReused
    return Result(_answer_of(order), order, is_replay=True)


def _answer_of(order: CcxOrder) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(order.answer) if order.answer else {}
    return answer


def _read(order: CcxOrder) -> CustomCourse:
    found = conf.host.custom_courses.read(str(order.ccx_key))
    if found is None:
        raise UnknownCourse(f"The CCX {order.ccx_key} was deleted.")
    return found


def _as_json(order: CcxOrder, course: CustomCourse) -> dict[str, Any]:
    """Return what the host's CCX API says of a CCX, and what we know besides."""
    return {
        "ccx_course_id": course.key,
        "master_course_id": course.master_key,
        "display_name": course.display_name,
        "coach_email": course.coach_email,
        "start": None if course.start is None else str(course.start),
        "due": None if course.due is None else str(course.due),
        "max_students_allowed": course.seats,
        "course_modules": None if course.modules is None else list(course.modules),
        "seats_taken": course.seats_taken,
        "version": order.version,
        "organization": order.organization,
        "state": str(order.state),
    }


def _record(action: str, order: CcxOrder, before: dict[str, Any] | None, actor: Any) -> None:
    owner = tenants.owner_of(order.organization)
    audit.record(
        f"ccx.{action}",
        tenant_key=owner.key if owner is not None else "",
        actor=actor,
        target=str(order.ccx_key),
        before=before,
        after={"seats": order.seats, "state": str(order.state), "organization": order.organization},
    )


def _digest(data: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
