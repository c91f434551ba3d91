"""Values marked secret: sealed in the table, open only in the memory of the process that uses them.

A sealed value is ``{"$sealed": "..."}``: Fernet (AES-128-CBC with HMAC-SHA256) under a key derived by HKDF-SHA256 from
each passphrase of ``ENCRYPTION_KEYS``, or from ``SECRET_KEY`` where that is empty.
"""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from ccx_tenancy.conf import conf
from ccx_tenancy.errors import InvalidInput

MASK = "********"
MARK = "$sealed"


class CannotUnseal(InvalidInput):
    """A sealed value was written under a key that this process has not."""


def is_sealed(value: Any) -> bool:
    """Whether a value from the table is a sealed one."""
    return isinstance(value, dict) and list(value) == [MARK] and isinstance(value[MARK], str)


def seal(value: Any) -> dict[str, str]:
    """Return a JSON value in its sealed form."""
    return {MARK: _cipher().encrypt(json.dumps(value).encode()).decode("ascii")}


def unseal(value: Any) -> Any:
    """Return the JSON value in a sealed one. Raises CannotUnseal where no key of this process opens it."""
    try:
        return json.loads(_cipher().decrypt(value[MARK].encode("ascii")))
    except InvalidToken:
        raise CannotUnseal(
            "A secret was sealed with a key that is neither in CCX_TENANCY['ENCRYPTION_KEYS'] nor SECRET_KEY or its"
            " fallbacks: add the old key there, or set the value again."
        ) from None


def _cipher() -> MultiFernet:
    keys = tuple(conf.encryption_keys) or (settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS))
    return _derived(keys)


@lru_cache(maxsize=8)
def _derived(passphrases: tuple[str, ...]) -> MultiFernet:
    ciphers = []
    for passphrase in passphrases:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"ccx_tenancy site values")
        ciphers.append(Fernet(base64.urlsafe_b64encode(derived.derive(str(passphrase).encode()))))
    return MultiFernet(ciphers)
