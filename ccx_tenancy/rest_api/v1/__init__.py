"""Version 1. Additions are made here; what would break a client becomes another version."""
