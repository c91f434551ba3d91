"""The hub below a prefix of its own, beside the admin."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("hub/", include("ccx_tenancy.hub.urls")),
]
