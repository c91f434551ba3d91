"""Mails to instructors with a link to the portal, by which it knows whose courses are theirs.

The link holds a token ``BODY.SIGNATURE``. The body is JSON with ``u``, the anonymous id; ``c``, the client id of our
account at the hub; ``x``, when it ends, in seconds; and ``n``, a nonce, by which the portal takes it once. The
signature is HMAC-SHA256 with the connector's link secret, which the hub has too.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urljoin

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string
from django.utils import timezone

from ccx_tenancy.ccxcon.models import Connector, LoginLink
from ccx_tenancy.conf import conf
from ccx_tenancy.context import Enter, TenantContext
from ccx_tenancy.outgoing import durable
from ccx_tenancy.partition.keys import named_in
from ccx_tenancy.ports import MasterCourse
from ccx_tenancy.sealing import CannotUnseal
from ccx_tenancy.tenants import api as tenants

logger = logging.getLogger(__name__)


def remember(connector: Connector, course: MasterCourse) -> None:
    """Make a mail due for each instructor of a course who never got one from this connector."""
    from ccx_tenancy.ccxcon import tasks

    if not connector.portal_url or not connector.link_secret:
        return
    known = set(LoginLink.objects.filter(connector=connector).values_list("user_id", flat=True))
    for one in course.instructors:
        if one.user_id in known:
            continue
        try:
            with transaction.atomic():
                link = LoginLink.objects.create(
                    connector=connector, user_id=one.user_id, anonymous_id=one.anonymous_id, course_key=course.key
                )
        except IntegrityError:
            continue  # Another worker was faster.
        durable.kick(tasks.send_link, link.pk)


def send_due(limit: int = 20) -> int:
    """Send up to ``limit`` mails that are due; return how many were."""
    rows = _claimable().claim(limit)
    for row in rows:
        send(row)
    return len(rows)


def send_one(pk: int) -> bool:
    """Send one mail, if it is due. Whether it was."""
    row = _claimable().claim_one(pk)
    if row is not None:
        send(row)
    return row is not None


def send_again(link: LoginLink) -> None:
    """Have a mail sent again, with a new link."""
    LoginLink.objects.filter(pk=link.pk).update(nonce="", expires=None)
    link.retry_now()


def _claimable() -> Any:
    enabled = list(Connector.objects.filter(enabled=True).values_list("pk", flat=True))
    return LoginLink.objects.filter(connector_id__in=enabled)


def send(row: LoginLink) -> None:
    """Send the mail; what comes of it stands in the row."""
    address = getattr(row.user, row.user.get_email_field_name())
    if not address or not row.user.is_active:
        row.refuse("The account has no e-mail address, or is not active.")
        return
    now = timezone.now()
    if not row.nonce or row.expires is None or row.expires <= now:
        row.nonce, row.expires = secrets.token_hex(16), now + timedelta(days=conf.ccxcon_link_days)
        LoginLink.objects.filter(pk=row.pk, lease=row.lease).update(nonce=row.nonce, expires=row.expires)
    try:
        message = _message(row, address)
        message.send()
    except CannotUnseal as error:
        row.refuse(error)
    except Exception as error:
        # Whatever a mail server or its library raises: the mail is not out, and the next attempt may be luckier.
        logger.warning("The login link %s could not be sent.", row.pk, exc_info=True)
        row.failed(f"{type(error).__name__}: {error}")
    else:
        row.succeeded()


def address_of(row: LoginLink) -> str:
    """Return the address that the mail holds."""
    return urljoin(row.connector.portal_url, "/link/") + "?" + urlencode({"token": token_of(row)})


def token_of(row: LoginLink) -> str:
    """Return the signed token of a link that has its nonce."""
    if row.expires is None:
        raise ValueError("The link has not been made yet.")
    said = {
        "u": row.anonymous_id,
        "c": row.connector.client_id,
        "x": int(row.expires.timestamp()),
        "n": row.nonce,
    }
    body = _base64(json.dumps(said, separators=(",", ":")).encode())
    signature = hmac.new(row.connector.link_secret.open().encode(), body.encode(), hashlib.sha256).digest()
    return f"{body}.{_base64(signature)}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _message(row: LoginLink, address: str) -> EmailMultiAlternatives:
    tenant = _tenant_of(row.course_key)
    values = _values_of(tenant)
    context = {
        "platform_name": values.get("PLATFORM_NAME") or values.get("platform_name") or _name_of(tenant),
        "portal": row.connector.title,
        "link": address_of(row),
        "expires": row.expires,
        "tenant": tenant,
    }
    with Enter(tenant) if tenant is not None else contextlib.nullcontext():
        subject = " ".join(render_to_string("ccx_tenancy/login_link/subject.txt", context).split())
        message = EmailMultiAlternatives(
            subject,
            render_to_string("ccx_tenancy/login_link/body.txt", context),
            values.get("email_from_address") or settings.DEFAULT_FROM_EMAIL,
            [address],
        )
        message.attach_alternative(render_to_string("ccx_tenancy/login_link/body.html", context), "text/html")
    return message


def _tenant_of(course_key: str) -> TenantContext | None:
    named = named_in(course_key, prose=False)
    return tenants.owner_of(named[0].organization) if named else None


def _values_of(tenant: TenantContext | None) -> Mapping[str, Any]:
    if tenant is None or tenant.site_id is None:
        return {}
    stored = conf.host.site_values.load(tenant.site_id)
    return stored.values if stored is not None and stored.enabled else {}


def _name_of(tenant: TenantContext | None) -> str:
    return (tenant.domain if tenant is not None else None) or getattr(settings, "PLATFORM_NAME", "") or "Open edX"
