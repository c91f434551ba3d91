"""The page behind the link in an invitation's mail: whoever has the link accepts with the account of that address.

Who is signed in here with it presses a button; who is not, also because the account is no member here yet, gives its
password; and where there is no account with the address, one is made.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model, login
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.signals import user_login_failed
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from ccx_tenancy.backends import OrganizationMemberBackend, knows_password
from ccx_tenancy.conf import conf
from ccx_tenancy.context import TenantContext, current_tenant
from ccx_tenancy.errors import TenancyError, UnknownInvitation
from ccx_tenancy.membership import api as membership
from ccx_tenancy.pages.headers import guarded
from ccx_tenancy.tenants.api import fold


class ButtonForm(forms.Form):
    """Nothing to fill in: who accepts is signed in with the account."""

    def __init__(self, request: HttpRequest, account: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._account = account

    def account(self) -> Any:
        """Return the account that accepts."""
        return self._account


class PasswordForm(ButtonForm):
    """The password of the account that the invitation is for."""

    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, request: HttpRequest, account: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, account, *args, **kwargs)
        self._request = request

    def clean_password(self) -> str:
        """Refuse any other password, in the time that the right one takes, and say it to what counts failures."""
        password: str = self.cleaned_data["password"]
        if not knows_password(self._account, password):
            credentials = {"username": self._account.get_username()}
            user_login_failed.send(sender=__name__, credentials=credentials, request=self._request)
            raise forms.ValidationError(_("This is not the password of the account."))
        return password


class AccountForm(forms.Form):
    """A new account for the address that is invited."""

    username = forms.CharField(label=gettext_lazy("Username"))
    password1 = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    password2 = forms.CharField(
        label=gettext_lazy("Password confirmation"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, tenant: TenantContext, email: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tenant = tenant
        self._email = email
        model: Any = get_user_model()
        name = model._meta.get_field(model.USERNAME_FIELD).formfield()
        name.widget.attrs.update(autocomplete="username", autocapitalize="none")
        name.label, name.help_text = self.fields["username"].label, ""
        self.fields["username"] = name

    def clean_username(self) -> str:
        """Return the name in Unicode's normal form; refuse what the field of the account's model refuses."""
        model: Any = get_user_model()
        name: str = model.normalize_username(self.cleaned_data["username"])
        model._meta.get_field(model.USERNAME_FIELD).run_validators(name)
        return name

    def clean(self) -> None:
        """Refuse a name or an address that is somebody's, a password that is too simple, and two that differ."""
        super().clean()
        username, password = self.cleaned_data.get("username", ""), self.cleaned_data.get("password1")
        taken = conf.account_policy.taken(self._tenant, username=username, email=self._email)
        if "username" in taken:
            self.add_error("username", _("It is taken."))
        if "email" in taken:
            self.add_error(None, _("There is more than one account with this address; ask the platform's support."))
        if password is None:
            return
        if password != self.cleaned_data.get("password2"):
            self.add_error("password2", _("The two passwords are not the same."))
        model: Any = get_user_model()
        somebody = model(**{model.USERNAME_FIELD: username, model.get_email_field_name(): self._email})
        try:
            validate_password(password, somebody)
        except forms.ValidationError as error:
            self.add_error("password1", error)

    def account(self) -> Any:
        """Make the account, in the transaction in which it accepts, and return it."""
        return conf.host.create_account(self.cleaned_data["username"], self._email, self.cleaned_data["password1"])


@guarded(leaves=True)
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: HttpRequest, token: str) -> HttpResponseBase:
    """Show the invitation of a token, and accept it. 410 where it is accepted, revoked or expired."""
    tenant, found = _invitation(token)
    if found.state != "open":
        return _render(request, found, status=410)
    account = _account_of(found, tenant)
    form = _form(request, found, account, tenant)
    refused = ""
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                user = form.account()
                membership.accept_invitation(token, user)
        except IntegrityError:
            refused = _("Somebody else was faster to take that name. Choose another one.")
        except TenancyError as error:
            refused = str(error)
        else:
            return _welcome(request, user, found)
    return _render(request, found, form=form, refused=refused, has_account=account is not None)


# Who is no member is answered here all the same: it is how one becomes a member.
accept.answers_nobody = True  # type: ignore[attr-defined]


def _invitation(token: str) -> tuple[TenantContext, membership.OrganizationInvitation]:
    """Return the current tenant and the invitation to one of its organizations. Raises Http404."""
    tenant = current_tenant()
    try:
        found = membership.find_invitation(token)
    except UnknownInvitation as error:
        raise Http404(str(error)) from error
    if tenant is None or fold(found.organization.short_name) not in {fold(name) for name in tenant.organizations}:
        raise Http404("The invitation is to an organization of another site.")
    return tenant, found


def _account_of(found: membership.OrganizationInvitation, tenant: TenantContext) -> Any:
    """Return the account with the invitation's address, or None. One that only has the address for a name is not it."""
    account: Any = conf.account_policy.find(found.email, tenant)
    if account is None:
        return None
    address = getattr(account, get_user_model().get_email_field_name())
    return account if address.lower() == found.email.lower() else None


def _form(
    request: HttpRequest, found: membership.OrganizationInvitation, account: Any, tenant: TenantContext
) -> ButtonForm | AccountForm:
    data = request.POST if request.method == "POST" else None
    if account is None:
        return AccountForm(tenant, found.email, data)
    return (ButtonForm if request.user == account else PasswordForm)(request, account, data)


def _render(
    request: HttpRequest,
    found: membership.OrganizationInvitation,
    *,
    form: forms.Form | None = None,
    refused: str = "",
    has_account: bool = False,
    status: int = 200,
) -> HttpResponseBase:
    context = {
        "invitation": found,
        "form": form,
        "refused": refused,
        "has_account": has_account,
        "asks": bool(form and form.fields),
        "current": "",
        "desk": None,
    }
    return render(request, "ccx_tenancy/pages/accept.html", context, status=status)


def _welcome(request: HttpRequest, user: Any, found: membership.OrganizationInvitation) -> HttpResponseBase:
    """Sign the new member in, and go to the start page."""
    backend = next((path for path in settings.AUTHENTICATION_BACKENDS if _is_ours(path)), None)
    if request.user != user and backend is not None:
        login(request, user, backend=backend)
    messages.success(request, _("You are a member of %(name)s now.") % {"name": found.organization.name})
    return redirect("/")


def _is_ours(path: str) -> bool:
    backend = import_string(path)
    return isinstance(backend, type) and issubclass(backend, OrganizationMemberBackend)
