"""The runner: what its table says, and when it fails."""

import re

import pytest
import run_tests
from run_tests import Counts, Result

pytestmark = pytest.mark.once


def test_the_counts_of_a_run_come_from_its_report(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite name="pytest" errors="1" failures="2" skipped="3" tests="10" time="0.1"/></testsuites>'
    )
    assert run_tests.read_counts(report) == Counts(passed=4, failed=3, skipped=3)


def test_a_run_without_a_report_counts_nothing(tmp_path):
    assert run_tests.read_counts(tmp_path / "absent.xml") == Counts()


def test_the_table_names_what_was_skipped_and_why_and_closes_with_all_counts():
    results = [
        Result("lint", "passed", 0.2, "All checks passed!"),
        Result("sqlite", "failed", 3.0, "4 passed, 1 failed, 0 skipped", Counts(4, 1, 0)),
        Result("postgresql", "passed", 4.0, "5 passed, 0 failed, 2 skipped", Counts(5, 0, 2)),
        Result("redis", "skipped", detail="not running; `make services` starts it"),
    ]
    lines = run_tests.summary(results).splitlines()
    assert "redis       skipped           not running; `make services` starts it" in lines
    assert lines[-2:] == ["legs: 2 passed, 1 failed, 1 skipped", "tests: 9 passed, 1 failed, 2 skipped"]


def test_a_leg_that_lacks_what_it_needs_is_skipped_and_fails_where_it_is_required():
    def leg(_run):
        raise run_tests.SkipLeg("no server")

    assert run_tests.guarded("redis", leg, None, []) == Result("redis", "skipped", detail="no server")
    assert run_tests.guarded("redis", leg, None, ["redis"]) == Result(
        "redis", "failed", detail="required, but no server"
    )


def test_an_unknown_leg_is_refused_by_name(capsys):
    with pytest.raises(SystemExit) as exit_:
        run_tests.main(["--only", "sqlite,oracle"])
    assert exit_.value.code == 2
    assert "unknown leg 'oracle'" in capsys.readouterr().err


def test_every_room_that_uses_a_cache_or_a_broker_is_tested_with_redis():
    uses = re.compile(r"^(from|import) (celery|django\.core\.cache|rest_framework\.throttling)\b", re.MULTILINE)
    package = run_tests.ROOT / "ccx_tenancy"
    found = {path.relative_to(package) for path in package.rglob("*.py") if uses.search(path.read_text())}
    tested = [run_tests.ROOT / name for name in run_tests.REDIS_TESTS]
    assert all(place.exists() for place in tested)
    names = {place.stem.removeprefix("test_").removesuffix("_tasks") for place in tested}
    assert len(found) >= 8
    assert {str(path) for path in found if names.isdisjoint((*path.parts[:-1], path.stem))} == set()
