"""Accounts as the platform has them: a user, a profile, and a registration (which its pages ask for the activation)."""

from __future__ import annotations

import unicodedata
import uuid
from typing import Any

from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User


def create(username: str, email: str, password: str) -> AbstractBaseUser:
    """Make an active account: who was invited by mail has shown that the address is theirs.

    The platform brings each password into Unicode's normal form before it looks at it, so here too.
    """
    student: Any = apps.get_app_config("student")
    user = User.objects.create_user(username, email, unicodedata.normalize("NFKC", password))
    student.get_model("UserProfile").objects.create(user=user, name=username)
    student.get_model("Registration").objects.create(user=user, activation_key=uuid.uuid4().hex)
    return user
