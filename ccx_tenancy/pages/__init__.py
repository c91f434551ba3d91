"""The pages with which administrators of a tenant manage it, on the tenant's own site: ``/tenancy/``.

They need no permission of the platform and never ``/admin/``; what somebody may do comes from the role alone.
"""
