"""Members and invitations, on a tenant's site."""

from django.urls import path

from sandbox.members import views

urlpatterns = [
    path("members", views.members, name="members"),
]
