"""The ways in and out of an LMS site."""

from django.urls import include, path

from sandbox.accounts.views import Register

urlpatterns = [
    path("register", Register.as_view(), name="register"),
    path("", include("sandbox.accounts.session_urls")),
]
