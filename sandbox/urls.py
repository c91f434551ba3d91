"""The platform's default site: what every LMS site has, the admin, and the outbox."""

from django.contrib import admin
from django.urls import include, path

from sandbox.outbox.views import outbox

urlpatterns = [
    path("admin/", admin.site.urls),
    path("outbox/", outbox, name="outbox"),
    path("", include("sandbox.lms.urls")),
]
