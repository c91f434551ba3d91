"""The platform's default site: what every LMS site has, and the admin."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("sandbox.lms.urls")),
]
