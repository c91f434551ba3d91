"""Tenants, their domains and organizations, and the index that finds a tenant by host name without a query."""
