"""What can go wrong with a call. No text here ever holds a secret, a query or a body that was sent."""

from __future__ import annotations

from ccx_tenancy.errors import InvalidInput, TenancyError


class AddressRefused(InvalidInput):
    """The address is not one that may be called (see :mod:`ccx_tenancy.outgoing.addresses`). Trying again is no use."""


class CallFailed(TenancyError):
    """No usable answer came: the network failed, it took too long, or the answer was too large.

    Whether the other side did what was asked is not known, so what is sent again must be safe to be done twice.
    """


class TokenRefused(CallFailed):
    """The other side's token address gave no token. ``status`` is what it answered."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class BadSignature(InvalidInput):
    """A webhook is not signed, is signed with another secret, is too old, or there is no secret to check it with."""
