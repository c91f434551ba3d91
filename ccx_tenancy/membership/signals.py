"""Signals of the room, each sent after the commit.

``membership_added``, ``membership_changed`` and ``membership_removed`` come with ``user_id``, ``organization`` (the
short name), ``organization_id``, ``before`` and ``after`` (a :class:`~ccx_tenancy.membership.roster.State`, or None
where there was or is no membership) and ``actor`` (a user, or None for the system). The sender is None. A membership
that goes with its deleted user or organization is not told: Django tells of the deletion.
"""

from django.dispatch import Signal

membership_added = Signal()
membership_changed = Signal()
membership_removed = Signal()
