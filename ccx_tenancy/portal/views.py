"""The pages. Server-rendered, without scripts; what is refused is shown by its own words."""

from __future__ import annotations

import uuid as uuids
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth import login, logout
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from ccx_tenancy.conf import conf
from ccx_tenancy.errors import InvalidInput, TenancyError
from ccx_tenancy.outgoing.errors import BadSignature
from ccx_tenancy.portal import accounts, catalogue, fulfilment, links, orders, payments, throttle
from ccx_tenancy.portal.forms import (
    BuyForm,
    CourseForm,
    EmailForm,
    NewPasswordForm,
    OrganizationForm,
    PasswordForm,
    ProfileForm,
    RegisterForm,
    SignInForm,
)
from ccx_tenancy.portal.gateways import GatewayFailed, NoGateway, gateway
from ccx_tenancy.portal.models import CartLine, Course, Order, Payment, Profile

PAGE_SIZE = 24
_LINK = "ccx_portal_link"
View = Callable[..., HttpResponseBase]


def page(view: View) -> View:
    """A page: GET and POST, never kept by a cache, and with headers that let no foreign code in."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return _guarded(view(request, *args, **kwargs))
        except throttle.TooOften as error:
            answer = _guarded(_render(request, "too_often", {"refused": str(error)}, status=429))
            answer.headers["Retry-After"] = str(error.seconds)
            return answer

    return never_cache(require_http_methods(["GET", "HEAD", "POST"])(wrapped))


def private_page(view: View) -> View:
    """A page for who is signed in; others go to the sign-in page, and come back."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            target = request.get_full_path() if request.method == "GET" else request.path
            return redirect(f"{reverse('ccx_portal:sign_in')}?{urlencode({'next': target})}")
        return view(request, *args, **kwargs)

    return page(wrapped)


def _guarded(response: HttpResponseBase) -> HttpResponseBase:
    try:
        targets = " ".join(["'self'", *gateway().form_targets()])
    except NoGateway:
        targets = "'self'"
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'self'; img-src 'self' https: data:; form-action {targets}; base-uri 'none';"
        " frame-ancestors 'none'"
    )
    # Not `no-referrer`: a form's Origin would be null then, which Django's CSRF check refuses.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    return response


def _render(request: HttpRequest, name: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    user: Any = request.user
    shared: dict[str, Any] = {"portal": conf.portal_name, "current": name}
    if user.is_authenticated:
        shared |= {
            "in_cart": CartLine.objects.filter(user=user).count(),
            "is_owner": catalogue.owned(user).exists(),
        }
    return render(request, f"ccx_tenancy/portal/{name}.html", {**shared, **context}, status=status)


# Catalogue


@page
def catalogue_page(request: HttpRequest) -> HttpResponseBase:
    """Show what is offered, searched by ``q``, 24 a page."""
    query = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    rows = catalogue.offered().prefetch_related("modules").order_by("hub_title", "pk")
    if query:
        rows = rows.filter(hub_title__icontains=query) | rows.filter(own_title__icontains=query)
    found = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    cards = [(row, catalogue.price_of(module for module in row.modules.all() if not module.deleted)) for row in found]
    context = {"rows": found, "cards": cards, "query": query, "query_string": urlencode({"q": query}) if query else ""}
    return _render(request, "catalogue", context)


@page
def course_page(request: HttpRequest, uuid: str) -> HttpResponseBase:
    """Show a course; put seats of it into the cart."""
    course = catalogue.visible(request.user).select_related("source").filter(uuid=uuid.lower()).first()
    if course is None:
        raise Http404("There is no such course.")
    user: Any = request.user
    holding = orders.holding_of(user, course)
    bought = holding.seats if holding else 0
    modules = catalogue.modules_of(course)
    is_offered = catalogue.offered().filter(pk=course.pk).exists()
    form = BuyForm(course, modules, bought, request.POST or None) if is_offered else None
    if request.method == "POST" and form is not None:
        if not user.is_authenticated:
            return redirect(f"{reverse('ccx_portal:sign_in')}?{urlencode({'next': request.path})}")
        if form.is_valid():
            try:
                orders.put_in_cart(user, course, form.cleaned_data.get("modules", []), form.cleaned_data["seats"])
            except InvalidInput as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, _("“%(course)s” is in your cart.") % {"course": course.title})
                return redirect("ccx_portal:cart")
    context = {
        "course": course,
        "modules": modules,
        "form": form,
        "holding": holding,
        "price": catalogue.price_of(holding.modules.all() if holding else modules),
        "owns": catalogue.owns(user, course),
    }
    return _render(request, "course", context)


# Owners


@private_page
def owned_page(request: HttpRequest) -> HttpResponseBase:
    """List the courses of an owner, with what keeps each from being offered."""
    offered = set(catalogue.offered().values_list("pk", flat=True))
    rows = [
        {
            "course": course,
            "offered": course.pk in offered,
            "modules": len(modules := [one for one in course.modules.all() if not one.deleted]),
            "unpriced": sum(module.price is None for module in modules),
        }
        for course in catalogue.owned(request.user).prefetch_related("modules")
    ]
    return _render(request, "owned", {"rows": rows})


@private_page
def edit_page(request: HttpRequest, uuid: str) -> HttpResponseBase:
    """Change a course as its owner: title, description, prices, and whether it is offered."""
    course = catalogue.owned(request.user).filter(uuid=uuid.lower()).first()
    if course is None:
        raise Http404("There is no such course.")
    modules = catalogue.modules_of(course)
    form = CourseForm(course, modules, request.POST or None)
    if request.method == "POST" and form.is_valid():
        found = form.cleaned_data
        try:
            catalogue.change(
                course,
                by=request.user,
                **{name: found[name] for name in ("title", "description", "live", "currency", "prices")},
            )
        except TenancyError as error:
            form.add_error(None, str(error))
        else:
            course.refresh_from_db()
            if catalogue.offered().filter(pk=course.pk).exists():
                messages.success(request, _("Saved. Everybody can find the course now."))
            else:
                messages.success(request, _("Saved. The course is not offered to anybody."))
            return redirect("ccx_portal:edit", course.uuid)
    return _render(request, "edit", {"course": course, "form": form, "modules": modules})


# Cart and orders


@private_page
def cart_page(request: HttpRequest) -> HttpResponseBase:
    """Show the cart; take a course out."""
    user: Any = request.user
    if request.method == "POST":
        course = Course.objects.filter(uuid=request.POST.get("course", "").replace("\0", "")).first()
        if course is not None:
            orders.take_out(user, course)
        return redirect("ccx_portal:cart")
    return _render(request, "cart", _cart_context(user))


def _cart_context(user: Any) -> dict[str, Any]:
    lines = orders.cart(user)
    quotes = [found for _line, found, _reason in lines if found is not None]
    context: dict[str, Any] = {"lines": lines, "can_buy": bool(lines) and len(quotes) == len(lines), "problem": ""}
    try:
        context["total"], context["currency"] = orders.total_of(quotes)
    except InvalidInput as error:
        context |= {"problem": str(error), "can_buy": False, "total": Decimal(0), "currency": ""}
    return context


@private_page
def checkout_page(request: HttpRequest) -> HttpResponseBase:
    """Show what will be charged, and order it: once for each page that was shown."""
    user: Any = request.user
    if request.method == "POST":
        try:
            return _ordered(request, user)
        except TenancyError as error:
            messages.error(request, str(error))
            return redirect("ccx_portal:cart")
    context = _cart_context(user)
    if not context["can_buy"]:
        return redirect("ccx_portal:cart")
    try:
        choices = gateway().choices() if context["total"] else []
    except NoGateway as error:
        messages.error(request, str(error))
        return redirect("ccx_portal:cart")
    profile = Profile.objects.filter(user=user).first()
    return _render(request, "checkout", {**context, "choices": choices, "key": uuids.uuid4().hex, "profile": profile})


def _ordered(request: HttpRequest, user: Any) -> HttpResponseBase:
    try:
        expected = Decimal(request.POST.get("total", ""))
    except InvalidOperation:
        raise InvalidInput("The total is missing.") from None
    token = request.POST.get("token", "")
    if gateway_tokens := _tokens():
        if expected and token not in gateway_tokens:
            raise InvalidInput(_("Choose how to pay."))
    else:
        token = ""
    currency = request.POST.get("currency") or None
    order, is_new = orders.place(user, request.POST.get("key", ""), expected, currency=currency)
    if is_new:
        payment = payments.pay(order, token)
        if payment is not None and payment.page and payment.result == Payment.Result.OPEN:
            return redirect(payment.page)
    return redirect("ccx_portal:order", order.number)


def _tokens() -> set[str]:
    try:
        return {choice.token for choice in gateway().choices()}
    except NoGateway:
        return set()


@private_page
def orders_page(request: HttpRequest) -> HttpResponseBase:
    """List the orders of a buyer, newest first."""
    rows = Order.objects.filter(purchaser_id=request.user.pk).prefetch_related("lines__holding")
    return _render(request, "orders", {"rows": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))})


def _order(request: HttpRequest, number: str) -> Order:
    order = Order.objects.filter(purchaser_id=request.user.pk, number=number).first()
    if order is None:
        raise Http404("There is no such order.")
    return order


@private_page
def order_page(request: HttpRequest, number: str) -> HttpResponseBase:
    """Show an order: whether it is paid, and for each line whether the seats are there. Cancel an unpaid one."""
    order = _order(request, number)
    payment = Payment.objects.select_related("order__purchaser").filter(order=order).first()
    if request.method == "POST":
        try:
            payments.cancel(order, by=request.user)
        except (TenancyError, GatewayFailed) as error:
            messages.error(request, str(error))
        return redirect("ccx_portal:order", number)
    if payment is not None and payment.result == Payment.Result.OPEN:
        payment = payments.look_up(payment)
        order.refresh_from_db()
    lines = order.lines.select_related("course", "holding", "refund")
    user: Any = request.user
    profile = Profile.objects.filter(user=user).first()
    form = OrganizationForm(initial={"organization": profile.short_name if profile else ""})
    return _render(request, "order", {"order": order, "payment": payment, "lines": lines, "form": form})


@private_page
def set_up_page(request: HttpRequest, number: str) -> HttpResponseBase:
    """Have a line tried again that the learning platform has refused, for another organization where that is why."""
    order = _order(request, number)
    chosen = request.POST.get("line", "")
    found = order.lines.filter(pk=int(chosen)) if chosen.isascii() and chosen.isdecimal() and len(chosen) < 19 else None
    line = found.select_related("holding").first() if found is not None else None
    if request.method != "POST" or line is None or line.holding is None:
        return redirect("ccx_portal:order", number)
    form = OrganizationForm(request.POST)
    user: Any = request.user
    try:
        if line.holding.way_forward == "organization":
            if not form.is_valid():
                raise InvalidInput(" ".join(map(str, form.errors["organization"])))
            fulfilment.order_for(line.holding, form.cleaned_data["organization"], by=user)
        elif line.holding.way_forward == "again":
            fulfilment.retry(line.holding, by=user)
        else:
            raise InvalidInput(_("Our staff looks into it already."))
    except TenancyError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("It is being set up."))
    return redirect("ccx_portal:order", number)


@private_page
def invoice_page(request: HttpRequest, number: str) -> HttpResponseBase:
    """Show the invoice of a paid order."""
    order = _order(request, number)
    if order.state != Order.State.PAID:
        raise Http404("There is no invoice of an order that is not paid.")
    return _render(request, "invoice", {"order": order, "lines": order.lines.select_related("refund")})


@csrf_exempt
@require_POST
def gateway_notify(request: HttpRequest) -> HttpResponse:
    """Take a webhook of the gateway: what it is about is looked up."""
    try:
        key = gateway().notified(request)
    except (BadSignature, NoGateway) as error:
        return HttpResponse(str(error), status=403, content_type="text/plain")
    if key:
        try:
            payments.notified(key)
        except (GatewayFailed, NoGateway) as error:
            # Whoever sent it sends it again.
            return HttpResponse(str(error), status=503, content_type="text/plain")
    return HttpResponse()


# The login link


@page
def link_page(request: HttpRequest) -> HttpResponseBase:
    """Follow a login link: remember it, let the reader sign in, and link the account when the button is pressed."""
    given = request.GET.get("token")
    if given is not None:
        # The session keeps it: it must not stand in an address that goes on to somebody else.
        request.session[_LINK] = given[: links.LENGTH + 1]
        return redirect("ccx_portal:link")
    token = request.session.get(_LINK)
    if not token:
        return _render(request, "link", {"refused": _("Open the link in your mail once more.")}, status=404)
    user: Any = request.user
    try:
        if request.method == "POST" and user.is_authenticated:
            links.use(token, user)
            del request.session[_LINK]
            messages.success(request, _("Your account is linked: these are your courses."))
            return redirect("ccx_portal:owned")
        link = links.check(token)
        if links.is_used(link):
            raise links.LinkRefused(_("This link was used already."))
    except links.HubAway as error:
        return _render(request, "link", {"away": str(error)}, status=503)
    except TenancyError as error:
        del request.session[_LINK]
        return _render(request, "link", {"refused": str(error)}, status=400)
    return _render(request, "link", {"link": link, "courses": links.courses_of(link)})


# Accounts


@sensitive_post_parameters()
@page
def sign_in_page(request: HttpRequest) -> HttpResponseBase:
    """Sign in, and go on to ``next``: a path of this site."""
    target = accounts.local_path(request.POST.get("next") or request.GET.get("next") or "")
    form = SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = accounts.sign_in(request, form.cleaned_data["email"], form.cleaned_data["password"])
        if user is not None:
            kept = request.session.get(_LINK)
            login(request, user, backend=accounts.BACKEND)
            if kept:
                request.session[_LINK] = kept
            return redirect(target or (reverse("ccx_portal:link") if kept else reverse("ccx_portal:catalogue")))
        form.add_error(None, _("The e-mail address or the password is wrong."))
    return _render(request, "sign_in", {"form": form, "next": target})


@require_POST
def sign_out(request: HttpRequest) -> HttpResponseBase:
    """Sign out."""
    logout(request)
    return redirect("ccx_portal:catalogue")


@sensitive_post_parameters()
@page
def register_page(request: HttpRequest) -> HttpResponseBase:
    """Ask for an account."""
    target = accounts.local_path(request.POST.get("next") or request.GET.get("next") or "")
    form = RegisterForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            throttle.registers(request)
            accounts.register(**form.cleaned_data, next_path=target)
        except InvalidInput as error:
            form.add_error(None, str(error))
        else:
            return _render(request, "sent", {"email": form.cleaned_data["email"]})
    return _render(request, "register", {"form": form, "next": target})


@sensitive_post_parameters()
@page
def activate_page(request: HttpRequest) -> HttpResponseBase:
    """Confirm an account by the link in the mail and the password that was chosen, and be signed in."""
    token = request.POST.get("token") or request.GET.get("token") or ""
    row = accounts.pending(token)
    if row is None:
        return _render(request, "activate", {"refused": True}, status=403)
    form = PasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        guesses = throttle.Guesses(request, token)
        guesses.take()
        try:
            user, target = accounts.activate(token, form.cleaned_data["password"])
        except InvalidInput as error:
            form.add_error("password", str(error))
        except accounts.BadLink:
            return _render(request, "activate", {"refused": True}, status=403)
        else:
            guesses.was_right()
            kept = request.session.get(_LINK)
            login(request, user, backend=accounts.BACKEND)
            if kept:
                request.session[_LINK] = kept
            messages.success(request, _("Your account is ready."))
            return redirect(target or (reverse("ccx_portal:link") if kept else reverse("ccx_portal:catalogue")))
    return _render(request, "activate", {"form": form, "token": token, "email": row.email})


@page
def reset_page(request: HttpRequest) -> HttpResponseBase:
    """Ask for a link by which the password can be changed."""
    form = EmailForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        accounts.send_reset(form.cleaned_data["email"])
        return _render(request, "sent", {"email": form.cleaned_data["email"]})
    return _render(request, "reset", {"form": form})


@sensitive_post_parameters()
@page
def new_password_page(request: HttpRequest, uid: str, token: str) -> HttpResponseBase:
    """Choose a new password by the link in the mail."""
    user = accounts.of_reset(uid, token)
    if user is None:
        return _render(request, "new_password", {"refused": True}, status=403)
    form = NewPasswordForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        user.set_password(form.cleaned_data["password"])
        user.save(update_fields=["password"])
        messages.success(request, _("Your password is changed. Sign in with it."))
        return redirect("ccx_portal:sign_in")
    return _render(request, "new_password", {"form": form})


@private_page
def account_page(request: HttpRequest) -> HttpResponseBase:
    """Change what invoices and orders say of the buyer."""
    user: Any = request.user
    profile, _made = Profile.objects.get_or_create(user=user)
    form = ProfileForm(request.POST or None, instance=profile)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("ccx_portal:account")
    return _render(request, "account", {"form": form})


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    """The page of what is not there; a project of the portal alone names it as its ``handler404``."""
    return _guarded(_render(request, "not_found", {}, status=404))
