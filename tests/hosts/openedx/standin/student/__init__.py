"""A stand-in for the host's app ``student``."""
