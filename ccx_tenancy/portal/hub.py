"""What we ask of a hub: CCXs and their seats, and who followed a login link. Over HTTP, as any other client would."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ccx_tenancy.outgoing.http import Answer
from ccx_tenancy.outgoing.tokens import Credentials
from ccx_tenancy.portal.models import Source

SCOPE = "courses:read ccx:write"
#: What the CCXCon of 2016 gives to a client that asks for nothing in particular.
ORIGINAL_SCOPE = ""


class Hub:
    """Our account at one hub. Every method may raise CallFailed (TokenRefused too) or AddressRefused."""

    def __init__(self, source: Source) -> None:
        self._url = source.url
        self.credentials = Credentials(
            f"{source.url}/o/token/",
            source.client_id,
            source.client_secret.open(),
            ORIGINAL_SCOPE if source.is_original else SCOPE,
        )

    def create_ccx(self, body: dict[str, Any], key: str) -> Answer:
        """Order a CCX. One key makes one CCX, at a hub that is not an original."""
        headers = {"Idempotency-Key": key}
        return self.credentials.request("POST", f"{self._url}/api/v1/ccx/", json=body, headers=headers)

    def change_seats(self, hub_id: str, seats: int, version: int) -> Answer:
        """Say how many seats a CCX has now; of several of these the one with the highest version counts."""
        body = {"total_seats": seats, "version": version}
        return self.credentials.request("PATCH", self._ccx(hub_id), json=body)

    def read_ccx(self, hub_id: str) -> Answer:
        """Read a CCX."""
        return self.credentials.request("GET", self._ccx(hub_id))

    def check_login_link(self, token: str) -> Answer:
        """Ask whose login link it is."""
        return self.credentials.request("POST", f"{self._url}/api/v1/login_links/", json={"token": token})

    def user_exists(self, uid: str) -> Answer:
        """Ask whether an instructor has that anonymous id."""
        return self.credentials.request("GET", f"{self._url}/api/v1/user_exists/", params={"uid": uid})

    def _ccx(self, hub_id: str) -> str:
        return f"{self._url}/api/v1/ccx/{quote(hub_id, safe='')}/"
