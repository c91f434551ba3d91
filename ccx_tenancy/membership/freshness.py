"""Under which revision number the memberships of a user stand. Users share a few, as sites do."""

from __future__ import annotations

from collections.abc import Iterable

from ccx_tenancy.tenants import revisions

_SHARDS = 64

#: The revision of what concerns all members of an organization: it was renamed, switched off, deleted.
ORGANIZATIONS = "members.organizations"


def shard_of(user_id: int) -> str:
    """Return the name of the revision that covers a user's memberships."""
    return f"members.{user_id % _SHARDS}"


def bump_users(user_ids: Iterable[int]) -> None:
    """Say, in the current transaction, that the memberships of those users have changed."""
    names = {shard_of(user_id) for user_id in user_ids}
    if names:
        revisions.bump(*names)


def bump_organizations() -> None:
    """Say, in the current transaction, that something changed for all members of some organization."""
    revisions.bump(ORGANIZATIONS)


def number_of(view: revisions.View, user_id: int) -> int:
    """Return the number under which the memberships of a user were read. It grows when either of the two does."""
    return view.number(shard_of(user_id)) + view.number(ORGANIZATIONS)
