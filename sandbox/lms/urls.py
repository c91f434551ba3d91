"""The LMS of a site."""

from django.urls import include, path

from sandbox.courses import converters  # noqa: F401 - makes <course_key:...> known
from sandbox.lms import views

urlpatterns = [
    path("", views.home, name="home"),
    path("courses/<course_key:key>/about", views.course_about, name="course_about"),
    path("", include("sandbox.accounts.urls")),
    path("", include("sandbox.members.urls")),
    # The library's own pages, among them the one that the mails of invitations lead to.
    path("", include("ccx_tenancy.urls")),
]
