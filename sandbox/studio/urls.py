"""Studio."""

from django.urls import include, path
from django.views.generic import RedirectView

from sandbox.courses import converters  # noqa: F401 - makes <course_key:...> known
from sandbox.studio import views

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="home"), name="root"),
    path("home/", views.home, name="home"),
    path("course/<course_key:key>", views.course, name="course"),
    path("tenancy/", include("ccx_tenancy.pages.urls")),
    path("", include("sandbox.accounts.session_urls")),
]
