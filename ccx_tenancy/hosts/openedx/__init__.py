"""The adapter to edx-platform, LMS and Studio: the one room that may import the platform.

``settings/`` is what the platform's plug-in mechanism calls, ``checks.py`` says when that had no effect.
:class:`OpenEdxHost` implements our ports; this module is imported while settings are being built, so the models behind
it are imported when they are first used.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

from ccx_tenancy.conf import conf

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

    from ccx_tenancy.ports import CustomCourses, DirectRoles, SiteValueStore


class OpenEdxHost:
    """The platform's own tables: site values in its SiteConfiguration, roles in its course and library teams."""

    @cached_property
    def site_values(self) -> SiteValueStore:
        """The platform's SiteConfiguration table and its history."""
        from ccx_tenancy.hosts.openedx.values import HostTable

        return HostTable()

    @cached_property
    def custom_courses(self) -> CustomCourses:
        """The platform's courses and CCXs."""
        from ccx_tenancy.hosts.openedx.custom_courses import OpenEdxCourses

        return OpenEdxCourses()

    def surface(self, request: HttpRequest) -> str:
        """Return the surface of this service: the plug-in's settings set it."""
        return conf.surface

    def bind_site(self, request: HttpRequest, site_id: int) -> None:
        """Set ``request.site`` to the Site in its present state, whatever the platform found by the host name."""
        from ccx_tenancy.hosts.openedx import sites

        sites.bind(request, site_id)

    def direct_roles(self, user: Any, surface: str) -> DirectRoles:
        """Return the user's roles in course teams, library teams and organizations. Two queries."""
        from ccx_tenancy.hosts.openedx import roles

        return roles.direct_roles(user, surface)

    def has_direct_role(self, user: Any, organization: str, key: str, surface: str) -> bool:
        """Whether the user is in the team of what ``key`` names. At most two queries."""
        from ccx_tenancy.hosts.openedx import roles

        return roles.has_direct_role(user, organization, key, surface)

    def create_account(self, username: str, email: str, password: str) -> AbstractBaseUser:
        """Make a user with the profile and the registration that the platform expects of each."""
        from ccx_tenancy.hosts.openedx import accounts

        return accounts.create(username, email, password)
