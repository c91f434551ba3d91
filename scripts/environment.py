"""The project's own virtual environments: made when first needed, made anew when what they rest on has changed.

    python scripts/environment.py [--python 3.12] [--extras test,lint]

Prints the path of the environment's Python. `.venv` belongs to the interpreter that runs this script; `--python` asks
for another version, whose environment is `.venv-py312`. Versions come from the pins of the Open edX release that runs
on that Python (requirements/constraints-*.txt) and, for our tools, from requirements/tools.txt: the same today and
next year. A stamp in the environment says what it was made of (the interpreter, the dependencies in pyproject.toml,
the pins, the extras); where it still fits, nothing is done.

Only the standard library is used: this runs before any virtual environment exists.
"""

from __future__ import annotations

import argparse
import dataclasses
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"

# Which release's pins go with which Python; a Python that is newer than all of these takes the last.
PINS = {(3, 11): "constraints-teak.txt", (3, 12): "constraints-2026-04.txt"}


class SetupError(Exception):
    """An environment cannot be made; the message says why and what helps."""


@dataclasses.dataclass(frozen=True)
class Interpreter:
    """A Python that environments are made from."""

    path: str
    version: tuple[int, int, int]

    @property
    def pins(self) -> Path:
        """The pins of the Open edX release that runs on this Python."""
        return REQUIREMENTS / PINS.get(self.version[:2], PINS[max(PINS)])

    @property
    def name(self) -> str:
        return f"py{self.version[0]}{self.version[1]}"

    def __str__(self) -> str:
        return f"Python {'.'.join(str(number) for number in self.version)}"


def this_interpreter() -> Interpreter:
    """Return the interpreter that runs us; below a virtual environment, if we run in one."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    return Interpreter(base, sys.version_info[:3])


def find_interpreter(version: str) -> Interpreter | None:
    """Return an interpreter of this version ("3.12"), or None where the machine has none that can make environments."""
    command = ["sh", str(ROOT / "scripts" / "find_python.sh"), version]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        return None
    path = found.stdout.strip()
    numbers = "import sys; print(*sys.version_info[:3])"
    answer = subprocess.run([path, "-I", "-c", numbers], capture_output=True, text=True, check=True)
    major, minor, micro = (int(number) for number in answer.stdout.split())
    return Interpreter(path, (major, minor, micro))


def fingerprint(interpreter: Interpreter) -> str:
    """Return a hash of everything an environment rests on, the extras excepted.

    Of pyproject.toml only what pip reads: a new rule for the linter is no reason to make everything anew.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    parts = [interpreter.path, str(interpreter), json.dumps([project["build-system"], project["project"]])]
    parts += [path.read_text() for path in (interpreter.pins, REQUIREMENTS / "tools.txt")]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def pip(python: Path, *arguments: str) -> None:
    """Run the environment's pip; raise SetupError with what it said where it fails."""
    command = [str(python), "-m", "pip", "--no-input", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        said = (done.stderr or done.stdout)[-4000:]
        raise SetupError(f"pip {' '.join(arguments)} failed:\n{said}")


def prepare(interpreter: Interpreter, directory: Path, extras: Sequence[str]) -> Path:
    """Return the Python of an up-to-date environment in `directory` that holds the project and these extras.

    The project is installed in place (editable). Raises SetupError where pip or venv fails; the next call
    then starts from nothing.
    """
    with (directory.parent / f"{directory.name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        return _prepare(interpreter, directory, set(extras))


def _prepare(interpreter: Interpreter, directory: Path, extras: set[str]) -> Path:
    python = directory / "bin" / "python"
    stamp_file = directory / "stamp.json"
    wanted = fingerprint(interpreter)
    try:
        stamp = json.loads(stamp_file.read_text())
    except (OSError, ValueError):
        stamp = {}
    present = set(stamp.get("extras", ()))
    fits = stamp.get("fingerprint") == wanted and python.exists()
    if fits and extras <= present:
        return python
    began = time.monotonic()
    if not fits:
        say(f"making {directory.name} with {interpreter} and the pins of {interpreter.pins.name}")
        if interpreter.version[:2] not in PINS:
            say(
                f"{interpreter} is newer than what is tested ({', '.join(f'{major}.{minor}' for major, minor in PINS)})"
            )
        shutil.rmtree(directory, ignore_errors=True)
        command = [interpreter.path, "-m", "venv", str(directory)]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            shutil.rmtree(directory, ignore_errors=True)
            raise SetupError(f"{' '.join(command)} failed:\n{made.stdout}{made.stderr}")
        present = set()
    else:
        stamp_file.unlink()  # a run that is broken off must not leave a stamp that promises more than there is
    all_extras = sorted(present | extras)
    target = f".[{','.join(all_extras)}]" if all_extras else "."
    try:
        pip(python, "install", "-q", *constraints(interpreter), "-e", target)
    except SetupError:
        if fits:  # pip builds everything before it installs anything: what was there is there still
            stamp_file.write_text(json.dumps(stamp) + "\n")
        raise
    stamp_file.write_text(json.dumps({"fingerprint": wanted, "extras": all_extras}) + "\n")
    say(f"{directory.name} is ready ({', '.join(all_extras) or 'no extras'}), {time.monotonic() - began:.0f} s")
    return python


def constraints(interpreter: Interpreter) -> list[str]:
    """Return pip's arguments for the pins that hold on this Python."""
    return ["-c", str(interpreter.pins), "-c", str(REQUIREMENTS / "tools.txt")]


def say(message: str) -> None:
    """Tell the person who waits what is going on; the standard output stays for the answer."""
    print(message, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and print the path of the environment's Python; return the exit code."""
    parser = argparse.ArgumentParser(prog="environment.py", description="Make or renew a virtual environment.")
    parser.add_argument("--python", metavar="VERSION", help="e.g. 3.12; without it: the interpreter that runs this")
    parser.add_argument("--extras", default="", help="comma-separated extras of pyproject.toml")
    options = parser.parse_args(arguments)
    extras = [extra for extra in options.extras.split(",") if extra]
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra in extras:
        if extra not in known:
            parser.error(f"unknown extra {extra!r}; known: {', '.join(known)}")
    interpreter: Interpreter | None = this_interpreter()
    directory = ROOT / ".venv"
    if options.python:
        interpreter = find_interpreter(options.python)
        if interpreter is None:
            print(f"no Python {options.python} with venv and ensurepip was found", file=sys.stderr)
            return 1
        directory = ROOT / f".venv-{interpreter.name}"
    assert interpreter is not None
    os.environ.pop("PYTHONPATH", None)
    try:
        print(prepare(interpreter, directory, extras))
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
