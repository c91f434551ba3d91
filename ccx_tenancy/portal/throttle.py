"""How often somebody may guess a password, or have mails sent, before the answer is *later*.

Counted in Django's default cache: with one that processes share (Redis, Memcached) the limits hold for all of them;
with the cache in memory, for each process by itself. A cache that is away counts nothing, and keeps nobody out.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass

from django.core.cache import cache
from django.http import HttpRequest
from django.utils.translation import gettext as _

from ccx_tenancy.conf import conf
from ccx_tenancy.errors import TenancyError

logger = logging.getLogger(__name__)

WINDOW, HOUR = 15 * 60, 3600
#: What one client address may do with many accounts, as a multiple of what it may do with one.
MANY = 10
MOST_MAILS = 5


class TooOften(TenancyError):
    """It was tried too often; ``seconds`` says when to try again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(_("Too many attempts: try again in %(minutes)s minutes.") % {"minutes": -(-seconds // 60)})
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class _Limit:
    key: str
    most: int
    seconds: int

    def take(self) -> bool:
        """Count one attempt; return whether it is within the limit."""
        try:
            cache.add(self.key, 0, self.seconds)
            return bool(cache.incr(self.key) <= self.most)
        except ValueError:
            return True  # It ended between the two.
        except Exception:  # Whatever the cache's library raises.
            logger.warning("The cache does not answer: attempts are not counted.", exc_info=True)
            return True

    def give_back(self) -> None:
        """Take back what was counted: it was no guess."""
        try:
            cache.decr(self.key)
        except ValueError:
            return
        except Exception:
            logger.warning("The cache does not answer: attempts are not counted.", exc_info=True)


class Guesses:
    """The guesses of one secret (an account's password, a link's) from one client address.

    An attempt is counted before the secret is compared, so that many at the same moment are no more than the limit.
    """

    def __init__(self, request: HttpRequest, what: str) -> None:
        most, address = conf.portal_sign_in_tries, str(request.META.get("REMOTE_ADDR", ""))
        self._limits = [
            _Limit(_key("guess", what.strip().lower(), address), most, WINDOW),
            _Limit(_key("guesses", address), most * MANY, WINDOW),
        ]

    def take(self) -> None:
        """Count one. Raises TooOften."""
        taken = [limit.take() for limit in self._limits]  # Each of them counts.
        if not all(taken):
            raise TooOften(WINDOW)

    def was_right(self) -> None:
        """It was no guess, but the secret."""
        for limit in self._limits:
            limit.give_back()


def registers(request: HttpRequest) -> None:
    """Count an address that asks for an account. Raises TooOften."""
    address = str(request.META.get("REMOTE_ADDR", ""))
    if not _Limit(_key("registers", address), conf.portal_sign_in_tries * MANY, HOUR).take():
        raise TooOften(HOUR)


def may_mail(email: str) -> bool:
    """Count a mail that somebody has sent to an address; return whether it may go."""
    return _Limit(_key("mail", email.strip().lower()), MOST_MAILS, HOUR).take()


def _key(*parts: str) -> str:
    # Addresses of people are not for a cache's list of keys, and not every text is a key.
    return "ccx_portal." + hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()
