"""The hub in the Django admin: LMS, clients and receivers are made here, and what came of everything is seen.

Credentials are shown once, on the page that answers the request that made them, and are not kept readable.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ccx_tenancy.admin_support import ShownAdmin
from ccx_tenancy.hub import catalogue, clients, events
from ccx_tenancy.hub.models import (
    SCOPES,
    Attempt,
    BackingInstance,
    Ccx,
    Client,
    Course,
    Delivery,
    Module,
    ModulePull,
    Receiver,
    new_secret,
)

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
    Inline = admin.TabularInline[Any, Any]
    ModelForm = forms.ModelForm[Any]
else:
    Base, Inline, ModelForm = admin.ModelAdmin, admin.TabularInline, forms.ModelForm


class SecretMixin(Base):
    """Shows credentials once: on the answer to what made them."""

    change_form_template = "admin/ccx_hub/change_form.html"
    secret_label: Any = _("New secret")
    secret_question: Any = ""

    def renew(self, obj: Any) -> Mapping[str, str]:
        """Make a new secret, and return what is shown."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        """Return the pages of the admin, and ours."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_secret"
        page = path("<int:pk>/secret/", self.admin_site.admin_view(self.secret_view), name=name)
        return [page, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a row, with a link to a new secret."""
        extra = {**(extra_context or {}), "secret_label": self.secret_label}
        if object_id.isdecimal():
            extra["secret_url"] = reverse(
                f"admin:{self.opts.app_label}_{self.opts.model_name}_secret", args=[object_id]
            )
        return super().change_view(request, object_id, form_url, extra)

    def secret_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Ask, and then make a new secret and show it."""
        obj = self.get_object(request, str(pk))
        if obj is None:
            raise Http404
        if not self.has_change_permission(request, obj):
            raise PermissionDenied
        if request.method == "POST":
            shown = self.renew(obj)
            self.log_change(request, obj, [{"changed": {"fields": ["secret"]}}])
            return self.show(request, obj, shown)
        context = {**self._context(request, obj), "title": self.secret_label, "question": self.secret_question}
        return TemplateResponse(request, "admin/ccx_hub/confirm.html", context)

    def show(self, request: HttpRequest, obj: Any, shown: Mapping[str, str]) -> HttpResponse:
        """Return the page with credentials."""
        context = {**self._context(request, obj), "title": _("Credentials"), "shown": shown.items()}
        answer = TemplateResponse(request, "admin/ccx_hub/credentials.html", context)
        answer["Cache-Control"] = "no-store"
        return answer

    def _context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        back = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[obj.pk])
        app_title = self.opts.app_config.verbose_name
        return {**self.admin_site.each_context(request), "object": obj, "back": back, "app_title": app_title}


class ShowOnly(ShownAdmin):
    """Shows rows, and does nothing else but its actions."""

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether the user may have things sent again: who may change such rows, as Django's permissions have it."""
        return bool(request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}"))


@admin.register(BackingInstance)
class BackingInstanceAdmin(SecretMixin):
    """The LMS."""

    list_display = ("__str__", "instance_url", "speaks")
    list_filter = ("speaks",)
    search_fields = ("title", "instance_url")
    secret_label = _("New secret of the login links")
    secret_question = _("Login links that were signed with the present secret will not be good any more.")

    def renew(self, obj: BackingInstance) -> Mapping[str, str]:
        """Make a new link secret."""
        return {"link_secret": clients.new_link_secret(obj)}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save; a new grant or account begins anew with its tokens."""
        if change and {"grant_token", "oauth_client_id", "oauth_client_secret", "token_url"} & set(form.changed_data):
            obj.refresh_token, obj.access_token, obj.token_ends = "", "", None
        super().save_model(request, obj, form, change)


class ClientForm(ModelForm):
    """A client, its scopes as boxes to tick."""

    scopes = forms.MultipleChoiceField(
        label=_("Scopes"), choices=tuple(SCOPES.items()), widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = Client
        fields = ("title", "instance", "scopes", "enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["scopes"] = self.instance.scope_list

    def clean_scopes(self) -> str:
        """Return the scopes as they are kept."""
        return clients.join_scopes(self.cleaned_data["scopes"])


@admin.register(Client)
class ClientAdmin(SecretMixin):
    """Who calls us."""

    form = ClientForm
    list_display = ("title", "client_id", "instance", "scopes", "enabled")
    list_select_related = ("application", "instance")
    list_filter = ("enabled",)
    search_fields = ("title",)
    secret_question = _("The present secret, and the tokens got with it, will not be good any more.")

    @admin.display(description=_("client id"))
    def client_id(self, obj: Client) -> str:
        """Return what it signs in as."""
        return str(obj.application.client_id)

    def renew(self, obj: Client) -> Mapping[str, str]:
        """Make a new client secret."""
        return _shown(clients.renew_secret(obj))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save; a new client gets its application and credentials."""
        if change:
            super().save_model(request, obj, form, change)
        else:
            obj.credentials_once = clients.save_client(obj)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """Show the credentials."""
        return self.show(request, obj, _shown(obj.credentials_once))


def _shown(credentials: clients.Credentials) -> dict[str, str]:
    found = {"client_id": credentials.client_id, "client_secret": credentials.client_secret}
    return {**found, "link_secret": credentials.link_secret} if credentials.link_secret else found


@admin.register(Receiver)
class ReceiverAdmin(SecretMixin):
    """Where news go."""

    list_display = ("title", "url", "speaks", "enabled", "everything", "failures", "resting_until")
    list_filter = ("enabled", "speaks")
    search_fields = ("title", "url")
    readonly_fields = ("failures", "resting_until")
    filter_horizontal = ("instances",)
    actions = ("send_everything",)
    secret_question = _("What is sent from now on will be signed with the new secret: have it ready at the receiver.")

    def renew(self, obj: Receiver) -> Mapping[str, str]:
        """Make a new secret."""
        secret = new_secret()
        obj.secret = secret
        obj.save(update_fields=["secret"])
        return {"secret": secret}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save; a receiver without a secret gets one."""
        if not obj.secret:
            obj.secret_once = new_secret()
            obj.secret = obj.secret_once
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save what it gets; tell it everything where that is new to it."""
        super().save_related(request, form, formsets, change)
        obj = form.instance
        if obj.enabled and {"enabled", "everything", "instances", "url", "speaks"} & set(form.changed_data):
            events.resync(obj)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """Show the secret that was made."""
        if secret := getattr(obj, "secret_once", ""):
            return self.show(request, obj, {"secret": secret})
        return super().response_add(request, obj, post_url_continue)

    @admin.action(description=_("Send everything anew, as it is now"), permissions=["change"])
    def send_everything(self, request: HttpRequest, rows: QuerySet[Receiver]) -> None:
        """Tell the chosen receivers all that they get."""
        _say(self, request, sum(events.resync(receiver) for receiver in rows.filter(enabled=True)))


class ModuleInline(Inline):
    """The modules of a course."""

    model = Module
    fields = ("order", "title", "locator_id", "uuid", "removed")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody may."""
        return False


@admin.register(Course)
class CourseAdmin(ShowOnly):
    """Courses, as their LMS told them."""

    list_display = ("course_id", "title", "instance", "state", "version", "sequence", "modified")
    list_select_related = ("instance",)
    list_filter = ("state", "instance")
    search_fields = ("course_id", "title")
    inlines: ClassVar[Any] = [ModuleInline]
    actions = ("send_again", "take_out", "read_modules")

    @admin.action(description=_("Send to all receivers, as it is now"), permissions=["operate"])
    def send_again(self, request: HttpRequest, rows: QuerySet[Course]) -> None:
        """Tell every receiver of the chosen courses."""
        chosen = list(rows.select_related("instance"))
        _say(self, request, sum(events.resync(one, course) for course in chosen for one in events.receivers_of(course)))

    @admin.action(description=_("Delete here, and tell all receivers"), permissions=["operate"])
    def take_out(self, request: HttpRequest, rows: QuerySet[Course]) -> None:
        """Delete the chosen courses, until their LMS publishes them again."""
        for course in rows.select_related("instance"):
            catalogue.delete_course(course)
            self.log_change(request, course, [{"changed": {"fields": ["state"]}}])

    @admin.action(description=_("Read the modules from the LMS"), permissions=["operate"])
    def read_modules(self, request: HttpRequest, rows: QuerySet[Course]) -> None:
        """Pull the modules of the chosen courses, where their LMS does not send them."""
        for course in rows.filter(instance__speaks=BackingInstance.Speaks.EDX):
            catalogue.pull(course)


class AttemptInline(Inline):
    """The attempts of a delivery."""

    model = Attempt
    fields = ("at", "status", "milliseconds", "error")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody may."""
        return False


@admin.register(Delivery)
class DeliveryAdmin(ShowOnly):
    """Deliveries, each with its attempts."""

    list_display = ("sequence", "event", "receiver", "state", "superseded", "attempts", "last_status", "due_at")
    list_select_related = ("event", "receiver")
    list_filter = ("state", "superseded", "receiver")
    ordering = ("-pk",)
    search_fields = ("event__uuid", "course_uuid")
    fields = (
        *("receiver", "event", "event_id_shown", "sequence", "state", "superseded", "attempts", "due_at", "done_at"),
        *("last_status", "last_error", "content"),
    )
    readonly_fields = fields
    inlines: ClassVar[Any] = [AttemptInline]
    actions = ("replay",)

    @admin.display(description=_("event id"))
    def event_id_shown(self, obj: Delivery) -> str:
        """Return what the receiver knows it by."""
        return str(obj.event.uuid)

    @admin.display(description=_("body"))
    def content(self, obj: Delivery) -> SafeString:
        """Return what was sent, as people read it."""
        return format_html("<pre>{}</pre>", json.dumps(json.loads(events.body(obj)), indent=2, ensure_ascii=False))

    @admin.action(description=_("Send again, as it is now"), permissions=["operate"])
    def replay(self, request: HttpRequest, rows: QuerySet[Delivery]) -> None:
        """Send what the chosen deliveries were about once more."""
        _say(self, request, sum(events.replay(one) for one in rows.select_related("receiver")))


@admin.register(ModulePull)
class ModulePullAdmin(ShowOnly):
    """Modules to be read from LMS that do not send them."""

    list_display = ("course", "state", "attempts", "last_status", "due_at")
    list_select_related = ("course",)
    list_filter = ("state",)
    readonly_fields = ("course", "state", "attempts", "due_at", "done_at", "last_status", "last_error")
    actions = ("try_again",)

    @admin.action(description=_("Try again now"), permissions=["operate"])
    def try_again(self, request: HttpRequest, rows: QuerySet[ModulePull]) -> None:
        """Make the chosen ones due."""
        for row in rows:
            row.retry_now()
        events.kick()


@admin.register(Ccx)
class CcxAdmin(ShowOnly):
    """CCXs that clients ordered."""

    list_display = ("__str__", "client", "course", "coach_email", "seats", "version", "state", "attempts")
    list_select_related = ("client", "course")
    list_filter = ("state", "client")
    search_fields = ("ccx_key", "coach_email", "uuid")
    ordering = ("-pk",)


def _say(owner: Base, request: HttpRequest, count: int) -> None:
    text = ngettext("%d delivery is due now.", "%d deliveries are due now.", count) % count
    owner.message_user(request, text, messages.SUCCESS if count else messages.WARNING)
