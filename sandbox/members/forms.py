"""The form for inviting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from organizations.models import Organization

from ccx_tenancy.membership import api as membership


class InviteForm(forms.Form):
    """An address, and what it is offered."""

    email = forms.EmailField(label=_("E-mail address"))
    organization = forms.ChoiceField(label=_("Organization"))
    role = forms.ChoiceField(label=_("Role"), choices=[(role, role) for role in membership.ROLES])

    def __init__(self, organizations: Sequence[Organization], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organization"].choices = [(one.short_name, one.name) for one in organizations]  # type: ignore[attr-defined]
