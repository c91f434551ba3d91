"""The Teacher's Portal."""

from tests.marketplace.rooms.common import *  # noqa: F403
from tests.marketplace.rooms.common import DJANGO, OUTGOING, PLAN, database

SECRET_KEY = PLAN["secrets"]["portal key"]
ROOT_URLCONF = "tests.marketplace.rooms.portal_urls"
CELERY_BROKER_URL = f"{PLAN['broker']}/2"
DATABASES = database("portal")
INSTALLED_APPS = [*DJANGO, "ccx_tenancy.audit", "ccx_tenancy.portal"]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "ccx_tenancy.portal.backends.PortalBackend",
]
CCX_TENANCY = {
    **OUTGOING,
    "PORTAL_URL": PLAN["urls"]["portal"],
    "PORTAL_GATEWAY": "tests.marketplace.rooms.gateway.LedgerGateway",
    "PORTAL_MOST_SEATS": 1_000_000,
}
