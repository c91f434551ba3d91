"""Include these at ``tenancy/``: ``path("tenancy/", include("ccx_tenancy.pages.urls"))``."""

from django.urls import path

from ccx_tenancy.pages import accepting, switcher, views

app_name = "ccx_tenancy_pages"

urlpatterns = [
    path("", views.start, name="start"),
    path("tenant/", switcher.tenant, name="tenant"),
    path("members/", views.members, name="members"),
    path("members/<int:pk>/change/", views.member, name="member"),
    path("invitations/", views.invitations, name="invitations"),
    path("invitations/<int:pk>/change/", views.invitation, name="invitation"),
    path("invitations/<str:token>/", accepting.accept, name="accept"),
    path("configuration/", views.configuration, name="configuration"),
    path("configuration/<str:name>/", views.value, name="value"),
    path("history/", views.history, name="history"),
    path("audit/", views.audit_record, name="audit"),
    path("audit/export/", views.audit_export, name="audit_export"),
]
