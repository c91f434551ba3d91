"""The hub."""

from tests.marketplace.rooms.common import *  # noqa: F403
from tests.marketplace.rooms.common import DJANGO, OUTGOING, PLAN, database

SECRET_KEY = PLAN["secrets"]["hub key"]
ROOT_URLCONF = "tests.marketplace.rooms.hub_urls"
CELERY_BROKER_URL = f"{PLAN['broker']}/1"
DATABASES = database("hub")
INSTALLED_APPS = [*DJANGO, "rest_framework", "oauth2_provider", "ccx_tenancy.audit", "ccx_tenancy.hub"]
CCX_TENANCY = {**OUTGOING, "HUB_THREADS": 8}
