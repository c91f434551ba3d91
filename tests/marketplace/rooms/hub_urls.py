"""The addresses of the hub, and what the tests read."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, JsonResponse
from django.urls import include, path

from ccx_tenancy.hub.models import Attempt, Ccx, Course, Delivery


def state(request: HttpRequest) -> JsonResponse:
    """Return what the hub holds."""
    courses = {
        one.course_id: {
            "title": one.title,
            "open": one.state == "active",
            "chapters": [
                (module.locator_id, module.title)
                for module in sorted(one.modules.all(), key=lambda module: module.order)
                if not module.removed
            ],
        }
        for one in Course.objects.prefetch_related("modules")
    }
    ccxs = [
        {"key": one.ccx_key, "coach": one.coach_email, "state": one.state, "seats": one.seats}
        for one in Ccx.objects.all()
    ]
    waiting = Delivery.objects.filter(state="waiting").count()
    refused = list(Delivery.objects.filter(state="refused").values_list("last_error", flat=True))
    counts = {"deliveries": Delivery.objects.count(), "attempts": Attempt.objects.count()}
    return JsonResponse({"courses": courses, "ccxs": ccxs, "waiting": waiting, "refused": refused, **counts})


urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("ccx_tenancy.hub.urls")),
    path("test/state/", state),
]
