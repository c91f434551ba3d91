"""Template tags of the room: ``{% load ccx_tenancy %}``."""
