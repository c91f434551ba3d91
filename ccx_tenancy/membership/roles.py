"""The roles, what each may do, and who may give them: pure rules, no database."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ccx_tenancy.errors import NotAllowed, UnknownRole

LEARNER = "learner"
STAFF = "staff"
AUTHOR = "author"
ADMIN = "admin"
OWNER = "owner"

#: The roles, weakest first. A role includes the weaker ones.
ROLES = (LEARNER, STAFF, AUTHOR, ADMIN, OWNER)

#: How strong each role is. 0 is nobody's.
RANKS: Mapping[str, int] = MappingProxyType({role: rank for rank, role in enumerate(ROLES, start=1)})

#: The rank of the system and of a platform operator: above every role.
UNLIMITED = len(ROLES) + 1

#: The permission to do something with an organization, and the weakest role that has it.
PERMISSIONS: Mapping[str, str] = MappingProxyType(
    {
        "ccx_tenancy.view_members": STAFF,
        "ccx_tenancy.manage_members": ADMIN,
        "ccx_tenancy.manage_invitations": ADMIN,
        "ccx_tenancy.edit_configuration": ADMIN,
        "ccx_tenancy.view_audit": ADMIN,
        "ccx_tenancy.manage_api_keys": OWNER,
    }
)


def rank_of(role: str) -> int:
    """Return how strong a role is. Raises UnknownRole."""
    rank = RANKS.get(role) if isinstance(role, str) else None
    if rank is None:
        raise UnknownRole(f"There is no role {role!r}; allowed are {', '.join(ROLES)}.")
    return rank


def roles_from(role: str) -> tuple[str, ...]:
    """Return that role and the stronger ones. Raises UnknownRole."""
    return ROLES[rank_of(role) - 1 :]


def permissions_of(rank: int) -> frozenset[str]:
    """Return the permissions that come with a rank."""
    return frozenset(name for name, role in PERMISSIONS.items() if rank >= RANKS[role])


def check_authority(authority: int, *roles: str | None, whom: str, organization: str) -> None:
    """Raise NotAllowed where somebody of rank ``authority`` may not manage ``whom``.

    ``roles`` are those that the change takes away or gives (None: none): each must not be above the own.
    """
    if authority >= UNLIMITED:
        return
    own = ROLES[authority - 1] if authority else "no role"
    if authority < RANKS[ADMIN]:
        raise NotAllowed(
            f"Changing the membership of {whom} in {organization} takes the role {ADMIN} or a stronger one there; the"
            f" acting user has {own}."
        )
    for role in roles:
        if role is not None and RANKS[role] > authority:
            raise NotAllowed(
                f"Nobody gives, changes or takes a role above the own: {whom} is or would be {role} in {organization},"
                f" and the acting user is {own}."
            )
