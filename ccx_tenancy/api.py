"""The public Python API: the only import a consumer needs."""

from ccx_tenancy import errors
from ccx_tenancy.context import TenantContext
from ccx_tenancy.membership.api import (
    accept_invitation,
    add_member,
    has_role,
    invite,
    is_member,
    members_of,
    organizations_of,
    remove_member,
    set_role,
)
from ccx_tenancy.partition.api import OrgScope, can_see, filter_courses, visible_organizations
from ccx_tenancy.provisioning import apply_document, create_tenant, describe_tenant, plan_document
from ccx_tenancy.site_config.api import set_site_values
from ccx_tenancy.tenants.api import (
    archive_tenant,
    current_tenant,
    for_each_tenant,
    get_tenant,
    list_tenants,
    require_tenant,
    resolve_tenant,
    resume_tenant,
    suspend_tenant,
    tenant_context,
)

__all__ = [
    "OrgScope",
    "TenantContext",
    "accept_invitation",
    "add_member",
    "apply_document",
    "archive_tenant",
    "can_see",
    "create_tenant",
    "current_tenant",
    "describe_tenant",
    "errors",
    "filter_courses",
    "for_each_tenant",
    "get_tenant",
    "has_role",
    "invite",
    "is_member",
    "list_tenants",
    "members_of",
    "organizations_of",
    "plan_document",
    "remove_member",
    "require_tenant",
    "resolve_tenant",
    "resume_tenant",
    "set_role",
    "set_site_values",
    "suspend_tenant",
    "tenant_context",
    "visible_organizations",
]
