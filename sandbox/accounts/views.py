"""Signing in and making an account.

ENABLE_COMBINED_LOGIN_REGISTRATION decides between one page with both forms and a page for each;
ALLOW_PUBLIC_ACCOUNT_CREATION whether people may make an account by themselves.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import login
from django.contrib.auth.forms import AuthenticationForm, UserCreationForm
from django.contrib.auth.views import LoginView, RedirectURLMixin
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.views.generic import FormView

from ccx_tenancy.conf import conf
from ccx_tenancy.context import current_tenant
from ccx_tenancy.errors import NotAllowed
from ccx_tenancy.membership.api import join
from ccx_tenancy.site_config import helpers


def is_combined() -> bool:
    """Return whether the current site has one page for signing in and for making an account."""
    return bool(helpers.get_value("ENABLE_COMBINED_LOGIN_REGISTRATION", False))


def allows_registration() -> bool:
    """Return whether people may make an account on the current site by themselves: a tenant's, unless it says no."""
    return current_tenant() is not None and bool(helpers.get_value("ALLOW_PUBLIC_ACCOUNT_CREATION", True))


class RegistrationForm(UserCreationForm):  # type: ignore[type-arg]
    """Django's form for a new account; its fields have ids of their own, so that it may stand beside the other."""

    class Meta(UserCreationForm.Meta):
        fields = ("username", "email")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="register_%s", **kwargs)
        self.fields["username"].widget.attrs.pop("autofocus", None)
        self.fields["email"].required = True

    def clean(self) -> dict[str, Any] | None:
        """Refuse a name or an address that is somebody's already."""
        found = super().clean()
        wanted = {name: self.cleaned_data.get(name, "") for name in ("username", "email")}
        for name in conf.account_policy.taken(current_tenant(), **wanted):
            if name not in self.errors:
                self.add_error(name, _("It is taken."))
        return found


class SignIn(LoginView):
    """Sign in, with the other form beside it where the site combines them (an LMS site; Studio has none)."""

    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the form for a new account where both are on one page."""
        context = super().get_context_data(**kwargs)
        context["sign_in_form"] = context["form"]
        return {**context, **registration_context(self.request)}


class Register(RedirectURLMixin, FormView):  # type: ignore[type-arg]
    """Make an account and sign in with it. Not found where the site does not allow it."""

    template_name = "accounts/register.html"
    form_class = RegistrationForm
    next_page = "home"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer where the site allows it; send those who are signed in on their way."""
        if not allows_registration():
            raise Http404("This site makes no accounts.")
        if request.user.is_authenticated:
            return redirect(self.get_success_url())
        return super().dispatch(request, *args, **kwargs)

    def get_template_names(self) -> list[str]:
        """Return the page with both forms where the site combines them."""
        return ["accounts/sign_in.html"] if is_combined() else [self.template_name]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Name the forms as the page with both does."""
        context = super().get_context_data(**kwargs)
        context["registration_form"] = context["form"]
        context["sign_in_form"] = AuthenticationForm(self.request)
        context[self.redirect_field_name] = self.get_redirect_url()
        return {**registration_context(self.request), **context}

    def form_valid(self, form: RegistrationForm) -> HttpResponse:
        """Make the account, let it join the tenant, sign in, and go where the person wanted to."""
        try:
            with transaction.atomic():
                user = form.save()
                join(user)
        except NotAllowed as refused:
            form.add_error(None, str(refused))
            return self.form_invalid(form)
        login(self.request, user, backend="ccx_tenancy.backends.OrganizationMemberBackend")
        return redirect(self.get_success_url())


def registration_context(request: HttpRequest) -> dict[str, Any]:
    """Return what the sign-in page needs to know of registration on this surface and site."""
    allowed = request.tenancy_surface == "lms" and allows_registration()  # type: ignore[attr-defined]
    combined = allowed and is_combined()
    return {
        "allows_registration": allowed,
        "is_combined": combined,
        "registration_form": RegistrationForm() if combined else None,
    }
