"""The host's feature flags in both forms: in the dict ``FEATURES``, and as flat settings in later releases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

_UNSET = object()


def feature(name: str, default: Any = None, *, of: Any = settings) -> Any:
    """Return the value of a flag. A flat setting wins over the entry in ``FEATURES``, as it does in the host."""
    flat = getattr(of, name, _UNSET)
    if flat is not _UNSET:
        return flat
    features = getattr(of, "FEATURES", None)
    return features.get(name, default) if isinstance(features, Mapping) else default
