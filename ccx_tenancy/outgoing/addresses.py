"""Where a call may go: the guard against requests that an administrator or a client forges through us (SSRF).

An address is ``https``, names no user, and leads to a public network. A network that is not public (loopback, private,
link-local, shared, reserved, multicast) is called only where ``OUTGOING_PRIVATE_NETWORKS`` lists it, and only there is
plain ``http`` allowed. What a name resolves to is checked when the connection is made, and the connection is made to
the very address that was checked: a name that resolves to something else a moment later gains nothing.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

from ccx_tenancy.conf import conf
from ccx_tenancy.outgoing.errors import AddressRefused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Prefixes that carry an IPv4 address in their last 32 bits (RFC 6052), besides those that Python knows.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

#: Networks that are not public, and that some versions of Python take for such.
_NOT_PUBLIC = [
    ipaddress.ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "fec0::/10", "64:ff9b:1::/48", "3fff::/20", "5f00::/16", "100::/64")
]


def check_url(url: str) -> None:
    """Raise AddressRefused where an address may never be called, as far as can be told without asking a name server."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise AddressRefused(f"{_shown(url)} is not an address: {error}.") from None
    if parts.scheme not in ("http", "https"):
        raise AddressRefused(f"{_shown(url)} has the scheme {parts.scheme!r}; allowed are https and http.")
    if not host:
        raise AddressRefused(f"{_shown(url)} names no host.")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused(f"{_shown(url)} holds a user name or password; allowed is an address without.")
    if parts.fragment:
        raise AddressRefused(f"{_shown(url)} has a fragment; allowed is an address without.")
    if any(character.isspace() or ord(character) < 0x20 or character == "\\" for character in url):
        raise AddressRefused(f"{_shown(url)} holds white space, a control character or a backslash.")
    literal = _literal(host)
    if literal is not None:
        check_address(literal, parts.scheme)


def validate_url(url: str) -> None:
    """Validator of a model's or form's field: as :func:`check_url`, raising Django's ValidationError."""
    try:
        check_url(url)
    except AddressRefused as error:
        raise ValidationError(str(error), code="address_refused") from None


def resolve(host: str, port: int, scheme: str) -> list[Address]:
    """Return the addresses of a host that may be called, in the resolver's order.

    ``localhost`` and names under it are loopback without asking anybody (RFC 6761). Raises AddressRefused where the
    host has addresses but none that may be called, OSError where it has none.
    """
    found: list[Address]
    literal = _literal(host)
    if literal is not None:
        found = [literal]
    elif host.lower().rstrip(".") == "localhost" or host.lower().rstrip(".").endswith(".localhost"):
        found = [ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1")]
    else:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found = list(dict.fromkeys(ipaddress.ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers))
    allowed: list[Address] = []
    refusal: AddressRefused | None = None
    for address in found:
        try:
            check_address(address, scheme)
        except AddressRefused as error:
            refusal = refusal or error
        else:
            allowed.append(address)
    if not allowed and refusal is not None:
        raise refusal
    return allowed


def check_address(address: Address, scheme: str) -> None:
    """Raise AddressRefused where an IP address may not be called by that scheme."""
    if _is_listed(address):
        return
    if not all(_is_public(one) for one in (address, *_embedded(address))):
        raise AddressRefused(
            f"{address} is in a network that is not public; allowed are public ones and those that"
            " CCX_TENANCY['OUTGOING_PRIVATE_NETWORKS'] lists."
        )
    if scheme != "https":
        raise AddressRefused(
            f"{address} would be called by plain {scheme}; allowed is https, and http only in the networks that"
            " CCX_TENANCY['OUTGOING_PRIVATE_NETWORKS'] lists."
        )


def _is_public(address: Address) -> bool:
    if any(address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _is_listed(address: Address) -> bool:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    networks = [ipaddress.ip_network(text) for text in conf.outgoing_private_networks]
    return any((mapped or address) in network for network in networks)


def _embedded(address: Address) -> list[Address]:
    """Return the IPv4 addresses that an IPv6 address leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found: list[Address | None] = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in found if one is not None]


def _literal(host: str) -> Address | None:
    """Return the address that a host spells out: also ``127.1``, ``0x7f000001`` and ``2130706433``, as C reads it."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host.partition("%")[0])
    with contextlib.suppress(OSError):
        return ipaddress.IPv4Address(socket.inet_aton(host))
    return None


def _shown(url: str) -> str:
    """Return an address as a message may show it: without user, password, query and fragment."""
    try:
        parts = urlsplit(url)
        return repr(f"{parts.scheme}://{parts.hostname or ''}{parts.path}"[:200])
    except ValueError:
        return "The text"
