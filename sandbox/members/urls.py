"""Members and invitations, on a tenant's site."""

from django.urls import path

from sandbox.members import views

urlpatterns = [
    path("members", views.members, name="members"),
    # The address that CCX_TENANCY["INVITATION_URL"] puts into the mails.
    path("tenancy/invitations/<str:token>/", views.invitation, name="invitation"),
]
