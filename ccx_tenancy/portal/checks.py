"""System checks of a project with the portal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.utils.module_loading import import_string

from ccx_tenancy.conf import conf
from ccx_tenancy.portal.accounts import BACKEND


def check_portal(**kwargs: Any) -> list[CheckMessage]:
    """System checks ``ccx_portal.E001`` to ``E004`` and ``W001``: what the portal needs of its project."""
    if not isinstance(getattr(settings, "CCX_TENANCY", {}), Mapping):
        return []  # ccx_tenancy.E001 says that.
    messages: list[CheckMessage] = []
    if not conf.portal_url:
        hint = "Set it to the portal's address, such as 'https://portal.example.com'."
        text = "CCX_TENANCY['PORTAL_URL'] is empty: the portal cannot write a link into a mail."
        messages.append(Error(text, hint=hint, id="ccx_portal.E001"))
    if not apps.is_installed("ccx_tenancy.audit"):
        text = "INSTALLED_APPS has ccx_tenancy.portal without ccx_tenancy.audit, where it writes its record."
        messages.append(Error(text, id="ccx_portal.E002"))
    if BACKEND not in settings.AUTHENTICATION_BACKENDS:
        text = f"AUTHENTICATION_BACKENDS has no {BACKEND!r}: nobody can sign in at the portal."
        messages.append(Error(text, id="ccx_portal.E003"))
    if not conf.portal_gateway:
        text = "CCX_TENANCY['PORTAL_GATEWAY'] is empty: only what is free of charge can be ordered."
        messages.append(Warning(text, id="ccx_portal.W001"))
    else:
        try:
            import_string(conf.portal_gateway)
        except ImportError as error:
            text = f"CCX_TENANCY['PORTAL_GATEWAY'] is {conf.portal_gateway!r}, which cannot be imported: {error}"
            messages.append(Error(text, id="ccx_portal.E004"))
    return messages
