"""The throwaway servers: started for real where the system has them, stopped by process id, and gone afterwards."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import services

pytestmark = pytest.mark.once

SCRIPT = Path(services.__file__)
ADDRESSES = [service.variable for service in services.SERVICES]


@pytest.fixture
def place():
    """A folder that a server may enter which does not run as us; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(prefix="ccx-tenancy-test-") as name:
        place = Path(name)
        for folder in (place, place / "tmp", place / "bin"):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
        yield place


@pytest.fixture
def run(place):
    """Call the script with a state folder and a temporary folder of the test's own; stop its servers at the end."""
    base = {name: value for name, value in os.environ.items() if name not in ADDRESSES}
    base |= {"CCX_TENANCY_SERVICES_DIRECTORY": str(place / "state"), "TMPDIR": str(place / "tmp")}

    def call(*arguments, **variables):
        command = [sys.executable, str(SCRIPT), *arguments]
        return subprocess.run(command, env={**base, **variables}, capture_output=True, text=True, check=False)

    yield call
    call("stop")


def state(place):
    return json.loads((place / "state" / "services.json").read_text())


needs_redis = pytest.mark.skipif(
    services.find_program("redis-server", "valkey-server") is None, reason="redis-server is not installed"
)


@needs_redis
def test_a_second_start_leaves_the_running_server_alone_and_stop_leaves_nothing_behind(run, place):
    first = run("start", "redis")
    assert first.returncode == 0, first.stderr
    entry = state(place)["services"]["redis"]
    assert (place / "state" / "services.json").stat().st_mode & 0o077 == 0
    second = run("start", "redis")
    assert "already running" in second.stdout
    assert state(place)["services"]["redis"] == entry
    assert f"127.0.0.1:{entry['port']}" in run("status").stdout
    assert run("env").stdout.strip() == f"export CCX_TENANCY_REDIS_URL='{entry['url']}'"

    stopped = run("stop")
    assert f"pid {entry['pid']}" in stopped.stdout
    assert services.start_time(entry["pid"]) is None
    assert list((place / "tmp").iterdir()) == []
    assert not (place / "state" / "services.json").exists()


@needs_redis
def test_a_server_that_died_is_started_anew(run, place):
    run("start", "redis")
    before = state(place)["services"]["redis"]
    os.kill(before["pid"], signal.SIGKILL)
    deadline = time.monotonic() + 120
    while services.is_ours(before) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert run("start", "redis").returncode == 0
    after = state(place)["services"]["redis"]
    assert after["pid"] != before["pid"]
    assert services.is_ours(after)


@needs_redis
def test_a_process_that_got_the_number_of_a_dead_server_is_not_stopped(run, place):
    run("start", "redis")
    path = place / "state" / "services.json"
    known = state(place)
    server = dict(known["services"]["redis"])
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as bystander:
        try:
            known["services"]["redis"]["pid"] = bystander.pid
            path.write_text(json.dumps(known))
            assert "was not running any more" in run("stop").stdout
            assert bystander.poll() is None
        finally:
            bystander.kill()
            services.end(server["pid"], server["started"], signal.SIGTERM)


@pytest.mark.parametrize(
    ("name", "program", "script"),
    [
        ("redis", "redis-server", "#!/bin/sh\necho out of luck; exit 3\n"),
        ("postgresql", "initdb", "#!/bin/sh\necho no room >&2; exit 3\n"),
        ("mariadb", "mariadb-install-db", "#!/bin/sh\necho no room >&2; exit 3\n"),
    ],
)
def test_a_server_that_fails_to_start_says_why_and_leaves_nothing_behind(run, place, name, program, script):
    service = services.BY_NAME[name]
    if any(services.find_program(*names) is None for names in service.programs):
        pytest.skip(f"{name} is not installed")
    broken = place / "bin"
    (broken / program).write_text(script)
    (broken / program).chmod(0o755)
    done = run("start", name, PATH=f"{broken}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert "out of luck" in done.stderr or "no room" in done.stderr
    assert list((place / "tmp").iterdir()) == []
    assert state(place) == {"directory": None, "services": {}}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers as somebody else")
@needs_redis
def test_a_place_that_the_server_may_not_enter_is_named_with_a_way_out(run, place):
    (place / "tmp").chmod(0o700)
    done = run("start", "redis")
    assert done.returncode == 1
    assert str(place / "tmp") in done.stderr
    assert "TMPDIR names another place" in done.stderr
    assert list((place / "tmp").iterdir()) == []


def test_an_unknown_server_is_refused_by_name(run):
    done = run("start", "oracle")
    assert done.returncode == 2
    assert "'oracle'" in done.stderr
    assert "mariadb, postgresql, redis" in done.stderr


def test_an_address_from_the_environment_is_used_and_nothing_is_started(run, place):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        done = run("start", "redis", CCX_TENANCY_REDIS_URL=url)
        assert done.returncode == 0, done.stderr
        assert "given by CCX_TENANCY_REDIS_URL" in done.stdout
        assert state(place)["services"] == {}
        assert url in run("env", CCX_TENANCY_REDIS_URL=url).stdout


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://127.0.0.1:1/0", "nothing answers at 127.0.0.1:1"),
        ("redis://127.0.0.1:port/0", "expected like redis://"),
        ("just words", "names no host and port"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_by_the_name_of_its_variable(run, url, said):
    done = run("start", "redis", CCX_TENANCY_REDIS_URL=url)
    assert done.returncode == 1
    assert "CCX_TENANCY_REDIS_URL" in done.stderr
    assert said in done.stderr


def test_a_server_that_is_not_installed_names_its_package_and_fails_only_where_it_is_required(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(services, "STATE_DIRECTORY", tmp_path)
    monkeypatch.setattr(services, "find_program", lambda *names: None)
    for variable in ADDRESSES:
        monkeypatch.delenv(variable, raising=False)
    assert services.start(["mariadb"], []) == 0
    assert "apt-get install mariadb-server" in capsys.readouterr().err
    assert services.start(["mariadb"], ["mariadb"]) == 1
