"""Values marked secret: sealed in the table, open only in the memory of the process that uses them.

A sealed value is ``{"$sealed": "..."}``: its JSON text, sealed as :mod:`ccx_tenancy.sealing` does.
"""

from __future__ import annotations

import json
from typing import Any

from ccx_tenancy.sealing import MASK, CannotUnseal, open_text, seal_text

__all__ = ["MARK", "MASK", "CannotUnseal", "in_the_clear", "is_sealed", "seal", "unseal"]

MARK = "$sealed"
_PURPOSE = "site values"


def is_sealed(value: Any) -> bool:
    """Whether a value from the table is a sealed one."""
    return isinstance(value, dict) and list(value) == [MARK] and isinstance(value[MARK], str)


def seal(value: Any) -> dict[str, str]:
    """Return a JSON value in its sealed form."""
    return {MARK: seal_text(json.dumps(value), _PURPOSE)}


def unseal(value: Any) -> Any:
    """Return the JSON value in a sealed one. Raises CannotUnseal where no key of this process opens it."""
    return json.loads(open_text(value[MARK], _PURPOSE))


def in_the_clear(value: Any) -> Any:
    """Return a value from the table as it is meant, sealed or not. Raises CannotUnseal as :func:`unseal`."""
    return unseal(value) if is_sealed(value) else value
