"""The views that tests ask."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("__tenancy/", include("ccx_tenancy.site_config.urls")),
]
