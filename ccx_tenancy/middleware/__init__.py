"""Middleware, each sync and async, thin over the rooms.

Their order: the current tenant at the top, then the host's authentication, directly below it the access and, below
that, the partition; whatever reads a course from the path comes after.
"""

from ccx_tenancy.middleware.course_partition import CoursePartitionMiddleware
from ccx_tenancy.middleware.current_tenant import CurrentTenantMiddleware
from ccx_tenancy.middleware.tenant_access import TenantAccessMiddleware

__all__ = ["CoursePartitionMiddleware", "CurrentTenantMiddleware", "TenantAccessMiddleware"]
