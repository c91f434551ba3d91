"""``{% site_value "NAME" default %}`` and ``{% platform_name %}``."""

from __future__ import annotations

from typing import Any

from django import template

from ccx_tenancy.site_config.context_processors import platform_name as current_platform_name
from ccx_tenancy.site_config.helpers import get_value

register = template.Library()


@register.simple_tag
def site_value(name: str, default: Any = "") -> Any:
    """Return the current site's value, or the default; see ``helpers.get_value``."""
    return get_value(name, default)


@register.simple_tag
def platform_name() -> str:
    """Return what the current site calls the platform."""
    return current_platform_name()
