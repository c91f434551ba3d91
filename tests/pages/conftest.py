"""Two tenants, the people of the first, and a browser for their pages."""

import re

import pytest
from django.contrib.auth import get_user_model

from ccx_tenancy import api

MAXI = "maxi-academy.localhost"
BLUE = "blue-university.localhost"

User = get_user_model()


def make(name, organization, role):
    user = User.objects.create_user(name, f"{name}@example.com", "secret")
    if organization:
        api.add_member(user, organization, role)
    return user


@pytest.fixture
def people(tenants):
    return {
        "owner": make("owner", "maxi-academy", "owner"),
        "admin": make("admin", "maxi-academy", "admin"),
        "staff": make("staff", "maxi-academy", "staff"),
        "learner": make("learner", "maxi-academy", "learner"),
        "blue": make("blue", "Blue2", "owner"),
        "nobody": make("nobody", None, None),
        "operator": User.objects.create_superuser("operator", "operator@example.com", "secret"),
    }


@pytest.fixture
def browse(client, people):
    """Return a function that asks a page of a tenant as somebody."""

    def ask(who, page="", data=None, host=MAXI):
        client.logout()
        if who:
            client.force_login(people[who], backend="ccx_tenancy.backends.OrganizationMemberBackend")
        call = client.get if data is None else client.post
        return call(f"/tenancy/{page}", data, HTTP_HOST=host)

    return ask


def texts(response):
    return re.sub(r"\s+", " ", response.content.decode())
