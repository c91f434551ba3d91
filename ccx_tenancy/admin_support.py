"""What the admin pages of several rooms share: a list that never counts a large table, and pages that only show."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
    BasePaginator = Paginator[Any]
    ModelChoiceField = forms.ModelChoiceField[Any]
else:
    ModelChoiceField = forms.ModelChoiceField
    Base = admin.ModelAdmin
    BasePaginator = Paginator

STYLE = "ccx_tenancy/admin.css"


class BoundedPaginator(BasePaginator):
    """Counts at most ``MOST`` rows: the list of a large table opens at once, and a filter or a search leads further."""

    MOST = 10_000

    @cached_property
    def count(self) -> int:
        """Return the number of rows, or ``MOST`` where there are more."""
        rows: Any = self.object_list
        return int(rows.order_by()[: self.MOST].count())


class Autocomplete(AutocompleteSelect):
    """Chooses a row by typing. A posted value that is no number is shown as none: Django breaks on it."""

    def build_attrs(self, base_attrs: Any, extra_attrs: Any = None) -> Any:
        """Return the attributes, with a text to be read where nothing is chosen."""
        return {**super().build_attrs(base_attrs, extra_attrs), "data-placeholder": _("Type to choose")}

    def optgroups(self, name: str, value: Sequence[str], attr: Any = None) -> Any:
        """Return the one option that is chosen."""
        return super().optgroups(name, [one for one in value if _is_number(str(one))], attr)


class TypedChoice(ModelChoiceField):
    """The field of an :class:`Autocomplete`: a posted value that cannot be a row's number is a choice that is wrong."""

    def to_python(self, value: Any) -> Any:
        """Return the row. Raises ValidationError where there is none."""
        if isinstance(value, str) and value and not _is_number(value):
            raise ValidationError(self.error_messages["invalid_choice"], code="invalid_choice", params={"value": value})
        return super().to_python(value)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


class ShownAdmin(Base):
    """An admin of rows that nobody adds, changes or deletes by hand; actions may be added. It opens at once also where
    the table is large. It needs no template or style of ours: the hub and the portal stand alone with it."""

    show_full_result_count = False
    paginator = BoundedPaginator
    list_per_page = 50
    list_max_show_all = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody may."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody may."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody may."""
        return False


class ReadOnlyAdmin(ShownAdmin):
    """An admin that shows rows on a page of its own and does nothing else: no actions either."""

    actions: Any = None
    change_form_template = "admin/ccx_tenancy/read_only.html"

    class Media:
        css = {"all": [STYLE]}


def goes_with_another(request: HttpRequest, owner: Base) -> bool:
    """Whether a platform operator deletes rows of ``owner`` as a part of deleting what they belong to (a Site): on a
    page that is not one of its own."""
    match = request.resolver_match
    own = f"{owner.opts.app_label}_{owner.opts.model_name}_"
    is_own = match is not None and (match.url_name or "").startswith(own)
    return not is_own and request.user.is_active and getattr(request.user, "is_superuser", False)


def pretty(value: Any) -> SafeString:
    """Return a JSON value as it is read by people: indented, keys in their order."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return format_html('<pre class="ccx-json" tabindex="0">{}</pre>', text)


def before_and_after(before: Any, after: Any) -> SafeString:
    """Return a table of what two JSON values say, name by name; what differs is marked, by a word too."""
    if not isinstance(before, Mapping | None) or not isinstance(after, Mapping | None):
        before, after = {"": before}, {"": after}
    old, new = before or {}, after or {}
    names = [*old, *(name for name in new if name not in old)]
    if not names:
        return format_html('<p class="ccx-none">{}</p>', _("Nothing was written down."))
    rows = (
        (
            "same" if name in old and name in new and old[name] == new[name] else "changed",
            name,
            pretty(old[name]) if name in old else "",
            pretty(new[name]) if name in new else "",
        )
        for name in names
    )
    return format_html(
        '<div class="ccx-scroll"><table class="ccx-changes"><thead><tr><th scope="col">{}</th><th scope="col">{}</th>'
        '<th scope="col">{}</th></tr></thead><tbody>{}</tbody></table></div>',
        _("Name"),
        _("Before"),
        _("After"),
        format_html_join("", '<tr class="ccx-{}"><th scope="row">{}</th><td>{}</td><td>{}</td></tr>', rows),
    )
