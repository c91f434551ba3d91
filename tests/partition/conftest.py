"""The fixtures of :mod:`tests.people`, and an organization of the platform's own."""

import pytest
from organizations.models import Organization

from tests.people import acme, empty_memory, globex, make_user

__all__ = ["acme", "empty_memory", "globex", "make_user"]


@pytest.fixture
def platform(db):
    """Return an organization that no tenant owns."""
    return Organization.objects.create(short_name="PlatX", name="The platform's own")
