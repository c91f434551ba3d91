"""Middleware, each sync and async, thin over the rooms."""

from ccx_tenancy.middleware.current_tenant import CurrentTenantMiddleware

__all__ = ["CurrentTenantMiddleware"]
