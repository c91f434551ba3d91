"""CCX orders over HTTP: what a hub calls. Fields and words are those of the host's own CCX API, and a few more."""

from __future__ import annotations

from typing import Any

from django.db import OperationalError
from django.http import Http404
from django.utils.module_loading import import_string
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ccx_tenancy.ccxcon import orders
from ccx_tenancy.conf import conf
from ccx_tenancy.errors import CourseClosed, SeatsTaken, TenancyError, UnknownCourse
from ccx_tenancy.json_bodies import JSONBody

KEY_HEADER = "Idempotency-Key"
_BUSY_SECONDS = 2


class NobodyIsKnown(BaseAuthentication):
    """Stands where ``CCXCON_AUTHENTICATION`` is empty: nobody is known, and everybody is answered 401."""

    def authenticate(self, request: Request) -> None:
        """Return None."""
        return

    def authenticate_header(self, request: Request) -> str:
        """Return the scheme that callers use."""
        return "Bearer"


class OrdersView(APIView):
    """What the two views share: who asks, and how refusals are answered."""

    #: The course partition leaves the keys to us: a seller names the buyer's organization.
    judges_keys_itself = True
    permission_classes = (IsAuthenticated,)
    parser_classes = (JSONBody,)
    renderer_classes = (JSONRenderer,)
    throttle_classes = ()

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Return those that ``CCXCON_AUTHENTICATION`` names. Raises ImportError where a path names nothing."""
        found: list[BaseAuthentication] = [import_string(path)() for path in conf.ccxcon_authentication]
        return found or [NobodyIsKnown()]

    def handle_exception(self, exc: Exception) -> Response:
        """Answer what was refused in the words of the host's API; a busy database with 503, to be asked again."""
        if isinstance(exc, OperationalError):
            body = {"error": "The database is busy; ask again.", "error_code": "busy"}
            return Response(body, status=503, headers={"Retry-After": str(_BUSY_SECONDS)})
        if isinstance(exc, TenancyError):
            return _refusal(exc)
        if isinstance(exc, Http404):
            return Response({"error": "There is no such thing here.", "error_code": "not_found"}, status=404)
        return super().handle_exception(exc)


class CcxListView(OrdersView):
    """``/api/ccxcon/v1/ccx/``."""

    def post(self, request: Request) -> Response:
        """Order a CCX: 201, and the same answer for the same ``Idempotency-Key``."""
        result = orders.create(request.data, caller=request.user, key=request.headers.get(KEY_HEADER, ""))
        headers = {"Location": request.build_absolute_uri(f"{request.path}{result.order.ccx_key}/")}
        if result.is_replay:
            headers["Idempotency-Replayed"] = "true"
        return Response(result.answer, status=201, headers=headers)


class CcxDetailView(OrdersView):
    """``/api/ccxcon/v1/ccx/KEY/``."""

    def get(self, request: Request, ccx_key: str) -> Response:
        """Return the CCX as it is now."""
        return Response(orders.read(ccx_key, caller=request.user))

    def patch(self, request: Request, ccx_key: str) -> Response:
        """Change ``max_students_allowed``; with ``version`` only where that is above the one held."""
        data = request.data
        if not isinstance(data, dict) or "max_students_allowed" not in data:
            raise orders.OrderRefused(
                "max_students_allowed is missing.",
                code="missing_fields",
                fields={"max_students_allowed": "missing_field_max_students_allowed"},
            )
        answer = orders.set_seats(
            ccx_key,
            data["max_students_allowed"],
            caller=request.user,
            version=data.get("version"),
            key=request.headers.get(KEY_HEADER),
        )
        return Response(answer)

    def delete(self, request: Request, ccx_key: str) -> Response:
        """Close the CCX."""
        orders.close(ccx_key, caller=request.user)
        return Response(status=204)


def _refusal(error: TenancyError) -> Response:
    body: dict[str, Any] = {"error": str(error)}
    status = 400
    if isinstance(error, orders.OrderRefused):
        status = error.status
        if error.fields:
            body["field_errors"] = {name: {"error_code": code} for name, code in error.fields.items()}
        body["error_code"] = error.code
    elif isinstance(error, SeatsTaken):
        status, body["error_code"], body["seats_taken"] = 409, "seats_taken", error.taken
    elif isinstance(error, CourseClosed):
        status, body["error_code"] = 409, "ccx_closed"
    elif isinstance(error, UnknownCourse):
        status, body["error_code"] = 404, "ccx_course_id_does_not_exist"
    return Response(body, status=status)
