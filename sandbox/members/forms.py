"""The forms for inviting, and for accepting an invitation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _
from organizations.models import Organization

from ccx_tenancy.membership import api as membership
from sandbox.accounts.views import RegistrationForm


class InviteForm(forms.Form):
    """An address, and what it is offered."""

    email = forms.EmailField(label=_("E-mail address"))
    organization = forms.ChoiceField(label=_("Organization"))
    role = forms.ChoiceField(label=_("Role"), choices=[(role, role) for role in membership.ROLES])

    def __init__(self, organizations: Sequence[Organization], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organization"].choices = [(one.short_name, one.name) for one in organizations]  # type: ignore[attr-defined]


class PasswordForm(forms.Form):
    """The password of the account that an invitation is for: who has it may accept."""

    password = forms.CharField(
        label=_("Password"), widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )

    def __init__(self, account: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._account = account

    def clean_password(self) -> str:
        """Refuse any other password."""
        password: str = self.cleaned_data["password"]
        if not self._account.check_password(password) or not self._account.is_active:
            raise forms.ValidationError(_("This is not the password of the account."))
        return password

    def save(self) -> User:
        """Return the account."""
        return self._account


class InvitedForm(RegistrationForm):
    """A new account for the address that is invited."""

    class Meta(RegistrationForm.Meta):
        fields = ("username",)  # type: ignore[assignment]

    def __init__(self, email: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.email = email
