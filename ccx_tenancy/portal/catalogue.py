"""Which courses are offered, whose they are, and what their owners may change."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from ccx_tenancy.audit import api as audit
from ccx_tenancy.errors import InvalidInput, NotAllowed
from ccx_tenancy.portal import money
from ccx_tenancy.portal.models import Course, Identity, Module

_TITLE_LENGTH = 255
_DESCRIPTION_LENGTH = 20_000


def offered() -> QuerySet[Course]:
    """Return the courses that anybody may buy: live, not withdrawn, with modules, each of them priced."""
    modules = Module.objects.filter(course=OuterRef("pk"), deleted=False)
    return Course.objects.filter(
        Exists(modules), ~Exists(modules.filter(price=None)), state=Course.State.ACTIVE, live=True
    )


def owned(user: Any) -> QuerySet[Course]:
    """Return the courses of an owner, offered or not. A staff user owns no more than anybody else.

    An owner is who has proven an anonymous id of an instructor *at the instance that sent the course*, or was made one
    in the admin.
    """
    if not user.is_authenticated:
        return Course.objects.none()
    condition = Q(owners=user)
    for one in Identity.objects.filter(user=user):
        condition |= Q(source_id=one.source_id, instance=one.instance, instructors__uid=one.uid)
    shown = (Course.State.ACTIVE, Course.State.WITHDRAWN)
    return Course.objects.filter(pk__in=Course.objects.filter(condition).values("pk"), state__in=shown)


def owns(user: Any, course: Course) -> bool:
    """Whether a user is an owner of a course."""
    return owned(user).filter(pk=course.pk).exists()


def visible(user: Any) -> QuerySet[Course]:
    """Return what a user may open: what is offered, and the user's own."""
    found = offered()
    if isinstance(user, AnonymousUser) or not user.is_authenticated:
        return found
    return Course.objects.filter(Q(pk__in=found.values("pk")) | Q(pk__in=owned(user).values("pk")))


def modules_of(course: Course) -> list[Module]:
    """Return the modules that a course has now, in their order."""
    return list(course.modules.filter(deleted=False))


def price_of(modules: Iterable[Module]) -> Decimal:
    """Return what one seat in these modules costs."""
    return sum((module.price or Decimal(0) for module in modules), Decimal("0.00"))


def change(
    course: Course,
    *,
    by: Any,
    title: str | None = None,
    description: str | None = None,
    live: bool | None = None,
    currency: str | None = None,
    prices: dict[str, Decimal | None] | None = None,
    module_titles: dict[str, str] | None = None,
) -> None:
    """Change what an owner may: what is None stays. Titles and descriptions that are empty are the hub's again.

    ``prices`` and ``module_titles`` are by the module's uuid. Raises NotAllowed for who is no owner, InvalidInput;
    then nothing is changed.
    """
    with transaction.atomic():
        row = Course.objects.select_for_update().get(pk=course.pk)
        if not owns(by, row):
            raise NotAllowed("User doesn't have permission to edit course descriptions or titles")
        before = _facts(row)
        if title is not None:
            row.own_title = _bounded(title, _TITLE_LENGTH, "title", row.hub_title)
        if description is not None:
            row.own_description = _bounded(description, _DESCRIPTION_LENGTH, "description", row.hub_description)
        if live is not None:
            row.live = live
        modules = {module.uuid: module for module in modules_of(row)}
        if currency is not None and currency != row.currency:
            row.currency = money.currency(currency)
            prices = {**{uuid: module.price for uuid, module in modules.items()}, **(prices or {})}
        row.save(update_fields=["own_title", "own_description", "live", "currency"])
        for uuid in {**(prices or {}), **(module_titles or {})}:
            module = modules.get(uuid)
            if module is None:
                raise InvalidInput("Unable to find module")
            if prices and uuid in prices:
                found = prices[uuid]
                module.price = None if found is None else money.price(found, row.currency)
            if module_titles and uuid in module_titles:
                module.own_title = _bounded(module_titles[uuid], _TITLE_LENGTH, "title", module.hub_title)
            module.save(update_fields=["price", "own_title"])
        after = _facts(row)
        if after != before:
            audit.record("portal.course", actor=by, target=f"course {row.uuid}", before=before, after=after)


def _bounded(text: str, most: int, name: str, same: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if "\x00" in text or len(text) > most:
        raise InvalidInput(f"The {name} has a NUL, or more than {most} characters.")
    return "" if text == same.strip() else text


def _facts(course: Course) -> dict[str, Any]:
    prices = {module.uuid: str(module.price) if module.price is not None else None for module in modules_of(course)}
    return {
        "title": course.title,
        "description": course.description,
        "live": course.live,
        "currency": course.currency,
        "prices": prices,
    }
