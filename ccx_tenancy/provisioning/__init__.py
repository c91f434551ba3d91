"""Make whole tenants: one call, or a document that says how they should be.

It composes the rooms below (rows, values), so that each of them stays ignorant of the others; see
docs/decisions/0004-provisioning.rst.
"""

from ccx_tenancy.provisioning.create import create_tenant

__all__ = ["create_tenant"]
