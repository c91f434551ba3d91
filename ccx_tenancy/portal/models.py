"""The tables of the portal. Nothing here is deleted by a webhook: orders refer to it."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ccx_tenancy.conf import conf
from ccx_tenancy.constraints import check
from ccx_tenancy.outgoing import durable
from ccx_tenancy.outgoing.addresses import validate_url
from ccx_tenancy.outgoing.durable import DurableRow
from ccx_tenancy.outgoing.secrets import SealedTextField


def default_currency() -> str:
    """Return the currency of a course that nobody has priced yet."""
    return conf.portal_currencies[0]


def new_key() -> str:
    """Return a key that no other row has and nobody can guess."""
    return uuid.uuid4().hex


class Source(models.Model):
    """A hub (CCXCon) that sends courses, and at which we order CCXs."""

    class Speaks(models.TextChoices):
        """``ccx_tenancy``: signatures with a time, versions, seats that change. ``original``: the CCXCon of 2016."""

        CCX_TENANCY = "ccx_tenancy", _("ccx_tenancy")
        ORIGINAL = "original", _("the original CCXCon")

    name = models.CharField(_("name"), max_length=100, unique=True)
    url = models.CharField(
        _("address"),
        max_length=500,
        validators=[validate_url],
        help_text=_("The hub's address without a path, such as https://hub.example.com."),
    )
    speaks = models.CharField(
        _("speaks"),
        max_length=20,
        choices=Speaks.choices,
        default=Speaks.CCX_TENANCY,
        help_text=_("An original's webhooks have no time, so they can be replayed: choose it only for an original."),
    )
    client_id = models.CharField(_("client id"), max_length=200, help_text=_("Our account at the hub."))
    client_secret = SealedTextField(_("client secret"))
    webhook_secret = SealedTextField(_("webhook secret"), help_text=_("What the hub signs its webhooks with."))
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        ordering = ("name",)
        verbose_name = _("hub")
        verbose_name_plural = _("hubs")

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, with an address that ends without a slash."""
        self.url = self.url.rstrip("/")
        super().save(*args, **kwargs)

    @property
    def is_original(self) -> bool:
        """Whether it is a CCXCon of 2016."""
        return self.speaks == self.Speaks.ORIGINAL


class ReceivedEvent(models.Model):
    """A webhook that was done. Its id is not done again; one that is old enough is refused by its time anyway."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="+")
    event_id = models.CharField(max_length=64)
    received = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source", "event_id"], name="ccx_portal_event_once"),
        ]

    def __str__(self) -> str:
        return self.event_id


class Course(models.Model):
    """A course of a hub: what the hub says of it, and what its owners say of it."""

    class State(models.TextChoices):
        """``awaited``: a module of it came first. ``withdrawn``, ``deleted``: no longer for sale, whatever else."""

        AWAITED = "awaited", _("awaited")
        ACTIVE = "active", _("active")
        WITHDRAWN = "withdrawn", _("withdrawn")
        DELETED = "deleted", _("deleted")

    uuid = models.CharField(max_length=64, unique=True, editable=False)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="courses", editable=False)
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.AWAITED, editable=False, db_index=True
    )
    version = models.BigIntegerField(null=True, editable=False)
    instance = models.CharField(_("instance"), max_length=500, default="", editable=False)
    course_id = models.CharField(_("course id"), max_length=255, default="", editable=False)
    hub_title = models.TextField(_("title at the hub"), default="", editable=False)
    hub_description = models.TextField(_("description at the hub"), default="", editable=False)
    author_name = models.TextField(_("author"), default="", editable=False)
    overview = models.TextField(_("overview"), default="", editable=False)
    image_url = models.TextField(_("image"), default="", editable=False)
    own_title = models.CharField(_("title"), max_length=255, blank=True, default="")
    own_description = models.TextField(_("description"), blank=True, default="")
    live = models.BooleanField(_("live"), default=False, help_text=_("Whether it is offered once it has prices."))
    currency = models.CharField(_("currency"), max_length=3, default=default_currency)
    owners = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="+",
        verbose_name=_("owners"),
        help_text=_("Besides the instructors who have followed their login link."),
    )
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("hub_title", "pk")
        verbose_name = _("course")
        verbose_name_plural = _("courses")

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        """The owner's title, or the hub's."""
        return self.own_title or self.hub_title

    @property
    def description(self) -> str:
        """The owner's description, or the hub's."""
        return self.own_description or self.hub_description


class CourseInstructor(models.Model):
    """The anonymous id of an instructor, as the instance that sent the course made it."""

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="instructors")
    uid = models.CharField(max_length=255, db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["course", "uid"], name="ccx_portal_instructor_once"),
        ]

    def __str__(self) -> str:
        return self.uid


class Module(models.Model):
    """A chapter of a course, with its price for one seat. One that the hub deleted keeps both, for orders and in case
    it comes back."""

    uuid = models.CharField(max_length=64, unique=True, editable=False)
    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="modules", editable=False)
    version = models.BigIntegerField(null=True, editable=False)
    hub_title = models.TextField(_("title at the hub"), default="", editable=False)
    subchapters = models.JSONField(default=list, editable=False)
    locator_id = models.CharField(max_length=255, default="", editable=False)
    order = models.IntegerField(default=0, editable=False)
    deleted = models.BooleanField(_("deleted"), default=False, editable=False)
    own_title = models.CharField(_("title"), max_length=255, blank=True, default="")
    price = models.DecimalField(_("price of a seat"), max_digits=9, decimal_places=2, null=True, blank=True)

    class Meta:
        ordering = ("order", "pk")
        verbose_name = _("module")
        verbose_name_plural = _("modules")
        constraints: ClassVar = [
            check(models.Q(price__isnull=True) | models.Q(price__gte=0), "ccx_portal_price_positive"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        """The owner's title, or the hub's."""
        return self.own_title or self.hub_title


class Profile(models.Model):
    """Who a user is at the portal. Its row is also the lock under which the user's cart becomes an order."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    full_name = models.CharField(_("full name"), max_length=255, blank=True, default="")
    organization = models.CharField(_("organization"), max_length=255, blank=True, default="")
    short_name = models.CharField(
        _("organization's short name"),
        max_length=255,
        blank=True,
        default="",
        help_text=_("As it stands in the course keys of the learning platform, where it runs courses there."),
    )

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")

    def __str__(self) -> str:
        return self.full_name or str(self.user)


class Registration(models.Model):
    """Somebody asked for an account. There is no account until the link in the mail was followed, once and in time."""

    email = models.CharField(max_length=150, db_index=True)
    full_name = models.CharField(max_length=255)
    organization = models.CharField(max_length=255)
    password = models.CharField(max_length=128)
    next = models.CharField(max_length=500, default="")
    digest = models.CharField(max_length=64, unique=True)
    created = models.DateTimeField(default=timezone.now)
    expires = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.email


class Identity(models.Model):
    """An instructor's anonymous id at an instance, proven by a login link, and the account that it belongs to."""

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+")
    instance = models.CharField(_("instance"), max_length=500)
    uid = models.CharField(_("anonymous id"), max_length=255)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("linked instructor")
        verbose_name_plural = _("linked instructors")

    def __str__(self) -> str:
        return f"{self.uid} ({self.instance})"


class UsedLink(models.Model):
    """A login link that was used, by the SHA-256 of its nonce."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="+")
    nonce = models.CharField(max_length=64)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    used = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source", "nonce"], name="ccx_portal_link_once"),
        ]

    def __str__(self) -> str:
        return self.nonce


class CartLine(models.Model):
    """A course in a user's cart: how many seats the user wants to have in it, those bought before included."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="+")
    seats = models.PositiveIntegerField()
    modules = models.ManyToManyField(Module, related_name="+")

    class Meta:
        ordering = ("pk",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "course"], name="ccx_portal_cart_course_once"),
        ]

    def __str__(self) -> str:
        return f"{self.course} x {self.seats}"


class Order(models.Model):
    """What somebody bought, as it was on that day."""

    class State(models.TextChoices):
        """``paying``: being charged. ``paid``: charged (or free); each line says whether its seats are there."""

        PAYING = "paying", _("being paid")
        PAID = "paid", _("paid")
        DECLINED = "declined", _("declined")
        CANCELLED = "cancelled", _("cancelled")

    number = models.CharField(_("number"), max_length=32, unique=True, default=new_key, editable=False)
    purchaser = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("buyer")
    )
    #: What the buyer's browser or program sent to know the order again.
    key = models.CharField(max_length=64)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.PAYING, db_index=True)
    currency = models.CharField(_("currency"), max_length=3)
    total = models.DecimalField(_("total"), max_digits=14, decimal_places=2)
    bill_to = models.TextField(_("billed to"), default="")
    created = models.DateTimeField(_("created"), default=timezone.now)
    paid_at = models.DateTimeField(_("paid"), null=True)

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["purchaser", "key"], name="ccx_portal_order_once"),
            check(models.Q(total__gte=0), "ccx_portal_total_positive"),
        ]

    def __str__(self) -> str:
        return self.number


#: Why the learning platform makes no CCX until another organization is named.
ORGANIZATION_REFUSALS = frozenset(["coach_not_in_organization", "organization_not_active"])


class Holding(DurableRow):
    """The seats that a buyer has in a course: one CCX. As a durable row it stands for telling the hub of them.

    ``seats`` are those paid for; ``seats_sent`` those that the hub has confirmed. ``is_open`` is True, or NULL once it
    is closed: a unique index ignores NULLs, so a buyer has one open holding in a course.
    """

    key = models.CharField(max_length=32, unique=True, default=new_key, editable=False)
    purchaser = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("buyer")
    )
    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="+", verbose_name=_("course"))
    modules = models.ManyToManyField(Module, related_name="+", verbose_name=_("modules"))
    is_open = models.BooleanField(null=True, default=True, editable=False)
    seats = models.PositiveIntegerField(_("seats"), default=0, editable=False)
    seats_sent = models.PositiveIntegerField(_("seats at the hub"), default=0, editable=False)
    version = models.PositiveIntegerField(default=0, editable=False)
    #: The order to create it, as it was first sent: the same key must always carry the same body.
    creation = models.JSONField(null=True, editable=False)
    #: The word of the learning platform for why it refused to make the CCX, such as ``coach_not_in_organization``.
    refusal = models.CharField(_("refusal"), max_length=64, default="", editable=False)
    ccx_id = models.CharField(_("CCX"), max_length=255, default="", editable=False)
    #: By what the hub knows it.
    hub_id = models.CharField(max_length=255, default="", editable=False)

    class Meta(DurableRow.Meta):
        verbose_name = _("seats")
        verbose_name_plural = _("seats")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["purchaser", "course", "is_open"], name="ccx_portal_one_holding"),
        ]

    def __str__(self) -> str:
        return self.ccx_id or self.key

    @property
    def way_forward(self) -> str:
        """What its buyer can do where the learning platform refused the CCX, so that none was made: ``organization``
        (name another one), ``again``; empty where only staff can tell."""
        if self.state != durable.State.REFUSED or self.ccx_id or not self.refusal:
            return ""
        return "organization" if self.refusal in ORGANIZATION_REFUSALS else "again"

    @property
    def is_fulfilled(self) -> bool:
        """Whether the hub has confirmed the seats that were paid for."""
        return self.seats_sent == self.seats


class OrderLine(models.Model):
    """Seats in one course, at the prices of the day."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="lines")
    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="+")
    title = models.TextField()
    modules = models.ManyToManyField(Module, related_name="+")
    #: ``[{"uuid", "title", "price"}]`` as they were.
    bought = models.JSONField(default=list)
    seats = models.PositiveIntegerField(_("seats"))
    price = models.DecimalField(_("price of a seat"), max_digits=12, decimal_places=2)
    total = models.DecimalField(_("total"), max_digits=14, decimal_places=2)
    holding = models.ForeignKey(Holding, null=True, on_delete=models.PROTECT, related_name="lines")
    #: How many seats the holding has with this line.
    seats_after = models.PositiveIntegerField(default=0)
    fulfilled_at = models.DateTimeField(_("fulfilled"), null=True)
    #: When staff gave it up; its money goes back.
    cancelled_at = models.DateTimeField(_("cancelled"), null=True)

    class Meta:
        ordering = ("pk",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order", "course"], name="ccx_portal_line_course_once"),
            check(models.Q(seats__gte=1), "ccx_portal_line_seats"),
        ]

    def __str__(self) -> str:
        return f"{self.title} x {self.seats}"


class Payment(DurableRow):
    """The charge of an order. As a durable row it stands for learning what became of it.

    ``key`` is what the gateway knows it by: written before the gateway is asked, so that a lost answer is looked up.
    """

    class Result(models.TextChoices):
        """``open``: not known yet."""

        OPEN = "open", _("open")
        PAID = "paid", _("paid")
        DECLINED = "declined", _("declined")
        CANCELLED = "cancelled", _("cancelled")

    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="payment")
    key = models.CharField(max_length=32, unique=True, default=new_key, editable=False)
    gateway = models.CharField(_("gateway"), max_length=30)
    amount = models.DecimalField(_("amount"), max_digits=14, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3)
    result = models.CharField(_("result"), max_length=10, choices=Result.choices, default=Result.OPEN)
    charge_id = models.CharField(_("charge"), max_length=255, default="")
    page = models.TextField(default="")
    reason = models.TextField(_("reason"), default="")

    class Meta(DurableRow.Meta):
        verbose_name = _("payment")
        verbose_name_plural = _("payments")

    def __str__(self) -> str:
        return self.key


class Refund(DurableRow):
    """Money that goes back for a line that cannot be fulfilled."""

    line = models.OneToOneField(OrderLine, on_delete=models.PROTECT, related_name="refund")
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    key = models.CharField(max_length=32, unique=True, default=new_key, editable=False)
    amount = models.DecimalField(_("amount"), max_digits=14, decimal_places=2)
    refund_id = models.CharField(_("refund"), max_length=255, default="")

    class Meta(DurableRow.Meta):
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")

    def __str__(self) -> str:
        return self.key


class PretendCharge(models.Model):
    """What the gateway without money (:mod:`ccx_tenancy.portal.gateways.pretend`) has in its books."""

    key = models.CharField(max_length=32, unique=True)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3)
    paid = models.BooleanField()
    closed = models.BooleanField(default=False)
    refunded = models.DecimalField(max_digits=14, decimal_places=2, default=Decimal(0))
    refund_keys = models.JSONField(default=list)
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("pretended charge")
        verbose_name_plural = _("pretended charges")

    def __str__(self) -> str:
        return self.key
