"""What the settings of all rooms share. Leases and waits are short: the tests wait for them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

PLAN: dict[str, Any] = json.loads(Path(os.environ["CCX_ROOMS"]).read_text())
DIRECTORY = Path(PLAN["directory"])
ROLE = os.environ.get("CCX_ROLE", "")

ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
SITE_ID = 1
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = str(DIRECTORY / "mails")

DJANGO = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
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
            ]
        },
    }
]
# Everything, as loud as it can be: the tests look for secrets in it.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"long": {"format": "%(asctime)s %(name)s %(levelname)s %(message)s"}},
    "handlers": {
        "file": {
            "class": "logging.FileHandler",
            "filename": str(DIRECTORY / "logs" / f"{ROLE}.log"),
            "formatter": "long",
        }
    },
    "root": {"handlers": ["file"], "level": "DEBUG"},
}

CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 5, "socket_connect_timeout": 5}
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

OUTGOING: dict[str, Any] = {
    "OUTGOING_PRIVATE_NETWORKS": ["127.0.0.0/8"],
    "OUTGOING_TIMEOUT": 2,
    "OUTGOING_LEASE_SECONDS": 3,
    "OUTGOING_RETRY_SECONDS": 0.05,
    "OUTGOING_RETRY_MOST_SECONDS": 1,
    "OUTGOING_ATTEMPTS": 1_000_000,
}


class _NoMigrations:
    """Makes the tables at once, as they are now: that takes a quarter of the time."""

    def __contains__(self, label: str) -> bool:
        return True

    def __getitem__(self, label: str) -> None:
        return None


MIGRATION_MODULES = _NoMigrations()


def database(room: str) -> dict[str, Any]:
    """Return Django's settings for the database of a room: a file, unless the plan names a server."""
    url = PLAN["databases"].get(room)
    if not url:
        name = str(DIRECTORY / f"{room}.sqlite3")
        return {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": name, "OPTIONS": {"timeout": 20}}}
    parts = urlsplit(url)
    engine = "postgresql" if parts.scheme == "postgresql" else "mysql"
    found: dict[str, Any] = {
        "ENGINE": f"django.db.backends.{engine}",
        "NAME": parts.path.strip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname,
        "PORT": str(parts.port or ""),
    }
    if engine == "mysql":
        found["OPTIONS"] = {"charset": "utf8mb4", "isolation_level": "read committed"}
    return {"default": found}
