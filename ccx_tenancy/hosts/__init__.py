"""Adapters that implement ``ccx_tenancy.ports`` for the projects we are plugged into; loaded by dotted path."""
