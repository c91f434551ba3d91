"""What the plug-in puts into the host's settings, and where: every name of the host that we lean on stands here.

The host's lists are changed in place and only added to. Doing it twice changes nothing, so that ``production`` and
``test`` can repeat what ``common`` did, for a deployment that replaced a list in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from django.core.exceptions import ImproperlyConfigured

#: The plug-in itself, as the host's mechanism adds it to ``INSTALLED_APPS``.
PLUGIN = "ccx_tenancy.apps.TenancyConfig"

#: The apps that the plug-in brings along, in the order in which they are added.
APPS = (
    "ccx_tenancy.audit",
    "ccx_tenancy.tenants",
    "ccx_tenancy.site_config",
    "ccx_tenancy.membership",
    "ccx_tenancy.pages",
    "ccx_tenancy.rest_api",
    "ccx_tenancy.ccxcon",
    "ccx_tenancy.hosts.openedx",
)

#: Our adapter to the platform's tables.
HOST = "ccx_tenancy.hosts.openedx.OpenEdxHost"

CURRENT_SITE = "django.contrib.sites.middleware.CurrentSiteMiddleware"
SAFE_SESSION = "openedx.core.djangoapps.safe_sessions.middleware.SafeSessionMiddleware"
AUTHENTICATION = "openedx.core.djangoapps.cache_toolbox.middleware.CacheBackedAuthenticationMiddleware"

CURRENT_TENANT = "ccx_tenancy.middleware.CurrentTenantMiddleware"
ACCESS = "ccx_tenancy.middleware.TenantAccessMiddleware"
PARTITION = "ccx_tenancy.middleware.CoursePartitionMiddleware"
HOST_ANSWERS = "ccx_tenancy.hosts.openedx.middleware.HostMiddleware"

#: Ours, each with the host's middleware that it stands directly behind. Several behind one stand in this order.
ANCHORS = {
    CURRENT_TENANT: CURRENT_SITE,
    ACCESS: AUTHENTICATION,
    PARTITION: AUTHENTICATION,
    HOST_ANSWERS: AUTHENTICATION,
}

#: How these stand to each other, from the outside in. The tenant needs the Site before it, and everything that knows
#: the user may ask for the tenant.
ORDER = (CURRENT_SITE, CURRENT_TENANT, SAFE_SESSION, AUTHENTICATION, ACCESS, PARTITION, HOST_ANSWERS)

#: Middleware of the host that reads the course of the path or speaks for the site: below all of ours, where present.
BELOW = (
    "common.djangoapps.student.middleware.UserStandingMiddleware",
    "common.djangoapps.track.middleware.TrackMiddleware",
    "openedx.core.djangoapps.embargo.middleware.EmbargoMiddleware",
    "openedx.core.djangoapps.lang_pref.middleware.LanguagePreferenceMiddleware",
    "lms.djangoapps.courseware.middleware.CacheCourseIdMiddleware",
    "lms.djangoapps.courseware.middleware.RedirectMiddleware",
    "lms.djangoapps.course_wiki.middleware.WikiAccessMiddleware",
    "openedx.core.djangoapps.theming.middleware.CurrentSiteThemeMiddleware",
)

#: The host's backend for user names and passwords. It admits whoever knows the password, so ours stands before it; it
#: stays in the list, because sessions name it.
PASSWORD_BACKEND = "django.contrib.auth.backends.AllowAllUsersModelBackend"  # noqa: S105 - no password
BACKEND = "ccx_tenancy.hosts.openedx.backends.PasswordBackend"

#: Our steps of the host's filters, by the type of the filter. They go before those of others: what is refused here is
#: nobody else's to look at.
STEPS = {
    "org.openedx.learning.course.enrollment.started.v1": "ccx_tenancy.hosts.openedx.steps.MembersOnly",
    "org.openedx.learning.student.registration.requested.v1": "ccx_tenancy.hosts.openedx.steps.RegisterInTenant",
}

#: Our defaults where the host is Open edX. There an inactive account is one whose address is not confirmed yet, and
#: Studio signs in through the platform's own LMS, so authors of all tenants have to get in there.
DEFAULTS = {
    "HOST": HOST,
    "INACTIVE_USERS_SIGN_IN": True,
    "DEFAULT_SITE_LOGIN": "everybody",
    "CCXCON_AUTHENTICATION": (
        "edx_rest_framework_extensions.auth.jwt.authentication.JwtAuthentication",
        "openedx.core.lib.api.authentication.BearerAuthentication",
    ),
}

#: The surface of each service, by the module of its root URLconf.
SURFACES = {"lms.urls": "lms", "cms.urls": "studio"}


def install(settings: Any) -> None:
    """Add apps, middleware and the defaults of ``CCX_TENANCY`` to a settings module of the host.

    Raises ImproperlyConfigured, and names setting, anchor and remedy, where the host is not as we know it.
    """
    surface = surface_of(settings)
    add_apps(settings.INSTALLED_APPS)
    add_middleware(settings.MIDDLEWARE)
    add_backend(settings.AUTHENTICATION_BACKENDS)
    settings.OPEN_EDX_FILTERS_CONFIG = with_steps(getattr(settings, "OPEN_EDX_FILTERS_CONFIG", None) or {})
    settings.CCX_TENANCY = {**DEFAULTS, "SURFACE": surface, **getattr(settings, "CCX_TENANCY", {})}


def surface_of(settings: Any) -> str:
    """Return ``"lms"`` or ``"studio"`` for a service's settings. Raises ImproperlyConfigured for another project."""
    found = _root_urlconf(settings)
    if found not in SURFACES:
        raise ImproperlyConfigured(
            f"ccx_tenancy is loaded as an Open edX plug-in, but ROOT_URLCONF is {found!r}; known are"
            f" {', '.join(map(repr, SURFACES))}. In another project leave the plug-in settings out and add the apps"
            " and the middleware yourself."
        )
    return SURFACES[found]


def is_open_edx(settings: Any) -> bool:
    """Whether these are the settings of an LMS or a Studio."""
    return _root_urlconf(settings) in SURFACES


def _root_urlconf(settings: Any) -> Any:
    found = getattr(settings, "ROOT_URLCONF", None)
    # Releases after Teak work it out from other settings, when all are there: after the plug-ins' own for ``common``.
    work_out = getattr(found, "calculate_value", None)
    return found if work_out is None else work_out(settings)


def add_apps(installed: list[str]) -> None:
    """Append our apps to ``INSTALLED_APPS``, those that are missing. Raises ImproperlyConfigured where the plug-in
    itself is not in it."""
    if PLUGIN not in installed and "ccx_tenancy" not in installed:
        raise ImproperlyConfigured(
            f"INSTALLED_APPS does not hold {PLUGIN!r}, although its plug-in settings are being loaded: something"
            " replaced the list after the host had added its plug-ins. Add to the list instead of replacing it, or add"
            " that name."
        )
    installed.extend(app for app in APPS if app not in installed)


def add_middleware(middleware: list[str]) -> None:
    """Insert our middleware, those that are missing, each directly behind its anchor. Raises ImproperlyConfigured
    where an anchor is absent or the order is wrong."""
    last: dict[str, str] = {}
    for ours, anchor in ANCHORS.items():
        if ours not in middleware:
            middleware.insert(_position(middleware, last.get(anchor, anchor), ours) + 1, ours)
        last[anchor] = ours
    wrong = order_problems(middleware)
    if wrong:
        raise ImproperlyConfigured(" ".join(wrong))


def _position(middleware: Sequence[str], anchor: str, ours: str) -> int:
    if anchor not in middleware:
        raise ImproperlyConfigured(absent(anchor, ours))
    return middleware.index(anchor)


def add_backend(backends: list[str]) -> None:
    """Insert our backend directly before the host's for passwords; all others keep their places. Raises
    ImproperlyConfigured where that is absent or stands before ours."""
    if BACKEND not in backends:
        if PASSWORD_BACKEND not in backends:
            raise ImproperlyConfigured(backend_problem(backends))
        backends.insert(backends.index(PASSWORD_BACKEND), BACKEND)
    if problem := backend_problem(backends):
        raise ImproperlyConfigured(problem)


def backend_problem(backends: Sequence[str]) -> str | None:
    """Return what is wrong with ``AUTHENTICATION_BACKENDS``, or None."""
    if BACKEND not in backends and PASSWORD_BACKEND not in backends:
        return (
            f"AUTHENTICATION_BACKENDS does not hold {PASSWORD_BACKEND!r}, before which ccx_tenancy puts {BACKEND!r}."
            " Put ours into the list yourself, before whatever takes passwords in this host."
        )
    if BACKEND not in backends:
        return f"AUTHENTICATION_BACKENDS does not hold {BACKEND!r}: a password is good on every tenant's site."
    if PASSWORD_BACKEND in backends[: backends.index(BACKEND)]:
        return f"AUTHENTICATION_BACKENDS holds {PASSWORD_BACKEND!r} before {BACKEND!r}; it has to stand after it."
    return None


def with_steps(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``OPEN_EDX_FILTERS_CONFIG`` with our steps first in their pipelines. A step that fails stops what it
    guards: ``fail_silently`` is False there. A pipeline may be a list or one name, as the host allows."""
    made = dict(config)
    for kind, step in STEPS.items():
        found = made.get(kind) or {}
        if not isinstance(found, Mapping):
            found = {"pipeline": found}
        pipeline = found.get("pipeline") or []
        pipeline = [pipeline] if isinstance(pipeline, str) else list(pipeline)
        if step not in pipeline:
            pipeline.insert(0, step)
        made[kind] = {**found, "pipeline": pipeline, "fail_silently": False}
    return made


def step_problems(config: Any) -> list[str]:
    """Return a sentence for each of our steps that ``OPEN_EDX_FILTERS_CONFIG`` does not run as it must."""
    problems = []
    for kind, step in STEPS.items():
        found = config.get(kind) if isinstance(config, Mapping) else None
        if not isinstance(found, Mapping) or step not in (found.get("pipeline") or ()):
            problems.append(f"OPEN_EDX_FILTERS_CONFIG[{kind!r}] does not run {step!r}.")
        elif found.get("fail_silently", True):
            problems.append(f"OPEN_EDX_FILTERS_CONFIG[{kind!r}] has fail_silently on: a step that fails would pass.")
    return problems


def absent(anchor: str, ours: str) -> str:
    """Return what to say where an anchor is not in ``MIDDLEWARE``."""
    return (
        f"MIDDLEWARE does not hold {anchor!r}, behind which ccx_tenancy puts {ours!r}. If this release of the host has"
        " another middleware in its place, use a release of ccx-tenancy that knows it; until then put"
        f" {ours!r} into MIDDLEWARE yourself, where the Site of the request and its user are known in the order that"
        " docs/how-to/install-in-open-edx.rst gives. If your settings removed the host's, put it back."
    )


def order_problems(middleware: Sequence[str]) -> list[str]:
    """Return a sentence for each two entries of ``MIDDLEWARE`` that stand in the wrong order; none: all is well."""
    places = {name: place for place, name in enumerate(middleware)}
    ordered = [name for name in ORDER if name in places]
    pairs = list(pairwise(ordered))
    ours = [name for name in ordered if name in ANCHORS]
    pairs += [(ours[-1], name) for name in BELOW if ours and name in places]
    return [
        f"MIDDLEWARE holds {second!r} before {first!r}; it has to stand after it."
        for first, second in pairs
        if places[first] > places[second]
    ]
