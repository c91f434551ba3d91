"""The keys a host is known to read: their types, meanings and defaults; and the names that no site may set.

The keys stand in ``known_keys.json`` beside this module, one entry each. A key that is not there is allowed, with a
warning: a platform has plug-ins that we do not know.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.views.debug import SafeExceptionReporterFilter
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from ccx_tenancy.conf import conf
from ccx_tenancy.errors import Problem
from ccx_tenancy.site_config.documents import kind_of

ORG_FILTER = "course_org_filter"

_POWER = "it decides for the whole platform and is read from the settings alone"
_CREDENTIALS = "it is a credential of the whole platform"
_LOADED = "it is read once, when the process starts"

#: Names that no site may set, in any case, each with the reason.
DENIED: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "ADMINS",
                "ALLOWED_HOSTS",
                "AUTHENTICATION_BACKENDS",
                "AUTH_PASSWORD_VALIDATORS",
                "AUTH_USER_MODEL",
                "CACHES",
                "CCX_TENANCY",
                "CORS_ORIGIN_WHITELIST",
                "DEBUG",
                "DEBUG_PROPAGATE_EXCEPTIONS",
                "DEFAULT_FILE_STORAGE",
                "EMAIL_BACKEND",
                "INTERNAL_IPS",
                "JWT_AUTH",
                "LOGGING",
                "LOGGING_CONFIG",
                "MANAGERS",
                "MEDIA_ROOT",
                "OPEN_EDX_FILTERS_CONFIG",
                "PASSWORD_HASHERS",
                "REST_FRAMEWORK",
                "SESSION_COOKIE_NAME",
                "SITE_ID",
                "STATICFILES_STORAGE",
                "STATIC_ROOT",
                "STORAGES",
                "TIME_ZONE",
                "USE_TZ",
                "X_FRAME_OPTIONS",
            ),
            _POWER,
        ),
        **dict.fromkeys(
            (
                "AWS_ACCESS_KEY_ID",
                "AWS_SECRET_ACCESS_KEY",
                "BROKER_URL",
                "CELERY_BROKER_URL",
                "CELERY_RESULT_BACKEND",
                "DATABASES",
                "DOC_STORE_CONFIG",
                "CONTENTSTORE",
                "EDX_API_KEY",
                "EMAIL_HOST_PASSWORD",
                "EMAIL_HOST_USER",
                "FERNET_KEYS",
                "JWT_PRIVATE_SIGNING_JWK",
                "JWT_SECRET_KEY",
                "MODULESTORE",
                "SECRET_KEY",
                "SECRET_KEY_FALLBACKS",
                "SOCIAL_AUTH_OAUTH_SECRETS",
                "XQUEUE_INTERFACE",
            ),
            _CREDENTIALS,
        ),
        **dict.fromkeys(
            (
                "ASGI_APPLICATION",
                "DATABASE_ROUTERS",
                "FORM_RENDERER",
                "INSTALLED_APPS",
                "MIDDLEWARE",
                "MIGRATION_MODULES",
                "ROOT_URLCONF",
                "TEMPLATES",
                "TEST_RUNNER",
                "WSGI_APPLICATION",
            ),
            _LOADED,
        ),
    }
)


# Families of settings, for names that nothing is known of: what a site may set of these stands in known_keys.json.
_FAMILIES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"(?:.*_)?(?:(?:SECRET|ENCRYPTION|FERNET|SIGNING|HASH|PRIVATE)_KEYS?(?:_.*)?|SALTS?)"
            r"|(?:AWS|BROKER|CELERY|DATABASE|MONGO|MONGODB|MYSQL|POSTGRES|RABBITMQ|REDIS|MEMCACHE|ELASTIC|MEILISEARCH)_.*"
            r"|(?:.*_)?(?:DATABASE|BROKER|REDIS)_URL|EMAIL_(?:HOST|PORT|USE|SSL|FILE|TIMEOUT)(?:_.*)?"
        ),
        _CREDENTIALS,
    ),
    (
        re.compile(
            r"(?:AUTH|CACHE|CCX_TENANCY|CORS|CSRF|DATA_UPLOAD|EVENT_BUS|FILE_UPLOAD|JWT|OAUTH2|OAUTH2_PROVIDER|PASSWORD"
            r"|SECURE|SESSION|SESSIONS|SIGNING|STATICFILES|USE_X_FORWARDED)_.*"
            r"|.*_COOKIE_(?:AGE|DOMAIN|HTTPONLY|NAME|PATH|SAMESITE|SECURE)"
            r"|(?:.*_)?(?:BACKEND|ENGINE|HASHER|MIDDLEWARE|PIPELINE|SERIALIZER|URLCONF)(?:S|_CLASSES)?"
        ),
        _POWER,
    ),
)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME_LENGTH = 255


@dataclass(frozen=True, slots=True)
class KnownKey:
    """What is known of one key; see the fields of ``known_keys.json``.

    ``setting`` names the Django setting whose value is the default (``FEATURES.NAME`` for a feature), or is None.
    """

    key: str
    schema: Mapping[str, Any]
    meaning: str
    default: Any
    setting: str | None
    secret: bool
    tenant_writable: bool
    surface: tuple[str, ...]
    group: str
    read_in: tuple[str, ...]


@cache
def known_keys() -> Mapping[str, KnownKey]:
    """Return every known key by its name."""
    document = json.loads(files(__package__).joinpath("known_keys.json").read_text(encoding="utf-8"))
    return MappingProxyType(
        {
            entry["key"]: KnownKey(
                key=entry["key"],
                schema=MappingProxyType(entry["schema"]),
                meaning=entry["meaning"],
                default=entry["default"],
                setting=entry.get("setting"),
                secret=entry["secret"],
                tenant_writable=entry["tenant_writable"],
                surface=tuple(entry["surface"]),
                group=entry["group"],
                read_in=tuple(entry["read_in"]),
            )
            for entry in document["keys"]
        }
    )


def is_secret(name: str) -> bool:
    """Whether the values of that key are sealed in the table and masked wherever they are shown."""
    known = known_keys().get(name)
    return known is not None and known.secret


def denied_reason(name: str) -> str | None:
    """Return why no site may set that name, or None where one may. The case of letters makes no difference."""
    folded = name.upper()
    if folded in DENIED:
        return DENIED[folded]
    if name not in known_keys():
        for family, reason in _FAMILIES:
            if family.fullmatch(folded):
                return reason
    if folded in {one.upper() for one in conf.denied_keys}:
        return "this platform denies it (CCX_TENANCY['DENIED_KEYS'])"
    return None


def problem_of(name: str, value: Any) -> Problem | None:
    """Return what is wrong with setting ``name`` to ``value``, or None. ``null`` is allowed for every known key."""
    if not _NAME.fullmatch(name) or len(name) > _NAME_LENGTH:
        return Problem(
            name if name.strip() else repr(name),
            f"the name {name[:_NAME_LENGTH]!r} is not allowed: a name is 1 to {_NAME_LENGTH} ASCII letters, digits and"
            " underscores, and does not begin with a digit.",
        )
    reason = denied_reason(name)
    if reason is not None:
        return Problem(name, f"no site may set {name}: {reason}.")
    known = known_keys().get(name)
    if known is None or value is None:
        return None
    error = best_match(_validator(name).iter_errors(value))
    if error is None:
        return None
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    if error.validator == "type":
        return Problem(
            name + path, f"the value is {kind_of(error.instance)}; allowed is {_allowed(error.validator_value)}."
        )
    return Problem(name + path, f"{error.message}.")


def unknown_warning(name: str) -> str | None:
    """Return a warning about a name that nothing is known of, with the nearest known one, or None for a known name."""
    if name in known_keys():
        return None
    near = difflib.get_close_matches(name, known_keys(), n=1, cutoff=0.8)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{name}: nothing is known of this key; it is stored as it is.{hint}"


def default_of(name: str) -> tuple[str, Any]:
    """Return ``(source, value)`` that applies where a site sets nothing.

    The source is ``"settings"`` where the Django settings have the name (plain, or in ``FEATURES``), else
    ``"default"`` with the known default, or None. What looks like a credential in a setting that nothing is known of is
    hidden, as Django hides it in its reports.
    """
    known = known_keys().get(name)
    for candidate in (known.setting if known else None, name):
        if candidate is None:
            continue
        owner, _, feature = candidate.rpartition(".")
        features = getattr(settings, owner or "FEATURES", None)
        if not owner and hasattr(settings, candidate):
            value = getattr(settings, candidate)
            return "settings", value if known else SafeExceptionReporterFilter().cleanse_setting(candidate, value)
        if isinstance(features, Mapping) and feature in features:
            return "settings", features[feature]
        if owner == "FEATURES" and hasattr(settings, feature):
            return "settings", getattr(settings, feature)
    return "default", known.default if known else None


def for_editor() -> dict[str, Any]:
    """Return the schema as the editor in the browser reads it: ``{"keys": {name: {...}}}``."""
    keys: dict[str, Any] = {
        known.key: {
            "schema": dict(known.schema),
            "meaning": known.meaning,
            "default": None if known.secret else known.default,
            "secret": known.secret,
            "tenant_writable": known.tenant_writable,
            "group": known.group,
        }
        for known in known_keys().values()
    }
    for name, reason in DENIED.items():
        keys[name] = {"schema": {}, "meaning": "", "denied": f"no site may set {name}: {reason}."}
    return {"keys": keys}


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(dict(known_keys()[name].schema))


def _allowed(kinds: str | list[str]) -> str:
    names = {
        "string": "a text",
        "boolean": "true or false",
        "integer": "a whole number",
        "number": "a number",
        "array": "a list",
        "object": "an object",
        "null": "null",
    }
    return " or ".join(names[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds))
