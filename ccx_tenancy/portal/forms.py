"""The forms of the portal's pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from ccx_tenancy.conf import conf
from ccx_tenancy.errors import InvalidInput
from ccx_tenancy.portal import money
from ccx_tenancy.portal.models import Course, Module, Profile

SHORT_NAME = RegexValidator(
    r"^[A-Za-z0-9._~-]+\Z", _("A short name has letters, digits, hyphens, dots and underscores.")
)


class SignInForm(forms.Form):
    """E-mail address and password."""

    email = forms.EmailField(
        label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
    )
    password = forms.CharField(
        label=_("Password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


class RegisterForm(forms.Form):
    """What an account needs."""

    full_name = forms.CharField(
        label=_("Full name"), max_length=255, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    organization = forms.CharField(
        label=_("Organization"), max_length=255, widget=forms.TextInput(attrs={"autocomplete": "organization"})
    )
    email = forms.EmailField(
        label=_("E-mail address"), max_length=150, widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least eight characters, and not one that many people use."),
    )


class PasswordForm(forms.Form):
    """The password that was chosen at registration."""

    password = forms.CharField(
        label=_("Password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


class EmailForm(forms.Form):
    """An e-mail address."""

    email = forms.EmailField(label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "username"}))


class NewPasswordForm(forms.Form):
    """A new password, twice."""

    password = forms.CharField(
        label=_("New password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )
    again = forms.CharField(
        label=_("New password again"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def __init__(self, user: Any, data: Any = None) -> None:
        self.user = user
        super().__init__(data)

    def clean(self) -> dict[str, Any]:
        """Compare the two, and ask the project's rules of passwords."""
        found = super().clean() or {}
        password, again = found.get("password"), found.get("again")
        if password and again and password != again:
            self.add_error("again", _("The two are not the same."))
        elif password:
            try:
                password_validation.validate_password(password, self.user)
            except forms.ValidationError as error:
                self.add_error("password", error)
        return found


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """What an invoice and an order say of the buyer."""

    class Meta:
        model = Profile
        fields = ("full_name", "organization", "short_name")

    def clean_short_name(self) -> str:
        """Refuse what is no short name of an organization."""
        name: str = self.cleaned_data["short_name"]
        if name:
            SHORT_NAME(name)
        return name


class OrganizationForm(forms.Form):
    """The organization that a CCX is for."""

    organization = forms.CharField(
        label=_("Organization's short name"),
        max_length=255,
        validators=[SHORT_NAME],
        help_text=_("As it stands in the course keys of the learning platform. You have to be a member of it there."),
    )


class BuyForm(forms.Form):
    """Modules of a course, and how many seats to have in them."""

    modules = forms.ModelMultipleChoiceField(
        queryset=Module.objects.none(), label=_("Modules"), widget=forms.CheckboxSelectMultiple, required=False
    )
    seats = forms.IntegerField(label=_("Seats"), widget=forms.NumberInput(attrs={"inputmode": "numeric"}))

    def __init__(self, course: Course, modules: list[Module], bought: int, data: Any = None) -> None:
        super().__init__(data)
        field = self.fields["modules"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = Module.objects.filter(pk__in=[module.pk for module in modules])
        field.label_from_instance = lambda module: f"{module.title}: {money.shown(module.price, course.currency)}"  # type: ignore[method-assign,assignment]
        field.initial = [module.pk for module in modules]
        if bought:
            del self.fields["modules"]
        self.fields["seats"].widget.attrs |= {"min": max(bought, 1), "max": conf.portal_most_seats}
        self.fields["seats"].initial = bought or 1


class CourseForm(forms.Form):
    """What an owner says of a course, and the price of each module."""

    title = forms.CharField(label=_("Title"), max_length=255, required=False)
    description = forms.CharField(
        label=_("Description"), max_length=20_000, required=False, widget=forms.Textarea(attrs={"rows": 6})
    )
    currency = forms.ChoiceField(label=_("Currency"))
    live = forms.BooleanField(
        label=_("Offer this course"),
        required=False,
        help_text=_("It is shown to everybody once each of its modules has a price."),
    )

    def __init__(self, course: Course, modules: list[Module], data: Any = None) -> None:
        initial = {
            "title": course.title,
            "description": course.description,
            "currency": course.currency,
            "live": course.live,
        }
        super().__init__(data, initial=initial)
        self.course, self.modules = course, modules
        currencies = list(dict.fromkeys([*conf.portal_currencies, course.currency]))
        field = self.fields["currency"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(one, one) for one in currencies]
        for module in modules:
            self.fields[f"price_{module.pk}"] = forms.CharField(
                label=_("Price of a seat in “%(module)s”") % {"module": module.title},
                required=False,
                initial=module.price,
                max_length=20,
                widget=forms.TextInput(attrs={"inputmode": "decimal", "size": 12}),
            )

    def clean(self) -> dict[str, Any]:
        """Read the prices in the currency that was chosen."""
        found = super().clean() or {}
        prices: dict[str, Any] = {}
        for module in self.modules:
            name = f"price_{module.pk}"
            text = str(found.get(name) or "").strip().replace(",", ".")
            try:
                prices[module.uuid] = (
                    money.price(text, str(found.get("currency", self.course.currency))) if text else None
                )
            except InvalidInput as error:
                self.add_error(name, str(error))
        found["prices"] = prices
        return found

    @property
    def price_fields(self) -> list[forms.BoundField]:
        """The fields of the prices."""
        return [self[f"price_{module.pk}"] for module in self.modules]
