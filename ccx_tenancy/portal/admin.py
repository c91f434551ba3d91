"""The portal in Django's admin: hubs, courses, orders, and what waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ccx_tenancy.admin_support import ShownAdmin
from ccx_tenancy.errors import TenancyError
from ccx_tenancy.outgoing.durable import State
from ccx_tenancy.portal import fulfilment, orders
from ccx_tenancy.portal.models import (
    Course,
    Holding,
    Identity,
    Module,
    Order,
    OrderLine,
    Payment,
    Profile,
    Refund,
    Source,
)

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
    BaseInline = admin.TabularInline[Any, Any]
else:
    Base = admin.ModelAdmin
    BaseInline = admin.TabularInline


class Durable(ShownAdmin):
    """Rows that wait to be sent, with the reason where they were refused, and an action that tries again."""

    actions = ("try_again",)
    list_filter = ("state",)
    list_display: Any = ("key", "state", "attempts", "last_status", "last_error", "due_at")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may view, or change (and so act on) them."""
        return super().has_view_permission(request, obj) or _may_act(self, request)

    @admin.action(description=_("Try again now"))
    def try_again(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """Make them due."""
        if not _may_act(self, request):
            self.message_user(request, _("You may not do that."), messages.ERROR)
            return
        for row in rows:
            if isinstance(row, Holding):
                fulfilment.retry(row, by=request.user)  # type: ignore[arg-type]
            elif row.state != State.DONE:
                row.retry_now()
        self.message_user(request, _("They are due now."))


def _may_act(model_admin: Base, request: HttpRequest) -> bool:
    """Whether the user has the permission to change such rows. The admin's own question is answered with no: there is
    nothing to edit."""
    meta = model_admin.opts
    return request.user.has_perm(f"{meta.app_label}.change_{meta.model_name}")


@admin.register(Source)
class SourceAdmin(Base):
    """Hubs."""

    list_display = ("name", "url", "speaks", "enabled")


class ModuleInline(BaseInline):
    """The modules of a course, with their prices."""

    model = Module
    extra = 0
    can_delete = False
    fields = ("hub_title", "own_title", "price", "deleted")
    readonly_fields = ("hub_title", "deleted")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The hub adds them."""
        return False


@admin.register(Course)
class CourseAdmin(Base):
    """Courses: what the hub says is shown, what the owners say can be changed."""

    list_display = ("title", "state", "live", "source", "instance", "course_id")
    list_filter = ("state", "live", "source")
    search_fields = ("hub_title", "own_title", "course_id", "uuid")
    readonly_fields = ("uuid", "source", "state", "version", "instance", "course_id", "hub_title", "hub_description")
    filter_horizontal = ("owners",)
    inlines = (ModuleInline,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The hub adds them."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Orders refer to them."""
        return False


@admin.register(Identity)
class IdentityAdmin(Base):
    """Instructors and their accounts. Deleting a row unlinks the account; a new login link can link another."""

    list_display = ("uid", "instance", "user", "created")
    search_fields = ("uid", "instance")
    readonly_fields = ("source", "instance", "uid", "user", "created")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only a login link proves one."""
        return False


@admin.register(Profile)
class ProfileAdmin(Base):
    """Who the accounts are."""

    list_display = ("user", "full_name", "organization", "short_name")
    raw_id_fields = ("user",)


class LineInline(BaseInline):
    """The lines of an order."""

    model = OrderLine
    extra = 0
    can_delete = False
    fields = ("title", "seats", "price", "total", "seats_after", "fulfilled_at", "cancelled_at", "holding")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An order is as it was placed."""
        return False


@admin.register(Order)
class OrderAdmin(ShownAdmin):
    """Orders."""

    list_display = ("number", "purchaser", "state", "total", "currency", "created", "paid_at")
    list_filter = ("state",)
    search_fields = ("number", "bill_to")
    inlines = (LineInline,)


@admin.register(Holding)
class HoldingAdmin(Durable):
    """Seats, and whether the hub knows of them. What is refused for good can be paid back."""

    list_display = ("key", "purchaser", "course", "seats", "seats_sent", "ccx_id", "state", "attempts", "last_error")
    actions = ("try_again", "give_money_back")  # type: ignore[assignment]

    @admin.action(description=_("Cancel what could not be fulfilled, and pay the money back"))
    def give_money_back(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """Cancel the lines that are paid and not fulfilled."""
        if not _may_act(self, request):
            self.message_user(request, _("You may not do that."), messages.ERROR)
            return
        for line in OrderLine.objects.filter(holding__in=rows, fulfilled_at=None, cancelled_at=None).order_by("-pk"):
            try:
                orders.give_money_back(line, by=request.user)
            except TenancyError as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                self.message_user(request, _("%(line)s is cancelled.") % {"line": line})


@admin.register(Payment)
class PaymentAdmin(Durable):
    """Charges, and what became of them."""

    list_display = ("key", "order", "gateway", "amount", "currency", "result", "state", "last_error")
    list_filter = ("result", "state")  # type: ignore[assignment]


@admin.register(Refund)
class RefundAdmin(Durable):
    """Money that goes back."""

    list_display = ("key", "line", "amount", "state", "refund_id", "last_error")
