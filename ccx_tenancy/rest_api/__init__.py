"""The REST API over the Python API: ``/api/tenancy/v1/``, and the API keys of tenants."""
