"""Everything that must hold, in one run: `make test`.

    python scripts/run_tests.py [--only LEG,...] [--require LEG,...] [-- PYTEST-ARGUMENT ...]

A leg is one check or one run of the test suite. The checks come first, two at a time; then the suite on SQLite, on
MariaDB, on PostgreSQL, the part of it that uses a cache or a broker with Redis, the browser's tests, and the suite in
the environment of the other Open edX release; at the end the branch coverage on SQLite and in the browser together.
What a leg needs and the machine lacks skips that leg: the table at the end names it and says why. `--require` (or
CCX_TENANCY_REQUIRE_LEGS) turns such a skip into a failure.

Database legs use the servers that `make services` started, or those named in the environment (see services.py).
Only the standard library is used here; the legs run in the project's own environments (see environment.py).
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import environment
import services

ROOT = environment.ROOT
OUTPUT = ROOT / "build" / "test"
COVERAGE = OUTPUT / "coverage"
MINIMUM_COVERAGE = 95
EXTRAS = ("test", "lint", "types", "docs", "postgresql", "redis", "jwt", "schema", "hub", "stripe", "authz")
OTHER_EXTRAS = ("test", "redis", "jwt", "schema", "hub", "stripe", "authz")
BUILD_PACKAGES = "gcc libmariadb-dev pkg-config python3-dev"

# What runs on each further database: all but the browser's tests, which have a leg, and the tests that use no database.
SUITE_ARGUMENTS = ("-m", "not browser and not once")
# The tests of the rooms that use a cache or a broker: elsewhere nothing is another with Redis.
REDIS_TESTS = (
    "tests/celery_tasks",
    "tests/ccxcon",
    "tests/hub",
    "tests/middleware/test_tenant_access.py",
    "tests/portal",
    "tests/rest_api",
)

CHECKS = ("format", "lint", "types", "imports", "migrations", "deploy", "docs", "demo", "wheel")
SUITES = ("sqlite", "mariadb", "postgresql", "redis", "browser", "other-release")
LEGS = (*CHECKS, *SUITES, "coverage")


class SkipLeg(Exception):
    """A leg cannot run here; the message says what is missing."""


@dataclasses.dataclass(frozen=True)
class Counts:
    """How many tests a run of the suite had, by outcome."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclasses.dataclass(frozen=True)
class Result:
    """How a leg ended."""

    leg: str
    outcome: str  # "passed", "failed" or "skipped"
    seconds: float = 0.0
    detail: str = ""
    counts: Counts = Counts()


@dataclasses.dataclass(frozen=True)
class Run:
    """What the legs of one run share."""

    python: Path  # of the main environment
    interpreter: environment.Interpreter
    pytest_arguments: tuple[str, ...]
    addresses: Mapping[str, str]

    @property
    def bin(self) -> Path:
        return self.python.parent


def clean_environment(**more: str) -> dict[str, str]:
    """Return our environment without what would change a leg's meaning, and with `more`."""
    dropped = ("DJANGO_SETTINGS_MODULE", "PYTHONPATH", "PYTHONHOME", "PYTEST_ADDOPTS", "VIRTUAL_ENV")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in dropped and not name.startswith(("CCX_TENANCY_", "COVERAGE_", "COV_CORE_"))
    }
    return {**kept, **more}


# Checks


def checks(run: Run) -> dict[str, list[list[str]]]:
    """Return the commands of each check; all of them run, and all have to succeed."""
    python = str(run.python)
    django = [python, "-W", "error", "-m", "django"]
    return {
        "format": [[str(run.bin / "ruff"), "format", "--check", "--diff", "."]],
        "lint": [[str(run.bin / "ruff"), "check", "."]],
        "types": [[python, "-m", "mypy"], [python, "-m", "mypy", "--config-file", "sandbox/mypy.ini"]],
        "imports": [[str(run.bin / "lint-imports")]],
        "migrations": [[python, "-W", "error", str(ROOT / "scripts" / "check_migrations.py")]],
        "deploy": [[*django, "check", "--deploy", "--fail-level=WARNING", "--settings=scripts.deploy_settings"]],
        "docs": [[python, "-m", "sphinx", "-q", "-W", "--keep-going", "-n", "docs", "docs/_build/html"]],
        "demo": [[python, "sandbox/run.py", "check"]],
        "wheel": [[python, str(ROOT / "scripts" / "wheel_check.py")]],
    }


def run_check(leg: str, commands: Sequence[Sequence[str]]) -> Result:
    """Run a check, its output kept in a file; print that output where the check fails."""
    began = time.monotonic()
    log = OUTPUT / f"{leg}.log"
    code = 0
    with log.open("w") as handle:
        for command in commands:
            handle.write(f"$ {' '.join(command)}\n")
            handle.flush()
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=handle,
                stderr=handle,
                check=False,
            )
            code = code or done.returncode
    seconds = time.monotonic() - began
    said = log.read_text(errors="replace")
    last = next((line for line in reversed(said.splitlines()) if line.strip()), "")
    if code:
        say(f"{leg}: failed in {seconds:.1f} s\n{said}")
        return Result(leg, "failed", seconds, f"exit code {code}; see {log.relative_to(ROOT)}")
    say(f"{leg}: passed in {seconds:.1f} s")
    return Result(leg, "passed", seconds, last[:80] if not last.startswith("$") else "")


# Runs of the suite


def run_suite(
    run: Run,
    leg: str,
    arguments: Sequence[str],
    python: Path | None = None,
    workers: int = 2,
    is_measured: bool = False,
    **variables: str,
) -> Result:
    """Run pytest for one leg, its output on the terminal, its counts and its coverage in files of their own.

    To measure what is covered makes a leg take half as long again, so it is done only where that adds something.
    """
    began = time.monotonic()
    report = OUTPUT / f"{leg}.xml"
    report.unlink(missing_ok=True)
    parallel = ["-n", str(workers), "--dist", "loadgroup"] if workers > 1 else ["-p", "no:xdist"]
    command = [str(python or run.python), "-m"]
    if is_measured:
        # By `coverage run`, which starts before Django does, in pytest's workers and in every other process that a test
        # starts (`patch` in pyproject.toml); pytest-cov starts after Django has imported half of what is measured.
        command += ["coverage", "run", "-m"]
        (COVERAGE / leg).mkdir(parents=True)
        variables["COVERAGE_FILE"] = str(COVERAGE / leg / "data")
    command += ["pytest", *parallel, "-p", "no:benchmark", f"--junitxml={report}", "-o", f"cache_dir={OUTPUT / leg}"]
    command += [*arguments, *run.pytest_arguments]
    say(f"\n{leg}: {' '.join(command)}")
    done = subprocess.run(command, cwd=ROOT, env=clean_environment(**variables), stdin=subprocess.DEVNULL, check=False)
    seconds = time.monotonic() - began
    counts = read_counts(report)
    if done.returncode == 0 and counts.passed:
        return Result(leg, "passed", seconds, str(counts), counts)
    why = f"{counts} (pytest's exit code {done.returncode})"
    return Result(leg, "failed", seconds, why, counts)


def read_counts(report: Path) -> Counts:
    """Return the counts of a JUnit report; none where pytest wrote no report."""
    if not report.exists():
        return Counts()
    suites = ElementTree.parse(report).getroot().iter("testsuite")  # noqa: S314 (a file that our own pytest wrote)
    total = Counts()
    for suite in suites:
        number = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
        failed = number["failures"] + number["errors"]
        total += Counts(number["tests"] - failed - number["skipped"], failed, number["skipped"])
    return total


def address(run: Run, service: str) -> str:
    """Return the address of a server; raise SkipLeg where there is none to use."""
    if service in run.addresses:
        return run.addresses[service]
    known = services.BY_NAME[service]
    if all(services.find_program(*names) for names in known.programs):
        raise SkipLeg(f"not running; `make services` starts it, or {known.variable} names one")
    raise SkipLeg(f"not installed (Debian and Ubuntu: apt-get install {known.packages}), and no {known.variable}")


def sqlite(run: Run) -> Result:
    """The whole suite, with the tests that run only once."""
    return run_suite(run, "sqlite", ["-m", "not browser"], is_measured=True)


def mariadb(run: Run) -> Result:
    url = address(run, "mariadb")
    try:
        environment.prepare(run.interpreter, ROOT / ".venv", [*EXTRAS, "mysql"])
    except environment.SetupError as error:
        say(str(error))
        raise SkipLeg(
            f"mysqlclient cannot be installed (Debian and Ubuntu: apt-get install {BUILD_PACKAGES})"
        ) from error
    return run_suite(run, "mariadb", SUITE_ARGUMENTS, CCX_TENANCY_DATABASE_URL=url)


def postgresql(run: Run) -> Result:
    url = address(run, "postgresql")
    return run_suite(run, "postgresql", SUITE_ARGUMENTS, CCX_TENANCY_DATABASE_URL=url)


def redis(run: Run) -> Result:
    """The rooms that use a cache or a broker, with Redis as both."""
    url = address(run, "redis")
    arguments = [*SUITE_ARGUMENTS, *REDIS_TESTS]
    return run_suite(run, "redis", arguments, CCX_TENANCY_REDIS_URL=url)


def browser(run: Run) -> Result:
    names = ("chromium", "chromium-browser", "google-chrome")
    named = os.environ.get("CCX_TENANCY_CHROMIUM")
    program = shutil.which(named) if named else next(filter(None, map(shutil.which, names)), None)
    if program is None:
        what = (
            f"CCX_TENANCY_CHROMIUM is {named!r}, which is no program" if named else f"none of {', '.join(names)} found"
        )
        raise SkipLeg(f"{what} (Debian: apt-get install chromium)")
    return run_suite(
        run,
        "browser",
        ["-m", "browser", "tests/browser"],
        workers=1,
        is_measured=True,
        CCX_TENANCY_CHROMIUM=program,
        CCX_TENANCY_REQUIRE_BROWSER="1",
    )


def other_release(run: Run) -> Result:
    """The suite on the Python, Django and pins of the Open edX release that the main environment is not of.

    Rows whose order nobody asked for come the other way round there, as a database may give them at any time.
    """
    version = next(
        f"{major}.{minor}" for major, minor in environment.PINS if (major, minor) != run.interpreter.version[:2]
    )
    interpreter = environment.find_interpreter(version)
    if interpreter is None:
        raise SkipLeg(f"no Python {version} (with venv and ensurepip) on this machine")
    python = environment.prepare(interpreter, ROOT / f".venv-{interpreter.name}", OTHER_EXTRAS)
    result = run_suite(run, "other-release", ["-m", "not browser"], python=python, CCX_TENANCY_REVERSED="1")
    return dataclasses.replace(result, detail=f"{result.detail}; {interpreter}, {interpreter.pins.name}")


SUITE_FUNCTIONS: dict[str, Callable[[Run], Result]] = {
    "sqlite": sqlite,
    "mariadb": mariadb,
    "postgresql": postgresql,
    "redis": redis,
    "browser": browser,
    "other-release": other_release,
}


def coverage(run: Run) -> Result:
    """Combine what the runs of the suite covered and compare it with the minimum."""
    began = time.monotonic()
    data = sorted(COVERAGE.glob("*/data.*"))
    if not data:
        raise SkipLeg("no run of the suite left coverage data")
    command = [str(run.python), "-m", "coverage"]
    variables = clean_environment(COVERAGE_FILE=str(COVERAGE / "data"))
    say("")
    combine = [*command, "combine", "-q", "--keep", *map(str, data)]
    report = [*command, "report", f"--fail-under={MINIMUM_COVERAGE}"]
    for step in (combine, report):
        done = subprocess.run(step, cwd=ROOT, env=variables, check=False)
        if done.returncode:
            why = f"below {MINIMUM_COVERAGE} %" if step is report else "the data cannot be combined"
            return Result("coverage", "failed", time.monotonic() - began, why)
    total = subprocess.run(
        [*command, "report", "--format=total"], cwd=ROOT, env=variables, capture_output=True, text=True, check=True
    )
    ran = {path.parent.name for path in data}
    detail = f"{total.stdout.strip()} % of lines and branches, over {', '.join(leg for leg in SUITES if leg in ran)}"
    return Result("coverage", "passed", time.monotonic() - began, detail)


# The whole


def say(message: str) -> None:
    print(message, flush=True)


def guarded(leg: str, function: Callable[[Run], Result], run: Run, required: Sequence[str]) -> Result:
    """Run a leg; a leg that cannot run is skipped with its reason, or failed where it is required."""
    try:
        return function(run)
    except SkipLeg as reason:
        outcome = "failed" if leg in required else "skipped"
        return Result(leg, outcome, detail=f"{'required, but ' if outcome == 'failed' else ''}{reason}")
    except environment.SetupError as error:
        say(str(error))
        return Result(leg, "failed", detail="its environment cannot be made")


def summary(results: Sequence[Result]) -> str:
    """Return the table of all legs, and the closing line with the counts of all tests."""
    width = max(len(result.leg) for result in results)
    lines = [f"{'leg':<{width}}  {'result':<7}  {'time':>7}  detail"]
    for result in results:
        seconds = f"{result.seconds:.1f} s" if result.seconds else ""
        lines.append(f"{result.leg:<{width}}  {result.outcome:<7}  {seconds:>7}  {result.detail}".rstrip())
    total = sum((result.counts for result in results), Counts())
    by_outcome = [
        f"{[r.outcome for r in results].count(outcome)} {outcome}" for outcome in ("passed", "failed", "skipped")
    ]
    lines.append(f"legs: {', '.join(by_outcome)}")
    if any(result.leg in SUITES for result in results):
        lines.append(f"tests: {total}")
    return "\n".join(lines)


def legs(text: str) -> list[str]:
    """Parse a list of legs, separated by commas; raise ArgumentTypeError for an unknown one."""
    wanted = [word.strip() for word in text.split(",") if word.strip()]
    for leg in wanted:
        if leg not in LEGS:
            raise argparse.ArgumentTypeError(f"unknown leg {leg!r}; known: {', '.join(LEGS)}")
    return wanted


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the legs and print the table; return the exit code: 1 where one failed, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="run_tests.py", description="Run every check and every run of the suite.")
    parser.add_argument("--only", type=legs, default=[], help=f"comma-separated, of {', '.join(LEGS)}")
    required = os.environ.get("CCX_TENANCY_REQUIRE_LEGS", "")
    parser.add_argument("--require", type=legs, default=required, help="legs that must not be skipped")
    parser.add_argument("pytest_arguments", nargs="*", help="after --: given to pytest in each run of the suite")
    options = parser.parse_args(arguments)
    wanted = options.only or LEGS
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    interpreter = environment.this_interpreter()
    try:
        python = environment.prepare(interpreter, ROOT / ".venv", EXTRAS)
    except environment.SetupError as error:
        print(error, file=sys.stderr)
        return 1
    run = Run(python, interpreter, tuple(options.pytest_arguments), services.addresses())
    results = []
    commands = {leg: commands for leg, commands in checks(run).items() if leg in wanted}
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        # the longest first, so that the two finish together
        order = sorted(commands, key=lambda leg: leg not in ("wheel", "types"))
        futures = {leg: pool.submit(run_check, leg, commands[leg]) for leg in order}
        results += [futures[leg].result() for leg in commands]
    for leg in SUITES:
        if leg in wanted:
            results.append(guarded(leg, SUITE_FUNCTIONS[leg], run, options.require))
    if "coverage" in wanted:
        results.append(guarded("coverage", coverage, run, options.require))
    say(f"\n{summary(results)}")
    return 1 if any(result.outcome == "failed" for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
