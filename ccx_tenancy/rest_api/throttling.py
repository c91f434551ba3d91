"""How often an API key may ask."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from ccx_tenancy.conf import conf
from ccx_tenancy.rest_api.models import ApiKey


class ApiKeyThrottle(SimpleRateThrottle):
    """``API_KEY_RATE`` for each key. Sessions and JWT are the host's to throttle."""

    scope = "ccx_tenancy_api_key"

    def get_rate(self) -> str:
        """Return the setting."""
        return conf.api_key_rate

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """Return one name for each key, None for who calls in another way."""
        return f"{self.scope}.{request.auth.pk}" if isinstance(request.auth, ApiKey) else None
