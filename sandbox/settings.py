"""The settings of the sandbox: Django, our apps, and one small app for each surface.

Everything that it writes lies in one folder: ``sandbox/var``, or the one that ``SANDBOX_VAR`` names.
"""

import secrets

from sandbox.paths import BASE, DEFAULT_PORT, PORT_FILE, VAR


def _secret_key() -> str:
    """Return the key of this installation, made on first use. One that everybody can read signs nothing."""
    file = VAR / "secret_key"
    VAR.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(50), encoding="utf-8")
    return file.read_text(encoding="utf-8")


def _port() -> int:
    """Return the port of the server that runs or ran last; ``run.py`` writes it."""
    return int(PORT_FILE.read_text(encoding="utf-8")) if PORT_FILE.exists() else DEFAULT_PORT


SECRET_KEY = _secret_key()
DEBUG = False
# Browsers resolve every name below .localhost to this machine, and nothing else reaches the sandbox.
ALLOWED_HOSTS = [".localhost", "127.0.0.1"]
SITE_ID = 1
USE_TZ = True
TIME_ZONE = "UTC"
ROOT_URLCONF = "sandbox.urls"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"

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
    "ccx_tenancy.portal",
    "sandbox.courses",
    "sandbox.accounts",
    "sandbox.lms",
    "sandbox.members",
    "sandbox.outbox",
    "sandbox.studio",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "ccx_tenancy.middleware.CurrentTenantMiddleware",
    "sandbox.middleware.SurfaceMiddleware",
    "sandbox.middleware.SiteLanguageMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "ccx_tenancy.middleware.TenantAccessMiddleware",
    "sandbox.middleware.CoursePartitionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

# Together they decide who signs in where; a backend beside them that takes passwords would ask for no membership.
AUTHENTICATION_BACKENDS = [
    "ccx_tenancy.backends.OrganizationMemberBackend",
    "ccx_tenancy.backends.DefaultSiteBackend",
    # Takes what the portal's own pages send, and nothing else.
    "ccx_tenancy.portal.backends.PortalBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE / "templates"],
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

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE / "static"]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [BASE / "locale"]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": VAR / "db.sqlite3",
        "OPTIONS": {"timeout": 20},
    }
}

# Kept for the page /outbox/ of the default site.
EMAIL_BACKEND = "sandbox.outbox.backend.EmailBackend"
DEFAULT_FROM_EMAIL = "sandbox@example.com"

# No broker: a task runs where it is published.
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True

PLATFORM_NAME = "Sandbox"
CCX_TENANCY: dict[str, object] = {
    "HOST": "sandbox.surfaces.SandboxHost",
    # The members of tenants sign in at Studio, which belongs to no tenant.
    "DEFAULT_SITE_LOGIN": "members",
    # Who makes an account on a tenant's site becomes a learner there, unless the site says otherwise.
    "JOIN_POLICY": "open",
    # The hub is on this machine, and what is published shall be seen there at once.
    "OUTGOING_PRIVATE_NETWORKS": ["127.0.0.0/8", "::1/128"],
    "CCXCON_COALESCE_SECONDS": 0,
    "CCXCON_AUTHENTICATION": ["sandbox.courses.tokens.TokenAuthentication"],
    "PORTAL_URL": f"http://portal.localhost:{_port()}",
    "PORTAL_GATEWAY": "ccx_tenancy.portal.gateways.pretend.PretendGateway",
    "INVITATION_URL": f"http://{{domain}}:{_port()}/tenancy/invitations/{{token}}/",
}

# A page that breaks says why on the terminal: the person at it has no other log.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {
        "terminal": {"class": "logging.StreamHandler", "level": "ERROR"},
        "nowhere": {"class": "logging.NullHandler"},
    },
    "root": {"handlers": ["terminal"]},
    # A host name that is not ours is refused, and nothing broke.
    "loggers": {"django.security.DisallowedHost": {"handlers": ["nowhere"], "propagate": False}},
}
