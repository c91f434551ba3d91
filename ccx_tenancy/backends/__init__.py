"""Authentication backends, thin over membership: one for the tenants' sites, one for the others.

Install both, and no other backend that takes a password: it would not ask for the membership.
"""

from ccx_tenancy.backends.sign_in import DefaultSiteBackend, OrganizationMemberBackend, knows_password

__all__ = ["DefaultSiteBackend", "OrganizationMemberBackend", "knows_password"]
