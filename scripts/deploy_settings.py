"""The test settings, set up as a careful host would: for `check --deploy`, so that what it reports is about us."""

from test_settings import *  # noqa: F403

DEBUG = False
SECRET_KEY = "x7!k2-only-for-the-check-and-long-enough-with-many-different-characters-0123456789"  # noqa: S105
ALLOWED_HOSTS = ["learn.example.org"]
SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = 31536000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SILENCED_SYSTEM_CHECKS = [
    "security.W001",  # SecurityMiddleware: the host's own choice
    "security.W002",  # XFrameOptionsMiddleware: likewise
    "security.W003",  # CsrfViewMiddleware: likewise
]
