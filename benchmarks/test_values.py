"""Reading values: in a tenant, and by organization."""

import pytest

from benchmarks import peers
from ccx_tenancy import api
from ccx_tenancy.site_config import helpers

ROUNDS = {"rounds": 50, "iterations": 2000, "warmup_rounds": 2}


@pytest.fixture
def inside(installation):
    with api.tenant_context("t5"):
        helpers.get_value("PLATFORM_NAME")
        yield


@pytest.mark.benchmark(group="read a value (budget 1 us)")
class TestReadAValue:
    """``get_value`` beside the floor."""

    def test_get_value(self, benchmark, inside):
        assert benchmark.pedantic(helpers.get_value, ("PLATFORM_NAME",), **ROUNDS) == "Tenant 5"

    def test_get_value_absent(self, benchmark, inside):
        assert benchmark.pedantic(helpers.get_value, ("ABSENT", "default"), **ROUNDS) == "default"

    def test_settings_read(self, benchmark, inside):
        benchmark.pedantic(peers.settings_read, **ROUNDS)

    def test_contextvar_read(self, benchmark, inside):
        benchmark.pedantic(peers.contextvar_read, **ROUNDS)


@pytest.mark.benchmark(group="read an organization's value (budget 2 us)")
class TestReadByOrganization:
    """``get_value_for_org`` beside the host's way of finding it."""

    def test_get_value_for_org(self, benchmark, installation):
        helpers.get_value_for_org("org00005", "PLATFORM_NAME")
        found = benchmark.pedantic(helpers.get_value_for_org, ("Org00005", "PLATFORM_NAME"), **ROUNDS)
        assert found == "Tenant 5"

    def test_scan_for_org(self, benchmark, installation):
        middle = installation // 2
        found = benchmark.pedantic(
            peers.scan_for_org, (f"Org{middle:05}", "PLATFORM_NAME"), rounds=3, iterations=1, warmup_rounds=1
        )
        assert found == f"Tenant {middle}"
