"""Host names in one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_tenancy.errors import InvalidDomain
from ccx_tenancy.tenants.hostnames import normalize_domain, normalize_host

pytestmark = pytest.mark.once

SAME = [
    ("academy.example.com", "academy.example.com"),
    ("Academy.EXAMPLE.com", "academy.example.com"),
    ("academy.example.com:8000", "academy.example.com"),
    ("academy.example.com:", "academy.example.com"),
    ("academy.example.com.", "academy.example.com"),
    ("academy.example.com.:443", "academy.example.com"),
    ("bücher.example", "xn--bcher-kva.example"),
    ("BÜCHER.example", "xn--bcher-kva.example"),
    ("bücher.example".encode().decode("latin-1"), "xn--bcher-kva.example"),
    ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
    ("日本語。jp", "xn--wgv71a119e.jp"),
    ("ａｃademy.example", "academy.example"),
    ("localhost", "localhost"),
    ("127.0.0.1:80", "127.0.0.1"),
    ("[::1]:8000", "[::1]"),
    ("[0:0:0:0:0:0:0:1]", "[::1]"),
    ("[2001:DB8::1]", "[2001:db8::1]"),
]

NO_HOST = [
    "",
    ".",
    "..",
    ":80",
    "a..b",
    "-a.example",
    "a-.example",
    "a_b.example",
    "a b.example",
    "a.example\x00",
    "a.example\n",
    "\x7f",
    "user@a.example",
    "a.example/path",
    "a.example:port",
    "a.example:999999",
    "[::1",
    "::1",
    "[::1]x",
    "[nonsense]",
    "xn--a.example",
    "a" * 64 + ".example",
    "x" * 300,
    ("a." * 140) + "example",
]


@pytest.mark.parametrize(("text", "expected"), SAME)
def test_every_spelling_of_a_host_header_becomes_one(text, expected):
    assert normalize_host(text) == expected


@pytest.mark.parametrize("text", NO_HOST)
def test_what_cannot_be_a_host_name_is_none(text):
    assert normalize_host(text) is None


@given(st.text(max_size=320))
def test_no_header_raises_and_every_answer_is_stable(text):
    name = normalize_host(text)
    assert name is None or normalize_host(name) == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Academy.Example.Com.", "academy.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_a_typed_domain_is_stored_in_its_one_spelling(text, expected):
    assert normalize_domain(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("https://a.example", "has a scheme"),
        ("a.example/path", "has a path"),
        ("a.example\\path", "has a backslash"),
        ("user@a.example", "has a user name"),
        ("a.example?x", "has a query"),
        ("a.example#x", "has a fragment"),
        ("*.a.example", "has a wildcard"),
        ("a.example,b.example", "has a comma"),
        ("a b.example", "has a blank"),
        (" a.example", "has a blank"),
        ("a.example ", "has a blank"),
        ("a.example\n", "a line end"),
        ("a.example\u2028", "a line end"),
        ("a.example\u00a0", "has a blank"),
        ("a.example\x00", "control character"),
        ("a.example:8000", "has a port"),
        ("[::1]", "is an address"),
        ("[::1]:8000", "is an address"),
        ("::1", "is an address"),
        ("2001:db8::7", "is an address"),
        ("127.0.0.1", "is an address"),
        ("127.0.0.1:80", "is an address"),
        ("10.0.0.7.", "is an address"),
        ("", "is empty"),
        ("   ", "is empty"),
        ("a_b.example", "is not a host name"),
        ("a" * 64, "is not a host name"),
        ("a." * 140 + "b", "is not a host name"),
        (None, "is NoneType"),
        (7, "is int"),
    ],
)
def test_a_bad_domain_is_refused_with_what_was_found_and_what_is_allowed(text, reason):
    with pytest.raises(InvalidDomain) as caught:
        normalize_domain(text)
    assert reason in str(caught.value)
    assert repr(text) in str(caught.value)
    assert "host name" in str(caught.value) or "port" in str(caught.value)
