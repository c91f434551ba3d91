"""The sandbox as a person starts it, and its own tests under its own settings."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parent.parent.parent
RUN = ROOT / "sandbox" / "run.py"


def run(*command, var, **variables):
    # Coverage and settings of this process are not for that one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "DJANGO_"))}
    environment |= {"SANDBOX_VAR": str(var), **variables}
    return subprocess.run(
        [sys.executable, *map(str, command)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_every_page_of_the_sandbox_is_right_and_the_server_stops(tmp_path):
    done = run(RUN, "check", var=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith(" right, 0 wrong")


def test_the_sandboxs_own_tests_pass_under_its_own_settings(tmp_path):
    done = run(
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--confcutdir", ROOT / "tests" / "sandbox"),
        ROOT / "tests" / "sandbox" / "under_sandbox_settings",
        var=tmp_path,
        DJANGO_SETTINGS_MODULE="sandbox.settings",
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_setting_up_prints_every_address_and_login_and_is_the_same_twice(tmp_path):
    first = run(RUN, "serve", "--no-serve", var=tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    for expected in (
        "http://localhost:8000/",
        "http://localhost:8000/admin/",
        "http://studio.localhost:8000/",
        "http://maxi-academy.localhost:8000/",
        "http://blue-university.localhost:8000/",
        "http://www.blue-university.localhost:8000/",
        "sandbox-admin",
    ):
        assert expected in first.stdout
    second = run(RUN, "serve", "--no-serve", var=tmp_path)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "courses: 0 created, 0 changed, 8 unchanged" in second.stdout
    assert "accounts: 0 created, 0 changed, 7 unchanged" in second.stdout


def test_a_port_that_is_taken_is_refused_by_its_number_when_it_was_asked_for(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(RUN, "serve", "--port", str(port), var=tmp_path)
    assert done.returncode == 1
    assert f"The port {port} is taken by another program on 127.0.0.1" in done.stderr
    assert not (tmp_path / "db.sqlite3").exists()


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_what_is_no_port_is_a_wrong_usage(tmp_path, port):
    done = run(RUN, "serve", f"--port={port}", var=tmp_path)
    assert done.returncode == 2
    assert "is no port; allowed is a number from 0 to 65535" in done.stderr


def test_a_bad_seed_file_is_refused_by_file_and_place_and_changes_nothing(tmp_path):
    manage = ROOT / "sandbox" / "manage.py"
    assert run(RUN, "serve", "--no-serve", var=tmp_path).returncode == 0
    users = tmp_path / "users.json"
    users.write_text('{"users": [{"username": "new", "email": "new@example.com", "password": "long enough"},]}')
    done = run(manage, "sandbox_seed", "--users", users, var=tmp_path)
    assert done.returncode == 1
    assert f"{users}: line 1, column" in done.stderr
    query = "from django.contrib.auth.models import User; print(User.objects.filter(username='new').count())"
    assert run(manage, "shell", "-c", query, var=tmp_path).stdout.splitlines()[-1] == "0"


def test_other_seed_files_show_other_tenants(tmp_path):
    seed = tmp_path / "seed"
    shutil.copytree(ROOT / "sandbox" / "seed", seed)
    document = json.loads((seed / "tenants.json").read_text(encoding="utf-8"))
    maxi = document["tenants"][0]
    maxi["name"] = maxi["configuration"]["PLATFORM_NAME"] = "Green College"
    maxi["domain"] = "green.localhost"
    del maxi["domains"], document["sites"]
    (seed / "tenants.json").write_text(json.dumps(document), encoding="utf-8")
    done = run(RUN, "check", var=tmp_path, SANDBOX_SEED=str(seed))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok     green.localhost/" in done.stdout
    assert "maxi-academy.localhost" not in done.stdout


def test_a_bad_file_of_tenants_stops_the_start_and_is_named_with_the_place(tmp_path):
    seed = tmp_path / "seed"
    shutil.copytree(ROOT / "sandbox" / "seed", seed)
    text = (seed / "tenants.json").read_text(encoding="utf-8")
    (seed / "tenants.json").write_text(text.replace('"maxi-academy.localhost"', '"http://maxi/"'), encoding="utf-8")
    done = run(RUN, "serve", "--port", "0", var=tmp_path, SANDBOX_SEED=str(seed))
    assert done.returncode == 1
    assert "tenants.json" in done.stderr and "tenants[0].domains[0].domain" in done.stderr
    assert "http://localhost" not in done.stdout


def test_sigterm_stops_a_server_that_serves(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "DJANGO_"))}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, str(RUN), "serve", "--port", "0"],
            env={**environment, "SANDBOX_VAR": str(tmp_path)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            deadline = time.monotonic() + 120
            while "Serving on" not in (tmp_path / "log").read_text():
                assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait()
    assert "Stopped." in (tmp_path / "log").read_text()
