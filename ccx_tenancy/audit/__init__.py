"""The append-only record of who changed what. It knows a tenant by its key, and nothing of the rooms above."""
