"""The addresses that a host gives us, in one place: ``path("", include("ccx_tenancy.urls"))``.

In Open edX the plug-in includes them. The admin is the host's own, and finds our pages by itself. The REST API is there
where its app is installed, and so are the orders of CCXs.
"""

from django.apps import apps
from django.urls import include, path

urlpatterns = [
    path("tenancy/", include("ccx_tenancy.pages.urls")),
    path("__tenancy/", include("ccx_tenancy.site_config.urls")),
]
if apps.is_installed("ccx_tenancy.rest_api"):
    urlpatterns.append(path("api/tenancy/v1/", include("ccx_tenancy.rest_api.v1.urls")))
if apps.is_installed("ccx_tenancy.ccxcon"):
    urlpatterns.append(path("api/ccxcon/v1/", include("ccx_tenancy.ccxcon.urls")))
