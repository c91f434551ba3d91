"""Addresses on a tenant's own site. A host includes them under ``__tenancy/``."""

from django.urls import path

from ccx_tenancy.site_config import views

app_name = "ccx_site_config"

urlpatterns = [
    path("preview", views.preview, name="preview"),
    path("preview/clear", views.clear_preview, name="preview-clear"),
]
