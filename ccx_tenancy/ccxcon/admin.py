"""The marketplace in the admin: connectors are set up here; exports, links and orders are shown, and tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy, ngettext

from ccx_tenancy.admin_support import STYLE, ReadOnlyAdmin, pretty
from ccx_tenancy.audit import api as audit
from ccx_tenancy.ccxcon import exports, links
from ccx_tenancy.ccxcon.models import CcxOrder, Connector, CourseExport, LoginLink, SeatsChange

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
    Inline = admin.TabularInline[Any, Any]
else:
    Base = admin.ModelAdmin
    Inline = admin.TabularInline

_ATTEMPTS = ("state", "attempts", "due_at", "last_status", "reason", "done_at", "created", "modified")


@admin.register(Connector)
class ConnectorAdmin(Base):
    """Where courses go, who we are there, and whose they are."""

    list_display = ("title", "url", "enabled", "waiting", "refused")
    list_filter = ("enabled",)
    search_fields = ("title", "url")
    filter_horizontal = ("tenants",)
    fieldsets = (
        (None, {"fields": ("title", "url", "enabled")}),
        (gettext_lazy("Our account there"), {"fields": ("client_id", "client_secret")}),
        (gettext_lazy("Whose courses go"), {"fields": ("tenants", "serves_platform")}),
        (gettext_lazy("Mails to instructors"), {"fields": ("portal_url", "link_secret")}),
    )

    class Media:
        css = {"all": [STYLE]}

    @admin.display(description=gettext_lazy("waiting"))
    def waiting(self, row: Connector) -> int:
        """Return how many exports wait."""
        return row.exports.filter(state="waiting").count()

    @admin.display(description=gettext_lazy("refused"))
    def refused(self, row: Connector) -> int:
        """Return how many exports were refused."""
        return row.exports.filter(state="refused").count()

    def save_model(self, request: HttpRequest, obj: Connector, form: Any, change: bool) -> None:
        """Save, and write it down; secrets are not."""
        super().save_model(request, obj, form, change)
        shown = [name for name in form.changed_data if "secret" not in name]
        audit.record(
            "connector.changed" if change else "connector.created",
            actor=request.user,
            target=obj.url,
            after={
                "changed": sorted(form.changed_data),
                **{name: str(form.cleaned_data[name]) for name in shown if name != "tenants"},
            },
        )

    def delete_model(self, request: HttpRequest, obj: Connector) -> None:
        """Delete, and write it down."""
        audit.record("connector.deleted", actor=request.user, target=obj.url)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Delete each, and write it down."""
        for obj in queryset:
            self.delete_model(request, obj)


class Tried(ReadOnlyAdmin):
    """A list of what was tried, with its reasons."""

    list_filter: ClassVar[Any] = ("state", "connector")
    list_select_related: ClassVar[Any] = ("connector",)
    ordering = ("-modified",)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Who may change rows of this kind may have them tried again."""
        return bool(request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}"))

    @admin.display(description=gettext_lazy("reason"))
    def reason(self, row: Any) -> SafeString:
        """Return why the last attempt failed."""
        return format_html('<span class="ccx-reason">{}</span>', row.last_error) if row.last_error else SafeString("–")


@admin.register(CourseExport)
class CourseExportAdmin(Tried):
    """What each connector is told of each course."""

    actions = ["retry", "send_present_state"]
    list_display = ("course_key", "connector", "state", "attempts", "last_status", "reason", "due_at", "done_at")
    search_fields = ("course_key",)
    fields = ("course_key", "connector", "version", "sent_version", "told", *_ATTEMPTS, "body")
    readonly_fields = fields

    @admin.display(description=gettext_lazy("last sent"))
    def body(self, row: CourseExport) -> SafeString | str:
        """Return the body that was accepted last."""
        return pretty(row.sent) if row.sent is not None else "–"

    @admin.action(description=gettext_lazy("Try again now"), permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: Any) -> None:
        """Make the rows due now."""
        count = queryset.exclude(state="done").arm()
        _sweep_soon()
        audit.record("export.retried", actor=request.user, after={"rows": count})
        _say(self, request, count)

    @admin.action(description=gettext_lazy("Send the present state"), permissions=["retry"])
    def send_present_state(self, request: HttpRequest, queryset: Any) -> None:
        """Send each course again, as a new version."""
        count = exports.resend(queryset)
        audit.record("export.resent", actor=request.user, after={"rows": count})
        _say(self, request, count)


@admin.register(LoginLink)
class LoginLinkAdmin(Tried):
    """The mails to instructors. The links themselves are not shown: who has one is taken for the instructor."""

    actions = ["retry"]
    list_display = ("user", "connector", "course_key", "state", "attempts", "reason", "expires", "done_at")
    list_select_related = ("connector", "user")
    search_fields = ("course_key", "anonymous_id")
    fields = ("user", "connector", "course_key", "anonymous_id", "expires", *_ATTEMPTS)
    readonly_fields = fields

    @admin.action(description=gettext_lazy("Send again, with a new link"), permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: Any) -> None:
        """Make the mails due now."""
        rows = list(queryset)
        for row in rows:
            links.send_again(row)
        _sweep_soon()
        audit.record("login_link.resent", actor=request.user, after={"rows": len(rows)})
        _say(self, request, len(rows))


class SeatsChangeInline(Inline):
    """How the seats changed."""

    model = SeatsChange
    extra = 0
    can_delete = False
    fields = ("created", "seats_before", "seats", "version")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody may."""
        return False


@admin.register(CcxOrder)
class CcxOrderAdmin(ReadOnlyAdmin):
    """The CCXs that were ordered."""

    list_display = ("__str__", "display_name", "organization", "coach", "seats", "state", "created")
    list_filter = ("state",)
    list_select_related = ("coach",)
    search_fields = ("ccx_key", "master_key", "display_name", "organization")
    inlines: ClassVar[Any] = [SeatsChangeInline]
    fields = (
        "ccx_key",
        "master_key",
        "display_name",
        "organization",
        "coach",
        "seats",
        "version",
        "state",
        "caller",
        "created",
        "modified",
    )
    readonly_fields = fields


def _sweep_soon() -> None:
    from ccx_tenancy.ccxcon import tasks
    from ccx_tenancy.outgoing import durable

    durable.kick(tasks.sweep)


def _say(owner: Base, request: HttpRequest, count: int) -> None:
    text = ngettext("%d row is tried again now.", "%d rows are tried again now.", count) % count
    owner.message_user(request, text if count else gettext("There is nothing to try again."), messages.SUCCESS)
