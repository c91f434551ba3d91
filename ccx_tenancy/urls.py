"""The addresses that a host gives us, in one place: ``path("", include("ccx_tenancy.urls"))``.

In Open edX the plug-in includes them. The admin is the host's own, and finds our pages by itself.
"""

from django.urls import include, path

urlpatterns = [
    path("tenancy/", include("ccx_tenancy.pages.urls")),
    path("__tenancy/", include("ccx_tenancy.site_config.urls")),
]
