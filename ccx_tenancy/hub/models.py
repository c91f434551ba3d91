"""The tables of the room. Other code uses :mod:`ccx_tenancy.hub.api`."""

from __future__ import annotations

import hashlib
import json
import secrets
import uuid
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from oauth2_provider.settings import oauth2_settings

from ccx_tenancy.outgoing.addresses import validate_url
from ccx_tenancy.outgoing.durable import DurableQuerySet, DurableRow
from ccx_tenancy.outgoing.secrets import SealedTextField

COURSES_WRITE, COURSES_READ, CCX_WRITE = "courses:write", "courses:read", "ccx:write"

#: What a client may be allowed to do, and what that means.
SCOPES = {
    COURSES_WRITE: _("publish courses (an LMS)"),
    COURSES_READ: _("read courses, ask for users, check login links"),
    CCX_WRITE: _("order CCXs and change their seats (a portal)"),
}


def digest(text: str) -> str:
    """Return what tells texts apart exactly, on every database: some compare without case, or cut long keys."""
    return hashlib.sha256(text.encode()).hexdigest()


def new_secret() -> str:
    """Return a secret that nobody can guess."""
    return secrets.token_urlsafe(32)


class Timed(models.Model):
    """Abstract row that knows when it was made and changed."""

    created = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    modified = models.DateTimeField(_("modified"), default=timezone.now, editable=False)

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and note the time."""
        self.modified = timezone.now()
        if (fields := kwargs.get("update_fields")) is not None:
            kwargs["update_fields"] = {*fields, "modified"}
        super().save(*args, **kwargs)


class BackingInstance(Timed):
    """An LMS: where it is, which protocol it speaks, and our account there."""

    class Speaks(models.TextChoices):
        """``ccx_tenancy``: our order API. ``edx``: the CCX API of Open edX, and modules pulled as course blocks."""

        OURS = "ccx_tenancy", _("ours (ccx_tenancy.ccxcon)")
        EDX = "edx", _("the CCX API of an Open edX without it")

    title = models.CharField(_("title"), max_length=255, blank=True, help_text=_("What people call it."))
    instance_url = models.CharField(
        _("address"), max_length=255, unique=True, validators=[validate_url], help_text=_("Without a path.")
    )
    speaks = models.CharField(_("speaks"), max_length=20, choices=Speaks.choices, default=Speaks.OURS)
    token_url = models.CharField(
        _("token address"),
        max_length=255,
        blank=True,
        validators=[validate_url],
        help_text=_("Empty: /oauth2/access_token/ there."),
    )
    oauth_client_id = models.CharField(_("our client id there"), max_length=255, blank=True)
    oauth_client_secret = SealedTextField(_("our client secret there"), blank=True)
    username = models.CharField(
        _("our user there"), max_length=255, blank=True, help_text=_("In whose name course blocks are read (edX).")
    )
    grant_token = SealedTextField(
        _("grant"), blank=True, help_text=_("The code of a grant made by hand (an edX of 2016); a new one starts anew.")
    )
    link_secret = SealedTextField(_("secret of the login links"), blank=True, editable=False)
    refresh_token = SealedTextField(blank=True, editable=False)
    access_token = SealedTextField(blank=True, editable=False)
    token_ends = models.DateTimeField(null=True, editable=False)
    token_lease = models.CharField(max_length=32, default="", editable=False)
    token_leased_until = models.DateTimeField(null=True, editable=False)
    touched = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("LMS")
        verbose_name_plural = _("LMS")
        ordering = ("instance_url",)

    def __str__(self) -> str:
        return self.title or self.instance_url

    def clean(self) -> None:
        """Take the slash off the end, so that one LMS is one row."""
        self.instance_url = self.instance_url.rstrip("/")

    @property
    def tokens_from(self) -> str:
        """Where our account there gets its tokens."""
        return self.token_url or f"{self.instance_url}/oauth2/access_token/"


class Client(Timed):
    """Who calls us: an LMS or a portal, with the application that holds its credentials."""

    title = models.CharField(_("title"), max_length=255, unique=True)
    application = models.OneToOneField(
        oauth2_settings.APPLICATION_MODEL,
        on_delete=models.CASCADE,
        related_name="ccx_client",
        editable=False,
    )
    instance = models.ForeignKey(
        BackingInstance,
        verbose_name=_("LMS"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="clients",
        help_text=_("Whose courses this client publishes. A portal has none."),
    )
    scopes = models.CharField(_("scopes"), max_length=255, blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("client")
        verbose_name_plural = _("clients")
        ordering = ("title",)

    def __str__(self) -> str:
        return self.title

    @property
    def scope_list(self) -> list[str]:
        """What it may do."""
        return self.scopes.split()


class Course(Timed):
    """A master course, as its LMS last told it. ``sequence`` numbers what receivers are told of it, for ever rising."""

    class State(models.TextChoices):
        """``active``: offered. ``withdrawn``: taken back by its LMS. ``deleted``: taken out here, by hand."""

        ACTIVE = "active", _("active")
        WITHDRAWN = "withdrawn", _("withdrawn")
        DELETED = "deleted", _("deleted")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    instance = models.ForeignKey(
        BackingInstance, verbose_name=_("LMS"), on_delete=models.PROTECT, related_name="courses"
    )
    course_id = models.CharField(_("course key"), max_length=255)
    course_digest = models.CharField(max_length=64, editable=False)
    title = models.CharField(_("title"), max_length=255)
    author_name = models.TextField(_("author"), null=True)  # noqa: DJ001 (the originals tell null from an empty text)
    overview = models.TextField(_("overview"), null=True)  # noqa: DJ001
    description = models.TextField(_("description"), null=True)  # noqa: DJ001
    image_url = models.CharField(_("image"), max_length=2000)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.ACTIVE)
    version = models.BigIntegerField(_("version at the LMS"), default=0)
    sequence = models.BigIntegerField(_("sequence"), default=0, editable=False)

    class Meta:
        verbose_name = _("course")
        verbose_name_plural = _("courses")
        ordering = ("pk",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["instance", "course_digest"], name="ccx_hub_course_of_instance")
        ]

    def __str__(self) -> str:
        return self.course_id


class Instructor(models.Model):
    """An anonymous id that an LMS named as an instructor of a course."""

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="instructors")
    uid = models.CharField(max_length=255)
    uid_digest = models.CharField(max_length=64)
    position = models.PositiveIntegerField()

    class Meta:
        ordering = ("position",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["course", "uid_digest"], name="ccx_hub_instructor_of_course")
        ]
        indexes = [models.Index(fields=["uid_digest"], name="ccx_hub_instructor_uid")]

    def __str__(self) -> str:
        return self.uid


class Module(Timed):
    """A chapter. It keeps its uuid for as long as its locator is the same, also when it goes and comes back."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    course = models.ForeignKey(Course, verbose_name=_("course"), on_delete=models.CASCADE, related_name="modules")
    locator_id = models.CharField(_("locator"), max_length=255)
    locator_digest = models.CharField(max_length=64, editable=False)
    title = models.CharField(_("title"), max_length=255)
    subchapters = models.JSONField(_("subchapters"), default=list)
    order = models.PositiveIntegerField(_("order"), default=0)
    removed = models.BooleanField(_("removed"), default=False)

    class Meta:
        verbose_name = _("module")
        verbose_name_plural = _("modules")
        ordering = ("order", "pk")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["course", "locator_digest"], name="ccx_hub_module_of_course")
        ]

    def __str__(self) -> str:
        return self.title


class ModulePull(DurableRow):
    """The modules of a course are to be read from an LMS that does not send them. ``wanted`` rises with each push."""

    course = models.OneToOneField(Course, on_delete=models.CASCADE, related_name="pull")
    wanted = models.BigIntegerField(default=1)

    objects: ClassVar[DurableQuerySet[ModulePull]] = DurableQuerySet.as_manager()  # type: ignore[assignment]

    class Meta(DurableRow.Meta):
        verbose_name = _("pull of modules")
        verbose_name_plural = _("pulls of modules")

    def __str__(self) -> str:
        return str(self.course)


class Receiver(Timed):
    """A webhook: where the news of courses goes, and of which LMS."""

    class Speaks(models.TextChoices):
        """``ccx_tenancy``: all fields. ``original``: those that a Teacher's Portal of 2016 knows, and no others."""

        OURS = "ccx_tenancy", _("ours")
        ORIGINAL = "original", _("a Teacher's Portal of 2016")

    title = models.CharField(_("title"), max_length=255, unique=True)
    url = models.CharField(_("address"), max_length=2000, validators=[validate_url])
    secret = SealedTextField(_("secret"), blank=True, help_text=_("Empty on a new one: made, and shown once."))
    speaks = models.CharField(_("speaks"), max_length=20, choices=Speaks.choices, default=Speaks.OURS)
    enabled = models.BooleanField(_("enabled"), default=True)
    everything = models.BooleanField(_("every LMS"), default=False, help_text=_("The courses of every LMS."))
    instances = models.ManyToManyField(
        BackingInstance, verbose_name=_("LMS"), blank=True, help_text=_("The courses of these, else.")
    )
    client = models.ForeignKey(
        Client,
        verbose_name=_("client"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="receivers",
        help_text=_("The portal behind it: as a client it sees what this receiver gets."),
    )
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    resting_until = models.DateTimeField(_("resting until"), null=True, editable=False)

    class Meta:
        verbose_name = _("receiver")
        verbose_name_plural = _("receivers")
        ordering = ("title",)

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        """Refuse to keep a receiver without a secret: what anybody can sign is not signed."""
        if self.pk and not self.secret:
            raise ValidationError({"secret": _("A receiver needs a secret that is not empty.")})


class Event(models.Model):
    """One thing that receivers are told: the state of a course or a module, at one number of the course's sequence."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    course_uuid = models.UUIDField(_("course"))
    sequence = models.BigIntegerField(_("sequence"))
    action = models.CharField(_("action"), max_length=10)
    type = models.CharField(_("type"), max_length=10)
    subject = models.UUIDField(_("of"))
    payload = models.TextField()
    created = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["course_uuid", "sequence"], name="ccx_hub_event_sequence")
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.action} {self.subject} #{self.sequence}"

    @property
    def content(self) -> dict[str, Any]:
        """The payload as a value."""
        found: dict[str, Any] = json.loads(self.payload)
        return found


class Delivery(DurableRow):
    """One event for one receiver. Those of one course to one receiver are sent one after another, by ``sequence``.

    ``superseded``: a later state of the same thing has taken its place, so it is not sent any more.
    """

    receiver = models.ForeignKey(
        Receiver, verbose_name=_("receiver"), on_delete=models.CASCADE, related_name="deliveries"
    )
    event = models.ForeignKey(Event, verbose_name=_("event"), on_delete=models.CASCADE, related_name="deliveries")
    course_uuid = models.UUIDField(_("course"))
    subject = models.UUIDField()
    sequence = models.BigIntegerField(_("sequence"))
    superseded = models.BooleanField(_("superseded"), default=False)

    objects: ClassVar[DurableQuerySet[Delivery]] = DurableQuerySet.as_manager()  # type: ignore[assignment]

    class Meta(DurableRow.Meta):
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        indexes = [
            models.Index(fields=["receiver", "course_uuid", "state", "sequence"], name="ccx_hub_delivery_lane"),
            models.Index(fields=["state", "due_at"], name="ccx_hub_delivery_due"),
            models.Index(fields=["receiver", "state", "due_at"], name="ccx_hub_delivery_receiver"),
        ]

    def __str__(self) -> str:
        return f"{self.event} → {self.receiver}"


class Attempt(models.Model):
    """One try to deliver, and how it ended."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="log")
    at = models.DateTimeField(_("at"), default=timezone.now)
    status = models.PositiveSmallIntegerField(_("status"), null=True)
    error = models.TextField(_("error"), default="")
    milliseconds = models.PositiveIntegerField(_("milliseconds"), default=0)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.status or '-'} {self.error}".strip()


class Ccx(Timed):
    """A CCX that a client ordered: known by its key at the LMS, or still to be made under the client's key.

    ``lease`` is held by the one process that talks with the LMS about it.
    """

    class State(models.TextChoices):
        """``ordered``: asked for, not yet known to be made. ``open``: made. ``closed``: closed by its client."""

        ORDERED = "ordered", _("ordered")
        OPEN = "open", _("open")
        CLOSED = "closed", _("closed")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    client = models.ForeignKey(Client, verbose_name=_("client"), on_delete=models.PROTECT, related_name="ccxs")
    course = models.ForeignKey(Course, verbose_name=_("course"), on_delete=models.PROTECT, related_name="ccxs")
    idempotency_digest = models.CharField(max_length=64, editable=False)
    request_digest = models.CharField(max_length=64, editable=False)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.ORDERED)
    ccx_key = models.CharField(_("CCX key"), max_length=255, blank=True, default="")
    ccx_digest = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001 (null: many without)
    coach_email = models.CharField(_("coach"), max_length=254)
    display_name = models.CharField(_("name"), max_length=255)
    organization = models.CharField(_("organization"), max_length=255, blank=True, default="")
    seats = models.PositiveIntegerField(_("seats"))
    version = models.BigIntegerField(_("version"), default=0)
    modules = models.JSONField(_("modules"), null=True)
    # A text, because some databases put the names of a JSON column in another order.
    answer = models.TextField(_("answer of the LMS"), default="{}")
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    last_error = models.TextField(_("last error"), default="")
    lease = models.CharField(max_length=32, default="", editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("CCX")
        verbose_name_plural = _("CCXs")
        ordering = ("pk",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["client", "idempotency_digest"], name="ccx_hub_ccx_once"),
            models.UniqueConstraint(fields=["course", "ccx_digest"], name="ccx_hub_ccx_key"),
        ]

    def __str__(self) -> str:
        return self.ccx_key or f"{self.display_name} ({self.get_state_display()})"

    @property
    def said(self) -> dict[str, Any]:
        """What the LMS last said of it."""
        found: dict[str, Any] = json.loads(self.answer)
        return found
