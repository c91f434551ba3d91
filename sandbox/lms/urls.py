"""The LMS of a site."""

from django.urls import include, path

from sandbox.courses import converters  # noqa: F401 - makes <course_key:...> known
from sandbox.courses.tokens import access_token
from sandbox.lms import views

urlpatterns = [
    path("", views.home, name="home"),
    path("courses/<course_key:key>/about", views.course_about, name="course_about"),
    path("ccx/<str:key>/", views.custom_course, name="custom_course"),
    path("oauth2/access_token/", access_token, name="access_token"),
    path("", include("sandbox.accounts.urls")),
    path("", include("sandbox.members.urls")),
    # The library's own pages, among them the one that the mails of invitations lead to.
    path("", include("ccx_tenancy.urls")),
]
