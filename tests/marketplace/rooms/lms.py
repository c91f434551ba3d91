"""The LMS: the tenancy apps and the sandbox's small courses."""

from tests.marketplace.rooms.common import *  # noqa: F403
from tests.marketplace.rooms.common import DJANGO, OUTGOING, PLAN, database

SECRET_KEY = PLAN["secrets"]["lms key"]
ROOT_URLCONF = "tests.marketplace.rooms.lms_urls"
CELERY_BROKER_URL = f"{PLAN['broker']}/0"
DATABASES = database("lms")
INSTALLED_APPS = [
    *DJANGO,
    "django.contrib.sites",
    "organizations",
    "ccx_tenancy",
    "ccx_tenancy.audit",
    "ccx_tenancy.tenants",
    "ccx_tenancy.site_config",
    "ccx_tenancy.membership",
    "ccx_tenancy.ccxcon",
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
CCX_TENANCY = {
    **OUTGOING,
    "HOST": "sandbox.surfaces.SandboxHost",
    "CCXCON_COALESCE_SECONDS": PLAN["coalesce"],
    "CCXCON_AUTHENTICATION": ["tests.marketplace.rooms.lms_urls.TokenAuthentication"],
}
