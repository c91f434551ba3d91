"""The addresses of the portal, and what the tests do and read."""

from __future__ import annotations

from decimal import Decimal

from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from ccx_tenancy.portal.models import Course, Holding, Module, Order, Payment


@csrf_exempt
def price(request: HttpRequest) -> JsonResponse:
    """Offer every course at 2.50 a module, as their owners would."""
    Module.objects.filter(price=None).update(price=Decimal("2.50"))
    Course.objects.update(live=True)
    return JsonResponse({})


def state(request: HttpRequest) -> JsonResponse:
    """Return what the portal holds."""
    courses = {
        one.course_id: {
            "title": one.hub_title,
            "open": one.state == "active",
            "chapters": [(module.locator_id, module.hub_title) for module in one.modules.all() if not module.deleted],
        }
        for one in Course.objects.prefetch_related("modules")
    }
    holdings = [
        {
            "key": one.ccx_id,
            "buyer": one.purchaser.email,
            "course": one.course.course_id,
            "seats": one.seats,
            "sent": one.seats_sent,
            "state": one.state,
            "error": one.last_error,
        }
        for one in Holding.objects.select_related("purchaser", "course")
    ]
    orders = {
        one.number: {"state": one.state, "buyer": one.purchaser.email, "total": str(one.total)}
        for one in Order.objects.select_related("purchaser")
    }
    payments = {one.key: one.result for one in Payment.objects.all()}
    uuids = dict(Course.objects.values_list("course_id", "uuid"))
    return JsonResponse(
        {"courses": courses, "holdings": holdings, "orders": orders, "payments": payments, "uuids": uuids}
    )


def order(request: HttpRequest, number: str) -> JsonResponse:
    """Return how an order stands."""
    return JsonResponse({"state": Order.objects.values_list("state", flat=True).get(number=number)})


urlpatterns = [
    path("test/price/", price),
    path("test/state/", state),
    path("test/orders/<str:number>/", order),
    path("", include("ccx_tenancy.portal.urls")),
]
