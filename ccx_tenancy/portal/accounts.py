"""Accounts of the portal: register, confirm by a mail, sign in by e-mail address.

There is no account before the link in the mail was followed. So that link can give life to nothing that an
administrator has switched off, and an address that has an account already is told so by mail, not on the page.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import authenticate, get_user_model, password_validation
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import url_has_allowed_host_and_scheme, urlsafe_base64_decode, urlsafe_base64_encode

from ccx_tenancy.audit import api as audit
from ccx_tenancy.conf import conf
from ccx_tenancy.errors import InvalidInput, InvalidState
from ccx_tenancy.outgoing import durable
from ccx_tenancy.portal import throttle
from ccx_tenancy.portal.addresses import absolute
from ccx_tenancy.portal.models import Profile, Registration

BACKEND = "ccx_tenancy.portal.backends.PortalBackend"
_MOST_MAILS = 5
_MAIL_WINDOW = timedelta(hours=1)


class BadLink(InvalidState):
    """A link of a mail was used, has expired, or was never sent."""


def local_path(path: str) -> str:
    """Return a path to go on to, or an empty text where it could lead to another site."""
    is_local = path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return path if is_local and len(path) <= 500 else ""


def find(email: str) -> Any:
    """Return the account with an e-mail address in any case, or None. Of several it is the one that was made first."""
    users: Any = get_user_model()._default_manager
    return users.filter(email__iexact=email.strip()).order_by("pk").first() if email.strip() else None


def sign_in(request: HttpRequest, email: Any, password: Any) -> Any:
    """Return the account of that address and password, or None. Raises TooOften for who has guessed too often."""
    guesses = throttle.Guesses(request, email if isinstance(email, str) else "")
    guesses.take()
    user = authenticate(request, portal_email=email, portal_password=password)
    if user is not None:
        guesses.was_right()
    return user


def register(*, full_name: str, organization: str, email: str, password: str, next_path: str = "") -> None:
    """Send a mail with the link that makes an account. Raises InvalidInput for what is missing or not allowed.

    Nothing tells whether there is an account with that address: it gets a mail either way.
    """
    email = email.strip().lower()
    _check(full_name=full_name, organization=organization, email=email, password=password)
    recent = Registration.objects.filter(email=email, created__gt=timezone.now() - _MAIL_WINDOW)
    if recent.count() >= _MOST_MAILS:
        return
    token = secrets.token_urlsafe(32)
    Registration.objects.create(
        email=email,
        full_name=full_name.strip(),
        organization=organization.strip(),
        password=make_password(password),
        next=local_path(next_path),
        digest=_digest(token),
        expires=timezone.now() + timedelta(hours=conf.portal_activation_hours),
    )
    if find(email) is not None:
        _mail("known", email, {"link": absolute("sign_in")})
        return
    link = f"{absolute('activate')}?{urlencode({'token': token})}"
    _mail("activate", email, {"link": link, "hours": conf.portal_activation_hours})


def activate(token: str, password: str | None = None) -> tuple[Any, str]:
    """Make the account of a registration, once and in time; return it, and the path to go on to.

    ``password``, where given, must be the one chosen at registration: so nobody confirms by a click an account that
    somebody else has registered with the reader's address. Raises BadLink, InvalidInput for another password.
    """
    with transaction.atomic():
        row = Registration.objects.select_for_update().filter(digest=_digest(token)).first()
        if row is None or row.used_at is not None or row.expires <= timezone.now() or find(row.email) is not None:
            raise BadLink("Could not find registration token.")
        if password is not None and not check_password(password, row.password):
            raise InvalidInput("That is not the password that was chosen at registration.")
        row.used_at = timezone.now()
        row.save(update_fields=["used_at"])
        model: Any = get_user_model()
        first, _space, last = row.full_name.partition(" ")
        user = model(**{model.USERNAME_FIELD: row.email, "email": row.email, "first_name": first[:150]})
        user.last_name = last[:150]
        user.password = row.password
        try:
            with transaction.atomic():
                user.save(force_insert=True)
        except IntegrityError:
            raise BadLink("Could not find registration token.") from None
        profile, _made = Profile.objects.get_or_create(user=user)
        profile.full_name, profile.organization = row.full_name, row.organization
        profile.save()
        audit.record("portal.activate", actor=user, target=f"account {row.email}")
    return user, row.next


def forget_registrations(days: int, *, dry_run: bool = False) -> int:
    """Delete registrations whose link ended that many days ago or more; return how many there were.

    Raises InvalidInput for fewer than one day.
    """
    rows = Registration.objects.filter(expires__lt=durable.long_ago(days))
    return rows.count() if dry_run else rows.delete()[0]


def pending(token: str) -> Registration | None:
    """Return the registration of a link that can still be used, or None."""
    row = Registration.objects.filter(digest=_digest(token), used_at=None, expires__gt=timezone.now()).first()
    return row if row is not None and find(row.email) is None else None


def send_reset(email: str) -> None:
    """Send the account of that address a link by which it gets a new password. Without an account nothing happens."""
    user = find(email)
    if user is None or not user.is_active or not user.has_usable_password() or not throttle.may_mail(user.email):
        return
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    link = absolute("new_password", uid, default_token_generator.make_token(user))
    _mail("reset", user.email, {"link": link})


def of_reset(uid: str, token: str) -> Any:
    """Return the account of a link for a new password, or None where the link is used, old or wrong."""
    try:
        pk = int(urlsafe_base64_decode(uid).decode())
    except (ValueError, OverflowError):
        return None
    users: Any = get_user_model()._default_manager
    user = users.filter(pk=pk, is_active=True).first() if 0 < pk < 2**63 else None
    return user if user is not None and default_token_generator.check_token(user, token) else None


def _check(**values: str) -> None:
    for name, value in values.items():
        if not isinstance(value, str) or not value.strip():
            raise InvalidInput(f"Empty value for {name}")
        # A name of several lines would be somebody's letter in our mail.
        is_line = name == "password" or value.strip().isprintable()
        if "\x00" in value or not is_line or len(value) > (150 if name == "email" else 255):
            raise InvalidInput(f"Invalid value for {name}")
    try:
        validate_email(values["email"])
        model = get_user_model()
        password_validation.validate_password(values["password"], model(email=values["email"]))
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages)) from None


def _digest(token: str) -> str:
    return hashlib.sha256(str(token).encode("utf-8", "replace")).hexdigest()


def _mail(name: str, email: str, context: dict[str, Any]) -> None:
    context = {"portal": conf.portal_name, **context}
    subject = render_to_string(f"ccx_tenancy/portal/mail/{name}_subject.txt", context)
    body = render_to_string(f"ccx_tenancy/portal/mail/{name}.txt", context)
    transaction.on_commit(lambda: send_mail(" ".join(subject.split()), body, settings.DEFAULT_FROM_EMAIL, [email]))
