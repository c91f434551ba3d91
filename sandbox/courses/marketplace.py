"""The two accounts that tie the sandbox's LMS to a hub: ours there, and the hub's here."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.db import transaction

from ccx_tenancy.ccxcon.api import Connector
from ccx_tenancy.tenants.api import list_tenants
from sandbox.courses.models import ServiceAccount
from sandbox.courses.tokens import set_secret


@transaction.atomic
def let_hub_in(client_id: str, client_secret: str) -> ServiceAccount:
    """Give a hub an account here, with which it orders custom courses for every tenant; return it."""
    user, _ = get_user_model().objects.get_or_create(
        username=client_id, defaults={"email": f"{client_id}@example.com", "is_superuser": True}
    )
    if user.has_usable_password():
        user.set_unusable_password()
        user.save()
    account = ServiceAccount.objects.filter(client_id=client_id).first() or ServiceAccount(client_id=client_id)
    account.user = user
    set_secret(account, client_secret)
    account.save()
    return account


@transaction.atomic
def connect_to_hub(url: str, client_id: str, client_secret: str, *, link_secret: str, portal_url: str) -> Connector:
    """Make, or bring up to date, the connector to a hub that gets the courses of every tenant; return it."""
    connector = Connector.objects.filter(title="Marketplace").first() or Connector(title="Marketplace")
    connector.url, connector.client_id, connector.client_secret = url, client_id, client_secret
    connector.link_secret, connector.portal_url = link_secret, portal_url
    connector.serves_platform = True
    connector.full_clean()
    connector.save()
    connector.tenants.set(list_tenants())
    return connector
