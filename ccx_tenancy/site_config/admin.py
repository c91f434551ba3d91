"""The admin of site configurations: edit, review, publish, look back and undo.

Nothing here writes a row by itself: every change goes through :mod:`ccx_tenancy.site_config.api`, which checks it
whole, keeps the history and writes the audit record.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.contrib.sites.models import Site
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.cache import patch_cache_control
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import condition, require_GET, require_POST

from ccx_tenancy.admin_support import STYLE, Autocomplete, ReadOnlyAdmin, goes_with_another, pretty
from ccx_tenancy.conf import conf
from ccx_tenancy.errors import InvalidInput, InvalidValues, NoDraft, StaleRevision, TenancyError, UnknownRevision
from ccx_tenancy.site_config import api, diff
from ccx_tenancy.site_config.documents import dump
from ccx_tenancy.site_config.forms import NewValuesForm, RollbackForm, ValuesForm
from ccx_tenancy.site_config.models import SiteConfiguration, SiteConfigurationDraft, SiteConfigurationRevision
from ccx_tenancy.site_config.schema import for_editor
from ccx_tenancy.site_config.store import OwnTable

if TYPE_CHECKING:
    ConfigurationBase = admin.ModelAdmin[Any]
else:
    ConfigurationBase = admin.ModelAdmin

EDIT_SCRIPT = "ccx_tenancy/site-config/edit.js"
HISTORY_STEP = 20
MOST_CHANGES = 300
MOST_DRAFTS = 20
_DRAFT_GONE = _("The draft is not there any more: it was published or discarded.")


class SiteValuesAdmin(ConfigurationBase):
    """Site configurations, one for each site. Saving is two steps: a page with the differences, then Publish.

    It serves any table of configurations that is the host's store of site values (``conf.host.site_values``) and has
    ``site``, ``enabled`` and ``site_values``: an adapter registers it for the host's own model. A configuration is not
    deleted here: it is switched off, so that its history stays.
    """

    list_display: Any = ("domain", "tenant", "enabled")
    list_filter = ("enabled",)
    search_fields = (
        "site__domain",
        "site__name",
        "site__tenant_domain__tenant__key",
        "site__tenant_domain__tenant__name",
    )
    ordering = ("site__domain",)
    list_per_page = 50
    show_full_result_count = False
    actions = None
    change_list_template = "admin/ccx_site_config/siteconfiguration/change_list.html"

    class Media:
        css = {"all": [STYLE]}

    # What is listed

    @admin.display(description=_("domain"), ordering="site__domain")
    def domain(self, row: Any) -> str:
        """The site's domain."""
        return str(row.site.domain)

    @admin.display(description=_("tenant"), ordering="site__tenant_domain__tenant__key", empty_value="–")
    def tenant(self, row: Any) -> str | None:
        """The key of the tenant that the site belongs to."""
        link = getattr(row.site, "tenant_domain", None)
        return link.tenant.key if link is not None else None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Every configuration, without its values: a list of many must not decode them all."""
        return super().get_queryset(request).select_related("site__tenant_domain__tenant").defer("site_values")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with the user's own drafts above it."""
        drafts = SiteConfigurationDraft.objects.filter(author_id=request.user.pk).defer("site_values")
        mine = list(drafts.select_related("site").order_by("-modified")[:MOST_DRAFTS])
        known = self._configured(*(draft.site_id for draft in mine))
        found = [(draft, self.edit_url(draft.site, known.get(draft.site_id))) for draft in mine]
        return super().changelist_view(request, {"drafts": found, **(extra_context or {})})

    # What is allowed

    def is_in_use(self) -> bool:
        """Whether the host keeps its site values in this table."""
        return True

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody may, but together with the site: a configuration is switched off instead."""
        return goes_with_another(request, self)

    # Addresses

    def get_urls(self) -> list[URLPattern]:
        """The pages of Django's admin, and ours."""
        view = self.admin_site.admin_view
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path("schema/", view(self.schema_view, cacheable=True), name=f"{name}_schema"),
            path("draft/<int:site_id>/preview/", view(self.preview_view), name=f"{name}_preview"),
            path("draft/<int:site_id>/discard/", view(self.discard_view), name=f"{name}_discard"),
            path("<path:object_id>/rollback/<int:revision>/", view(self.rollback_view), name=f"{name}_rollback"),
        ]
        return own + super().get_urls()

    def url(self, page: str, *args: Any) -> str:
        """Return the address of one of the pages."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}"
        return reverse(name, args=args, current_app=self.admin_site.name)

    def edit_url(self, site: Site, row: Any = None) -> str:
        """Return where a site's configuration is edited: its own page, or, as far as is known, that of a new one."""
        return self.url("change", quote(row.pk)) if row else f"{self.url('add')}?site={site.pk}"

    def _configured(self, *site_ids: int) -> dict[int, Any]:
        if not site_ids:
            return {}
        return {
            row.site_id: row for row in self.model._default_manager.filter(site_id__in=site_ids).defer("site_values")
        }

    def configuration_of(self, site: Site) -> Any:
        """Return the row of a site, or None."""
        return self._configured(site.pk).get(site.pk)

    # Editing

    @method_decorator(sensitive_post_parameters("text"))
    @method_decorator(csrf_protect)
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Edit the values of a site: type, review, then publish or keep as a draft."""
        row = None
        if object_id is None:
            if not self.has_add_permission(request):
                raise PermissionDenied
        else:
            row = self.get_object(request, unquote(object_id))
            if not self.has_view_or_change_permission(request, row):
                raise PermissionDenied
            if row is None:
                return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        page = _Page(self, request, row)
        if request.method != "POST":
            return page.begin()
        if not page.may_change:
            raise PermissionDenied
        if "_edit" in request.POST:
            return page.again()
        return page.take()

    # History

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Who changed the values, when, why, and what: newest first."""
        row = self._row(request, object_id)
        limit = _number(request.GET.get("limit"), HISTORY_STEP)
        revisions = api.history(row.site, limit=limit + 1)
        entries = [
            {
                "revision": one,
                "changes": one.changes[:MOST_CHANGES],
                "more": max(0, len(one.changes) - MOST_CHANGES),
                "rollback": self.url("rollback", quote(row.pk), one.revision),
                "switched": place + 1 < len(revisions) and revisions[place + 1].enabled != one.enabled,
            }
            for place, one in enumerate(revisions[:limit])
        ]
        return self.page(
            request,
            "history",
            gettext("History of %(domain)s") % {"domain": row.site.domain},
            row,
            entries=entries,
            next_limit=limit + HISTORY_STEP if len(revisions) > limit else None,
            may_change=self.has_change_permission(request, row),
        )

    def rollback_view(self, request: HttpRequest, object_id: str, revision: int) -> HttpResponse:
        """Show what going back to a revision would change; with POST, go back."""
        row = self._row(request, object_id)
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        try:
            target = api.revision(row.site, revision)
        except UnknownRevision as error:
            raise Http404(str(error)) from error
        form = RollbackForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                stored = api.rollback(
                    row.site,
                    revision,
                    actor=request.user,
                    reason=form.cleaned_data["reason"],
                    expected=form.cleaned_data["expected"],
                )
            except InvalidValues as error:
                for problem in error.problems:
                    form.add_error(None, str(problem))
            except TenancyError as error:
                form.add_error(None, str(error))
            else:
                self.log_change(request, row, f"Rolled back to revision {revision}.")
                message = gettext("%(domain)s has the values of revision %(old)d again, as revision %(new)d.")
                facts = {"domain": row.site.domain, "old": revision, "new": stored.revision}
                self.message_user(request, message % facts, messages.SUCCESS)
                return HttpResponseRedirect(self.url("history", quote(row.pk)))
        review = api.review_rollback(row.site, revision)
        if form.is_bound:
            form.data = _with(form.data, expected=review.revision)
        else:
            form.initial = {"expected": review.revision}
        title = gettext("Roll %(domain)s back to revision %(number)d?")
        return self.page(
            request,
            "rollback",
            title % {"domain": row.site.domain, "number": revision},
            row,
            form=form,
            target=target,
            switched=target.enabled != review.enabled,
            **_compared(review),
        )

    def _row(self, request: HttpRequest, object_id: str) -> Any:
        row = self.get_object(request, unquote(object_id))
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        if row is None:
            raise Http404(f"There is no site configuration with the ID {object_id!r}.")
        return row

    # Drafts

    @method_decorator(require_GET)
    def preview_view(self, request: HttpRequest, site_id: int) -> HttpResponse:
        """Lead to the draft's own site, with a fresh signed link that sets the preview cookie there."""
        site = self._drafted_site(request, site_id)
        try:
            token = api.preview_cookie(site, actor=request.user)
        except NoDraft:
            return self._back(request, site, _DRAFT_GONE)
        return HttpResponseRedirect(f"{_home(request, site)}/__tenancy/preview?token={token}")

    @method_decorator(require_POST)
    def discard_view(self, request: HttpRequest, site_id: int) -> HttpResponse:
        """Remove the user's draft of a site."""
        site = self._drafted_site(request, site_id)
        try:
            api.discard_draft(site, actor=request.user)
        except NoDraft:
            return self._back(request, site, _DRAFT_GONE)
        return self._back(request, site, gettext("Your draft is discarded."), messages.SUCCESS)

    def _drafted_site(self, request: HttpRequest, site_id: int) -> Site:
        if not (self.has_change_permission(request) or self.has_add_permission(request)):
            raise PermissionDenied
        site = Site.objects.filter(pk=site_id).first()
        if site is None:
            raise Http404(f"There is no site with the ID {site_id}.")
        return site

    def _back(self, request: HttpRequest, site: Site, message: Any, level: int = messages.WARNING) -> HttpResponse:
        self.message_user(request, message, level)
        return HttpResponseRedirect(self.edit_url(site, self.configuration_of(site)))

    # The editor's schema

    @method_decorator(require_GET)
    def schema_view(self, request: HttpRequest) -> HttpResponse:
        """The known keys as the editor reads them. Staff only; a browser may keep the answer for some minutes."""
        body = json.dumps(for_editor(), default=str)
        etag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'

        def answer(request: HttpRequest) -> HttpResponse:
            return HttpResponse(body, content_type="application/json")

        response: HttpResponse = condition(etag_func=lambda request: etag)(answer)(request)
        patch_cache_control(response, private=True, max_age=300)
        return response

    # Pages

    def page(self, request: HttpRequest, name: str, title: str, row: Any, **context: Any) -> HttpResponse:
        """Render one of our templates inside the admin."""
        request.current_app = self.admin_site.name
        shared = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "original": row,
            "media": self.media,
            "has_view_permission": self.has_view_permission(request, row),
        }
        template = f"admin/ccx_site_config/siteconfiguration/{name}.html"
        return TemplateResponse(request, template, {**shared, **context})


class _Page:
    """One visit to the editing page, of a configuration or (``row`` None) of a site that has none yet."""

    def __init__(self, owner: SiteValuesAdmin, request: HttpRequest, row: Any) -> None:
        self._admin = owner
        self._request = request
        self._row = row
        self._site = row.site if row else None
        self.may_change = owner.has_change_permission(request, row) if row else owner.has_add_permission(request)

    def begin(self) -> HttpResponse:
        """Show the user's draft, or what is published (also with ``?published``)."""
        if self._row is None:
            self._site = Site.objects.filter(pk=_number(self._request.GET.get("site"), 0)).first()
        initial: dict[str, Any] = {"text": "{}", "enabled": True, "expected": 0}
        if self._site is not None:
            configured = self._admin.configuration_of(self._site) if self._row is None else None
            if configured is not None:
                return HttpResponseRedirect(self._admin.edit_url(self._site, configured))
            stored = api.current_values(self._site)
            draft = api.draft_of(self._site, self._request.user) if self.may_change else None
            chosen = draft if draft is not None and "published" not in self._request.GET else None
            initial = {
                "site": self._site,
                "text": dump(chosen.values if chosen else stored.values),
                "enabled": stored.enabled,
                "expected": chosen.base_revision if chosen else stored.revision,
                "draft": chosen is not None,
            }
        return self._editing(self._form(initial=initial))

    def again(self) -> HttpResponse:
        """Show what was typed once more, without judging it."""
        form = self._form(self._request.POST)
        return self._editing(self._form(initial={name: form[name].value() for name in form.fields}))

    def take(self) -> HttpResponse:
        """Review, publish or keep what was posted; show it again, with the reasons, where it is not good."""
        form = self._form(self._request.POST)
        if not form.is_valid():
            return self._editing(form)
        assert form.site is not None
        found = self._admin.configuration_of(form.site) if self._row is None else None
        if found is not None and not self._admin.has_change_permission(self._request, found):
            form.add_error("site", gettext("This site has a configuration already, and you may not change it."))
            return self._editing(form)
        if "_draft" in self._request.POST:
            return self._keep(form)
        if form.stale is not None:
            return self._stale(form, form.stale)
        review = form.review
        assert review is not None and form.site is not None
        if review.identical and review.enabled == form.cleaned_data["enabled"]:
            self._admin.message_user(self._request, gettext("Nothing differs from what is published."), messages.INFO)
            return self._editing(form)
        if "_publish" in self._request.POST:
            return self._publish(form)
        return self._review(form, review)

    def _publish(self, form: ValuesForm) -> HttpResponse:
        try:
            stored = _published(form, self._request.user)
        except StaleRevision as error:
            # Lost in this very moment: asked once more, the form finds both differences.
            form = self._form(self._request.POST)
            form.is_valid()
            return self._stale(form, form.stale or error)
        except InvalidInput as error:
            form.refuse(error)
            return self._editing(form)
        assert form.site is not None
        row = self._row or self._admin.configuration_of(form.site)
        log = self._admin.log_change if self._row else self._admin.log_addition
        log(self._request, row, f"Published revision {stored.revision}.")
        message = gettext("Revision %(number)d of %(domain)s is published.")
        facts = {"number": stored.revision, "domain": form.site.domain}
        self._admin.message_user(self._request, message % facts, messages.SUCCESS)
        return HttpResponseRedirect(self._admin.url("change", quote(row.pk)))

    def _keep(self, form: ValuesForm) -> HttpResponse:
        assert form.site is not None and form.values is not None
        user = self._request.user
        try:
            with transaction.atomic():
                if not form.cleaned_data["draft"] and api.draft_of(form.site, user) is not None:
                    # This text is not made from that draft, so the secrets masked in it are the published ones.
                    api.discard_draft(form.site, actor=user)
                api.save_draft(form.site, form.values, actor=user, base_revision=form.cleaned_data["expected"])
        except InvalidInput as error:
            form.refuse(error)
            return self._editing(form)
        message = gettext("Your draft for %(domain)s is saved. Nobody else sees it until it is published.")
        self._admin.message_user(self._request, message % {"domain": form.site.domain}, messages.SUCCESS)
        return HttpResponseRedirect(self._admin.edit_url(form.site, self._row))

    def _stale(self, form: ValuesForm, error: StaleRevision) -> HttpResponse:
        """Show both differences; what was typed stays, and its next review is against what is published now."""
        form.data = _with(form.data, expected=error.actual)
        return self._editing(form, stale=error)

    def _review(self, form: ValuesForm, review: api.Review) -> HttpResponse:
        assert form.site is not None
        for name, field in form.fields.items():
            if name != "reason":
                field.widget = forms.Textarea({"hidden": True}) if name == "text" else forms.HiddenInput()
        return self._admin.page(
            self._request,
            "review",
            gettext("Review the changes of %(domain)s") % {"domain": form.site.domain},
            self._row,
            form=form,
            site=form.site,
            enabled=form.cleaned_data["enabled"],
            switched=bool(review.revision) and review.enabled != form.cleaned_data["enabled"],
            **_compared(review),
        )

    def _editing(self, form: ValuesForm, stale: StaleRevision | None = None) -> HttpResponse:
        site = form.site or self._site
        stored = api.current_values(site) if site is not None else None
        draft = api.draft_of(site, self._request.user) if site is not None and self.may_change else None
        for warning in form.review.warnings if form.review else ():
            self._admin.message_user(self._request, warning, messages.WARNING)
        title = gettext("Configuration of %(domain)s") if self._row else gettext("Add a site configuration")
        return self._admin.page(
            self._request,
            "edit",
            title % {"domain": self._row.site.domain} if self._row else title,
            self._row,
            form=form,
            media=self._admin.media + form.media + forms.Media(js=[EDIT_SCRIPT]),
            site=site,
            home=_home(self._request, site) if site is not None else "",
            stored=stored,
            draft=draft,
            stale=stale,
            may_change=self.may_change,
            preview_url=self._admin.url("preview", site.pk) if site is not None else "",
            discard_url=self._admin.url("discard", site.pk) if site is not None else "",
            max_bytes=str(conf.max_document_bytes),
            unsaved=self._request.method == "POST",
        )

    def _form(self, data: Any = None, **kwargs: Any) -> ValuesForm:
        shared: dict[str, Any] = {"user": self._request.user, "read_only": not self.may_change, **kwargs}
        shared["schema_url"] = self._admin.url("schema")
        if self._row is not None:
            return ValuesForm(data, site=self._row.site, **shared)
        widget = Autocomplete(self._admin.model._meta.get_field("site"), self._admin.admin_site)
        return NewValuesForm(data, site=None, site_widget=widget, **shared)


def _published(form: ValuesForm, user: Any) -> Any:
    """Publish what a form holds: as the user's draft where it came from that, so that the draft's secrets are known."""
    given = form.cleaned_data
    assert form.site is not None and form.values is not None
    if not given["draft"]:
        return api.set_site_values(
            form.site,
            form.values,
            actor=user,
            reason=given["reason"],
            replace=True,
            enabled=given["enabled"],
            expected=given["expected"],
        )
    with transaction.atomic():
        api.save_draft(form.site, form.values, actor=user, base_revision=given["expected"])
        return api.publish_draft(form.site, actor=user, reason=given["reason"], enabled=given["enabled"])


def _compared(review: api.Review) -> dict[str, Any]:
    """What the template needs to show a review: places, lines, warnings."""
    return {
        "review": review,
        "changes": review.changes[:MOST_CHANGES],
        "more": max(0, len(review.changes) - MOST_CHANGES),
        "lines": diff.lines(dump(review.before), dump(review.after)),
    }


def _with(data: Any, *, expected: int) -> QueryDict:
    """Return what was posted, but begun from the revision of the present."""
    copy: QueryDict = data.copy()
    copy["expected"] = str(expected)
    return copy


def _home(request: HttpRequest, site: Site) -> str:
    """Return the address of a site: the admin's scheme, and its port where the site's domain names none."""
    port = request.get_host().rpartition("]")[2].partition(":")[2]
    has_port = ":" in site.domain.rpartition("]")[2]
    return f"{request.scheme}://{site.domain}{f':{port}' if port and not has_port else ''}"


def _number(text: str | None, default: int) -> int:
    """Return the number in a query string, or the default for what is none or unreasonable."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else default


def configurations(site: admin.AdminSite) -> SiteValuesAdmin | None:
    """Return the admin in which the host's site values are edited, or None where there is none."""
    found = (one for one in site._registry.values() if isinstance(one, SiteValuesAdmin) and one.is_in_use())
    return next(found, None)


@admin.register(SiteConfiguration)
class SiteConfigurationAdmin(SiteValuesAdmin):
    """Our own table's configurations. Where the host has a table of its own, this one is empty, and is not shown."""

    list_display = ("domain", "tenant", "enabled", "revision", "modified")

    def is_in_use(self) -> bool:
        """Whether the host keeps its site values in our table."""
        return isinstance(conf.host.site_values, OwnTable)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Nobody, where the table is not in use."""
        return self.is_in_use() and super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody, where the table is not in use."""
        return self.is_in_use() and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody, where the table is not in use."""
        return self.is_in_use() and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody, where the table is not in use."""
        return self.is_in_use() and super().has_change_permission(request, obj)


@admin.register(SiteConfigurationRevision)
class SiteConfigurationRevisionAdmin(ReadOnlyAdmin):
    """The history of all sites, to look things up in. Secrets are masked; going back is done at the configuration."""

    list_display = ("site", "revision", "enabled", "actor_name", "reason", "created")
    search_fields = ("site__domain", "actor_name", "reason")
    ordering = ("-id",)
    fields = ("site", "revision", "enabled", "actor_name", "reason", "created", "shown_values")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[SiteConfigurationRevision]:
        """Every revision; its values are read only where one is shown."""
        return super().get_queryset(request).select_related("site").defer("site_values")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody may, but together with the site."""
        return goes_with_another(request, self)

    @admin.display(description=_("values"))
    def shown_values(self, row: SiteConfigurationRevision) -> str:
        """The values after that change, secrets masked."""
        return pretty(api.masked(row.site_values))
