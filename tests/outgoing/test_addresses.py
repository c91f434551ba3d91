"""Where a call may go."""

import ipaddress

import pytest
from django.core.exceptions import ValidationError

from ccx_tenancy.outgoing.addresses import check_url, resolve, validate_url
from ccx_tenancy.outgoing.errors import AddressRefused

REFUSED = [
    "ftp://example.com/",
    "file:///etc/passwd",
    "//example.com/",
    "https://",
    "https:///path",
    "https://user:password@example.com/",
    "https://user@example.com/",
    "https://example.com/#fragment",
    "https://example.com\\@127.0.0.1/",
    "https://exam ple.com/",
    "https://example.com:70000/",
    "https://[::1/",
    # Loopback, private, link-local, shared, reserved and multicast, in every spelling that reaches them.
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://0.0.0.0/",
    "https://10.1.2.3/",
    "https://172.16.0.1/",
    "https://192.168.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[::1]/",
    "https://[::]/",
    "https://[fe80::1%25eth0]/",
    "https://[fc00::1]/",
    "https://[ff02::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://[2002:7f00:1::]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b:1::7f00:1]/",
    "https://[::127.0.0.1]/",
    "https://[fec0::1]/",
    "https://[3fff::1]/",
    "https://192.0.0.8/",
    "https://192.88.99.1/",
    # In public, in the clear.
    "http://93.184.215.14/",
]


@pytest.mark.once
@pytest.mark.parametrize("url", REFUSED)
def test_what_may_not_be_called_is_refused(url):
    with pytest.raises(AddressRefused):
        check_url(url)
    with pytest.raises(ValidationError):
        validate_url(url)


@pytest.mark.once
@pytest.mark.parametrize(
    "url",
    ["https://example.com/", "https://example.com:8443/a?b=c", "https://93.184.215.14/", "https://[2606:2800::1]/"],
)
def test_what_is_public_and_encrypted_is_let_through(url):
    check_url(url)


@pytest.mark.once
def test_a_listed_network_is_let_through_also_in_the_clear(settings):
    settings.CCX_TENANCY = {"OUTGOING_PRIVATE_NETWORKS": ["10.1.0.0/16", "::1/128"]}
    check_url("http://10.1.2.3/")
    check_url("http://[::1]/")
    check_url("http://[::ffff:10.1.2.3]/")
    with pytest.raises(AddressRefused, match="OUTGOING_PRIVATE_NETWORKS"):
        check_url("http://10.2.0.1/")


@pytest.mark.once
@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "hub.localhost", "hub.localhost."])
def test_names_of_the_machine_itself_are_loopback_whatever_a_name_server_says(host, settings):
    with pytest.raises(AddressRefused):
        resolve(host, 443, "https")
    settings.CCX_TENANCY = {"OUTGOING_PRIVATE_NETWORKS": ["127.0.0.0/8"]}
    assert resolve(host, 443, "http") == [ipaddress.IPv4Address("127.0.0.1")]


@pytest.mark.once
def test_a_message_shows_neither_the_query_nor_the_password():
    with pytest.raises(AddressRefused) as caught:
        check_url("https://someone:hunter2@example.com/path?token=hunter3")
    assert "hunter" not in str(caught.value)
    assert "example.com/path" in str(caught.value)
