"""The JSON API of the Teacher's Portal of 2016, where it is sound, and the receiver of a hub's webhooks.

An error is what it was there: 400 with a list of one text. Money is a decimal; beside it stands the number that the
original gave.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ccx_tenancy.errors import Conflict, InvalidInput, TenancyError
from ccx_tenancy.json_bodies import LIMIT, JSONBody, NotJson, check_length
from ccx_tenancy.outgoing.errors import BadSignature
from ccx_tenancy.portal import accounts, catalogue, money, orders, payments, throttle, webhooks
from ccx_tenancy.portal.addresses import absolute
from ccx_tenancy.portal.models import Course, Order

_PAGE_SIZE = 100
_MOST_LINES = 100


@csrf_exempt
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    """Take a webhook of a hub: 200 once it is done, 403 without the right signature, 400 for what it cannot be."""
    try:
        # Not `request.body`: the largest that Django reads of it is for what browsers send.
        body = request.read(LIMIT + 1)
        if len(body) > LIMIT:
            return JsonResponse({"detail": f"The body has more than {LIMIT} bytes."}, status=413)
        source, event_id = webhooks.authenticate(body, request.headers)
    except BadSignature as error:
        return JsonResponse({"detail": str(error)}, status=403)
    try:
        webhooks.receive(source, event_id, body)
    except NotJson as error:
        return JsonResponse({"detail": str(error)}, status=400)
    except InvalidInput as error:
        return JsonResponse([str(error)], safe=False, status=400)
    return HttpResponse()


class _Body(JSONBody):
    parse_float = Decimal


class Api(APIView):
    """A view of the API: sessions with CSRF, JSON in and out, and nothing else."""

    authentication_classes = [SessionAuthentication]
    permission_classes = [AllowAny]
    renderer_classes = [JSONRenderer]
    #: A body must call itself JSON: what a page of another site can send by itself does not.
    parser_classes = [_Body]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Look at the size of the body before anything reads it."""
        check_length(request)
        super().initial(request, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> Response:
        """Answer what was refused with 400 and a list of one text, as the original did."""
        if isinstance(exc, throttle.TooOften):
            return Response([str(exc)], status=429, headers={"Retry-After": str(exc.seconds)})
        if isinstance(exc, TenancyError):
            return Response([str(exc)], status=409 if isinstance(exc, Conflict) else 400)
        return super().handle_exception(exc)

    def read(self, *required: str) -> dict[str, Any]:
        """Return the body's JSON object. Raises ParseError where it is none, InvalidInput where a key is missing."""
        # Not the raw bytes: Django's CSRF check has had the parser read them already.
        found = self.request.data
        if not isinstance(found, dict):
            raise InvalidInput("Invalid data: it must be an object")
        for name in required:
            if name not in found:
                raise InvalidInput(f"Missing key {name}")
        return found


class Courses(Api):
    """What is offered; a signed-in owner sees the own ones too."""

    def get(self, request: Request) -> Response:
        """Return a page of courses (``?page=``, 100 each). Anonymous readers get four fields of each."""
        text = str(request.query_params.get("page", "1"))
        number = int(text) if text.isascii() and text.isdecimal() and 0 < len(text) < 7 else 0
        if number < 1:
            raise NotFound
        start = (number - 1) * _PAGE_SIZE
        found = catalogue.visible(request.user).prefetch_related("modules", "instructors", "source")
        rows = list(found[start : start + _PAGE_SIZE + 1])
        own = set(catalogue.owned(request.user).values_list("pk", flat=True))
        answer = Response([_course(request.user, row, row.pk in own) for row in rows[:_PAGE_SIZE]])
        if len(rows) > _PAGE_SIZE:
            answer["Link"] = f'<{absolute("api_courses")}?page={number + 1}>; rel="next"'
        return answer


class CourseDetail(Api):
    """One course."""

    def get(self, request: Request, uuid: str) -> Response:
        """Return it; hidden ones are not found."""
        course = _visible(request.user, uuid)
        return Response(_course(request.user, course, catalogue.owns(request.user, course)))

    def patch(self, request: Request, uuid: str) -> Response:
        """Change it as its owner: ``live``, ``title``, ``description``, ``currency``, and of ``modules`` (by their
        ``uuid``) the ``title`` and ``price_without_tax``."""
        if not request.user.is_authenticated:
            self.permission_denied(request)
        course = _visible(request.user, uuid)
        found = self.read()
        changes: dict[str, Any] = {}
        for name, kind in (("title", str), ("description", str), ("live", bool), ("currency", str)):
            if name in found:
                if not isinstance(found[name], kind):
                    raise InvalidInput(f"{name} must be a {'string' if kind is str else 'boolean'}")
                changes[name] = found[name]
        prices, titles = _module_changes(found.get("modules", []), changes.get("currency", course.currency))
        catalogue.change(course, by=request.user, prices=prices, module_titles=titles, **changes)
        return Response()


class CoursePermissions(Api):
    """What a user may do with a course."""

    permission_classes = [IsAuthenticated]

    def get(self, request: Request, uuid: str) -> Response:
        """Return it by name."""
        is_owner = catalogue.owns(request.user, _visible(request.user, uuid))
        names = ("is_owner", "edit_own_content", "edit_own_liveness", "edit_own_price", "see_own_not_live")
        return Response(dict.fromkeys(names, is_owner))


class Checkout(Api):
    """Order and pay."""

    permission_classes = [IsAuthenticated]

    def post(self, request: Request) -> Response:
        """Order ``cart`` and pay with ``token``; ``total`` is what the buyer saw, in ``currency`` (none: the
        portal's first).

        What comes again with the same ``Idempotency-Key``, or without one with the same body, is the same order.
        """
        found = self.read("token", "total", "cart")
        token = found["token"]
        if not isinstance(token, str) or not 0 < len(token) <= 255 or not token.isascii():
            raise InvalidInput("Invalid token")
        total, wanted, currency = _total(found["total"]), _wanted(found["cart"]), found.get("currency")
        if currency is not None and not isinstance(currency, str):
            raise InvalidInput("currency must be a string")
        given = request.headers.get("Idempotency-Key") or f"{token} {total} {wanted}"
        key = hashlib.sha256(given.encode()).hexdigest()
        order, is_new = orders.place(request.user, key, total, wanted, currency=currency)
        if is_new:
            payments.pay(order, token)
            order.refresh_from_db()
        if order.state == Order.State.DECLINED:
            reason = order.payment.reason if order.total else ""
            return Response([reason or "The payment was declined."], status=400)
        if order.state == Order.State.CANCELLED:
            return Response(["The payment did not come about: nothing was charged."], status=400)
        return Response({"order": order.number, "state": order.state}, status=200 if order.paid_at else 202)


class Register(Api):
    """Ask for an account."""

    def post(self, request: Request) -> Response:
        """Send the mail with the link that makes the account."""
        names = ("full_name", "organization", "email", "password", "redirect")
        found = self.read(*names)
        for name in names:
            if not isinstance(found[name], str):
                raise InvalidInput(f"Invalid value for {name}")
        throttle.registers(request._request)
        accounts.register(
            full_name=found["full_name"],
            organization=found["organization"],
            email=found["email"],
            password=found["password"],
            next_path=found["redirect"],
        )
        return Response()


class Activate(Api):
    """Make the account of a registration."""

    def post(self, request: Request) -> Response:
        """Take the token of the mail's link; 403 where it is used, old or unknown."""
        token = self.read("token")["token"]
        try:
            accounts.activate(token if isinstance(token, str) else "")
        except accounts.BadLink as error:
            return Response(str(error), status=403)
        return Response()


class Login(Api):
    """Sign in."""

    def post(self, request: Request) -> Response:
        """Take ``username`` (the e-mail address) and ``password``; 403 where they are wrong."""
        found = self.read()
        if "username" not in found or "password" not in found:
            raise InvalidInput("Missing key")
        user = accounts.sign_in(request._request, found["username"], found["password"])
        if user is None:
            return Response(status=403)
        login(request._request, user, backend=accounts.BACKEND)
        return Response({"name": user.get_full_name() or user.get_username()})


class Logout(Api):
    """Sign out."""

    def post(self, request: Request) -> Response:
        """End the session."""
        logout(request._request)
        return Response()


def _visible(user: Any, uuid: str) -> Course:
    course = catalogue.visible(user).select_related("source").filter(uuid=uuid.lower()).first()
    if course is None:
        raise NotFound
    return course


def _course(user: Any, course: Course, is_owner: bool) -> dict[str, Any]:
    """Return what a reader may know: four fields, for who is signed in the prices, for an owner everything."""
    found: dict[str, Any] = {
        "title": course.title,
        "description": course.description,
        "uuid": course.uuid,
        "image_url": course.image_url,
    }
    if user.is_authenticated:
        modules = [module for module in course.modules.all() if not module.deleted]
        found |= {
            "live": course.live,
            "modules": [
                {
                    "uuid": module.uuid,
                    "title": module.title,
                    "price_without_tax": None if module.price is None else float(module.price),
                    "price": None if module.price is None else str(module.price),
                }
                for module in modules
            ],
            "currency": course.currency,
            "author_name": course.author_name,
            "overview": course.overview,
        }
    if is_owner:
        found |= {
            "course_id": course.course_id,
            "instructors": [one.uid for one in course.instructors.all()],
            "edx_instance": course.instance,
        }
    return found


def _module_changes(modules: Any, currency: str) -> tuple[dict[str, Decimal | None], dict[str, str]]:
    prices: dict[str, Decimal | None] = {}
    titles: dict[str, str] = {}
    if not isinstance(modules, list) or not all(isinstance(one, dict) for one in modules):
        raise InvalidInput("modules must be a list of objects")
    for one in modules:
        uuid = one.get("uuid")
        if not isinstance(uuid, str):
            raise InvalidInput("Missing key uuid")
        if "price_without_tax" in one:
            text = one["price_without_tax"]
            if text is not None and not isinstance(text, str):
                raise InvalidInput("price_without_tax must be a string")
            prices[uuid.lower()] = None if text is None else money.price(text, currency)
        if "title" in one:
            if not isinstance(one["title"], str):
                raise InvalidInput("title must be a string")
            titles[uuid.lower()] = one["title"]
    return prices, titles


def _total(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal) or len(str(value)) > 30:
        raise InvalidInput("Invalid float")
    try:
        total = Decimal(value)
    except InvalidOperation:
        raise InvalidInput("Invalid float") from None
    if not total.is_finite():
        raise InvalidInput("Invalid float")
    return total


def _wanted(cart: Any) -> list[orders.Wanted]:
    if not isinstance(cart, list) or len(cart) > _MOST_LINES:
        raise InvalidInput("Cart must be a list of items")
    if not cart:
        raise InvalidInput("Cannot checkout an empty cart")
    found = []
    for item in cart:
        if not isinstance(item, dict):
            raise InvalidInput("Each item must be an object")
        for name in ("course_uuid", "seats", "uuids"):
            if name not in item:
                raise InvalidInput(f"Missing key {name}")
        uuids, course, seats = item["uuids"], item["course_uuid"], item["seats"]
        if not isinstance(uuids, list) or not all(isinstance(one, str) and "\0" not in one for one in uuids):
            raise InvalidInput("uuids must be a list")
        if not uuids:
            raise InvalidInput("uuids must not be empty")
        if not isinstance(course, str) or "\0" in course:
            raise InvalidInput("One or more courses are unavailable")
        if isinstance(seats, bool) or not isinstance(seats, int):
            raise InvalidInput("Seats must be an integer")
        found.append(orders.Wanted(course.lower(), [one.lower() for one in uuids], seats))
    return found
