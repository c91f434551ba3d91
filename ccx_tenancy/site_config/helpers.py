"""The helpers that operators of Open edX know, with the same names and the same meaning.

They answer for the current tenant: its site's values while its configuration is enabled, nothing otherwise. A stored
``False``, ``""``, ``0`` or ``[]`` is a value. What comes back is the caller's own: changing it changes nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ccx_tenancy.context import current_scope
from ccx_tenancy.errors import InvalidValues, Problem
from ccx_tenancy.site_config import org_values
from ccx_tenancy.site_config.api import Explanation, set_site_values
from ccx_tenancy.site_config.api import explain_value as explain_value_of
from ccx_tenancy.site_config.documents import kind_of
from ccx_tenancy.site_config.schema import ORG_FILTER
from ccx_tenancy.site_config.snapshots import _SCALARS, copied, current

__all__ = [
    "explain_value",
    "get_all_orgs",
    "get_current_site_configuration_values",
    "get_current_site_orgs",
    "get_dict",
    "get_value",
    "get_value_for_org",
    "has_override_value",
    "is_site_configuration_enabled",
    "set_site_values",
]


def get_value(name: str, default: Any = None) -> Any:
    """Return the site's value, or ``default`` where nothing is stored.

    Where both are dicts the stored one is merged into the default, shallowly. Any other default is only what comes
    back when nothing is stored. At most 1 µs warm, and no query.
    """
    values = current().values
    if name not in values:
        return default
    return _merged(values[name], default)


def get_dict(name: str, default: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the site's dict merged into ``default`` (or into nothing), shallowly: always a new dict.

    Raises InvalidValues where what is stored is neither a dict nor null.
    """
    value = current().values.get(name)
    if value is None:
        return dict(default or {})
    if not isinstance(value, dict):
        raise InvalidValues([Problem(name, f"the value is {kind_of(value)}; get_dict reads an object.")])
    return {**(default or {}), **copied(value)}


def has_override_value(name: str) -> bool:
    """Return whether the site itself stores a value of that name."""
    return name in current().values


def get_value_for_org(org: str | None, name: str, default: Any = None) -> Any:
    """Return the value that the site of an organization stores, or ``default``.

    Whose site it is does not depend on the current tenant, nor on the case of ``org``. At most 2 µs warm, no query,
    whatever the number of tenants.
    """
    values = org_values.values_for(org)
    if name not in values:
        return default
    return _merged(values[name], default)


def get_all_orgs() -> set[str]:
    """Return the short names of all organizations that some site claims: by its tenant, or by its configuration."""
    return org_values.claimed_organizations()


def get_current_site_orgs() -> list[str]:
    """Return the organizations of the current site as a list.

    Those of its ``course_org_filter``; in a tenant without one, all of the tenant's; elsewhere none.
    """
    value = current().values.get(ORG_FILTER)
    if value:
        return [value] if isinstance(value, str) else list(value)
    scope = current_scope()
    return sorted(scope.tenant.organizations) if scope is not None and scope.tenant is not None else []


def is_site_configuration_enabled() -> bool:
    """Return whether the current site has a configuration and it is enabled."""
    return current().enabled


def get_current_site_configuration_values(default: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return all values of the current site, or ``default`` (an empty dict) where its configuration is missing or
    disabled."""
    snapshot = current()
    if not snapshot.enabled:
        return {} if default is None else default
    return dict(copied(snapshot.values))


def explain_value(name: str) -> Explanation:
    """Return where the value of ``name`` comes from here: the site, a draft being previewed, the settings, or the
    known default; and what is known of the key. A secret is masked."""
    return explain_value_of(name, current())


def _merged(value: Any, default: Any) -> Any:
    if type(value) in _SCALARS:
        return value
    if isinstance(default, dict) and isinstance(value, dict):
        return {**default, **copied(value)}
    return copied(value)
