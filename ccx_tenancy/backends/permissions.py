"""``user.has_perm("ccx_tenancy.manage_members", organization)``: answered by the role."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.db.models import Model, Q, QuerySet
from organizations.models import Organization

from ccx_tenancy.membership import api as membership


class RolePermissions(ModelBackend):
    """The permissions of :data:`ccx_tenancy.membership.roles.PERMISSIONS`, besides Django's own.

    The object is an Organization or its short name. Without one nobody has them but a superuser: no role is a role
    everywhere. An inactive account has none.
    """

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Return what the role in ``obj`` gives; without an object, Django's own permissions."""
        if not isinstance(obj, Organization | str):
            return super().get_all_permissions(user_obj, obj)
        if not user_obj.is_active or user_obj.is_anonymous:
            return set()
        return set(membership.permissions_in(user_obj, obj))

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Whether the user has that permission, in ``obj`` where it is one of ours."""
        if perm in membership.PERMISSIONS and obj is None:
            return False
        return super().has_perm(user_obj, perm, obj)

    def with_perm(
        self,
        perm: Any,
        is_active: bool | None = True,
        include_superusers: bool = True,
        obj: Model | str | None = None,
    ) -> QuerySet[Any]:
        """Return the users who have a permission: one of ours in ``obj``, or one of Django's own."""
        if perm not in membership.PERMISSIONS:
            return super().with_perm(perm, is_active, include_superusers, obj)  # type: ignore[arg-type]
        users = get_user_model()._default_manager.all()
        wanted = Q(pk__in=[])
        if isinstance(obj, Organization | str):
            members = membership.members_of(obj, membership.PERMISSIONS[perm]).filter(organization__active=True)
            wanted |= Q(pk__in=members.order_by().values("user_id"))
        if include_superusers:
            wanted |= Q(is_superuser=True)
        if is_active is not None:
            wanted &= Q(is_active=is_active)
        return users.filter(wanted)
