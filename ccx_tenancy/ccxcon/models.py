"""The tables of the room: connectors, what is to be sent to them, and the CCXs that were ordered."""

from __future__ import annotations

import time
from typing import ClassVar
from urllib.parse import urljoin

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ccx_tenancy.outgoing.addresses import validate_url
from ccx_tenancy.outgoing.durable import DurableRow
from ccx_tenancy.outgoing.secrets import SealedTextField
from ccx_tenancy.outgoing.tokens import Credentials

TOKEN_PATH = "/o/token/"  # noqa: S105 - an address
COURSES_PATH = "/api/v1/coursexs/"


def first_version() -> int:
    """Return the version that a course begins with: the time in seconds.

    So versions rise also where the rows were deleted, or came back from an old backup: the receiver takes no version
    below the one it holds.
    """
    return int(time.time())


class Connector(models.Model):
    """A CCXCon service: where it is, who we are there, and whose courses it gets.

    ``tenants`` are those whose courses it gets; ``serves_platform`` adds the organizations that no tenant owns. With
    neither it gets none. ``link_secret`` and ``portal_url`` are for the links in mails to instructors; without them
    none are sent, as with a CCXCon of 2016, which has nothing that reads them.
    """

    url = models.CharField(_("address"), max_length=255, unique=True, validators=[validate_url])
    title = models.CharField(_("title"), max_length=255)
    client_id = models.CharField(_("client id"), max_length=255)
    client_secret = SealedTextField(_("client secret"))
    link_secret = SealedTextField(_("link secret"), blank=True)
    portal_url = models.CharField(_("address of the portal"), max_length=255, blank=True, validators=[validate_url])
    tenants = models.ManyToManyField(
        "ccx_tenants.Tenant", verbose_name=_("tenants"), blank=True, related_name="+", help_text=_("Whose courses go.")
    )
    serves_platform = models.BooleanField(_("also courses of organizations that no tenant owns"), default=False)
    enabled = models.BooleanField(_("enabled"), default=True, help_text=_("What is to be sent waits while it is not."))
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("connector")
        verbose_name_plural = _("connectors")
        ordering = ("title", "id")

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        """Refuse a portal without a secret, and the other way round."""
        if bool(self.portal_url) != bool(self.link_secret):
            raise ValidationError(
                _("The link secret and the address of the portal go together: give both or none of them.")
            )

    @property
    def credentials(self) -> Credentials:
        """Our account there."""
        return Credentials(urljoin(self.url, TOKEN_PATH), self.client_id, self.client_secret.open())

    @property
    def courses_url(self) -> str:
        """Where courses are posted to."""
        return urljoin(self.url, COURSES_PATH)


class CourseExport(DurableRow):
    """What one connector is to be told of one course: always its latest state, read when it is sent.

    ``version`` rises with every change. ``told`` says that the connector may hold the course as one that is open, so
    that it has to be told when it no longer is. ``sent`` is the last body that was accepted, ``sent_version`` its
    version.
    """

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="exports", editable=False)
    course_key = models.CharField(_("course"), max_length=255, editable=False)
    version = models.PositiveBigIntegerField(_("version"), default=first_version, editable=False)
    told = models.BooleanField(_("known there"), default=False, editable=False)
    sent_version = models.PositiveBigIntegerField(_("sent version"), null=True, editable=False)
    sent = models.JSONField(_("last sent"), null=True, editable=False)

    class Meta(DurableRow.Meta):
        verbose_name = _("course export")
        verbose_name_plural = _("course exports")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connector", "course_key"], name="ccx_ccxcon_one_export_per_course")
        ]

    def __str__(self) -> str:
        return self.course_key


class LoginLink(DurableRow):
    """The mail to an instructor with a link to the portal: once for each account and connector.

    The link is made of the ``nonce`` and ``expires``, so that a mail that goes out twice holds the same link, which is
    good once.
    """

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="links", editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", editable=False)
    anonymous_id = models.CharField(_("anonymous id"), max_length=64, editable=False)
    course_key = models.CharField(_("course"), max_length=255, editable=False)
    nonce = models.CharField(max_length=32, default="", editable=False)
    expires = models.DateTimeField(_("expires"), null=True, editable=False)

    class Meta(DurableRow.Meta):
        verbose_name = _("login link")
        verbose_name_plural = _("login links")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connector", "user"], name="ccx_ccxcon_one_link_per_person")
        ]

    def __str__(self) -> str:
        return f"{self.user} at {self.connector}"


class CcxOrder(models.Model):
    """A CCX that was ordered: for whom, by whom, with how many seats.

    The row and the CCX are made in one transaction: neither is there without the other. ``organization`` runs it.
    ``key_hash`` is the SHA-256 of the caller's Idempotency-Key, ``request_hash`` of what came with it, ``answer`` what
    was answered. ``version`` is that of the seats: a change with a lower or equal one changes nothing.
    """

    class State(models.TextChoices):
        """What it is."""

        OPEN = "open", _("open")
        CLOSED = "closed", _("closed")

    caller = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("ordered by")
    )
    key_hash = models.CharField(max_length=64)
    request_hash = models.CharField(max_length=64)
    ccx_key = models.CharField(_("CCX"), max_length=255, null=True, unique=True)  # noqa: DJ001 (NULL: being made)
    ccx_number = models.PositiveBigIntegerField(null=True, unique=True)
    master_key = models.CharField(_("master course"), max_length=255, db_index=True)
    organization = models.CharField(_("run by"), max_length=255)
    run_by_master = models.BooleanField(_("run by the organization of the master course"), default=True)
    coach = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("coach")
    )
    display_name = models.CharField(_("name"), max_length=255)
    seats = models.PositiveIntegerField(_("seats"))
    version = models.PositiveBigIntegerField(_("version"), default=0)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.OPEN)
    # A text: some databases give back JSON in another order, and the same answer has the same bytes.
    answer = models.TextField(default="", editable=False)
    created = models.DateTimeField(_("created"), default=timezone.now)
    modified = models.DateTimeField(_("modified"), default=timezone.now)

    class Meta:
        verbose_name = _("CCX order")
        verbose_name_plural = _("CCX orders")
        ordering = ("-id",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["caller", "key_hash"], name="ccx_ccxcon_one_order_per_key")
        ]

    def __str__(self) -> str:
        return self.ccx_key or self.master_key


class SeatsChange(models.Model):
    """One change of an order's seats, known again by its key (NULL: it came without one)."""

    order = models.ForeignKey(CcxOrder, on_delete=models.CASCADE, related_name="changes")
    key_hash = models.CharField(max_length=64, null=True)  # noqa: DJ001 (NULL: several come without a key)
    seats_before = models.PositiveIntegerField(_("seats before"))
    seats = models.PositiveIntegerField(_("seats"))
    version = models.PositiveBigIntegerField(_("version"))
    created = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("change of seats")
        verbose_name_plural = _("changes of seats")
        ordering = ("-id",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order", "key_hash"], name="ccx_ccxcon_one_change_per_key")
        ]

    def __str__(self) -> str:
        return f"{self.seats_before} to {self.seats}"
