"""``{{ name|initials }}`` and ``{{ value|as_json }}``."""

from __future__ import annotations

import json
from typing import Any

from django import template

register = template.Library()

_LETTERS = 2


@register.filter
def initials(name: str) -> str:
    """Return the first letters of the first words of a name: the text of a logo."""
    return "".join(word[0] for word in name.split() if word[0].isalnum())[:_LETTERS].upper()


@register.filter
def as_json(value: Any) -> str:
    """Return a site value as its JSON document has it."""
    return json.dumps(value, ensure_ascii=False)
