"""API keys of a tenant: made, shown once, looked up, revoked.

A key is ``PREFIX.SECRET``. It stands on the user who made it: it can do what that user could do now, within its scopes
and in its one tenant, and nothing once that user may not make keys there any more.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from ccx_tenancy.audit import api as audit
from ccx_tenancy.conf import conf
from ccx_tenancy.errors import InvalidState, InvalidValues, NotAllowed, Problem
from ccx_tenancy.membership import api as membership
from ccx_tenancy.rest_api.models import ApiKey
from ccx_tenancy.tenants import api as tenants

#: What a key can be allowed to read or write.
GROUPS = ("tenants", "members", "invitations", "config", "audit")
#: All scopes. To write is not to read: a key that shall do both names both.
SCOPES = tuple(
    f"{group}:{verb}" for group in GROUPS for verb in ("read", "write") if (group, verb) != ("audit", "write")
)
MANAGE = "ccx_tenancy.manage_api_keys"

_PREFIX_BYTES = 6
_SECRET_BYTES = 32
# How exactly "last used" is known: not a write for each request.
_LAST_USED = timedelta(minutes=1)


def make_key(
    tenant: tenants.Tenant, *, name: str, scopes: Sequence[str], by: Any, expires: datetime | None = None
) -> ApiKey:
    """Make a key of a tenant and return it, with the whole key as ``secret`` this once.

    ``by`` is an owner of one of the tenant's organizations, or an operator. ``expires`` is at most ``API_KEY_DAYS``
    away, which is also the default. Raises NotAllowed, or InvalidValues with each thing that is not allowed.
    """
    _check_may(by, tenant)
    now = timezone.now()
    latest = now + timedelta(days=conf.api_key_days)
    problems = [
        Problem(f"scopes[{place}]", f"there is no scope {scope!r}; allowed are {', '.join(SCOPES)}.")
        for place, scope in enumerate(scopes)
        if scope not in SCOPES
    ]
    if not scopes:
        problems.append(Problem("scopes", f"a key needs at least one scope; allowed are {', '.join(SCOPES)}."))
    if not name.strip() or len(name) > 100:
        problems.append(Problem("name", "a name is a text of 1 to 100 characters."))
    if expires is not None and not now < expires <= latest:
        problems.append(Problem("expires", f"allowed is a time from now until {latest:%Y-%m-%dT%H:%M:%SZ}."))
    if problems:
        raise InvalidValues(problems)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    key = ApiKey(
        tenant=tenant,
        name=name,
        prefix=secrets.token_hex(_PREFIX_BYTES),
        secret_hash=_digest(secret),
        scopes=sorted(set(scopes)),
        maker=by,
        maker_name=by.get_username()[:150],
        expires=expires or latest,
    )
    with transaction.atomic():
        key.save(force_insert=True)
        _record("make", key, by)
    key.secret = f"{key.prefix}.{secret}"
    return key


def revoke_key(key: ApiKey, *, by: Any) -> ApiKey:
    """End a key and return it. Raises NotAllowed, or InvalidState where it is revoked already."""
    _check_may(by, key.tenant)
    with transaction.atomic():
        if not ApiKey.objects.filter(pk=key.pk, revoked=None).update(revoked=timezone.now()):
            raise InvalidState(f"The API key {key.prefix} is revoked already.")
        key.refresh_from_db(fields=["revoked"])
        _record("revoke", key, by)
    return key


def keys_of(tenant_keys: Sequence[str] | None) -> Any:
    """Return the keys of those tenants (None: of all), newest first."""
    rows = ApiKey.objects.select_related("tenant").order_by("-pk")
    return rows if tenant_keys is None else rows.filter(tenant__key__in=tenant_keys)


def find_key(text: str) -> ApiKey | None:
    """Return the key that ``PREFIX.SECRET`` is, with tenant and maker, or None.

    None too where it is revoked or expired, where its tenant is not active, and where its maker may not make keys
    there any more. One query.
    """
    prefix, _, secret = text.partition(".")
    key = ApiKey.objects.select_related("tenant", "maker").filter(prefix=prefix[:64]).first()
    # Compared in any case, and in a time that does not depend on where the two differ.
    expected = key.secret_hash if key is not None else _digest("")
    matches = secrets.compare_digest(expected, _digest(secret))
    if key is None or not matches or key.state != "active" or key.tenant.state != "active":
        return None
    if key.maker is None or not may_manage(key.maker, key.tenant.key):
        return None
    return key


def may_manage(user: Any, tenant_key: str) -> bool:
    """Whether a user may make and revoke keys of a tenant: an owner in one of its organizations, or an operator."""
    if not user.is_active:
        return False
    if user.is_superuser:
        return True
    with tenants.tenant_context(tenant_key) as context:
        names = context.organizations if context is not None else frozenset()
    return any(membership.has_permission(user, MANAGE, name) for name in names)


def note_use(key: ApiKey) -> None:
    """Write down that a key was used, once a minute at most."""
    now = timezone.now()
    if key.last_used is None or key.last_used < now - _LAST_USED:
        stale = Q(last_used=None) | Q(last_used__lt=now - _LAST_USED)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used=now)


def _check_may(by: Any, tenant: tenants.Tenant) -> None:
    if not may_manage(by, tenant.key):
        raise NotAllowed(
            f"API keys of the tenant {tenant.key!r} are made and revoked by an {membership.OWNER} of one of its"
            f" organizations; {by.get_username()} is none."
        )


def _digest(secret: str) -> str:
    # A fast hash is enough: the secret is 256 random bits, which nobody guesses from it.
    return hashlib.sha256(secret.encode()).hexdigest()


def _record(action: str, key: ApiKey, actor: Any) -> None:
    audit.record(
        f"api_key.{action}",
        tenant_key=key.tenant.key,
        actor=actor,
        target=key.prefix,
        after={"name": key.name, "scopes": key.scopes, "expires": key.expires.isoformat(), "state": key.state},
    )
