"""How the admin's pages show a difference."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.translation import gettext as _

from ccx_tenancy.site_config.diff import ADDED, CHANGED, REMOVED, Difference
from ccx_tenancy.site_config.documents import dump

register = template.Library()


@register.filter
def as_json(value: Any) -> str:
    """Return a value as it stands in the document."""
    return dump(value)


@register.filter
def hidden_secret(change: Difference) -> bool:
    """Whether a change is one of a secret's value: both sides are masked, so that they look the same."""
    return bool(change.kind == CHANGED and change.before == change.after and isinstance(change.after, str))


@register.simple_tag
def change_word(kind: str) -> str:
    """Return the word for a kind of change."""
    return {ADDED: _("added"), REMOVED: _("removed"), CHANGED: _("changed")}[kind]
