"""The projects of the chain: each room with its own settings, addresses and database, as an operator would make them.

``python -m tests.marketplace.rooms ROOM prepare|serve|worker|sweep`` runs one process of a room. What the rooms know of
each other (addresses, secrets) stands in the file that ``CCX_ROOMS`` names.
"""
