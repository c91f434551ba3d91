"""Make whole tenants: by one call, or by a document that says how they should be.

It composes the rooms below (rows, values), so that each of them stays ignorant of the others; see
docs/decisions/0004-provisioning-composes-the-rooms.rst.
"""

from ccx_tenancy.provisioning.adopt import Adoption, adopt_sites, check_adoption, plan_adoption
from ccx_tenancy.provisioning.apply import Applied, Failure, apply_document, plan_document
from ccx_tenancy.provisioning.create import create_tenant
from ccx_tenancy.provisioning.describe import describe_tenant
from ccx_tenancy.provisioning.plan import Change, Item, Plan
from ccx_tenancy.provisioning.sites import ensure_site

__all__ = [
    "Adoption",
    "Applied",
    "Change",
    "Failure",
    "Item",
    "Plan",
    "adopt_sites",
    "apply_document",
    "check_adoption",
    "create_tenant",
    "describe_tenant",
    "ensure_site",
    "plan_adoption",
    "plan_document",
]
