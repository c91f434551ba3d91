"""The admin of tenants, their domains and organizations.

Rows are made, changed and removed through :mod:`ccx_tenancy.tenants.api` alone, as the signed-in user. What it refuses
comes back as an error of the form, at its field, with everything that was typed; nothing was changed then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from ccx_tenancy.admin_support import STYLE, Autocomplete, BoundedPaginator, TypedChoice
from ccx_tenancy.context import ACTIVE, ARCHIVED, SUSPENDED
from ccx_tenancy.errors import InvalidKey, OrganizationTaken, TenancyError, TenantExists
from ccx_tenancy.tenants import api
from ccx_tenancy.tenants.models import Tenant, TenantDomain, TenantOrganization

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
    ModelForm = forms.ModelForm[Any]
    BaseInlineFormSet = forms.BaseInlineFormSet[Any, Any, Any]
else:
    ModelAdmin = admin.ModelAdmin
    TabularInline = admin.TabularInline
    ModelForm = forms.ModelForm
    BaseInlineFormSet = forms.BaseInlineFormSet

LISTED = 100
REASON_LENGTH = 200


class Refused(Exception):
    """The API refused a change while saving: which form of the page asked for it, at which field, and why."""

    def __init__(self, prefix: str | None, field: str | None, error: TenancyError) -> None:
        super().__init__(str(error))
        self.prefix = prefix
        self.field = field
        self.error = error


class RefusalForm(ModelForm):
    """A form whose row the API checks and writes: uniqueness is its business, which names who holds what is taken.

    ``refusal`` is what it said in the first attempt to save, or None; see :class:`ThroughApi`.
    """

    refusal: Refused | None = None

    def clean(self) -> dict[str, Any] | None:
        """Show the refusal at its field."""
        cleaned = super().clean()
        if self.refusal is not None and self.refusal.prefix == self.prefix:
            field = self.refusal.field
            self.add_error(field if field in self.fields else None, str(self.refusal.error))
        return cleaned

    def validate_unique(self) -> None:
        """Leave it to the API."""

    def validate_constraints(self) -> None:
        """Leave it to the API."""


class ThroughApi(ModelAdmin):
    """An admin that saves through the API. What that refuses undoes the whole save, and is shown by the form.

    A save is tried in Django's way, inside its transaction. Where the API refuses (only it can know: another writer
    may have been faster), the page is made again, and the form that asked finds the refusal in ``refusal``.
    """

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 100
    list_max_show_all = 100

    class Media:
        css = {"all": [STYLE]}

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show the form, or save; what the API refuses is shown by the form."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Refused as refused:
            request.tenancy_refusal = refused  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form's class for this request."""
        return _with_refusal(request, super().get_form(request, obj, change=change, **kwargs))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        """Confirm and delete; what the API refuses is said above the row's page."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except Refused as refused:
            self.message_user(request, str(refused), messages.ERROR)
            return HttpResponseRedirect(_url(self, "change", object_id))


def _with_refusal(request: Any, form: Any) -> Any:
    refusal = getattr(request, "tenancy_refusal", None)
    return type(form.__name__, (form,), {"refusal": refusal, "__module__": form.__module__})


def _checked(check: Callable[[Any], Any], typed: Any) -> Any:
    """Return what was typed. Raises ValidationError for what the check refuses."""
    try:
        check(typed)
    except TenancyError as error:
        raise forms.ValidationError(str(error)) from error
    return typed


def _asked(form: Any, field: str | None, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what the API's function returns. Raises Refused, at the form's field, for what it raises."""
    try:
        return call(*args, **kwargs)
    except TenancyError as error:
        raise Refused(form.prefix if form is not None else None, field, error) from error


def _url(owner: ModelAdmin, page: str, *args: Any) -> str:
    name = f"admin:{owner.opts.app_label}_{owner.opts.model_name}_{page}"
    return reverse(name, args=args, current_app=owner.admin_site.name)


# Domains of a tenant


class DomainForm(RefusalForm):
    """A domain to be added."""

    domain = forms.CharField(
        max_length=253, strip=False, widget=forms.TextInput(attrs={"size": 40, "spellcheck": "false"})
    )
    is_primary = forms.BooleanField(label=_("Primary"), required=False)

    class Meta:
        model = TenantDomain
        fields = ("domain", "surface", "is_primary")
        labels = {"is_primary": _("primary")}

    def clean_domain(self) -> Any:
        """Return the domain as it was typed, for the API to name. Raises ValidationError where it is no host name."""
        return _checked(api.normalize_domain, self.cleaned_data["domain"])

    def _post_clean(self) -> None:
        """Nothing: the row is made by the API, which reads the domain in its own way."""


class KnownDomainForm(RefusalForm):
    """A domain that is there: it can be made primary, and nothing else of it changes."""

    is_primary = forms.BooleanField(label=_("Primary"), required=False)

    class Meta:
        model = TenantDomain
        fields = ("is_primary",)

    def clean_is_primary(self) -> bool | None:
        """Refuse to take the mark away: another domain gets it, then this one has it no more."""
        wanted = self.cleaned_data["is_primary"]
        if self.instance.is_primary and not wanted:
            self.gave_up_primary = True
        if wanted and self.instance.surface == "alias":
            raise forms.ValidationError(_("An alias cannot be primary: it redirects to the primary LMS domain."))
        return wanted or None

    gave_up_primary = False

    def _post_clean(self) -> None:
        """Nothing: the row is changed by the API."""


class ApiFormSet(BaseInlineFormSet):
    """Rows whose uniqueness is the API's business. The column's head is the name of each field in it."""

    def add_fields(self, form: Any, index: Any) -> None:
        """Add the fields that every row has, and give all of them a name to be read out."""
        super().add_fields(form, index)
        row = f"{form.instance}: " if form.instance.pk else ""
        for name, field in form.fields.items():
            label = field.label or name.replace("_", " ")
            field.widget.attrs.setdefault("aria-label", f"{row}{label}")

    def validate_unique(self) -> None:
        """Leave it to the API."""


class DomainFormSet(ApiFormSet):
    """The domains that a tenant has."""

    def clean(self) -> None:
        """See that the marks of each surface agree."""
        super().clean()
        removed = self._should_delete_form  # type: ignore[attr-defined]
        kept = [form for form in self.initial_forms if form.is_valid() and not removed(form)]
        for form in kept:
            others = [one for one in kept if one.instance.surface == form.instance.surface]
            fresh = [one for one in others if one.cleaned_data.get("is_primary") and not one.instance.is_primary]
            if form in fresh and len(fresh) > 1:
                form.add_error("is_primary", _("Only one domain of a surface can be primary; mark one."))
            if getattr(form, "gave_up_primary", False) and not fresh:
                form.add_error(
                    "is_primary", _("A surface has one primary domain: mark another one instead, and this one goes.")
                )


class Rows(TabularInline):
    """Shared by the inlines: forms that hear what the API refused."""

    formset = ApiFormSet
    extra = 0

    def get_formset(self, request: Any, obj: Any = None, **kwargs: Any) -> Any:
        """Return the formset's class for this request."""
        formset = super().get_formset(request, obj, **kwargs)
        formset.form = _with_refusal(request, formset.form)
        return formset


class NewRows(Rows):
    """Rows to be added; those that are there stand in a list of their own, which needs no field to choose again."""

    can_delete = False
    extra = 1

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Nothing: see the other inline."""
        return super().get_queryset(request).none()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is changed here."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """There is nothing to see for those who may not add."""
        return self.has_add_permission(request, obj)


class DomainInline(Rows):
    """The domains that a tenant has."""

    model = TenantDomain
    form = KnownDomainForm
    formset = DomainFormSet
    fields = ("domain", "surface", "is_primary", "site_link")
    readonly_fields = ("domain", "surface", "site_link")
    verbose_name_plural = _("domains")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Adding has an inline of its own."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows with what is shown of them."""
        return super().get_queryset(request).select_related("site")

    @admin.display(description=_("site"))
    def site_link(self, row: TenantDomain) -> str:
        """The domain's Site, with a link to its configuration."""
        if row.site is None:
            return "–"
        if not apps.is_installed("ccx_tenancy.site_config"):
            return row.site.domain
        from ccx_tenancy.site_config.admin import configurations

        where = configurations(self.admin_site)
        if where is None:
            return row.site.domain
        return format_html('{} (<a href="{}">{}</a>)', row.site.domain, where.edit_url(row.site), _("configuration"))


class NewDomainInline(NewRows):
    """Domains to be given to a tenant."""

    model = TenantDomain
    form = DomainForm
    fields = ("domain", "surface", "is_primary")
    verbose_name = _("domain to add")
    verbose_name_plural = _("add domains")


# Organizations of a tenant


class OrganizationForm(RefusalForm):
    """An organization to be given to a tenant: one that is there, or the short name of a new one."""

    new = forms.CharField(
        label=_("or a new one (short name)"),
        required=False,
        max_length=255,
        widget=forms.TextInput(attrs={"size": 30, "spellcheck": "false"}),
    )

    class Meta:
        model = TenantOrganization
        fields = ("organization",)
        labels = {"new": _("or a new one (short name)")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make the form; the organization is optional, since a new one may be named."""
        super().__init__(*args, **kwargs)
        if "organization" in self.fields:
            self.fields["organization"].required = False

    def clean(self) -> dict[str, Any] | None:
        """Ask for the one or the other."""
        cleaned = super().clean() or self.cleaned_data
        chosen, new = cleaned.get("organization"), cleaned.get("new")
        if not self.errors and bool(chosen) == bool(new):
            raise forms.ValidationError(_("Choose an organization, or type the short name of a new one; not both."))
        return cleaned

    def _post_clean(self) -> None:
        """Nothing: the row is made by the API."""

    @property
    def short_name(self) -> str:
        """The short name that was chosen or typed."""
        chosen = self.cleaned_data.get("organization")
        return str(chosen.short_name if chosen else self.cleaned_data["new"])

    @property
    def asking_field(self) -> str:
        """The field that names the organization."""
        return "organization" if self.cleaned_data.get("organization") else "new"


class WithOrganizationField:
    """Chooses an organization by typing."""

    def formfield_for_foreignkey(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Return the field."""
        if db_field.name in ("organization", "tenant"):
            site = self.admin_site  # type: ignore[attr-defined]
            return TypedChoice(
                label=db_field.verbose_name.capitalize(),
                queryset=db_field.remote_field.model.objects.all(),
                widget=Autocomplete(db_field, site),
            )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]


class OrganizationInline(Rows):
    """The organizations that a tenant has."""

    model = TenantOrganization
    fields = ("short_name", "full_name")
    readonly_fields = fields
    verbose_name_plural = _("organizations")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Adding has an inline of its own."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows with what is shown of them."""
        return super().get_queryset(request).select_related("organization")

    @admin.display(description=_("short name"))
    def short_name(self, row: TenantOrganization) -> str:
        """As it stands in course keys."""
        return str(row.organization.short_name)

    @admin.display(description=_("name"))
    def full_name(self, row: TenantOrganization) -> str:
        """As people read it."""
        return str(row.organization.name)


class NewOrganizationInline(WithOrganizationField, NewRows):
    """Organizations to be given to a tenant."""

    model = TenantOrganization
    form = OrganizationForm
    fields = ("organization", "new")
    verbose_name = _("organization to add")
    verbose_name_plural = _("add organizations")


# Tenants


class NewTenantForm(RefusalForm):
    """A tenant to be made, with its first domain and its organizations."""

    domain = forms.CharField(
        label=_("LMS domain"),
        max_length=253,
        strip=False,
        help_text=_(
            "The host name of its site, such as academy.example.com. A Site is made for it where there is none."
        ),
    )
    studio_domain = forms.CharField(
        label=_("Studio domain"),
        max_length=253,
        strip=False,
        required=False,
        help_text=_("Only where the tenant has a Studio of its own."),
    )
    organizations = forms.CharField(
        label=_("Organizations"),
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60, "spellcheck": "false"}),
        help_text=_(
            "Short names, as they stand in course keys, apart by blanks, commas or lines. One that does not exist is"
            " made."
        ),
    )

    class Meta:
        model = Tenant
        fields = ("key", "name")

    def clean_key(self) -> Any:
        """Return the key. Raises ValidationError where it is none."""
        return _checked(api.checked_key, self.cleaned_data["key"])

    def clean_name(self) -> Any:
        """Return the name. Raises ValidationError where it is none."""
        return _checked(api.checked_name, self.cleaned_data["name"])

    def clean_domain(self) -> Any:
        """Return the domain as it was typed. Raises ValidationError where it is no host name."""
        return _checked(api.normalize_domain, self.cleaned_data["domain"])

    def clean_studio_domain(self) -> Any:
        """Return the domain as it was typed, or nothing. Raises ValidationError where it is no host name."""
        typed = self.cleaned_data["studio_domain"]
        return _checked(api.normalize_domain, typed) if typed else ""

    def clean_organizations(self) -> list[str]:
        """Return the short names. Raises ValidationError for one that is none, or twice in two spellings."""
        names = self.cleaned_data["organizations"].replace(",", " ").split()
        if not names:
            raise forms.ValidationError(self.fields["organizations"].error_messages["required"], code="required")
        _checked(api.checked_organizations, names)
        return names  # type: ignore[no-any-return]


class TenantForm(RefusalForm):
    """A tenant's name: all else has pages and buttons of its own."""

    class Meta:
        model = Tenant
        fields = ("name",)

    def clean_name(self) -> Any:
        """Return the name. Raises ValidationError where it is none."""
        return _checked(api.checked_name, self.cleaned_data["name"])


class ReasonForm(forms.Form):
    """The confirmation of a change of state."""

    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=REASON_LENGTH,
        help_text=_("Why; it stands in the audit record."),
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )


#: The changes of state: the function, the word on the button, the question, what it means, and from which states.
STEPS: dict[str, tuple[Callable[..., Tenant], Any, Any, Any, tuple[str, ...]]] = {
    "suspend": (
        api.suspend_tenant,
        _("Suspend"),
        _("Suspend these tenants?"),
        _("Their sites answer 503 with a page that says so. Their data stay; they can be resumed at any time."),
        (ACTIVE,),
    ),
    "resume": (
        api.resume_tenant,
        _("Resume"),
        _("Resume these tenants?"),
        _("Their sites answer again."),
        (SUSPENDED, ARCHIVED),
    ),
    "archive": (
        api.archive_tenant,
        _("Archive"),
        _("Archive these tenants?"),
        _("Their sites answer 404, as if there were none. Their data stay; they can be resumed."),
        (ACTIVE, SUSPENDED),
    ),
}


@admin.register(Tenant)
class TenantAdmin(ThroughApi):
    """Tenants. They are suspended, resumed and archived here, never deleted: ``tenancy delete`` does that."""

    list_display = ("key", "name", "shown_state", "main_domain", "shown_organizations")
    list_filter = ("state",)
    search_fields = (
        "key",
        "name",
        "domains__domain",
        "tenant_organizations__folded",
        "tenant_organizations__organization__name",
    )
    search_help_text = _("A part of a key, name, domain or organization.")
    ordering = ("key",)
    actions = ("suspend_chosen", "resume_chosen", "archive_chosen")
    change_form_template = "admin/ccx_tenants/tenant/change_form.html"

    # What is listed

    @admin.display(description=_("state"), ordering="state")
    def shown_state(self, tenant: Tenant) -> str:
        """The state as a word on its colour."""
        return format_html(
            '<span class="ccx-badge ccx-{}">{}</span>',
            tenant.state,
            tenant.get_state_display(),
        )

    @admin.display(description=_("domain"), empty_value="–")
    def main_domain(self, tenant: Tenant) -> str | None:
        """The primary LMS domain."""
        lms = [row for row in tenant.domains.all() if row.surface == "lms"]
        lms.sort(key=lambda row: (not row.is_primary, row.domain))
        return lms[0].domain if lms else None

    @admin.display(description=_("organizations"), empty_value="–")
    def shown_organizations(self, tenant: Tenant) -> str | None:
        """The first few short names."""
        names = sorted(link.organization.short_name for link in tenant.tenant_organizations.all())
        more = gettext(" and %d more") % (len(names) - 5) if len(names) > 5 else ""
        return ", ".join(names[:5]) + more or None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        """Return the tenants; those of a list come with domains and organizations, in two queries more."""
        tenants: QuerySet[Tenant] = super().get_queryset(request)
        match = request.resolver_match
        if match is not None and (match.url_name or "").endswith("_changelist"):
            links = TenantOrganization.objects.select_related("organization")
            tenants = tenants.prefetch_related("domains", Prefetch("tenant_organizations", links))
        return tenants

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find tenants; a domain in whatever spelling finds the one that is stored."""
        found, duplicates = super().get_search_results(request, queryset, search_term)
        name = api.normalize_host(search_term.strip())
        if name is not None and name != search_term.strip().lower():
            also, _more = super().get_search_results(request, queryset, name)
            return found | also, True
        return found, duplicates

    # What is allowed

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody may: a tenant is archived."""
        return False

    # The form

    def get_form(self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return another form for a tenant that is to be made."""
        kwargs["form"] = NewTenantForm if obj is None else TenantForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what stands on the page."""
        if obj is None:
            return ("key", "name", "domain", "studio_domain", "organizations")
        return ("key", "name", "shown_state", "created", "modified")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what is only shown."""
        return () if obj is None else ("key", "shown_state", "created", "modified")

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Return the lists of domains and organizations; a tenant that is to be made has none yet."""
        return () if obj is None else (DomainInline, NewDomainInline, OrganizationInline, NewOrganizationInline)

    def save_model(self, request: Any, obj: Any, form: Any, change: Any) -> None:
        """Make the tenant, or rename it."""
        if change:
            _asked(form, "name", api.rename_tenant, obj.key, obj.name, actor=request.user)
            return
        given = form.cleaned_data
        try:
            made = api.create_rows(
                given["key"],
                name=given["name"],
                domain=given["domain"],
                organizations=given["organizations"],
                studio_domain=given["studio_domain"] or None,
                actor=request.user,
            )
        except TenancyError as error:
            raise Refused(form.prefix, _field_of(error, given), error) from error
        obj.pk = made.pk
        obj._state.adding = False

    def save_formset(self, request: Any, form: Any, formset: Any, change: Any) -> None:
        """Remove, add and mark through the API, and note for the log what was done."""
        formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
        save = {TenantDomain: _save_domains, TenantOrganization: _save_organizations}[formset.model]
        save(formset, form.instance, request.user)

    # Changing the state

    def get_urls(self) -> list[URLPattern]:
        """The pages of Django's admin, and one for each change of state."""
        view = self.admin_site.admin_view(self.step_view)
        own = [path("<path:object_id>/<str:step>-tenant/", view, name="ccx_tenants_tenant_step")]
        return own + super().get_urls()

    def render_change_form(self, request: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
        """Offer the changes of state that the tenant's state allows."""
        tenant = kwargs.get("obj")
        if tenant is not None and self.has_change_permission(request, tenant):
            context["steps"] = [
                (_url(self, "step", quote(tenant.pk), step), label)
                for step, (_call, label, _question, _meaning, states) in STEPS.items()
                if tenant.state in states
            ]
        return super().render_change_form(request, context, *args, **kwargs)

    def step_view(self, request: HttpRequest, object_id: str, step: str) -> HttpResponse:
        """Confirm and make one tenant's change of state."""
        tenant = self.get_object(request, unquote(object_id))
        if tenant is None or step not in STEPS:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if not self.has_change_permission(request, tenant):
            raise PermissionDenied
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            self._take(request, step, [tenant.key], form.cleaned_data["reason"])
            return HttpResponseRedirect(_url(self, "change", quote(tenant.pk)))
        return self._confirm(request, step, form, [tenant], 1, _url(self, "change", quote(tenant.pk)))

    @admin.action(description=_("Suspend the chosen tenants"), permissions=["change"])
    def suspend_chosen(self, request: HttpRequest, chosen: QuerySet[Any]) -> HttpResponse | None:
        """Confirm and suspend."""
        return self._many(request, "suspend", chosen)

    @admin.action(description=_("Resume the chosen tenants"), permissions=["change"])
    def resume_chosen(self, request: HttpRequest, chosen: QuerySet[Any]) -> HttpResponse | None:
        """Confirm and resume."""
        return self._many(request, "resume", chosen)

    @admin.action(description=_("Archive the chosen tenants"), permissions=["change"])
    def archive_chosen(self, request: HttpRequest, chosen: QuerySet[Any]) -> HttpResponse | None:
        """Confirm and archive."""
        return self._many(request, "archive", chosen)

    def _many(self, request: HttpRequest, step: str, chosen: QuerySet[Any]) -> HttpResponse | None:
        confirmed = "confirmed" in request.POST
        form = ReasonForm(request.POST if confirmed else None)
        if confirmed and form.is_valid():
            keys = list(chosen.order_by("key").values_list("key", flat=True))
            self._take(request, step, keys, form.cleaned_data["reason"])
            return None
        count = chosen.count()
        listed = list(chosen.prefetch_related(None).order_by("key")[:LISTED])
        return self._confirm(request, step, form, listed, count, _url(self, "changelist"), as_action=True)

    def _take(self, request: HttpRequest, step: str, keys: Sequence[str], reason: str) -> None:
        call = STEPS[step][0]
        done = 0
        for key in keys:
            try:
                with transaction.atomic():
                    tenant = call(key, actor=request.user, reason=reason)
                    self.log_change(request, tenant, f"{step}: {reason}" if reason else step)
            except TenancyError as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                done += 1
        if done:
            message = ngettext("%(count)d tenant is %(state)s now.", "%(count)d tenants are %(state)s now.", done)
            state = dict(Tenant.State.choices)[{"suspend": SUSPENDED, "resume": ACTIVE, "archive": ARCHIVED}[step]]
            self.message_user(request, message % {"count": done, "state": state}, messages.SUCCESS)

    def _confirm(
        self,
        request: HttpRequest,
        step: str,
        form: ReasonForm,
        tenants: Iterable[Tenant],
        count: int,
        back: str,
        *,
        as_action: bool = False,
    ) -> HttpResponse:
        _call, label, question, meaning, _states = STEPS[step]
        tenants = list(tenants)
        context = {
            **self.admin_site.each_context(request),
            "title": question,
            "opts": self.opts,
            "media": self.media,
            "form": form,
            "label": label,
            "meaning": meaning,
            "tenants": tenants,
            "count": count,
            "more": count - len(tenants),
            "back": back,
            "action": f"{step}_chosen" if as_action else "",
            "chosen": request.POST.getlist("_selected_action") if as_action else [],
            "select_across": request.POST.get("select_across", "0") if as_action else "0",
            "is_popup_var": IS_POPUP_VAR,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/ccx_tenants/tenant/step.html", context)


def _field_of(error: TenancyError, given: dict[str, Any]) -> str:
    """Return the field of the form for a new tenant that an error is about."""
    if isinstance(error, TenantExists):
        return "key"
    if isinstance(error, InvalidKey | OrganizationTaken):
        return "organizations"
    studio = given["studio_domain"]
    return "studio_domain" if studio and repr(studio) in str(error) else "domain"


def _save_domains(formset: Any, tenant: Tenant, user: Any) -> None:
    """Remove first what frees a place, then add, then mark, and remove at last what was primary before."""
    removed = list(formset.deleted_forms)
    for form in [form for form in removed if not form.instance.is_primary]:
        _remove_domain(formset, form, tenant, user)
    for form in _added(formset):
        given = form.cleaned_data
        made = _asked(
            form,
            "domain",
            api.add_domain,
            tenant,
            given["domain"],
            surface=given["surface"],
            primary=given["is_primary"],
            actor=user,
        )
        formset.new_objects.append(made)
    for form in formset.initial_forms:
        if form not in removed and form.cleaned_data.get("is_primary") and not form.instance.is_primary:
            row = _asked(form, "is_primary", api.set_primary, tenant, form.instance.domain, actor=user)
            formset.changed_objects.append((row, ["is_primary"]))
    for form in [form for form in removed if form.instance.is_primary]:
        _remove_domain(formset, form, tenant, user)


def _remove_domain(formset: Any, form: Any, tenant: Tenant, user: Any) -> None:
    # Django does not ask a form that is to be deleted for its errors: the page's own form says it.
    _asked(None, None, api.remove_domain, tenant, form.instance.domain, actor=user)
    formset.deleted_objects.append(form.instance)


def _save_organizations(formset: Any, tenant: Tenant, user: Any) -> None:
    for form in formset.deleted_forms:
        short_name = form.instance.organization.short_name
        _asked(None, None, api.remove_organization, tenant, short_name, actor=user)
        formset.deleted_objects.append(form.instance)
    for form in _added(formset):
        made = _asked(form, form.asking_field, api.add_organization, tenant, form.short_name, actor=user)
        formset.new_objects.append(made)


def _added(formset: Any) -> list[Any]:
    return [form for form in formset.extra_forms if form.has_changed() and not form.cleaned_data.get("DELETE")]


# Domains and organizations in lists of their own


class AnyDomainForm(DomainForm):
    """A domain to be added to a tenant that is chosen in the form."""

    class Meta:
        model = TenantDomain
        fields = ("tenant", "domain", "surface", "is_primary")


@admin.register(TenantDomain)
class TenantDomainAdmin(WithOrganizationField, ThroughApi):
    """All domains, to find one among many. A domain is added or removed; a primary one is chosen at its tenant."""

    form = AnyDomainForm
    list_display = ("domain", "surface", "shown_primary", "tenant")
    list_filter = ("surface",)
    search_fields = ("domain", "tenant__key", "tenant__name")
    ordering = ("domain",)
    actions = None
    fields = ("tenant", "domain", "surface", "is_primary")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows with their tenants."""
        return super().get_queryset(request).select_related("tenant")

    @admin.display(description=_("primary"), boolean=True, ordering="is_primary")
    def shown_primary(self, row: TenantDomain) -> bool:
        """Whether it is the primary one of its surface."""
        return bool(row.is_primary)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing of a domain changes here."""
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find domains; one in whatever spelling finds the one that is stored."""
        found, duplicates = super().get_search_results(request, queryset, search_term)
        name = api.normalize_host(search_term.strip())
        return (found if name is None else found | queryset.filter(domain=name)), duplicates

    def save_model(self, request: Any, obj: Any, form: Any, change: Any) -> None:
        """Add the domain."""
        given = form.cleaned_data
        made = _asked(
            form,
            "domain",
            api.add_domain,
            given["tenant"],
            given["domain"],
            surface=given["surface"],
            primary=given["is_primary"],
            actor=request.user,
        )
        obj.__dict__.update(made.__dict__)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Remove the domain."""
        _asked(None, None, api.remove_domain, obj.tenant, obj.domain, actor=request.user)


class AnyOrganizationForm(OrganizationForm):
    """An organization to be given to a tenant that is chosen in the form."""

    class Meta:
        model = TenantOrganization
        fields = ("tenant", "organization")


@admin.register(TenantOrganization)
class TenantOrganizationAdmin(WithOrganizationField, ThroughApi):
    """Which tenant has which organization, to find one among many."""

    form = AnyOrganizationForm
    list_display = ("short_name", "full_name", "tenant")
    search_fields = ("folded", "organization__name", "tenant__key", "tenant__name")
    ordering = ("folded",)
    actions = None
    fields = ("tenant", "organization", "new")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the links with both ends."""
        return super().get_queryset(request).select_related("tenant", "organization")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what stands on the page."""
        return self.fields if obj is None else ("tenant", "organization")

    @admin.display(description=_("short name"), ordering="folded")
    def short_name(self, row: TenantOrganization) -> str:
        """As it stands in course keys."""
        return str(row.organization.short_name)

    @admin.display(description=_("name"), ordering="organization__name")
    def full_name(self, row: TenantOrganization) -> str:
        """As people read it."""
        return str(row.organization.name)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A link is made or removed, not changed."""
        return False

    def save_model(self, request: Any, obj: Any, form: Any, change: Any) -> None:
        """Give the organization to the tenant."""
        tenant = form.cleaned_data["tenant"]
        made = _asked(form, form.asking_field, api.add_organization, tenant, form.short_name, actor=request.user)
        obj.__dict__.update(made.__dict__)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Take the organization from the tenant."""
        name = obj.organization.short_name
        _asked(None, None, api.remove_organization, obj.tenant, name, actor=request.user)
