"""System check of the list of authentication backends."""

from __future__ import annotations

import inspect
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning
from django.utils.module_loading import import_string

_OURS = (
    "ccx_tenancy.backends.OrganizationMemberBackend",
    "ccx_tenancy.backends.DefaultSiteBackend",
)


def check_backends(**kwargs: Any) -> list[CheckMessage]:
    """System check ``ccx_tenancy.W201``: a backend beside ours takes a password and does not ask for a membership.

    Nothing is said where none of ours is installed, and of what cannot be imported: Django says that itself.
    """
    paths = list(settings.AUTHENTICATION_BACKENDS)
    if not set(paths) & set(_OURS):
        return []
    return [
        Warning(
            f"AUTHENTICATION_BACKENDS has {path!r}, which takes a password and does not ask for a membership: by it"
            " every account signs in on every tenant's site.",
            hint=f"Take it out; {_OURS[0]} and {_OURS[1]} stand for it.",
            id="ccx_tenancy.W201",
        )
        for path in paths
        if path not in _OURS and _takes_password(path)
    ]


def _takes_password(path: str) -> bool:
    from ccx_tenancy.backends.permissions import RolePermissions

    try:
        backend = import_string(path)
    except ImportError:
        return False
    if inspect.isclass(backend) and issubclass(backend, RolePermissions):
        return False
    authenticate = getattr(backend, "authenticate", None)
    return authenticate is not None and "password" in inspect.signature(authenticate).parameters
