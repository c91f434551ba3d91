"""The hub (CCXCon), on its own host name. Its admin is that of the default site."""

from django.http import HttpRequest, JsonResponse
from django.urls import include, path

urlpatterns = [path("", include("ccx_tenancy.hub.urls"))]


def handler404(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Answer what is not there as the hub's views do."""
    return JsonResponse({"detail": "Not found."}, status=404)
