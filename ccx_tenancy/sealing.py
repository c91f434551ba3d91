"""Text that is encrypted at rest: Fernet (AES-128-CBC with HMAC-SHA256) under keys of the settings.

A key is derived by HKDF-SHA256 from each passphrase of ``ENCRYPTION_KEYS``, or from ``SECRET_KEY`` where that is empty,
and from a purpose: what one room sealed, another cannot open.
"""

from __future__ import annotations

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from ccx_tenancy.conf import conf
from ccx_tenancy.errors import InvalidInput

MASK = "********"


class CannotUnseal(InvalidInput):
    """A sealed text was written under a key that this process has not."""


def seal_text(text: str, purpose: str) -> str:
    """Return the text encrypted for a purpose, in ASCII; each time another one."""
    return _cipher(purpose).encrypt(text.encode()).decode("ascii")


def open_text(sealed: str, purpose: str) -> str:
    """Return the text in a sealed one. Raises CannotUnseal where no key of this process opens it for that purpose."""
    try:
        return _cipher(purpose).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise CannotUnseal(
            "A secret was sealed with a key that is neither in CCX_TENANCY['ENCRYPTION_KEYS'] nor SECRET_KEY or its"
            " fallbacks: add the old key there, or set the value again."
        ) from None


def _cipher(purpose: str) -> MultiFernet:
    keys = tuple(conf.encryption_keys) or (settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS))
    return _derived(keys, purpose)


@lru_cache(maxsize=16)
def _derived(passphrases: tuple[str, ...], purpose: str) -> MultiFernet:
    ciphers = []
    for passphrase in passphrases:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"ccx_tenancy {purpose}".encode())
        ciphers.append(Fernet(base64.urlsafe_b64encode(derived.derive(str(passphrase).encode()))))
    return MultiFernet(ciphers)
