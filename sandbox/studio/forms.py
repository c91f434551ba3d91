"""What an author changes of a course in Studio."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ccx_tenancy.ccxcon.api import serving
from sandbox.courses.models import Course


class PublishForm(forms.ModelForm):  # type: ignore[type-arg]
    """The course's texts, and whether custom courses may be made of it and who sells them."""

    ccx_connector = forms.ChoiceField(label=_("CCX connector"), required=False)

    class Meta:
        model = Course
        fields = ("display_name", "short_description", "overview", "enable_ccx", "ccx_connector")
        labels = {
            "display_name": _("Title"),
            "short_description": _("Short description"),
            "overview": _("Overview"),
            "enable_ccx": _("Custom courses may be made of it"),
        }
        widgets = {
            "short_description": forms.Textarea(attrs={"rows": 2}),
            "overview": forms.Textarea(attrs={"rows": 4}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        found = [(one.url, one.title) for one in serving(self.instance.id.org) if one.enabled]
        self.fields["ccx_connector"].choices = [("", _("None")), *found]  # type: ignore[attr-defined]
