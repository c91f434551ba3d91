"""What the pages ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from organizations.models import Organization

from ccx_tenancy.errors import InvalidDocument
from ccx_tenancy.site_config.documents import dump, parse_value
from ccx_tenancy.site_config.schema import KnownKey
from ccx_tenancy.site_config.secrets import MASK

_UNSET = ""


class InviteForm(forms.Form):
    """An address, an organization, a role."""

    email = forms.EmailField(label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    organization = forms.ChoiceField(label=_("Organization"))
    role = forms.ChoiceField(label=_("Role"))

    def __init__(self, organizations: Sequence[Organization], roles: Sequence[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organization"].choices = [  # type: ignore[attr-defined]
            (one.short_name, one.name) for one in organizations
        ]
        self.fields["role"].choices = [(role, _(role)) for role in roles]  # type: ignore[attr-defined]


class ValueForm(forms.Form):
    """The value of one known key, in the form its type asks for; and why it is changed.

    Booleans are chosen, texts typed as they are, everything else as JSON. ``is_unset`` tells that the site shall store
    nothing.
    """

    reason = forms.CharField(label=_("Why (goes into the history)"), max_length=255, required=False)

    def __init__(self, known: KnownKey, stored: Any, is_stored: bool, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known = known
        kinds = known.schema.get("type", ())
        self._is_text = kinds == "string"
        if kinds == "boolean":
            field: forms.Field = forms.ChoiceField(
                choices=[(_UNSET, _("as the platform")), ("true", _("yes")), ("false", _("no"))], required=False
            )
        elif known.secret:
            field = forms.CharField(required=False, widget=forms.TextInput(attrs={"autocomplete": "off"}))
        else:
            field = forms.CharField(required=False, strip=False, widget=forms.Textarea(attrs={"rows": 3}))
        field.label = _("Value") if self._is_text or kinds == "boolean" else _("Value, as JSON")
        field.initial = self._shown(stored) if is_stored else _UNSET
        self.fields["value"] = field
        self.order_fields(["value", "reason"])

    def _shown(self, stored: Any) -> str:
        if self.known.secret and stored is not None:
            return MASK
        return stored if self._is_text and isinstance(stored, str) else dump(stored)

    def clean_value(self) -> Any:
        """Return the value. Raises ValidationError, with line and column, for what is no JSON."""
        text: str = self.cleaned_data["value"].replace("\r\n", "\n")
        if text in (_UNSET, MASK) or self._is_text:
            return text
        try:
            return parse_value(text)
        except InvalidDocument as error:
            raise forms.ValidationError(str(error)) from error

    @property
    def is_unset(self) -> bool:
        """Whether nothing was given: the site stores nothing then. A text may be empty only by removing it."""
        return bool(self.cleaned_data["value"] == _UNSET)
