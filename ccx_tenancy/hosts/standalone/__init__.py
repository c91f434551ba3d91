"""Plain Django: our own tables, Django's Site."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sites.models import Site
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from ccx_tenancy.conf import conf
from ccx_tenancy.errors import UnknownCourse
from ccx_tenancy.ports import ConnectorRow, CustomCourse, CustomCourses, DirectRoles, MasterCourse
from ccx_tenancy.site_config.store import OwnTable
from ccx_tenancy.tenants.revisions import from_any_thread


def make_user(username: str, email: str, password: str) -> AbstractBaseUser:
    """Make an active user of the project's own model."""
    model: Any = get_user_model()
    fields = {model.USERNAME_FIELD: username, model.get_email_field_name(): email}
    user: AbstractBaseUser = model._default_manager.create_user(**fields, password=password)
    return user


class NoCustomCourses:
    """The courses of a project that has none (ccx_tenancy.ports.CustomCourses)."""

    def course(self, key: str) -> MasterCourse | None:
        """Return None."""
        return None

    def create(
        self,
        master_key: str,
        *,
        coach: Any,
        display_name: str,
        seats: int,
        modules: Sequence[str] | None,
        staffed_by_master: bool,
        announce: Callable[[str], None],
    ) -> str:
        """Raise UnknownCourse."""
        raise _unknown(master_key)

    def read(self, key: str) -> CustomCourse | None:
        """Return None."""
        return None

    def set_seats(self, key: str, seats: int) -> None:
        """Raise UnknownCourse."""
        raise _unknown(key)

    def close(self, key: str) -> None:
        """Raise UnknownCourse."""
        raise _unknown(key)

    def is_enrolled(self, user: Any, key: str) -> bool:
        """Return False."""
        return False

    def connectors(self) -> Sequence[ConnectorRow]:
        """Return none."""
        return ()


def _unknown(key: str) -> UnknownCourse:
    return UnknownCourse(f"There is no course {key!r}: this project has no courses.")


class StandaloneHost:
    """The host where there is no Open edX: site values in our own table."""

    def __init__(self) -> None:
        self.site_values = OwnTable()

    @cached_property
    def custom_courses(self) -> CustomCourses:
        """None: a project that has courses builds on this class, and answers with its own."""
        return NoCustomCourses()

    def surface(self, request: HttpRequest) -> str:
        """Return the surface that ``CCX_TENANCY["SURFACE"]`` says."""
        return conf.surface

    def bind_site(self, request: HttpRequest, site_id: int) -> None:
        """Set ``request.site`` to the Site, read when it is first used and then kept by Django's own cache."""
        manager: Any = Site.objects
        site: Any = SimpleLazyObject(lambda: from_any_thread(lambda: manager._get_site_by_id(site_id)))
        request.site = site

    def direct_roles(self, user: Any, surface: str) -> DirectRoles:
        """Return none: there are no roles but memberships."""
        return DirectRoles()

    def has_direct_role(self, user: Any, organization: str, key: str, surface: str) -> bool:
        """Return False: there are no roles but memberships."""
        return False

    def create_account(self, username: str, email: str, password: str) -> AbstractBaseUser:
        """Make a user, active, as ``AUTH_USER_MODEL``'s manager does."""
        return make_user(username, email, password)
