"""A real worker with processes of its own, Redis between, and a database that both reach."""

import os
import signal
import subprocess
import sys

import pytest

from tests.conftest import ROOT, OtherProcess, database_url

REDIS = os.environ.get("CCX_TENANCY_REDIS_URL")

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(not REDIS, reason="CCX_TENANCY_REDIS_URL names no Redis"),
]

NAMES = {"maxi-academy": "Maxi's Academy", "blue-university": "Blue University", None: None}


def test_prefork_workers_see_the_tenant_of_each_message(transactional_db, tmp_path):
    environment = {
        "CCX_TENANCY_DATABASE_URL": database_url(tmp_path / "shared.sqlite3"),
        "CCX_TENANCY_QUEUE": f"ccx-tenancy-{os.getpid()}",
    }
    if environment["CCX_TENANCY_DATABASE_URL"].startswith("sqlite"):
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env={**os.environ, **environment}, check=True
        )
    publisher = OtherProcess(environment)
    publisher.run("from tests.conftest import make_tenants; make_tenants()")
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "tests.celery_tasks.project", "worker", "-c", "2", "-l", "ERROR"],
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    processes = set()
    try:
        # Which process takes a message is the worker's affair: on a busy machine one may take them all for a while.
        for _ in range(10):
            for key, found in publisher.run("from tests.celery_tasks.project import publish; result = publish(60)"):
                for tenant, name, pid in [found] if isinstance(found[0], str | None) else found:
                    assert (tenant, name) == (key, NAMES[key])
                    processes.add(pid)
            if len(processes) == 2:
                break
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(timeout=240)
        publisher.stop()
    assert len(processes) == 2
    assert os.getpid() not in processes
