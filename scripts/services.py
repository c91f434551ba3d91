"""Throwaway MariaDB, PostgreSQL and Redis for the tests: on free loopback ports, from the system's own packages.

    python scripts/services.py start [mariadb] [postgresql] [redis] [--require mariadb,postgresql,redis]
    python scripts/services.py stop | status | env

Each server keeps its data in a folder of its own below the system's temporary folder and is tuned to forget: nothing
is flushed to disk. What runs is written to `.services/services.json` (readable by its owner only, it holds passwords).
A second `start` leaves running servers alone and starts the missing ones. `stop` ends a process only if it is still
the one that was started: a process id that was given to another program since is left alone.

A server that runs elsewhere is used instead where its address is given in the environment (CCX_TENANCY_MYSQL_URL,
CCX_TENANCY_POSTGRESQL_URL, CCX_TENANCY_REDIS_URL, as scheme://user:password@host:port/name); it is never stopped.

Only the standard library is used: this runs before any virtual environment exists.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import fcntl
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
STATE_DIRECTORY = Path(os.environ.get("CCX_TENANCY_SERVICES_DIRECTORY") or ROOT / ".services")
START_SECONDS = 60.0
STOP_SECONDS = 20.0
ATTEMPTS = 3  # a free port can be taken by another program between our look and the server's start


class ServiceError(Exception):
    """A server could not be found, started or reached; the message is for the person who reads the terminal."""


class NotInstalledError(ServiceError):
    """The system has no package with this server."""


@dataclasses.dataclass(frozen=True)
class Launch:
    """One attempt to start a server: what its preparation and its start need to know."""

    directory: Path
    port: int
    password: str
    user: str | None  # run as this user; None: as ourselves

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "log"


@dataclasses.dataclass(frozen=True)
class Service:
    """One kind of server: its packages and programs, and how it is prepared, started, asked and addressed."""

    name: str
    variable: str
    packages: str
    programs: tuple[tuple[str, ...], ...]  # of each tuple one program is needed
    users: tuple[str, ...]  # where we are root: the first of these that exists runs the server
    url: Callable[[Launch], str]
    prepare: Callable[[Launch], None]
    command: Callable[[Launch], list[str]]
    answers: Callable[[Launch], bool]
    finish: Callable[[Launch], None]
    stop_signal: int = signal.SIGTERM


# Programs and users


def find_program(*names: str) -> str | None:
    """Return the path of the first of these programs that is installed, or None.

    Servers live outside a normal user's PATH on Debian (`/usr/sbin`, one folder a version for PostgreSQL).
    """
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/local/sbin", "/usr/sbin", "/sbin"]
    folders += [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version_of, reverse=True)]
    folders += [str(path) for path in Path("/usr").glob("pgsql-*/bin")]
    search_path = os.pathsep.join(folders)
    return next((path for name in names if (path := shutil.which(name, path=search_path))), None)


def _version_of(path: Path) -> int:
    return int(path.parent.name) if path.parent.name.isdigit() else 0


def need_program(*names: str) -> str:
    """Return the path of one of these programs; raise ServiceError where none is installed."""
    path = find_program(*names)
    if path is None:
        raise ServiceError(f"{' or '.join(names)} is not installed")
    return path


def user_for(names: Sequence[str]) -> str | None:
    """Return who runs a server: ourselves (None), or where we are root the first of `names` that the system knows.

    PostgreSQL refuses to run as root, and the others should not have to.
    """
    if os.geteuid() != 0:
        return None
    for name in names:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise ServiceError(f"we run as root, and the system has none of the users {', '.join(names)} to run a server as")


def identity(user: str | None) -> dict[str, Any]:
    """Return the arguments that make `subprocess` start a program as this user (none: as ourselves)."""
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def environment_of(launch: Launch, **more: str) -> dict[str, str]:
    """Return a small environment of our own: what is set for another server must not reach this one."""
    path = os.environ.get("PATH", "/usr/bin:/bin")
    return {"PATH": path, "HOME": str(launch.directory), "LC_ALL": "C.UTF-8", "TMPDIR": str(launch.directory), **more}


def run(launch: Launch, command: Sequence[str], **more: str) -> None:
    """Run a program to its end, its output in the server's log; raise ServiceError with that output where it fails."""
    done = subprocess.run(
        command,
        cwd=launch.directory,
        env=environment_of(launch, **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        **identity(launch.user),
    )
    with launch.log.open("a") as log:
        log.write(done.stdout)
    if done.returncode:
        raise ServiceError(f"{Path(command[0]).name} exited with {done.returncode}:\n{done.stdout[-2000:]}")


def nothing(_launch: Launch) -> None:
    """For a server that needs no preparation or no finish."""


# MariaDB: as Open edX runs it, utf8mb4 and READ COMMITTED


def mariadb_prepare(launch: Launch) -> None:
    options = ["--no-defaults", f"--datadir={launch.data}", "--auth-root-authentication-method=socket"]
    run(launch, [need_program("mariadb-install-db"), *options, "--skip-test-db"])
    statements = [
        "CREATE DATABASE ccx_tenancy CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;",
        "DROP USER IF EXISTS ''@'localhost';",
        f"CREATE USER 'ccx_tenancy'@'127.0.0.1' IDENTIFIED BY '{launch.password}';",
        "GRANT ALL PRIVILEGES ON *.* TO 'ccx_tenancy'@'127.0.0.1';",
    ]
    script = launch.data / "ccx_tenancy.sql"
    script.write_text("\n".join(statements) + "\n")
    if launch.user is not None:
        shutil.chown(script, launch.user)


def mariadb_command(launch: Launch) -> list[str]:
    return [
        need_program("mariadbd"),
        "--no-defaults",
        f"--datadir={launch.data}",
        f"--init-file={launch.data / 'ccx_tenancy.sql'}",
        f"--socket={launch.directory / 's'}",
        f"--pid-file={launch.directory / 'pid'}",
        f"--tmpdir={launch.directory}",
        "--bind-address=127.0.0.1",
        f"--port={launch.port}",
        "--skip-name-resolve",
        "--character-set-server=utf8mb4",
        "--collation-server=utf8mb4_unicode_ci",
        "--transaction-isolation=READ-COMMITTED",
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-flush-method=nosync",
        "--innodb-doublewrite=0",
        "--innodb-buffer-pool-size=128M",
        "--innodb-log-file-size=64M",
        "--skip-log-bin",
        "--skip-performance-schema",
    ]


def mariadb_answers(launch: Launch) -> bool:
    """Say whether the server greets: its first packet, sent unasked, carries the protocol's version, 10."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", launch.port), timeout=2) as connection:
        greeting = connection.recv(64)
        return len(greeting) > 4 and greeting[4] == 10
    return False


# PostgreSQL


def postgresql_prepare(launch: Launch) -> None:
    password_file = launch.directory / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(launch.password)
    if launch.user is not None:
        shutil.chown(password_file, launch.user)
    options = ["--username=ccx_tenancy", f"--pwfile={password_file}", "--auth=scram-sha-256", "--encoding=UTF8"]
    run(launch, [need_program("initdb"), f"--pgdata={launch.data}", "--locale=C.UTF-8", "--no-sync", *options])
    password_file.unlink()


def postgresql_command(launch: Launch) -> list[str]:
    settings = {
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "autovacuum": "off",
        "shared_buffers": "128MB",
        "max_connections": "200",
        "unix_socket_directories": str(launch.directory),
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return [need_program("postgres"), "-D", str(launch.data), "-h", "127.0.0.1", "-p", str(launch.port), *options]


def postgresql_answers(launch: Launch) -> bool:
    command = [need_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(launch.port)]
    return subprocess.run(command, env=environment_of(launch), check=False).returncode == 0


def postgresql_finish(launch: Launch) -> None:
    command = [need_program("createdb"), "-h", "127.0.0.1", "-p", str(launch.port), "-U", "ccx_tenancy", "ccx_tenancy"]
    run(launch, command, PGPASSWORD=launch.password)


# Redis


def redis_prepare(launch: Launch) -> None:
    settings = ["bind 127.0.0.1", f"port {launch.port}", f"dir {launch.data}", 'save ""', "appendonly no"]
    configuration = launch.directory / "redis.conf"
    configuration.write_text("\n".join([*settings, f"requirepass {launch.password}"]) + "\n")
    if launch.user is not None:
        shutil.chown(configuration, launch.user)


def redis_command(launch: Launch) -> list[str]:
    return [need_program("redis-server", "valkey-server"), str(launch.directory / "redis.conf")]


def redis_answers(launch: Launch) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", launch.port), timeout=2) as connection:
        connection.sendall(f"AUTH {launch.password}\r\nPING\r\n".encode())
        answer = b""
        while b"PONG" not in answer and (part := connection.recv(256)):
            answer += part
        return b"+PONG" in answer
    return False


SERVICES = (
    Service(
        name="mariadb",
        variable="CCX_TENANCY_MYSQL_URL",
        packages="mariadb-server",
        programs=(("mariadbd",), ("mariadb-install-db",)),
        users=("mysql", "nobody"),
        url=lambda launch: f"mysql://ccx_tenancy:{launch.password}@127.0.0.1:{launch.port}/ccx_tenancy",
        prepare=mariadb_prepare,
        command=mariadb_command,
        answers=mariadb_answers,
        finish=nothing,
    ),
    Service(
        name="postgresql",
        variable="CCX_TENANCY_POSTGRESQL_URL",
        packages="postgresql",
        programs=(("postgres",), ("initdb",), ("createdb",), ("pg_isready",)),
        users=("postgres", "nobody"),
        url=lambda launch: f"postgresql://ccx_tenancy:{launch.password}@127.0.0.1:{launch.port}/ccx_tenancy",
        prepare=postgresql_prepare,
        command=postgresql_command,
        answers=postgresql_answers,
        finish=postgresql_finish,
        stop_signal=signal.SIGINT,  # "fast": does not wait until the last client has left
    ),
    Service(
        name="redis",
        variable="CCX_TENANCY_REDIS_URL",
        packages="redis-server",
        programs=(("redis-server", "valkey-server"),),
        users=("redis", "nobody"),
        url=lambda launch: f"redis://:{launch.password}@127.0.0.1:{launch.port}/0",
        prepare=redis_prepare,
        command=redis_command,
        answers=redis_answers,
        finish=nothing,
    ),
)
BY_NAME = {service.name: service for service in SERVICES}


# Processes: a process id alone is not enough to know that a process is still ours


def start_time(pid: int) -> str | None:
    """Return when this process started, in a form that only serves to compare; None where it is gone or a zombie."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
        answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return answer.stdout.strip() or None
    return None if after_name[0] == "Z" else after_name[19]


def is_ours(entry: dict[str, Any]) -> bool:
    """Say whether the process of this entry of the state file still runs, and is the one that we started."""
    return bool(start_time(entry["pid"]) == entry["started"])


def end(pid: int, started: str | None, stop_signal: int) -> None:
    """Stop a process and wait for its end; kill it where it does not stop in time."""
    for number in (stop_signal, signal.SIGKILL):
        if started is None or start_time(pid) != started:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)  # ours only if this very run started it
            if start_time(pid) != started:
                return
            time.sleep(0.05)


# The state file


def read_state() -> dict[str, Any]:
    """Return what is known of started servers: {"directory": ..., "services": {name: {...}}}."""
    try:
        state = json.loads((STATE_DIRECTORY / "services.json").read_text())
    except FileNotFoundError:
        return {"directory": None, "services": {}}
    if not isinstance(state, dict) or not isinstance(state.get("services"), dict):
        raise ServiceError(f"{STATE_DIRECTORY / 'services.json'} is not a state file of ours; remove it")
    return state


def write_state(state: dict[str, Any]) -> None:
    """Replace the state file in one step, readable by its owner only."""
    STATE_DIRECTORY.mkdir(exist_ok=True)
    new = STATE_DIRECTORY / f"services.json.{os.getpid()}"
    new.touch(mode=0o600)
    new.write_text(json.dumps(state, indent=2) + "\n")
    new.replace(STATE_DIRECTORY / "services.json")


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Let one `start` or `stop` work at a time."""
    STATE_DIRECTORY.mkdir(exist_ok=True)
    with (STATE_DIRECTORY / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def addresses() -> dict[str, str]:
    """Return the address of each server that can be used now: from the environment, else one of ours that runs."""
    started = read_state()["services"]
    found = {name: entry["url"] for name, entry in started.items() if name in BY_NAME and is_ours(entry)}
    found.update({service.name: url for service in SERVICES if (url := os.environ.get(service.variable))})
    return {service.name: found[service.name] for service in SERVICES if service.name in found}


# Start and stop


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def make_directory() -> Path:
    """Make the folder that holds all data, in a place that the servers' users may enter."""
    directory = Path(tempfile.mkdtemp(prefix="ccx-tenancy-"))
    directory.chmod(0o711)
    return directory


def check_reach(user: str, directory: Path) -> None:
    """Raise ServiceError where this user may not enter the folder: servers say it in many ways, none of them clear."""
    command = ["/bin/sh", "-c", 'cd "$1"', "sh", str(directory)]
    if subprocess.run(command, cwd="/", stderr=subprocess.DEVNULL, check=False, **identity(user)).returncode:
        raise ServiceError(f"the server would run as {user}, who may not enter {directory}; TMPDIR names another place")


def launch_service(service: Service, parent: Path) -> dict[str, Any]:
    """Start one server below `parent` and return its entry for the state file.

    Raises NotInstalledError or ServiceError; then nothing of it runs and nothing of it lies on the disk.
    """
    missing = [names for names in service.programs if find_program(*names) is None]
    if missing:
        programs = ", ".join(" or ".join(names) for names in missing)
        raise NotInstalledError(f"{programs} not found; Debian and Ubuntu: apt-get install {service.packages}")
    user = user_for(service.users)
    if user is not None:
        check_reach(user, parent)
    for attempt in range(1, ATTEMPTS + 1):
        directory = parent / service.name
        launch = Launch(directory, free_port(), secrets.token_hex(16), user)
        directory.mkdir(mode=0o700)
        launch.data.mkdir(mode=0o700)
        launch.log.touch(mode=0o644)
        if user is not None:
            for path in (directory, launch.data, launch.log):
                shutil.chown(path, user)
        try:
            return _start_once(service, launch)
        except BaseException as error:
            tail = launch.log.read_text(errors="replace")[-2000:]
            shutil.rmtree(directory, ignore_errors=True)
            if not isinstance(error, ServiceError) or attempt == ATTEMPTS or "in use" not in f"{error}{tail}".lower():
                raise
    raise AssertionError("the loop returns or raises")


def _start_once(service: Service, launch: Launch) -> dict[str, Any]:
    service.prepare(launch)
    with launch.log.open("a") as log:
        process = subprocess.Popen(
            service.command(launch),
            cwd=launch.directory,
            env=environment_of(launch),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # the terminal's Ctrl-C and the end of `make` do not reach it
            **identity(launch.user),
        )
    started = start_time(process.pid)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not service.answers(launch):
            if process.poll() is not None:
                tail = launch.log.read_text(errors="replace")[-2000:]
                raise ServiceError(f"the server exited with {process.returncode}; the end of its log:\n{tail}")
            if time.monotonic() > deadline:
                tail = launch.log.read_text(errors="replace")[-2000:]
                raise ServiceError(f"no answer within {START_SECONDS:.0f} s; the end of its log:\n{tail}")
            time.sleep(0.05)
        service.finish(launch)
    except BaseException:
        end(process.pid, started, service.stop_signal)
        raise
    process.returncode = 0  # it outlives us by design; without this, Popen warns of a process left running
    entry = {"url": service.url(launch), "port": launch.port, "pid": process.pid, "started": started}
    return {**entry, "directory": str(launch.directory), "log": str(launch.log)}


def check_external(service: Service, url: str) -> None:
    """Raise ServiceError where an address from the environment cannot be used or nothing listens there."""
    example = f"{service.name if service.name != 'mariadb' else 'mysql'}://user:password@127.0.0.1:1234/name"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ServiceError(f"{service.variable}: {error}; expected like {example}") from error
    if not host or not port:
        raise ServiceError(f"{service.variable} names no host and port; expected like {example}")
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError as error:
        raise ServiceError(f"{service.variable}: nothing answers at {host}:{port} ({error})") from error


def start(wanted: Sequence[str], require: Sequence[str]) -> int:
    """Start those of `wanted` that are installed and do not run yet.

    Returns the exit code: 1 where one failed, or one of `require` is not installed.
    """
    failures = 0
    with locked():
        state = read_state()
        for service in (service for service in SERVICES if service.name in wanted):
            began = time.monotonic()
            try:
                if url := os.environ.get(service.variable):
                    check_external(service, url)
                    print(f"{service.name:<11} given by {service.variable}")
                    continue
                known = state["services"].get(service.name)
                if known and is_ours(known):
                    print(f"{service.name:<11} 127.0.0.1:{known['port']}, pid {known['pid']}, already running")
                    continue
                if known:
                    shutil.rmtree(known["directory"], ignore_errors=True)
                    del state["services"][service.name]
                if not state["directory"] or not Path(state["directory"]).is_dir():
                    state["directory"] = str(make_directory())
                entry = launch_service(service, Path(state["directory"]))
                state["services"][service.name] = entry
                seconds = time.monotonic() - began
                print(f"{service.name:<11} 127.0.0.1:{entry['port']}, pid {entry['pid']}, started in {seconds:.1f} s")
            except NotInstalledError as error:
                failures += service.name in require
                print(f"{service.name:<11} not installed: {error}", file=sys.stderr)
            except (ServiceError, OSError) as error:
                failures += 1
                print(f"{service.name:<11} failed: {error}", file=sys.stderr)
            finally:
                _remove_if_empty(state)
                write_state(state)
    return 1 if failures else 0


def _remove_if_empty(state: dict[str, Any]) -> None:
    if state["directory"] and not state["services"]:
        shutil.rmtree(state["directory"], ignore_errors=True)
        state["directory"] = None


def stop() -> int:
    """Stop what we started and remove its data; return the exit code."""
    with locked():
        state = read_state()
        for name, entry in list(state["services"].items()):
            if is_ours(entry):
                service = BY_NAME.get(name)
                end(entry["pid"], entry["started"], service.stop_signal if service else signal.SIGTERM)
                print(f"{name:<11} stopped, pid {entry['pid']}")
            else:
                print(f"{name:<11} was not running any more")
            del state["services"][name]
        if not state["services"] and not state["directory"]:
            print("no server of ours was running")
        _remove_if_empty(state)
        (STATE_DIRECTORY / "services.json").unlink(missing_ok=True)
    return 0


def status() -> int:
    """Print which server can be used, and where; return the exit code: 1 where none can."""
    found = addresses()
    for service in SERVICES:
        url = found.get(service.name)
        where = "not running" if url is None else f"{urlsplit(url).hostname}:{urlsplit(url).port}"
        print(
            f"{service.name:<11} {where}{', given by ' + service.variable if os.environ.get(service.variable) else ''}"
        )
    return 0 if found else 1


def print_environment() -> int:
    """Print the addresses as shell lines, to be read with `eval`."""
    for name, url in addresses().items():
        print(f"export {BY_NAME[name].variable}='{url}'")
    return 0


def name(text: str) -> str:
    """Return the name of a server; raise ArgumentTypeError for an unknown one."""
    if text not in BY_NAME:
        raise argparse.ArgumentTypeError(f"unknown server {text!r}; known: {', '.join(BY_NAME)}")
    return text


def names(text: str) -> list[str]:
    """Parse a list of servers, separated by commas; raise ArgumentTypeError for an unknown one."""
    return [name(word.strip()) for word in text.split(",") if word.strip()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and do what it says; return the exit code (2: wrong usage)."""
    parser = argparse.ArgumentParser(prog="services.py", description="Throwaway servers for the tests, on loopback.")
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("start", help="start what is installed and does not run yet")
    starting.add_argument("names", nargs="*", metavar="NAME", type=name, help=f"only these of {', '.join(BY_NAME)}")
    starting.add_argument(
        "--require", type=names, default=[], help="comma-separated; exit 1 where one is not installed"
    )
    commands.add_parser("stop", help="stop what `start` started and remove its data")
    commands.add_parser("status", help="print what can be used")
    commands.add_parser("env", help="print the addresses as `export` lines")
    options = parser.parse_args(arguments)
    signal.signal(
        signal.SIGTERM, lambda number, _frame: sys.exit(128 + number)
    )  # so that a half-started server is ended
    try:
        match options.command:
            case "start":
                only = options.names or list(BY_NAME)
                return start([*only, *options.require], options.require)
            case "stop":
                return stop()
            case "status":
                return status()
            case _:
                return print_environment()
    except ServiceError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
