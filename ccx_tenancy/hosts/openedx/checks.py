"""System checks: the plug-in is installed in an Open edX host, but is it effective?

What the host's plug-in mechanism adds can be undone by a settings module that runs after it. Each check says what was
found and what to do. Most are errors, because a wall that does not stand is worse than a service that does not start.
A WSGI or ASGI server runs no checks: there :func:`refuse_requests_unless_effective` keeps the service from answering.

E101: an app of ours is not installed. E102: a middleware of ours is missing. E103: an anchor is missing.
E104: the order is wrong. E105: ``CCX_TENANCY["SURFACE"]`` is that of the other service.
E106: our backend is missing or stands behind the host's. E107: a step of the host's filters is missing.
W101: ``CCX_TENANCY["HOST"]`` is not our adapter. W102: a patch of the host is switched off.
W103 is in ``static.py``. W104: openedx-authz is installed and not as we know it.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import request_started

from ccx_tenancy.conf import conf
from ccx_tenancy.hosts.openedx import OpenEdxHost, authz, patches
from ccx_tenancy.hosts.openedx.settings import placement

#: Names the receiver that refuses requests.
REFUSAL = "ccx_tenancy.hosts.openedx.not_effective"


def check_plugin(**kwargs: Any) -> list[CheckMessage]:
    """System check for an LMS or a Studio: returns an error for each reason why the plug-in is not effective."""
    if not placement.is_open_edx(settings):
        return []
    undone = (
        "The plug-in's settings were undone by a settings module that runs after them: it must add to the host's"
        " lists, not replace them."
    )
    messages: list[CheckMessage] = [
        Error(f"INSTALLED_APPS does not hold {app!r}.", hint=undone, id="ccx_tenancy.E101")
        for app in placement.APPS
        if not apps.is_installed(app)
    ]
    for ours, anchor in placement.ANCHORS.items():
        if ours not in settings.MIDDLEWARE:
            messages.append(Error(f"MIDDLEWARE does not hold {ours!r}.", hint=undone, id="ccx_tenancy.E102"))
        if anchor not in settings.MIDDLEWARE:
            messages.append(Error(placement.absent(anchor, ours), id="ccx_tenancy.E103"))
    hint = "docs/how-to/install-in-open-edx.rst gives the whole order."
    messages += [
        Error(problem, hint=hint, id="ccx_tenancy.E104") for problem in placement.order_problems(settings.MIDDLEWARE)
    ]
    if problem := placement.backend_problem(settings.AUTHENTICATION_BACKENDS):
        messages.append(Error(problem, hint=undone, id="ccx_tenancy.E106"))
    messages += [
        Error(problem, hint=undone, id="ccx_tenancy.E107")
        for problem in placement.step_problems(getattr(settings, "OPEN_EDX_FILTERS_CONFIG", None))
    ]
    surface = placement.surface_of(settings)
    if conf.surface != surface:
        messages.append(
            Error(
                f"CCX_TENANCY['SURFACE'] is {conf.surface!r}, but ROOT_URLCONF is {settings.ROOT_URLCONF!r}, whose"
                f" surface is {surface!r}.",
                hint="Remove the key: the plug-in sets it for each service.",
                id="ccx_tenancy.E105",
            )
        )
    if not isinstance(conf.host, OpenEdxHost):
        messages.append(
            Warning(
                f"CCX_TENANCY['HOST'] is {type(conf.host).__module__}.{type(conf.host).__name__}: the platform's own"
                " SiteConfiguration table is neither read nor written.",
                hint=f"Remove the key, or name {placement.HOST!r} or a class that builds on it.",
                id="ccx_tenancy.W101",
            )
        )
    messages += [
        Warning(
            f"The patch {name!r} is switched off (CCX_TENANCY['HOST_PATCHES_OFF']).",
            hint=patches.PATCHES[name].without,
            id="ccx_tenancy.W102",
        )
        for name in patches.PATCHES
        if name in conf.host_patches_off
    ]
    if authz.is_installed():
        messages += [
            Warning(
                problem,
                hint="Use a release of ccx-tenancy that knows it. Until then authors get no roles of openedx-authz, and"
                " with its flag on CCX_TENANCY['PROJECT_ROLES'] must be False for memberships to change.",
                id="ccx_tenancy.W104",
            )
            for problem in authz.problems()
        ]
    return messages


def refuse_requests_unless_effective() -> None:
    """Let every request of this process fail, with what is wrong, where the plug-in is loaded and not effective.

    Called once at start, when the settings are final. Management commands still run, ``check`` among them; a check in
    ``SILENCED_SYSTEM_CHECKS`` stops nothing.
    """
    found = [message for message in check_plugin() if message.is_serious() and not message.is_silenced()]
    if not found:
        return
    text = "ccx_tenancy is not effective, so nothing is served. " + " ".join(f"{one.id}: {one.msg}" for one in found)

    def refuse(**kwargs: Any) -> None:
        raise ImproperlyConfigured(text)

    request_started.connect(refuse, weak=False, dispatch_uid=REFUSAL)
