"""The Teacher's Portal, on its own host name."""

from django.urls import include, path

urlpatterns = [path("", include("ccx_tenancy.portal.urls"))]
handler404 = "ccx_tenancy.portal.views.not_found"
