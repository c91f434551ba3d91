"""The accounts by which LMS, hub and portal know each other, made anew at every start: ports may change."""

from __future__ import annotations

import secrets

from ccx_tenancy.hub import api as hub
from ccx_tenancy.portal import api as portal
from sandbox.courses.marketplace import connect_to_hub, let_hub_in

_LMS, _PORTAL, _HUB = "Sandbox LMS", "Sandbox portal", "Sandbox hub"


def connect(port: int) -> None:
    """Let LMS, hub and portal reach each other on this port. What was learned on another one stays."""
    lms_url, hub_url, portal_url = (
        f"http://{host}:{port}" for host in ("localhost", "hub.localhost", "portal.localhost")
    )
    instance = hub.BackingInstance.objects.filter(title=_LMS).first() or hub.BackingInstance(title=_LMS)
    before, instance.instance_url = instance.instance_url, lms_url
    instance.oauth_client_id, instance.oauth_client_secret = "sandbox-hub", secrets.token_urlsafe(32)
    instance.save()
    let_hub_in(instance.oauth_client_id, instance.oauth_client_secret.open())

    at_lms = _credentials(_LMS, [hub.COURSES_WRITE], instance)
    instance.refresh_from_db()
    connect_to_hub(
        hub_url,
        at_lms.client_id,
        at_lms.client_secret,
        link_secret=instance.link_secret.open(),
        portal_url=portal_url,
    )

    at_portal = _credentials(_PORTAL, [hub.COURSES_READ, hub.CCX_WRITE], None)
    webhook = f"{portal_url}/api/v1/webhooks/ccxcon/"
    receiver = hub.Receiver.objects.filter(title=_PORTAL).first()
    if receiver is None:
        receiver = hub.create_receiver(_PORTAL, url=webhook, everything=True, client=at_portal.client)
    elif receiver.url != webhook:
        receiver.url = webhook
        receiver.save()
    source = portal.Source.objects.filter(name=_HUB).first() or portal.Source(name=_HUB)
    source.url, source.client_id, source.client_secret = hub_url, at_portal.client_id, at_portal.client_secret
    source.webhook_secret = receiver.secret.open()
    source.save()
    if before and before != lms_url:
        portal.move_instance(source, before, lms_url)


def _credentials(title: str, scopes: list[str], instance: hub.BackingInstance | None) -> hub.Credentials:
    client = hub.Client.objects.filter(title=title).first()
    return hub.renew_secret(client) if client else hub.create_client(title, scopes=scopes, instance=instance)
