"""The smallest settings a consumer or a test needs: our apps, our middleware, SQLite in memory.

``CCX_TENANCY_DATABASE_URL`` (``mysql://user:password@host:port/name``, ``postgresql://...`` or ``sqlite:///path``)
names another database, ``CCX_TENANCY_REDIS_URL`` a Redis as cache and broker.
"""

import os
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

SECRET_KEY = "for tests only: long enough, and known to everybody who reads this file, so use another"
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
TIME_ZONE = "UTC"  # The host's; MySQL cuts dates in another one only with its time zone tables loaded.
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
    "ccx_tenancy.membership",
    "ccx_tenancy.pages",
    "ccx_tenancy.rest_api",
    "ccx_tenancy.ccxcon",
    "oauth2_provider",
    "ccx_tenancy.hub",
    # The adapter to Open edX, on stand-ins of the host's apps.
    "tests.hosts.openedx.standin.site_configuration",
    "tests.hosts.openedx.standin.course_overviews",
    "tests.hosts.openedx.standin.student",
    "tests.hosts.openedx.standin.content_libraries",
    "tests.hosts.openedx.standin.ccx",
    "tests.hosts.openedx.standin.edxval",
    "tests.hosts.openedx.standin.wiki",
    "tests.hosts.openedx.standin.workflow",
    "tests.hosts.openedx.standin.staffgrader",
    "tests.hosts.openedx.standin.split_modulestore_django",
    "ccx_tenancy.hosts.openedx",
    "ccx_tenancy.portal",
    "tests.outgoing.standin",
    # Courses and custom courses, for the tests of the marketplace.
    "sandbox.courses",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "ccx_tenancy.middleware.CurrentTenantMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "ccx_tenancy.middleware.TenantAccessMiddleware",
    "ccx_tenancy.middleware.CoursePartitionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

AUTHENTICATION_BACKENDS = [
    "ccx_tenancy.backends.OrganizationMemberBackend",
    "ccx_tenancy.backends.DefaultSiteBackend",
    "ccx_tenancy.portal.backends.PortalBackend",
]

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
    """Return Django's settings for a database's address; raise ImproperlyConfigured for one that says too little."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": parts.path, "OPTIONS": {"timeout": 30}}
    if parts.scheme not in _ENGINES or not parts.hostname or not parts.path.strip("/"):
        expected = " or ".join(f"{scheme}://user:password@host:port/name" for scheme in _ENGINES)
        expected += " or sqlite:///path"
        raise ImproperlyConfigured(f"CCX_TENANCY_DATABASE_URL is {url!r}; expected {expected}")
    settings: dict[str, object] = {
        "ENGINE": _ENGINES[parts.scheme],
        "NAME": parts.path.strip("/"),
        "USER": parts.username or "",
        "PASSWORD": parts.password or "",
        "HOST": parts.hostname,
        "PORT": str(parts.port or ""),
    }
    if parts.scheme == "mysql":
        # What Open edX sets, and what the freshness of a transaction's reads relies on.
        settings["OPTIONS"] = {"charset": "utf8mb4", "isolation_level": "read committed"}
        settings["TEST"] = {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_unicode_ci"}
    return settings


if _url := os.environ.get("CCX_TENANCY_DATABASE_URL"):
    DATABASES = {"default": _database(_url)}
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}

if _redis := os.environ.get("CCX_TENANCY_REDIS_URL"):
    # One of the server's databases for each of pytest's workers: a flush in one must not empty another's cache.
    _number = int(urlsplit(_redis).path.strip("/") or 0) + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    _redis = urlsplit(_redis)._replace(path=f"/{_number}").geturl()
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": _redis}}
    CELERY_BROKER_URL = _redis
    CELERY_RESULT_BACKEND = _redis

CCX_TENANCY: dict[str, object] = {
    "PORTAL_URL": "https://portal.example.com",
    "PORTAL_GATEWAY": "ccx_tenancy.portal.gateways.pretend.PretendGateway",
}
