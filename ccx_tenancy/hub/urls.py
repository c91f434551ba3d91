"""The hub's addresses: ``path("", include("ccx_tenancy.hub.urls"))`` in a deployment of its own."""

from django.urls import path

from ccx_tenancy.hub import views
from ccx_tenancy.hub.oauth import TokenView
from ccx_tenancy.hub.status import status

app_name = "ccx_hub"

urlpatterns = [
    path("o/token/", TokenView.as_view(), name="token"),
    path("status/", status, name="status"),
    path("api/v1/", views.RootView.as_view(), name="root"),
    path("api/v1/coursexs/", views.CourseListView.as_view(), name="courses"),
    path("api/v1/coursexs/<str:course>/", views.CourseView.as_view(), name="course"),
    path("api/v1/coursexs/<str:course>/modules/", views.ModuleListView.as_view(), name="modules"),
    path("api/v1/coursexs/<str:course>/modules/<str:module>/", views.ModuleView.as_view(), name="module"),
    path("api/v1/user_exists/", views.UserExistsView.as_view(), name="user_exists"),
    path("api/v1/login_links/", views.LoginLinkView.as_view(), name="login_links"),
    path("api/v1/ccx/", views.CcxListView.as_view(), name="ccxs"),
    path("api/v1/ccx/<str:identifier>/", views.CcxView.as_view(), name="ccx"),
]
