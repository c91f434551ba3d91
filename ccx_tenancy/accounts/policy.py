"""The account policies. ``CCX_TENANCY["ACCOUNT_POLICY"]`` names the one in force; its interface stands in ports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from ccx_tenancy.context import TenantContext
from ccx_tenancy.ports import AccountPolicy

__all__ = ["AccountPolicy", "SharedAccounts"]

_BATCH = 500
_LONGEST = 1000
_NOT_IN_NAMES = re.compile("[\x00\ud800-\udfff]")


class SharedAccounts:
    """One account a person, on the whole platform, and many memberships: what Open edX itself does.

    The tenant makes no difference to whose account a name is.
    """

    def find(self, identifier: str, tenant: TenantContext | None) -> AbstractBaseUser | None:
        """Return the account with that user name or e-mail address; see :class:`ccx_tenancy.ports.AccountPolicy`.

        An identifier with ``@`` is looked for among the addresses first. The exact spelling wins; in another case the
        name must be one account's only.
        """
        if not _is_askable(identifier):
            return None
        name, address = _fields()
        wanted = Q(**{f"{name}__iexact": identifier}) | Q(**{f"{address}__iexact": identifier})
        return _chosen(identifier, list(_accounts().filter(wanted)))

    def find_many(self, identifiers: Iterable[str], tenant: TenantContext | None) -> Mapping[str, AbstractBaseUser]:
        """Return the accounts by identifier, by the same rule; one query for each 500."""
        name, address = _fields()
        found: dict[str, AbstractBaseUser] = {}
        for batch in _batches(dict.fromkeys(one for one in identifiers if _is_askable(one))):
            lowered = {one.lower() for one in batch}.union(batch)  # SQLite lowers ASCII letters only.
            rows = _accounts().annotate(ccx_name=Lower(name), ccx_address=Lower(address))
            candidates: dict[str, dict[object, AbstractBaseUser]] = {}
            for account in rows.filter(Q(ccx_name__in=lowered) | Q(ccx_address__in=lowered)):
                for spelling in (account.get_username(), getattr(account, address)):
                    candidates.setdefault(spelling.lower(), {})[account.pk] = account
            for one in batch:
                account_or_none = _chosen(one, list(candidates.get(one.lower(), {}).values()))
                if account_or_none is not None:
                    found[one] = account_or_none
        return found

    def taken(self, tenant: TenantContext | None, *, username: str = "", email: str = "") -> frozenset[str]:
        """Return which of the two are somebody's account anywhere on the platform."""
        name, address = _fields()
        taken = set()
        if username and _is_askable(username) and _accounts().filter(**{f"{name}__iexact": username}).exists():
            taken.add("username")
        if email and _is_askable(email) and _accounts().filter(**{f"{address}__iexact": email}).exists():
            taken.add("email")
        return frozenset(taken)


def _accounts() -> QuerySet[AbstractBaseUser]:
    # Not the default manager, which a host may cut to the people of one tenant: a name is taken all over the platform.
    return get_user_model()._base_manager.order_by("pk")


def _fields() -> tuple[str, str]:
    model = get_user_model()
    return model.USERNAME_FIELD, model.get_email_field_name()


def _is_askable(identifier: str) -> bool:
    # A null character and half a character are none of a name, and databases refuse to be asked about them; SQLite also
    # about a text of more than 50,000 bytes.
    return 0 < len(identifier) <= _LONGEST and not _NOT_IN_NAMES.search(identifier)


def _chosen(identifier: str, candidates: Sequence[AbstractBaseUser]) -> AbstractBaseUser | None:
    """Return the one that is meant. Compared here: a database may take "é" for "e"."""
    name, address = _fields()
    fields = (address, name) if "@" in identifier else (name, address)
    for field in fields:
        for spell in (str, str.lower):
            matching = [one for one in candidates if spell(getattr(one, field)) == spell(identifier)]
            if matching:
                return matching[0] if len(matching) == 1 else None
    return None


def _batches(identifiers: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(identifiers)
    while batch := list(islice(rest, _BATCH)):
        yield batch
