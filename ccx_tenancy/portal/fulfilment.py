"""From seats that are paid for to a CCX that has them: until the hub has confirmed it, and once."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, cast

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from ccx_tenancy.audit import api as audit
from ccx_tenancy.errors import InvalidState
from ccx_tenancy.outgoing import durable
from ccx_tenancy.outgoing.errors import AddressRefused, CallFailed
from ccx_tenancy.outgoing.http import Answer
from ccx_tenancy.portal import tasks
from ccx_tenancy.portal.hub import Hub
from ccx_tenancy.portal.models import ORGANIZATION_REFUSALS, Holding, OrderLine, Profile, new_key

#: What stands before the reason where nobody knows whether the hub made a CCX: somebody has to look.
UNKNOWN = "It is not known whether the CCX was made, and an original CCXCon would make another one"


def work(limit: int = 10) -> int:
    """Send up to ``limit`` holdings that are due; return how many there were."""
    claimed: list[Holding] = Holding.objects.claim(limit)
    for holding in claimed:
        send(holding)
    return len(claimed)


def work_on(pk: int) -> None:
    """Send that holding, if it is due."""
    holding = Holding.objects.claim_one(pk)
    if holding is not None:
        send(holding)


def send(holding: Holding) -> None:
    """Make the hub's CCX what was paid for: create it, or change its seats. The holding's lease is ours."""
    try:
        sent = _create(holding) if not holding.ccx_id else _change(holding)
    except AddressRefused as error:
        holding.refuse(error)
    except CallFailed as error:
        holding.failed(error)
    else:
        if sent is not None:
            _confirm(holding, sent)


def _create(holding: Holding) -> int | None:
    """Order the CCX; return with how many seats it was made, or None where it was not."""
    hub = Hub(holding.course.source)
    body = _body(holding)
    if holding.refusal:
        Holding.objects.filter(pk=holding.pk).update(refusal="")
    is_original = holding.course.source.is_original
    if is_original:
        hub.credentials.bearer()  # What fails before the order is sent may be tried again.
    try:
        answer = hub.create_ccx(body, holding.key)
        if answer.is_success:
            holding.ccx_id, holding.hub_id = _ids(answer)
    except CallFailed as error:
        if is_original:
            holding.refuse(f"{UNKNOWN}: {error}")
            return None
        raise
    if not answer.is_success:
        # An original answers 502 where edX refused, and 500 where it broke down itself, perhaps after the CCX was made.
        if is_original and answer.status >= 500 and answer.status != 502:
            holding.refuse(f"{UNKNOWN}: it answered {answer.status}.", status=answer.status)
        else:
            _not_made(holding, answer)
        return None
    Holding.objects.filter(pk=holding.pk, ccx_id="").update(ccx_id=holding.ccx_id, hub_id=holding.hub_id)
    return int(body["total_seats"])


def _not_made(holding: Holding, answer: Answer) -> None:
    """Write down why there is no CCX: where the learning platform has refused it, in its own words."""
    try:
        said = answer.json()
    except CallFailed:
        said = None
    upstream = said.get("upstream") if isinstance(said, dict) else None
    code, reason = (upstream.get(name) for name in ("error_code", "error")) if isinstance(upstream, dict) else ("", "")
    if durable.outcome(answer.status) != durable.REFUSE or not isinstance(code, str) or not 0 < len(code) <= 64:
        holding.answered(answer)
        return
    Holding.objects.filter(pk=holding.pk, lease=holding.lease).update(refusal=code)
    holding.refuse(reason if isinstance(reason, str) and reason else code, status=answer.status)


def _body(holding: Holding) -> dict[str, Any]:
    """Return the order of the CCX: written down once, because one key must always carry the same."""
    if holding.creation is None:
        profile = Profile.objects.filter(user_id=holding.purchaser_id).first()
        body: dict[str, Any] = {
            "master_course_id": holding.course.uuid,
            "user_email": holding.purchaser.email,
            "total_seats": holding.seats,
            "display_name": holding.course.title,
            "course_modules": [module.uuid for module in holding.modules.all()],
        }
        if profile is not None and profile.short_name:
            body["organization"] = profile.short_name
        Holding.objects.filter(pk=holding.pk, creation__isnull=True).update(creation=body)
        holding.refresh_from_db(fields=["creation"])
    return cast("dict[str, Any]", holding.creation)


def _ids(answer: Answer) -> tuple[str, str]:
    """Return what the LMS and what the hub call the CCX. Raises CallFailed where the answer does not say."""
    found = answer.json()
    ccx_id = found.get("ccx_course_id") if isinstance(found, dict) else None
    if not isinstance(ccx_id, str) or not 0 < len(ccx_id) <= 255:
        raise CallFailed(f"The hub answered {answer.status} without a ccx_course_id.")
    last = answer.headers.get("Location", "").rstrip("/").rpartition("/")[2]
    for candidate in (found.get("uuid"), last):
        try:
            return ccx_id, str(uuid.UUID(str(candidate)))
        except ValueError:
            continue
    return ccx_id, ccx_id


def _change(holding: Holding) -> int | None:
    """Tell the hub the seats; return them, or None where it did not take them."""
    if holding.seats == holding.seats_sent:
        return holding.seats
    source = holding.course.source
    if source.is_original:
        holding.refuse(f"{source.name} is an original CCXCon, which cannot change the seats of a CCX.")
        return None
    answer = Hub(source).change_seats(holding.hub_id, holding.seats, holding.version)
    if not answer.is_success:
        holding.answered(answer)
        return None
    found = answer.json() if answer.body.strip() else None
    if _seats(found) in (None, holding.seats):
        return holding.seats
    # Somebody changed them there, under a version that ours was not above. What was paid for counts.
    theirs = found.get("version") if isinstance(found, dict) else None
    version = max(holding.version, theirs if isinstance(theirs, int) else 0) + 1
    Holding.objects.filter(pk=holding.pk, version=holding.version).update(version=version)
    holding.failed(f"The hub has {_seats(found)} seats, and {holding.seats} are paid for.", status=answer.status)
    return None


def _confirm(holding: Holding, seats: int) -> None:
    """Write down what the hub has confirmed; where more was bought since, the row is due again at once."""
    with transaction.atomic():
        Holding.objects.filter(pk=holding.pk).update(seats_sent=seats)
        lines = OrderLine.objects.filter(holding=holding, seats_after__lte=seats, fulfilled_at=None, cancelled_at=None)
        lines.update(fulfilled_at=timezone.now())
        holding.succeeded(status=200, seats=seats)


def reconcile(say: Callable[[str], None]) -> int:
    """Compare every CCX with what was paid for, at the hub; arm what differs, and return how many did."""
    wrong = 0
    for holding in Holding.objects.exclude(ccx_id="").filter(is_open=True).select_related("course__source"):
        if holding.course.source.is_original:
            say(f"{holding.ccx_id}: an original CCXCon cannot be asked.")
            continue
        try:
            answer = Hub(holding.course.source).read_ccx(holding.hub_id)
            found = answer.json() if answer.is_success else None
        except (CallFailed, AddressRefused) as error:
            say(f"{holding.ccx_id}: not compared: {error}")
            continue
        seats = _seats(found)
        if seats == holding.seats:
            continue
        wrong += 1
        say(f"{holding.ccx_id}: paid for are {holding.seats} seats, the hub (status {answer.status}) has {seats}.")
        if seats is not None:
            Holding.objects.filter(pk=holding.pk).arm(seats_sent=seats, version=F("version") + 1)
    return wrong


def _seats(found: Any) -> int | None:
    values = [found.get(name) for name in ("total_seats", "max_students_allowed")] if isinstance(found, dict) else []
    return next((one for one in values if isinstance(one, int)), None)


def retry(holding: Holding, *, by: AbstractBaseUser | None) -> None:
    """Try a holding again, now. One that was refused for its organization is ordered for the one that stands in the
    buyer's profile now, where that is another."""
    if holding.way_forward == "organization":
        named = Profile.objects.filter(user_id=holding.purchaser_id).values_list("short_name", flat=True).first()
        if named and named != (holding.creation or {}).get("organization"):
            order_for(holding, named, by=by)
            return
    with transaction.atomic():
        holding.retry_now()
        audit.record("portal.retry", actor=by, target=f"seats {holding.key}")
        durable.kick(tasks.fulfil, holding.pk)


def order_for(holding: Holding, organization: str, *, by: AbstractBaseUser | None) -> None:
    """Order the CCX for another organization: anew, under a new key, because one key always carries the same order.

    Raises InvalidState unless the learning platform has refused it for its organization: then, and only then, it is
    known that the old key made none.
    """
    key = new_key()
    creation = {**(holding.creation or {}), "organization": organization, "total_seats": holding.seats}
    refused = Holding.objects.filter(
        pk=holding.pk, key=holding.key, ccx_id="", state=durable.State.REFUSED, refusal__in=ORGANIZATION_REFUSALS
    )
    with transaction.atomic():
        if not refused.arm(key=key, creation=creation, refusal=""):
            raise InvalidState(_("This is not waiting for another organization any more: look again."))
        Profile.objects.filter(user_id=holding.purchaser_id, short_name="").update(short_name=organization)
        before = (holding.creation or {}).get("organization")
        audit.record(
            "portal.organization", actor=by, target=f"seats {key}", before=before, after={"organization": organization}
        )
        durable.kick(tasks.fulfil, holding.pk)
