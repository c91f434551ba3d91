"""A stand-in for the host's app ``content_libraries``."""
