"""The smallest settings a consumer or a test needs: our apps, our middleware, SQLite in memory.

``CCX_TENANCY_DATABASE_URL`` (``mysql://user:password@host:port/name`` or ``postgresql://...``) names another database,
``CCX_TENANCY_REDIS_URL`` a Redis as cache and broker.
"""

import os
from urllib.parse import urlsplit

SECRET_KEY = "for tests only: long enough, and known to everybody who reads this file, so use another"
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
ROOT_URLCONF = "tests.urls"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"  # The host's, and that of edx-organizations.
STATIC_URL = "/static/"
SITE_ID = 1

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.sites",
    "django.contrib.staticfiles",
    "organizations",
    "ccx_tenancy",
    "ccx_tenancy.audit",
    "ccx_tenancy.tenants",
    "ccx_tenancy.site_config",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "ccx_tenancy.middleware.CurrentTenantMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "ccx_tenancy.site_config.context_processors.configuration",
            ]
        },
    }
]

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

_ENGINES = {"mysql": "django.db.backends.mysql", "postgresql": "django.db.backends.postgresql"}


def _database(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    return {
        "ENGINE": _ENGINES[parts.scheme],
        "NAME": parts.path.lstrip("/"),
        "USER": parts.username or "",
        "PASSWORD": parts.password or "",
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        # What Open edX sets, and what the freshness of a transaction's reads relies on.
        "OPTIONS": {"charset": "utf8mb4", "isolation_level": "read committed"} if parts.scheme == "mysql" else {},
    }


if _url := os.environ.get("CCX_TENANCY_DATABASE_URL"):
    DATABASES = {"default": _database(_url)}
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}

if _redis := os.environ.get("CCX_TENANCY_REDIS_URL"):
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": _redis}}

CCX_TENANCY: dict[str, object] = {}
