"""Host names in one spelling.

Lower case, no port, no trailing dot, internationalised names in their ASCII form (IDNA 2008 with the mapping that
browsers apply, UTS 46), IPv6 addresses compressed and in brackets. The same rule reads a request's ``Host`` and what
an operator types; only the answer to a bad one differs.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re

import idna

from ccx_tenancy.errors import InvalidDomain

MAX_LENGTH = 253
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PORT = re.compile(r":[0-9]{0,5}$")


def normalize_domain(text: str) -> str:
    """Return the one spelling of a domain that an operator typed.

    Raises InvalidDomain, which names what is wrong with it, for anything that is not a plain host name: a scheme, a
    path, a port, blanks (around it, too), a user, characters that no host name has, an address in place of a name.
    """
    if not isinstance(text, str):
        raise InvalidDomain(f"The domain {text!r} is {type(text).__name__}; allowed is a host name as text.")
    domain = text
    allowed = "allowed is a host name alone, such as academy.example.com"
    if not domain.strip():
        raise InvalidDomain(f"The domain {text!r} is empty; {allowed}.")
    for mark, found in (
        ("://", "has a scheme"),
        ("/", "has a path"),
        ("\\", "has a backslash"),
        ("@", "has a user name"),
        ("?", "has a query"),
        ("#", "has a fragment"),
        ("*", "has a wildcard"),
        (",", "has a comma"),
    ):
        if mark in domain:
            raise InvalidDomain(f"The domain {text!r} {found} ({mark!r}); {allowed}.")
    if any(character.isspace() or ord(character) < 32 or ord(character) == 127 for character in domain):
        raise InvalidDomain(f"The domain {text!r} has a blank, a line end or a control character; {allowed}.")
    if _is_address(domain):
        raise InvalidDomain(f"The domain {text!r} is an address; {allowed}.")
    if _PORT.search(domain):
        raise InvalidDomain(f"The domain {text!r} has a port; write it without: ports make no difference.")
    normalized = _canonical(domain)
    if normalized is None:
        raise InvalidDomain(
            f"The domain {text!r} is not a host name; {allowed}: letters, digits and hyphens in parts of 1 to 63"
            f" characters, {MAX_LENGTH} in all."
        )
    return normalized


def normalize_host(text: str) -> str | None:
    """Return the one spelling of a request's ``Host`` header, or None for what cannot be a host name. Never raises."""
    if not text or len(text) > MAX_LENGTH + 8:
        return None
    if not text.isascii():
        # WSGI hands headers over as Latin-1; a client that sent UTF-8 meant the letters, not the bytes.
        with contextlib.suppress(UnicodeError):
            text = text.encode("latin-1").decode("utf-8")
    if text.startswith("["):
        address, bracket, port = text.partition("]")
        if not bracket or (port and not _PORT.fullmatch(port)):
            return None
        return _canonical(address + bracket)
    return _canonical(_PORT.sub("", text))


def _is_address(text: str) -> bool:
    """Whether a text is an IP address, with or without brackets or a port. The last label of a name is no number."""
    address = _PORT.sub("", text) if text.startswith("[") or text.count(":") == 1 else text
    try:
        ipaddress.ip_address(address.removesuffix(".").strip("[]"))
    except ValueError:
        return False
    return True


def _is_ipv6(text: str) -> bool:
    return text.startswith("[") and text.endswith("]")


def _canonical(text: str) -> str | None:
    if _is_ipv6(text):
        try:
            return f"[{ipaddress.IPv6Address(text[1:-1]).compressed}]"
        except ValueError:
            return None
    if len(text) > MAX_LENGTH + 1:
        return None
    name = text.lower()
    if not name.isascii() or "xn--" in name:
        try:
            name = idna.encode(text, uts46=True, std3_rules=True).decode("ascii").lower()
        except (idna.IDNAError, UnicodeError):
            return None
    name = name.removesuffix(".")
    return name if len(name) <= MAX_LENGTH and _NAME.fullmatch(name) else None
