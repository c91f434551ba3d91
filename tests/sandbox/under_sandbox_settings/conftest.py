"""The sandbox as its seed files make it, in a database of its own."""

import io

import pytest
from django.test import Client

from sandbox.prepare import prepare


@pytest.fixture
def sandbox(db, settings):
    settings.EMAIL_BACKEND = "sandbox.outbox.backend.EmailBackend"  # The test runner puts one of its own in its place.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    prepare(io.StringIO(), 8000)


@pytest.fixture
def browse(sandbox):
    """Return a browser for a host name."""
    return lambda host: Client(headers={"host": f"{host}:8000"})
