"""A portal at the root of a project."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("admin/", admin.site.urls), path("", include("ccx_tenancy.portal.urls"))]
