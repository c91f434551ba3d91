"""Signals of the room.

``values_published`` is sent after the commit, with ``site_id``, ``revision``, ``changed`` (a frozenset of top-level
keys) and ``actor`` (a user or None). The sender is None.
"""

from django.dispatch import Signal

values_published = Signal()
