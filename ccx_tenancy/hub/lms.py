"""What we ask of an LMS: the chapters of a course, and CCXs. In the words of the LMS, which are of two kinds.

Ours (``ccx_tenancy.ccxcon``) takes an ``Idempotency-Key``, numbers changes of seats and knows how many are taken. An
Open edX without it has its own CCX API, in which an order that is sent twice makes two CCXs: so before an order is
sent again, the LMS is asked what CCXs there are, and the one that is ours is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ccx_tenancy.errors import InvalidInput
from ccx_tenancy.hub import edx_tokens
from ccx_tenancy.hub.catalogue import MOST_MODULES, MOST_SUBCHAPTERS, ModuleState
from ccx_tenancy.hub.models import BackingInstance, Ccx, Course
from ccx_tenancy.outgoing.errors import CallFailed
from ccx_tenancy.outgoing.http import Answer
from ccx_tenancy.outgoing.tokens import Credentials

_OURS, _EDX = "/api/ccxcon/v1/ccx/", "/api/ccx/v0/ccx/"
_MOST_PAGES = 200


class NotUnderstood(InvalidInput):
    """The LMS answered something that its API does not say."""


def is_ours(instance: BackingInstance) -> bool:
    """Whether an LMS speaks our order API."""
    return instance.speaks == BackingInstance.Speaks.OURS


def request(instance: BackingInstance, method: str, path: str, **arguments: Any) -> Answer:
    """Call an LMS, signed in. Raises CallFailed, TokenRefused, AddressRefused."""
    if not is_ours(instance):
        return edx_tokens.request(instance, method, path, **arguments)
    credentials = Credentials(instance.tokens_from, instance.oauth_client_id, instance.oauth_client_secret.open())
    return credentials.request(method, f"{instance.instance_url}{path}", **arguments)


def blocks(course: Course) -> Answer:
    """Ask for the chapters of a course, as the original did."""
    wanted = {
        "depth": "all",
        "username": course.instance.username,
        "course_id": course.course_id,
        "requested_fields": "children,display_name,id,type,visible_to_staff_only",
    }
    return request(course.instance, "GET", "/api/courses/v1/blocks/", params=wanted)


def read_blocks(found: Any) -> list[ModuleState]:
    """Return the chapters of a course, without those that only its staff sees. Raises NotUnderstood."""
    if not isinstance(found, Mapping) or not isinstance(found.get("blocks"), Mapping):
        raise NotUnderstood("The course blocks are no object with 'root' and 'blocks'.")
    known = found["blocks"]
    root = known.get(found.get("root"))
    if not isinstance(root, Mapping):
        raise NotUnderstood("The course blocks have no root.")
    chapters: list[ModuleState] = []
    for locator in dict.fromkeys(_children(root)):
        chapter = known.get(locator)
        if not isinstance(chapter, Mapping) or chapter.get("visible_to_staff_only"):
            continue
        names = [known[one].get("display_name") for one in _children(chapter) if isinstance(known.get(one), Mapping)]
        chapters.append(
            ModuleState(
                locator_id=locator[:255],
                title=str(chapter.get("display_name") or "")[:255],
                subchapters=tuple(str(name or "")[:255] for name in names[:MOST_SUBCHAPTERS]),
                order=len(chapters),
            )
        )
    return chapters[:MOST_MODULES]


def _children(block: Mapping[str, Any]) -> list[str]:
    found = block.get("children") or []
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def create_ccx(ccx: Ccx) -> Answer:
    """Order a CCX. To be called again with the same ``ccx`` where no answer came."""
    instance = ccx.course.instance
    order: dict[str, Any] = {
        "master_course_id": ccx.course.course_id,
        "coach_email": ccx.coach_email,
        "max_students_allowed": ccx.seats,
        "display_name": ccx.display_name,
    }
    if ccx.modules is not None:
        order["course_modules"] = ccx.modules
    if not is_ours(instance):
        return request(instance, "POST", _EDX, json=order)
    if ccx.organization:
        order["organization"] = ccx.organization
    return request(instance, "POST", _OURS, json=order, headers={"Idempotency-Key": str(ccx.uuid)})


def find_ccx(ccx: Ccx) -> dict[str, Any] | None:
    """Return the CCX that an earlier attempt of this order made at an Open edX; None where there is none.

    It has the order's name, coach and seats, and none of our other orders has it. Raises CallFailed where the LMS does
    not say.
    """
    instance = ccx.course.instance
    taken = set(Ccx.objects.filter(course=ccx.course).exclude(pk=ccx.pk).values_list("ccx_key", flat=True))
    for page in range(1, _MOST_PAGES + 1):
        params = {"master_course_id": ccx.course.course_id, "page": page, "page_size": 100, "order_by": "id"}
        answer = request(instance, "GET", _EDX, params=params)
        if answer.status == 404 and page > 1:
            return None
        if not answer.is_success:
            raise CallFailed(f"The list of CCXs was answered {answer.status}.")
        found = answer.json()
        results = found.get("results") if isinstance(found, dict) else found
        if not isinstance(results, list):
            raise CallFailed("The list of CCXs has no results.")
        for one in results:
            if isinstance(one, dict) and _is_ours(one, ccx) and one.get("ccx_course_id") not in taken:
                return one
        if not isinstance(found, dict) or not found.get("next"):
            return None
    return None


def _is_ours(found: dict[str, Any], ccx: Ccx) -> bool:
    return (
        bool(found.get("ccx_course_id"))
        and found.get("display_name") == ccx.display_name
        and str(found.get("coach_email", "")).lower() == ccx.coach_email.lower()
        and str(found.get("max_students_allowed")) == str(ccx.seats)
    )


def read_ccx(ccx: Ccx) -> Answer:
    """Ask how a CCX stands."""
    return request(ccx.course.instance, "GET", _path(ccx))


def set_seats(ccx: Ccx, seats: int, version: int) -> Answer:
    """Change how many seats a CCX has. Sent twice it does the same as once."""
    change: dict[str, Any] = {"max_students_allowed": seats}
    if is_ours(ccx.course.instance):
        change["version"] = version
    return request(ccx.course.instance, "PATCH", _path(ccx), json=change)


def close_ccx(ccx: Ccx) -> Answer:
    """Close a CCX."""
    return request(ccx.course.instance, "DELETE", _path(ccx))


def _path(ccx: Ccx) -> str:
    base = _OURS if is_ours(ccx.course.instance) else _EDX
    return f"{base}{quote(ccx.ccx_key, safe=':+@')}/"
