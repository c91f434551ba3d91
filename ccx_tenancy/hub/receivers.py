"""Making receivers."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from ccx_tenancy.hub import events
from ccx_tenancy.hub.models import BackingInstance, Client, Receiver, new_secret


def create_receiver(
    title: str,
    *,
    url: str,
    secret: str = "",
    speaks: str = Receiver.Speaks.OURS,
    everything: bool = False,
    instances: Iterable[BackingInstance] = (),
    client: Client | None = None,
) -> Receiver:
    """Make a receiver, and tell it of every course that it gets; return it.

    Without a secret one is made: ``receiver.secret.open()``. Raises ValidationError for an address that may not be
    called, and nothing is changed.
    """
    receiver = Receiver(
        title=title, url=url, secret=secret or new_secret(), speaks=speaks, everything=everything, client=client
    )
    receiver.full_clean()
    with transaction.atomic():
        receiver.save()
        receiver.instances.set(instances)
        events.resync(receiver)
    return receiver
