"""A real Chromium for the tests of what people see.

The browser is the machine's own: ``CCX_TENANCY_CHROMIUM`` names it, otherwise it is looked for on the path.
Without one the tests are skipped, saying so; with ``CCX_TENANCY_REQUIRE_BROWSER=1`` they fail instead, so that a run
that must include them cannot pass without.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # Whatever else the browser may want to look up, it does not find.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE *.localhost",
]


def _missing(reason: str) -> None:
    if os.environ.get("CCX_TENANCY_REQUIRE_BROWSER") == "1":
        pytest.fail(f"{reason}, and CCX_TENANCY_REQUIRE_BROWSER=1 asks for one.", pytrace=False)
    pytest.skip(f"{reason}: the browser tests were not run.")


def _is_local(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme in ("about", "blob", "data"):
        return True
    host = parts.hostname or ""
    return host in ("127.0.0.1", "::1", "localhost") or host.endswith(".localhost")


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """A Chromium for the tests of one module; skips (or fails) where there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("Playwright is not installed (pip install playwright)")
    named = os.environ.get("CCX_TENANCY_CHROMIUM")
    executable = next(filter(None, map(shutil.which, [named] if named else CHROMIUM_NAMES)), None)
    if executable is None:
        _missing(
            f"CCX_TENANCY_CHROMIUM is {named!r}, which is no program"
            if named
            else f"None of {', '.join(CHROMIUM_NAMES)} is on the path"
        )
    with pytest.MonkeyPatch.context() as patch:
        # Playwright runs its own event loop in this thread, which Django takes for asynchronous code of ours.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGUMENTS)
            yield chromium
            chromium.close()


@pytest.fixture
def new_page(browser):
    """A function that opens a page in a browser of its own (``new_page(color_scheme="dark")``).

    At the end of the test every page must have stayed on this machine and run without an error of its scripts:
    a request to another host is aborted and fails the test, and so does an uncaught exception.
    """
    contexts, foreign, errors = [], [], []

    def handle(route) -> None:
        if _is_local(route.request.url):
            route.continue_()
        else:
            foreign.append(route.request.url)
            route.abort()

    def opened(**options):
        context = browser.new_context(**{"viewport": {"width": 1100, "height": 800}, **options})
        context.set_default_timeout(10_000)
        contexts.append(context)
        context.route("**/*", handle)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert foreign == []
    assert errors == []


@pytest.fixture
def page(new_page):
    """One page; see ``new_page``."""
    return new_page()


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """A sandbox of its own on a port that was free."""
    folder = tmp_path_factory.mktemp("sandbox")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "DJANGO_"))}
    log = folder / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, str(ROOT / "sandbox" / "run.py"), "serve", "--port", "0"],
            env={**environment, "SANDBOX_VAR": str(folder)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            deadline = time.monotonic() + 120
            while not (found := re.search(r"Serving on 127\.0\.0\.1, port (\d+)\.", log.read_text())):
                assert server.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            yield int(found[1])
        finally:
            server.terminate()
            assert server.wait(30) == 0
