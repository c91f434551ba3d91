"""The names that do not change, with the arguments that callers use."""

import inspect

import pytest

from ccx_tenancy import api, backends, errors, middleware
from ccx_tenancy.site_config import helpers

pytestmark = pytest.mark.once

SIGNATURES = {
    "create_tenant": [
        "key",
        "*name",
        "*domain",
        "*organizations",
        "*studio_domain=None",
        "*values=None",
        "*owner=None",
    ],
    "get_tenant": ["key"],
    "list_tenants": ["state=None"],
    "suspend_tenant": ["key"],
    "resume_tenant": ["key"],
    "archive_tenant": ["key"],
    "resolve_tenant": ["host"],
    "current_tenant": [],
    "require_tenant": [],
    "tenant_context": ["key_or_context"],
    "for_each_tenant": ["function"],
    "set_site_values": ["domain", "values", "*actor=None", "*reason=''", "*replace=False"],
    "add_member": ["user", "organization", "role='learner'", "*by=None"],
    "remove_member": ["user", "organization", "*by=None"],
    "set_role": ["user", "organization", "role", "*by=None"],
    "organizations_of": ["user", "role=None"],
    "members_of": ["organization", "role=None"],
    "is_member": ["user", "tenant=None"],
    "has_role": ["user", "organization", "role"],
    "invite": ["email", "organization", "role", "*invited_by"],
    "accept_invitation": ["token", "user"],
    "visible_organizations": ["user", "surface"],
    "can_see": ["user", "key", "surface"],
    "filter_courses": ["user", "queryset_or_iterable", "surface"],
}
HELPERS = {
    "get_value": ["name", "default=None"],
    "get_dict": ["name", "default=None"],
    "has_override_value": ["name"],
    "get_value_for_org": ["org", "name", "default=None"],
    "get_all_orgs": [],
    "get_current_site_orgs": [],
    "is_site_configuration_enabled": [],
    "get_current_site_configuration_values": ["default=None"],
    "explain_value": ["name"],
}


def arguments(function):
    """Return the arguments of a callable as texts: ``name``, ``name=default``, a star before those by keyword only."""
    found = []
    for parameter in inspect.signature(function).parameters.values():
        star = "*" if parameter.kind is inspect.Parameter.KEYWORD_ONLY else ""
        default = "" if parameter.default is inspect.Parameter.empty else f"={parameter.default!r}"
        found.append(f"{star}{parameter.name}{default}")
    return found


@pytest.mark.parametrize(
    ("function", "expected"),
    [(getattr(api, name), expected) for name, expected in SIGNATURES.items()]
    + [(getattr(helpers, name), expected) for name, expected in HELPERS.items()],
)
def test_a_fixed_name_takes_its_arguments(function, expected):
    found = arguments(function)
    assert [argument for argument in found if argument in expected] == expected
    more = [argument for argument in found if argument not in expected]
    assert all("=" in argument for argument in more), f"{more} are required, too"


def test_all_names_are_listed():
    assert set(SIGNATURES) <= set(api.__all__)
    assert set(HELPERS) <= set(helpers.__all__)
    assert all(hasattr(api, name) for name in api.__all__)


def test_backends_middleware_and_errors_have_their_names():
    assert backends.OrganizationMemberBackend
    assert backends.DefaultSiteBackend
    assert middleware.CurrentTenantMiddleware
    assert middleware.TenantAccessMiddleware
    assert middleware.CoursePartitionMiddleware
    assert issubclass(errors.NoCurrentTenant, errors.TenancyError)
    assert issubclass(errors.UnknownTenant, errors.TenancyError)
