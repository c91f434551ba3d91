"""What the index costs in memory."""

import gc
import tracemalloc

import pytest

from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.index import index

BUDGET_BYTES_A_TENANT = 1024


@pytest.mark.benchmark(group="memory of the index (budget 1 KiB a tenant)")
def test_memory_of_the_index(benchmark, installation):
    def load():
        revisions.forget()
        gc.collect()
        tracemalloc.start()
        kept = index()
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(kept.tenants) == installation
        return size

    size = benchmark.pedantic(load, rounds=1, iterations=1)
    benchmark.extra_info["bytes a tenant"] = size // installation
    if installation >= 1000:
        assert size / installation <= BUDGET_BYTES_A_TENANT
