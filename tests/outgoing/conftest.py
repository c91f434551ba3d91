import pytest

from ccx_tenancy.outgoing import tokens


@pytest.fixture
def loopback(settings):
    """Loopback may be called, as in a project that says so."""
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "OUTGOING_PRIVATE_NETWORKS": ["127.0.0.0/8"]}
    tokens.forget_all()
    yield
    tokens.forget_all()
