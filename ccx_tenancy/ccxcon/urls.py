"""The addresses of CCX orders, below ``/api/ccxcon/v1/``."""

from django.urls import path

from ccx_tenancy.ccxcon.views import CcxDetailView, CcxListView

urlpatterns = [
    path("ccx/", CcxListView.as_view(), name="ccx_tenancy_ccx_orders"),
    path("ccx/<path:ccx_key>/", CcxDetailView.as_view(), name="ccx_tenancy_ccx_order"),
]
