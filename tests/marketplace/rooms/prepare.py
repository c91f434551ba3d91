"""What stands in each room's database before anything happens."""

from __future__ import annotations

import json
import time

from tests.marketplace.rooms.common import DIRECTORY, PLAN

BUYERS = 6
PASSWORD = PLAN["secrets"]["buyers password"]


def hub() -> dict[str, str]:
    """Make the clients and the receiver; return what the others need to know."""
    from ccx_tenancy.hub import api
    from ccx_tenancy.hub.models import BackingInstance

    instance = BackingInstance.objects.create(
        instance_url=PLAN["urls"]["lms"], oauth_client_id="hub", oauth_client_secret=PLAN["secrets"]["hub at lms"]
    )
    lms = api.create_client("LMS", scopes=[api.COURSES_WRITE, api.COURSES_READ], instance=instance)
    portal = api.create_client("Portal", scopes=[api.COURSES_READ, api.CCX_WRITE])
    api.create_receiver(
        "Portal",
        url=f"{PLAN['urls']['portal']}/api/v1/webhooks/ccxcon/",
        secret=PLAN["secrets"]["webhook"],
        everything=True,
        client=portal.client,
    )
    return {
        "lms id": lms.client_id,
        "lms secret": lms.client_secret,
        "link secret": lms.link_secret,
        "portal id": portal.client_id,
        "portal secret": portal.client_secret,
    }


def lms() -> None:
    """Make two tenants, the hub's account, the instructor, the buyers, and the connector."""
    from django.contrib.auth.models import User

    from ccx_tenancy import api
    from ccx_tenancy.ccxcon.models import Connector

    tenant = api.create_tenant("acme", name="Acme", domain="acme.example.com", organizations=["AcmeX"])
    api.create_tenant("globex", name="Globex", domain="globex.example.com", organizations=["GlobexX"])
    User.objects.create_user("hub", "hub@example.com", is_superuser=True)
    author = User.objects.create_user("author", "author@example.com")
    api.add_member(author, "AcmeX", "admin")
    for number in range(BUYERS):
        api.add_member(User.objects.create_user(f"buyer{number}", f"buyer{number}@example.com"), "GlobexX", "staff")
    said = _credentials()
    connector = Connector.objects.create(
        url=PLAN["urls"]["hub"],
        title="Hub",
        client_id=said["lms id"],
        client_secret=said["lms secret"],
        link_secret=said["link secret"],
        portal_url=PLAN["urls"]["portal"],
    )
    connector.tenants.set([tenant])


def portal() -> None:
    """Make the buyers and the hub's row."""
    from django.contrib.auth.models import User

    from ccx_tenancy.portal.models import Profile, Source

    for name in (*(f"buyer{number}" for number in range(BUYERS)), "author"):
        user = User.objects.create_user(name, f"{name}@example.com", PASSWORD)
        Profile.objects.create(user=user, full_name=name, organization="Globex")
    said = _credentials()
    Source.objects.create(
        name="hub",
        url=PLAN["urls"]["hub"],
        client_id=said["portal id"],
        client_secret=said["portal secret"],
        webhook_secret=PLAN["secrets"]["webhook"],
    )


def _credentials() -> dict[str, str]:
    while not (DIRECTORY / "credentials.json").exists():
        time.sleep(0.05)
    found: dict[str, str] = json.loads((DIRECTORY / "credentials.json").read_text())
    return found
