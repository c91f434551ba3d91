"""A stand-in for the host's app ``site_configuration``."""
