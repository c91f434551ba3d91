"""Making clients, and what each of them sees."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Q, QuerySet
from oauth2_provider.models import get_access_token_model, get_application_model

from ccx_tenancy.errors import InvalidInput
from ccx_tenancy.hub.models import SCOPES, BackingInstance, Client, Course, new_secret


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client signs in with. It is shown once: only its hash is kept."""

    client: Client
    client_id: str
    client_secret: str = field(repr=False)
    link_secret: str = field(repr=False, default="")


def create_client(
    title: str, *, scopes: Iterable[str], instance: BackingInstance | None = None, enabled: bool = True
) -> Credentials:
    """Make a client and return its credentials. Raises InvalidInput for a scope that there is not."""
    return save_client(Client(title=title, instance=instance, scopes=join_scopes(scopes), enabled=enabled))


def save_client(client: Client) -> Credentials:
    """Store a new client with an application of its own; return the credentials.

    The first client of an LMS brings the secret that its login links are signed with.
    """
    secret = new_secret()
    model = get_application_model()
    with transaction.atomic():
        client.application = model.objects.create(
            name=f"CCX hub: {client.title}"[:255],
            client_type=model.CLIENT_CONFIDENTIAL,
            authorization_grant_type=model.GRANT_CLIENT_CREDENTIALS,
            client_secret=secret,
        )
        client.save()
        link_secret = ""
        if client.instance is not None and not client.instance.link_secret:
            link_secret = new_link_secret(client.instance)
    return Credentials(client, client.application.client_id, secret, link_secret)


def renew_secret(client: Client) -> Credentials:
    """Give a client a new secret; the old one, and the tokens got with it, are good no longer."""
    secret = new_secret()
    with transaction.atomic():
        client.application.client_secret = secret
        client.application.save()
        get_access_token_model().objects.filter(application=client.application).delete()
    return Credentials(client, client.application.client_id, secret)


def new_link_secret(instance: BackingInstance) -> str:
    """Give an LMS a new secret for its login links, and return it; links signed with the old one end."""
    secret = new_secret()
    instance.link_secret = secret
    instance.save(update_fields=["link_secret"])
    return secret


def join_scopes(scopes: Iterable[str]) -> str:
    """Return scopes as they are kept. Raises InvalidInput for one that there is not."""
    found = list(dict.fromkeys(scopes))
    if strange := [scope for scope in found if scope not in SCOPES]:
        raise InvalidInput(f"There is no scope {strange[0]!r}; allowed are {', '.join(SCOPES)}.")
    return " ".join(scope for scope in SCOPES if scope in found)


def visible_instances(client: Client) -> QuerySet[BackingInstance]:
    """Return the LMS whose courses a client sees: its own, and those that its receivers get. None is none."""
    receivers = client.receivers.filter(enabled=True)
    if receivers.filter(everything=True).exists():
        return BackingInstance.objects.all()
    own = Q(pk=client.instance_id) | Q(pk__in=receivers.values("instances"))
    return BackingInstance.objects.filter(own)


def visible_courses(client: Client) -> QuerySet[Course]:
    """Return the courses that a client sees; those deleted here are nobody's."""
    courses = Course.objects.exclude(state=Course.State.DELETED)
    return courses.filter(instance__in=visible_instances(client)).select_related("instance")
