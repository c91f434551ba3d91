"""Constraints of tables, the same on every release of Django that we run on."""

from __future__ import annotations

from typing import Any

import django
from django.db import models


def check(condition: models.Q, name: str) -> models.CheckConstraint:
    """Return the constraint that every row fulfils the condition. Django 5.1 renamed the argument."""
    arguments: dict[str, Any] = {"condition" if django.VERSION >= (5, 1) else "check": condition, "name": name}
    return models.CheckConstraint(**arguments)
