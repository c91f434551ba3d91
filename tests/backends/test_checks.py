"""The check of AUTHENTICATION_BACKENDS."""

import pytest
from django.core.checks import run_checks

from ccx_tenancy.backends import OrganizationMemberBackend
from ccx_tenancy.backends.checks import check_backends

pytestmark = pytest.mark.once

OURS = ["ccx_tenancy.backends.OrganizationMemberBackend", "ccx_tenancy.backends.DefaultSiteBackend"]


class Stricter(OrganizationMemberBackend):
    """A project's own, made from ours."""


@pytest.mark.parametrize("other", ["ModelBackend", "AllowAllUsersModelBackend"])
def test_a_backend_beside_ours_that_takes_a_password_is_named(settings, other):
    settings.AUTHENTICATION_BACKENDS = [*OURS, f"django.contrib.auth.backends.{other}"]
    [warning] = [one for one in run_checks() if one.id == "ccx_tenancy.W201"]
    assert other in warning.msg
    assert "OrganizationMemberBackend" in warning.hint


@pytest.mark.parametrize(
    "backends",
    [
        OURS,
        OURS[:1],
        ["django.contrib.auth.backends.ModelBackend"],
        [*OURS, "django.contrib.auth.backends.RemoteUserBackend"],
        [*OURS, "tests.backends.test_checks.Stricter"],
        [*OURS, "no.such.Backend"],
    ],
)
def test_other_lists_are_let_through(settings, backends):
    settings.AUTHENTICATION_BACKENDS = backends
    assert check_backends() == []
