"""What the tests about people share: accounts, tenants, and a memory that holds nothing of the test before."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User

from ccx_tenancy import api
from ccx_tenancy.tenants import revisions

MakeUser = Callable[..., User]


@pytest.fixture(autouse=True)
def empty_memory() -> Iterator[None]:
    """Nothing that was read in another test is in the process's memory."""
    revisions.forget()
    yield
    revisions.forget()


@pytest.fixture
def make_user(db: None) -> MakeUser:
    """Return a function that makes an account by its name."""

    def make(name: str, **fields: object) -> User:
        return User.objects.create_user(name, f"{name}@example.com", "secret", **fields)

    return make


@pytest.fixture
def acme(db: None):
    """Return a tenant with the organizations AcmeX and AcmeLabs on acme.example.com."""
    return api.create_tenant("acme", name="Acme", domain="acme.example.com", organizations=["AcmeX", "AcmeLabs"])


@pytest.fixture
def globex(db: None):
    """Return a second tenant with the organization GlobexX on globex.example.com."""
    return api.create_tenant("globex", name="Globex", domain="globex.example.com", organizations=["GlobexX"])
