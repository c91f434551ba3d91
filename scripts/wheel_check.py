"""Build the sdist and the wheel and use the wheel as a host would: `make wheel-check`.

    python scripts/wheel_check.py        (with the Python of .venv, which has `build`)

1. Both carry every file of the package (templates, static files, locale, schemas, py.typed), and the wheel nothing
   else; the wheel is built from the sdist.
2. Every range in our metadata admits what each set of pins (requirements/constraints-*.txt) holds.
3. Into a new environment with the pinned versions of everything we depend on, directly or not, `pip install WHEEL`
   brings ours and changes no other package.
4. There, outside the repository, the package imports, migrates an SQLite file, creates a tenant and lists it.

The last line says how it went. A set of pins whose Python is not on the machine is skipped by name.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import email
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = environment.ROOT
PACKAGE = "ccx_tenancy"

# At least one file of each of these kinds has to be in the wheel: an empty set of files would be "complete" too.
KINDS = {
    "type marker": "ccx_tenancy/py.typed",
    "schema of known keys": "ccx_tenancy/site_config/known_keys.json",
    "templates": "ccx_tenancy/**/templates/**/*.html",
    "static files": "ccx_tenancy/**/static/**/*.js",
    "translations": "ccx_tenancy/**/locale/**/LC_MESSAGES/*.mo",
    "migrations": "ccx_tenancy/**/migrations/0001_*.py",
}

# These extras are what a host may have installed without us; the drivers of databases are the host's own choice.
EXTRAS = ("jwt", "redis", "schema")

SETTINGS = """
SECRET_KEY = "only for this check"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "check.sqlite3"}}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.sites",
    "organizations",
    "ccx_tenancy",
    "ccx_tenancy.audit",
    "ccx_tenancy.tenants",
    "ccx_tenancy.site_config",
]
MIDDLEWARE = ["ccx_tenancy.middleware.CurrentTenantMiddleware"]
SITE_ID = 1
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
"""


class CheckError(Exception):
    """Something does not hold; the message says what."""


@dataclasses.dataclass(frozen=True)
class Distributions:
    """What a build made."""

    sdist: Path
    wheel: Path

    @property
    def requirements(self) -> list[Requirement]:
        """What the wheel asks for, its extras included."""
        with zipfile.ZipFile(self.wheel) as archive:
            name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            metadata = email.message_from_bytes(archive.read(name))
        return [Requirement(text) for text in metadata.get_all("Requires-Dist", [])]


def run(command: Sequence[str], cwd: Path, **variables: str) -> str:
    """Run a program with a small environment and return its output; raise CheckError where it fails."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
    base = {name: value for name, value in os.environ.items() if name in kept or name.startswith(("PIP_", "SSL_"))}
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**base, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise CheckError(
            f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
    return done.stdout


# The build and what is in it


def project_files() -> list[str]:
    """Return what belongs to the project: the files that git tracks or would track, as they lie on the disk."""
    listed = run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], ROOT)
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def build(directory: Path) -> Distributions:
    """Build the sdist, and the wheel from it, out of a clean copy: leftovers of older builds must not count."""
    source = directory / "source"
    for name in project_files():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, source / name)
    run([sys.executable, "-m", "build", "--outdir", str(directory / "dist"), str(source)], directory)
    return Distributions(next(directory.glob("dist/*.tar.gz")), next(directory.glob("dist/*.whl")))


def check_contents(distributions: Distributions) -> int:
    """Compare the files of the package with those in both archives; return their number."""
    expected = {name for name in project_files() if name.startswith(f"{PACKAGE}/")}
    with zipfile.ZipFile(distributions.wheel) as archive:
        in_wheel = set(archive.namelist())
    with tarfile.open(distributions.sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}
    for archive_name, names in (("wheel", in_wheel), ("sdist", in_sdist)):
        if missing := sorted(expected - names):
            raise CheckError(f"the {archive_name} lacks {len(missing)} files: {', '.join(missing[:20])}")
    if others := sorted(name for name in in_wheel - expected if ".dist-info/" not in name):
        raise CheckError(f"the wheel carries what is not the package's: {', '.join(others[:20])}")
    for kind, pattern in KINDS.items():
        if not any(fits(name, pattern) for name in in_wheel):
            raise CheckError(f"the wheel has no {kind}: nothing fits {pattern}")
    return len(expected)


def fits(name: str, pattern: str) -> bool:
    """Say whether a path fits a pattern, in which `**` stands for any number of folders."""
    expression = re.escape(pattern).replace(r"\*\*/", "(?:.+/)?").replace(r"\*", "[^/]*")
    return re.fullmatch(expression, str(PurePosixPath(name))) is not None


# The pins


def read_pins(path: Path) -> dict[str, str]:
    """Return the version that a constraints file gives each package, by canonical name."""
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    pairs = (line.partition("==") for line in lines if line)
    return {canonicalize_name(name): version for name, _, version in pairs}


def check_ranges(requirements: Sequence[Requirement], pins_file: Path) -> None:
    """Raise CheckError where one of our ranges does not admit the version that is pinned."""
    pins = read_pins(pins_file)
    refused = [
        f"{requirement} (pinned: {pinned})"
        for requirement in requirements
        if (pinned := pins.get(canonicalize_name(requirement.name))) and pinned not in requirement.specifier
    ]
    if refused:
        raise CheckError(f"ranges that do not admit {pins_file.name}: {'; '.join(refused)}")


def names_of(requirements: Sequence[Requirement]) -> list[str]:
    """Return the names of what we require, with EXTRAS, without versions: a host knows nothing of our ranges."""
    chosen = (requirement for requirement in requirements if wanted(requirement))
    return sorted({requirement.name for requirement in chosen})


def wanted(requirement: Requirement) -> bool:
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({"extra": extra}) for extra in EXTRAS)


def freeze(python: str, directory: Path) -> dict[str, str]:
    """Return the version of each installed package."""
    listed = json.loads(run([python, "-m", "pip", "list", "--format", "json"], directory))
    return {canonicalize_name(entry["name"]): entry["version"] for entry in listed}


def check_pins(distributions: Distributions, pins_file: Path, version: str, directory: Path) -> str:
    """Install the wheel beside the pinned versions, see that none of them changes, and use it; return what was done."""
    began = time.monotonic()
    requirements = distributions.requirements
    check_ranges(requirements, pins_file)
    interpreter = environment.find_interpreter(version)
    if interpreter is None:
        return f"{pins_file.name} skipped: no Python {version} with venv and ensurepip"
    directory.mkdir()
    run([interpreter.path, "-m", "venv", str(directory / "venv")], directory)
    python = str(directory / "venv" / "bin" / "python")
    install = [python, "-m", "pip", "--no-input", "--disable-pip-version-check", "install", "-q", "--no-compile"]
    run([*install, "-c", str(pins_file), *names_of(requirements)], directory)
    before = freeze(python, directory)
    pins = read_pins(pins_file)
    if strays := sorted(name for name, held in before.items() if name in pins and pins[name] != held):
        raise CheckError(f"the environment for {pins_file.name} was not made as pinned: {', '.join(strays)}")
    run([*install, f"{distributions.wheel}[{','.join(EXTRAS)}]"], directory)
    after = freeze(python, directory)
    ours = after.pop(canonicalize_name(PACKAGE), None)
    if ours is None:
        raise CheckError("pip installed the wheel and does not list it")
    changes = [
        f"{name} {before.get(name, 'absent')} -> {after.get(name, 'absent')}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    if changes:
        raise CheckError(f"installing the wheel beside {pins_file.name} changes: {', '.join(changes)}")
    run([python, "-m", "pip", "check"], directory)
    use(python, directory)
    held = sum(name in pins for name in before)
    seconds = time.monotonic() - began
    return f"{pins_file.name}: {held} pinned packages unchanged, {interpreter}, used, {seconds:.0f} s"


def use(python: str, directory: Path) -> None:
    """Import, migrate, create a tenant and list it, in an empty folder outside the repository."""
    place = directory / "use"
    place.mkdir()
    (place / "check_settings.py").write_text(SETTINGS)
    variables = {"DJANGO_SETTINGS_MODULE": "check_settings", "PYTHONPATH": str(place)}
    where = run([python, "-c", f"import {PACKAGE}; print({PACKAGE}.__file__)"], place, **variables).strip()
    if not Path(where).is_relative_to(directory / "venv"):
        raise CheckError(f"{PACKAGE} was imported from {where}, not from the environment")
    django = [python, "-m", "django"]
    run([*django, "check"], place, **variables)
    run([*django, "migrate", "--verbosity", "0"], place, **variables)
    create = ["tenancy", "create", "blue", "--name", "Blue", "--domain", "blue.example.org", "--organization", "Blue"]
    run([*django, *create], place, **variables)
    listed = json.loads(run([*django, "tenancy", "list", "--format", "json"], place, **variables))
    if [tenant["key"] for tenant in listed] != ["blue"]:
        raise CheckError(f"`tenancy list` should name the tenant 'blue' and says {listed!r}")


def main() -> int:
    """Do all of it; return the exit code."""
    with tempfile.TemporaryDirectory(prefix="ccx-tenancy-wheel-") as name:
        directory = Path(name).resolve()
        try:
            distributions = build(directory)
            files = check_contents(distributions)
            print(f"{distributions.sdist.name} and {distributions.wheel.name} carry all {files} files of the package")
            with concurrent.futures.ThreadPoolExecutor() as pool:
                futures = [
                    pool.submit(
                        check_pins,
                        distributions,
                        environment.REQUIREMENTS / pins,
                        f"{major}.{minor}",
                        directory / pins.removesuffix(".txt"),
                    )
                    for (major, minor), pins in environment.PINS.items()
                ]
                said = [future.result() for future in futures]
        except CheckError as error:
            print(error)
            return 1
    print("\n".join(said))
    skipped = sum("skipped" in line for line in said)
    print(f"wheel: {files} files; {len(said) - skipped} sets of pins held{f', {skipped} skipped' if skipped else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
