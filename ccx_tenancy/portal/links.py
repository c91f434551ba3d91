"""The login link: a mail of the learning platform leads an instructor here, and the account becomes an owner.

The link is signed by the instance with a secret that it shares with its hub. We cannot check it; the hub does, and says
whose anonymous id it holds and of which instance. Following it changes nothing: only the button on the page does, once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from ccx_tenancy.audit import api as audit
from ccx_tenancy.errors import Conflict, InvalidState, TenancyError
from ccx_tenancy.outgoing.errors import AddressRefused, CallFailed
from ccx_tenancy.portal.hub import Hub
from ccx_tenancy.portal.models import Course, Identity, Source, UsedLink

LENGTH = 2000


class LinkRefused(InvalidState):
    """The hub does not know the link, or it has expired or was used."""


class HubAway(TenancyError):
    """No hub could be asked. The link stays good."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a hub says of a login link; of its nonce the SHA-256."""

    source: Source
    uid: str
    instance: str
    nonce: str


def check(token: str) -> Link:
    """Ask the hubs whose login link it is. Raises LinkRefused, HubAway."""
    payload, _dot, signature = token.partition(".")
    if len(token) > LENGTH or not payload or not signature or not token.isascii():
        raise LinkRefused("This is no login link.")
    reason = ""
    away: TenancyError | None = None
    for source in Source.objects.filter(enabled=True, speaks=Source.Speaks.CCX_TENANCY):
        try:
            answer = Hub(source).check_login_link(token)
            found = answer.json() if answer.is_success or answer.status == 400 else None
        except (CallFailed, AddressRefused) as error:
            away = error
            continue
        if answer.is_success and isinstance(found, dict):
            values = [found.get(name) for name in ("uid", "instance", "nonce")]
            if all(isinstance(one, str) and one for one in values):
                uid, instance, nonce = map(str, values)
                if len(uid) <= 255 and len(instance) <= 500:
                    return Link(source, uid, instance, hashlib.sha256(nonce.encode()).hexdigest())
        if found is None:
            away = away or HubAway(f"The hub answered {answer.status}.")
        elif isinstance(found, dict) and isinstance(found.get("error"), str):
            reason = found["error"]
    if away is not None:
        raise HubAway("The hub cannot be asked at the moment.") from away
    raise LinkRefused(reason[:200] or "No hub knows this link.")


def is_used(link: Link) -> bool:
    """Whether the link was used."""
    return UsedLink.objects.filter(source=link.source, nonce=link.nonce).exists()


def use(token: str, user: Any) -> Identity:
    """Link an account to the anonymous id of a login link, once. Raises LinkRefused, HubAway, Conflict."""
    link = check(token)
    digest = digest_of(link.source, link.instance, link.uid)
    try:
        with transaction.atomic():
            UsedLink.objects.create(source=link.source, nonce=link.nonce, user=user)
            identity, is_new = Identity.objects.get_or_create(
                digest=digest,
                defaults={"source": link.source, "instance": link.instance, "uid": link.uid, "user": user},
            )
            if identity.user_id != user.pk:
                raise Conflict("This instructor is linked to another account of the portal; its staff can change that.")
            if is_new:
                audit.record("portal.link", actor=user, target=f"instructor {link.uid}", after={"at": link.instance})
    except IntegrityError:
        raise LinkRefused("This link was used already.") from None
    return identity


def digest_of(source: Source, instance: str, uid: str) -> str:
    """Return what tells identities apart exactly, on every database."""
    return hashlib.sha256(f"{source.pk}\n{instance}\n{uid}".encode()).hexdigest()


def move_instance(source: Source, old: str, new: str) -> int:
    """An instance has another address: let its courses and instructors be those of the new one; return how many rows
    were changed. Webhooks of the new address are refused until then."""
    with transaction.atomic():
        changed = Course.objects.filter(source=source, instance=old).update(instance=new)
        for identity in Identity.objects.filter(source=source, instance=old):
            identity.instance, identity.digest = new, digest_of(source, new, identity.uid)
            identity.save(update_fields=["instance", "digest"])
            changed += 1
        audit.record("portal.move", target=new, before=old, after=new)
    return changed


def courses_of(link: Link) -> int:
    """Return how many courses an account would own by a link."""
    found = Course.objects.filter(source=link.source, instance=link.instance, instructors__uid=link.uid)
    return found.exclude(state=Course.State.DELETED).count()
