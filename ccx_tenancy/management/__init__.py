"""The management commands, thin over the Python API."""
