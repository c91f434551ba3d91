"""The form in which a site's values are edited: a JSON text, checked as publishing would check it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.sites.models import Site
from django.utils.translation import gettext_lazy as _

from ccx_tenancy.admin_support import TypedChoice
from ccx_tenancy.errors import InvalidDocument, InvalidInput, InvalidValues, Problem, StaleRevision, UnknownRevision
from ccx_tenancy.site_config import api
from ccx_tenancy.site_config.documents import parse, places
from ccx_tenancy.site_config.widgets import EditorError, JSONEditorWidget

REASON_LENGTH = 255


class ValuesForm(forms.Form):
    """A site's values as text, the switch, the reason, and what the text was begun from.

    ``expected`` is the revision shown when editing began; ``draft`` tells that the text came from the user's draft.
    After ``is_valid()``, ``values`` holds the document and ``review`` what it would change. ``stale`` holds the error
    where somebody else published in between: then ``review`` is None, and everything else was good.
    """

    text = forms.CharField(
        label=_("Values"),
        required=False,
        strip=False,
        help_text=_("A JSON object. A value shown as ******** is a secret: leave it and it is kept."),
    )
    enabled = forms.BooleanField(
        label=_("Enabled"), required=False, help_text=_("A disabled configuration has no values.")
    )
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=REASON_LENGTH,
        help_text=_("Why you make this change; it stands in the history."),
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )
    expected = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    draft = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, site: Site | None, user: Any, schema_url: str, read_only: bool = False, **kwargs: Any
    ) -> None:
        """Make the form of a site, for the user whose draft may be in it; ``site`` is None while it is to be chosen.

        ``schema_url`` is where the editor reads the known keys.
        """
        super().__init__(*args, **kwargs)
        self.site = site
        self._user = user
        self.values: dict[str, Any] | None = None
        self.review: api.Review | None = None
        self.stale: StaleRevision | None = None
        self.editor = JSONEditorWidget(
            {"class": "vLargeTextField", "cols": "100"},
            schema_url=schema_url,
            read_only=read_only,
        )
        self.fields["text"].widget = self.editor
        if read_only:
            self.fields["enabled"].disabled = True

    def clean_text(self) -> str:
        """Read the text. What is not JSON is refused at its line and column, and stays in the field as it was typed."""
        text: str = self.cleaned_data["text"]
        try:
            self.values = parse(text)
        except InvalidDocument as error:
            if error.line:
                self.editor.errors = (error,)
            raise forms.ValidationError(_sentence(error)) from error
        return text

    def clean(self) -> dict[str, Any]:
        """Check the values as storing them would, and find out what they would change."""
        cleaned = super().clean() or self.cleaned_data
        if self.site is None:
            self.site = cleaned.get("site")
        if self.site is None or self.values is None or self.errors:
            return cleaned
        try:
            self.review = api.review_values(
                self.site,
                self.values,
                actor=self._user if cleaned["draft"] else None,
                expected=cleaned["expected"],
            )
        except StaleRevision as error:
            self.stale = error
        except (InvalidInput, UnknownRevision) as error:
            self.refuse(error)
        return cleaned

    def refuse(self, error: InvalidInput | UnknownRevision) -> None:
        """Show every problem beside the field and, where its key is found in the text, at its line in the editor."""
        if not isinstance(error, InvalidValues):
            self.add_error(None, _sentence(error))
            return
        found = places(self.cleaned_data["text"])
        marks = []
        for problem in error.problems:
            name = _name_in(problem, found)
            line, column = found[name] if name is not None else (0, 0)
            where = _("line %(line)d: ") % {"line": line} if line else ""
            self.add_error("text", f"{where}{problem}")
            if line:
                marks.append(EditorError(line, column, problem.message))
        self.editor.errors = tuple(marks)


class NewValuesForm(ValuesForm):
    """The same for a site that has no configuration yet; the site is chosen in it."""

    site: Any = TypedChoice(label=_("Site"), queryset=Site.objects.order_by("domain"))

    field_order = ("site", "text", "enabled")

    def __init__(self, *args: Any, site_widget: Any, **kwargs: Any) -> None:
        """Make the form; ``site_widget`` chooses the site."""
        super().__init__(*args, **kwargs)
        field = self.fields["site"]
        assert isinstance(field, forms.ModelChoiceField)
        site_widget.choices = field.choices
        field.widget = site_widget


class RollbackForm(forms.Form):
    """The confirmation of a rollback: why, and the revision the user has seen."""

    reason = ValuesForm.base_fields["reason"]
    expected = ValuesForm.base_fields["expected"]


def _sentence(error: Exception) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]


def _name_in(problem: Problem, names: dict[str, Any]) -> str | None:
    """Return the name at the top of the document that a problem's path begins with; a name may have dots itself."""
    fitting = [
        name
        for name in names
        if problem.path.startswith(name) and problem.path[len(name) : len(name) + 1] in ("", ".", "[")
    ]
    return max(fitting, key=len, default=None)
