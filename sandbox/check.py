"""Look at every page of a sandbox that was set up a moment ago, as a browser sees it, and say which are wrong.

What a page must show is taken from the seed files, so it holds for edited ones too. A page is asked by its ``Host``
header at 127.0.0.1: nothing depends on how this machine resolves names below .localhost.
"""

from __future__ import annotations

import html
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.message import Message
from http.cookies import SimpleCookie
from pathlib import Path
from typing import IO, Any

from sandbox.paths import BASE, SEED

_START_SECONDS = 120
_STOP_SECONDS = 15
_THREADS = 8
_MIXED = 300
# A change made by one process is seen by another within this time.
_FRESH_SECONDS = 1.0
_AUTHORS = ("author", "admin", "owner")
_HEADINGS = {"en": "Courses", "es": "Cursos"}


@dataclass(frozen=True)
class Page:
    """An answer of the server: ``text`` is what a person reads, with entities resolved."""

    status: int
    text: str
    location: str
    kind: str
    headers: Message = field(repr=False)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class Browser:
    """Asks one host name, keeps its cookies, follows nothing by itself."""

    def __init__(self, port: int, host: str) -> None:
        self.host = host
        self._port = port
        self._cookies: dict[str, str] = {}
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)

    def get(self, path: str, *, bearer: str = "") -> Page:
        """Fetch a page, as a program that has a token where ``bearer`` is one."""
        return self._ask(path, None, bearer)

    def post(self, path: str, fields: Mapping[str, str]) -> Page:
        """Send fields as a program does, without a page that has a form."""
        return self._ask(path, fields)

    def submit(self, path: str, fields: Mapping[str, str], *, on: str | None = None) -> Page:
        """Send a form filled in, as the page ``on`` (else ``path`` itself) has it."""
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.get(on or path).text)
        return self._ask(path, {**fields, "csrfmiddlewaretoken": found[1] if found else ""})

    def at(self, host: str) -> Browser:
        """Return a browser for another host name that sends the cookies of this one there, as a thief would."""
        other = Browser(self._port, host)
        other._cookies = dict(self._cookies)
        return other

    def sign_in(self, account: Mapping[str, str], path: str = "/login") -> Page:
        """Send the form for signing in."""
        return self.submit(path, {name: account[name] for name in ("username", "password")})

    def _ask(self, path: str, fields: Mapping[str, str] | None, bearer: str = "") -> Page:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}",
            data=None if fields is None else urllib.parse.urlencode(fields).encode(),
            headers={"Host": f"{self.host}:{self._port}"},
        )
        if bearer:
            request.add_header("Authorization", f"Bearer {bearer}")
        if self._cookies:
            request.add_header("Cookie", "; ".join(f"{name}={value}" for name, value in self._cookies.items()))
        try:
            with self._opener.open(request, timeout=30) as answer:
                return self._page(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return self._page(error.code, error.headers, error.read())

    def _page(self, status: int, headers: Message, content: bytes) -> Page:
        for line in headers.get_all("Set-Cookie", []):
            for name, cookie in SimpleCookie(line).items():
                self._cookies[name] = cookie.value
        text = html.unescape(content.decode("utf-8", "replace"))
        return Page(status, text, headers.get("Location", ""), headers.get_content_type(), headers)


class Report:
    """One line for each page: right, or what is wrong with it."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self.right = 0
        self.wrong: list[str] = []

    def page(
        self,
        name: str,
        page: Page,
        *,
        status: int = 200,
        shows: Iterable[str] = (),
        hides: Iterable[str] = (),
        location: str | None = None,
        kind: str = "",
    ) -> None:
        """Compare an answer with what it must be."""
        found = [] if page.status == status else [f"status {page.status} in place of {status}"]
        found += [f"does not show {word!r}" for word in shows if word not in page.text]
        found += [f"shows {word!r}" for word in hides if word in page.text]
        if location is not None and page.location != location:
            found.append(f"redirects to {page.location!r} in place of {location!r}")
        if kind and page.kind != kind:
            found.append(f"is {page.kind} in place of {kind}")
        self.fact(name, found)

    def fact(self, name: str, found: list[str]) -> None:
        """Note what is wrong with something; nothing is: it is right."""
        if found:
            self.wrong.append(name)
        else:
            self.right += 1
        print(f"  WRONG  {name}: {'; '.join(found)}" if found else f"  ok     {name}", file=self._out, flush=True)


class Seed:
    """What the seed files say."""

    def __init__(self, folder: Path) -> None:
        document = _read(folder / "tenants.json")
        self.tenants = [_whole(tenant) for tenant in document.get("tenants", [])]
        sites = {site["domain"]: site.get("configuration", {}) for site in document.get("sites", [])}
        self.default_name = platform_name(sites.get("localhost", {}))
        self.courses: list[dict[str, Any]] = _read(folder / "courses.json")["courses"]
        self.users: list[dict[str, Any]] = _read(folder / "users.json")["users"]

    def courses_of(self, organizations: Iterable[str]) -> list[dict[str, Any]]:
        """Return the courses of organizations."""
        names = {name.lower() for name in organizations}
        return [one for one in self.courses if _org(one) in names]

    def own_courses(self) -> list[dict[str, Any]]:
        """Return the courses of organizations that no tenant owns."""
        owned = [name for tenant in self.tenants for name in tenant["organizations"]]
        theirs = self.courses_of(owned)
        return [one for one in self.courses if one not in theirs]

    def superuser(self) -> dict[str, Any]:
        """Return a platform operator. Raises RuntimeError where the file has none."""
        return self._first("a superuser", lambda one: one.get("superuser", False))

    def global_staff(self) -> list[dict[str, Any]]:
        """Return those whom Open edX by itself lets see everything in Studio, and who are members of a tenant."""
        return [one for one in self.users if one.get("staff") and not one.get("superuser") and one.get("memberships")]

    def member(self, tenant: Mapping[str, Any], role: str) -> dict[str, Any]:
        """Return somebody who has that role in every organization of a tenant that is theirs, and nothing elsewhere."""
        names = {name.lower() for name in tenant["organizations"]}

        def fits(one: Mapping[str, Any]) -> bool:
            belongs = one.get("memberships", ())
            there = [found for found in belongs if found["organization"].lower() in names]
            return len(there) == len(belongs) > 0 and not one.get("staff") and all(f["role"] == role for f in there)

        return self._first(f"a member of {tenant['key']} ({role})", fits)

    def _first(self, what: str, fits: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any]:
        for one in self.users:
            if fits(one):
                return one
        raise RuntimeError(f"users.json has no {what}, whom this check needs.")


def platform_name(values: Mapping[str, Any]) -> str:
    """Return what a site with these values is called."""
    return values.get("platform_name") or values.get("PLATFORM_NAME") or "Sandbox"


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _whole(tenant: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tenant of the file with everything that it may leave out, or say in a shorter way."""
    domains = list(tenant.get("domains", []))
    for name, surface in (("domain", "lms"), ("studio_domain", "studio")):
        if name in tenant:
            domains.append({"domain": tenant[name], "surface": surface, "primary": True})
    domains = [{"surface": "lms", **row} for row in domains]
    return {"organizations": [], "configuration": {}, **tenant, "domains": domains}


def _org(course: Mapping[str, Any]) -> str:
    return re.split(r"[:+/]", course["key"].removeprefix("course-v1:"))[0].lower()


def _names(courses: Iterable[Mapping[str, Any]]) -> list[str]:
    return [one["name"] for one in courses]


def _about(course: Mapping[str, Any]) -> str:
    return f"/courses/{course['key']}/about"


def _domains(tenant: Mapping[str, Any], surface: str) -> list[str]:
    rows = [row for row in tenant["domains"] if row["surface"] == surface]
    return [row["domain"] for row in sorted(rows, key=lambda row: not row.get("primary", False))]


def check_pages(seed: Seed, port: int, report: Report) -> None:
    """Look at every page of every host name."""
    for tenant in seed.tenants:
        _check_tenant(seed, tenant, port, report)
    _check_default_site(seed, port, report)
    _check_studio(seed, port, report)
    report.page("nobody.localhost/ (no site)", Browser(port, "nobody.localhost").get("/"), status=404)
    report.page("example.com/ (not ours)", Browser(port, "example.com").get("/"), status=400)


def _check_tenant(seed: Seed, tenant: Mapping[str, Any], port: int, report: Report) -> None:
    host, *_ = _domains(tenant, "lms")
    browser = Browser(port, host)
    values = tenant["configuration"]
    own = seed.courses_of(tenant["organizations"])
    foreign = [one for one in seed.courses if one not in own]
    others = [platform_name(one["configuration"]) for one in seed.tenants if one is not tenant] + [seed.default_name]
    language = values.get("LANGUAGE_CODE", "en")
    report.page(
        f"{host}/",
        browser.get("/"),
        shows=[platform_name(values), f'<html lang="{language}">', _HEADINGS.get(language, ""), *_names(own)],
        hides=[*others, *_names(foreign)],
    )
    combined = values.get("ENABLE_COMBINED_LOGIN_REGISTRATION", False)
    both = ['action="/register"', 'action="/login"']
    report.page(
        f"{host}/login ({'both forms' if combined else 'its own form alone'})",
        browser.get("/login"),
        shows=[platform_name(values), *(both if combined else both[1:])],
        hides=others if combined else [*others, both[0]],
    )
    report.page(
        f"{host}/register ({'both forms' if combined else 'its own form alone'})",
        browser.get("/register"),
        shows=both if combined else both[:1],
        hides=[] if combined else both[1:],
    )
    for course in own:
        report.page(f"{host}{_about(course)}", browser.get(_about(course)), shows=[course["name"]], hides=others)
    for course in foreign:
        page = browser.get(_about(course))
        report.page(f"{host}{_about(course)} (foreign)", page, status=404, hides=[course["name"]])
    report.page(f"{host}/admin/ (not here)", browser.get("/admin/"), status=404)
    style = values.get("css_overrides_file", "sandbox/sandbox.css")
    report.page(f"{host}/static/{style}", browser.get(f"/static/{style}"), kind="text/css")

    learner = seed.member(tenant, "learner")
    wrong = browser.submit("/login", {"username": learner["username"], "password": "not this one"})
    report.page(f"{host}/login (wrong password)", wrong, shows=['role="alert"'])
    report.page(f"{host}/login (right password)", browser.sign_in(learner), status=302, location="/")
    report.page(f"{host}/ (signed in)", browser.get("/"), shows=[learner["username"], *_names(own)], hides=others)
    report.page(f"{host}/logout", browser.submit("/logout", {}, on="/"), status=302, location="/")
    report.page(f"{host}/ (signed out)", browser.get("/"), shows=['href="/login"'], hides=['action="/logout"'])

    for other in seed.tenants:
        if other is not tenant:
            stranger = seed.member(other, "learner")
            page = Browser(port, host).sign_in(stranger)
            report.page(f"{host}/login ({stranger['username']}, of another tenant)", page, shows=['role="alert"'])
            there = Browser(port, _domains(other, "lms")[0])
            there.sign_in(stranger)
            page = there.at(host).get("/")
            report.page(f"{host}/ (a session of {there.host})", page, hides=[stranger["username"]])

    for alias in _domains(tenant, "alias"):
        path = "/courses/a+b/about?next=%2Fx%20y&n=1"
        report.page(
            f"{alias} (alias)", Browser(port, alias).get(path), status=301, location=f"http://{host}:{port}{path}"
        )


def _check_default_site(seed: Seed, port: int, report: Report) -> None:
    browser = Browser(port, "localhost")
    theirs = [platform_name(one["configuration"]) for one in seed.tenants]
    own = seed.own_courses()
    foreign = [one for one in seed.courses if one not in own]
    report.page(
        "localhost/",
        browser.get("/"),
        shows=[seed.default_name, *_names(own)],
        hides=[*theirs, *_names(foreign)],
    )
    for course in foreign:
        page = browser.get(_about(course))
        report.page(f"localhost{_about(course)} (foreign)", page, status=404, hides=[course["name"]])
    report.page("localhost/admin/login/", browser.get("/admin/login/"), shows=['name="username"'])
    admin = seed.superuser()
    browser.sign_in(admin, "/admin/login/")
    report.page("localhost/admin/ (signed in)", browser.get("/admin/"), shows=[admin["username"], "Courses"])


def _check_studio(seed: Seed, port: int, report: Report) -> None:
    host = "studio.localhost"
    nobody = Browser(port, host)
    report.page(f"{host}/home/ (signed out)", nobody.get("/home/"), status=302, location="/login?next=/home/")
    report.page(f"{host}/login", nobody.get("/login"), shows=["Studio"])
    _check_author(port, seed.superuser(), seed.courses, [], report)
    for account in seed.global_staff():
        own = seed.courses_of(one["organization"] for one in account["memberships"] if one["role"] in _AUTHORS)
        _check_author(port, account, own, [one for one in seed.courses if one not in own], report)
    for tenant in seed.tenants:
        own = seed.courses_of(tenant["organizations"])
        foreign = [one for one in seed.courses if one not in own]
        _check_author(port, seed.member(tenant, "owner"), own, foreign, report)
        _check_author(port, seed.member(tenant, "learner"), [], seed.courses, report)


def _check_author(
    port: int,
    account: Mapping[str, Any],
    own: Iterable[Mapping[str, Any]],
    foreign: Iterable[Mapping[str, Any]],
    report: Report,
) -> None:
    host, name = "studio.localhost", account["username"]
    browser = Browser(port, host)
    browser.sign_in(account)
    report.page(f"{host}/home/ ({name})", browser.get("/home/"), shows=[name, *_studio(own)], hides=_studio(foreign))
    for course in own:
        page = browser.get(f"/course/{course['key']}")
        report.page(f"{host}/course/{course['key']} ({name})", page, shows=[course["name"]])
    for course in foreign:
        page = browser.get(f"/course/{course['key']}")
        report.page(f"{host}/course/{course['key']} ({name}, foreign)", page, status=404, hides=[course["name"]])


def _studio(courses: Iterable[Mapping[str, Any]]) -> list[str]:
    return [word for one in courses for word in (one["name"], one["key"])]


def check_invitation(seed: Seed, port: int, report: Report) -> None:
    """Invite a member of the second tenant to the first, find the mail in the outbox, follow its link and accept."""
    if len(seed.tenants) < 2:
        return
    tenant, other = seed.tenants[:2]
    (host, *_), (organization, *_) = _domains(tenant, "lms"), tenant["organizations"]
    owner, guest = Browser(port, host), Browser(port, host)
    account = seed.member(other, "learner")
    owner.sign_in(seed.member(tenant, "owner"))
    report.page(f"{host}/members", owner.get("/members"), shows=[organization, seed.member(tenant, "learner")["email"]])
    offer = {"email": account["email"], "organization": organization, "role": "learner"}
    report.page(f"{host}/members (invite)", owner.submit("/members", offer), status=302, location="/members")
    report.page(f"{host}/members (invited)", owner.get("/members"), shows=[account["email"]])
    report.page(f"{host}/tenancy/invitations/", owner.get("/tenancy/invitations/"), shows=[account["email"]])
    report.page(f"{host}/tenancy/configuration/", owner.get("/tenancy/configuration/"), shows=["PLATFORM_NAME"])

    operator = Browser(port, "localhost")
    operator.sign_in(seed.superuser())
    outbox = operator.get("/outbox/")
    link = re.search(rf'href="http://{re.escape(host)}:{port}(/tenancy/invitations/[^"]+)"', outbox.text)
    report.page("localhost/outbox/", outbox, shows=[account["email"], platform_name(tenant["configuration"])])
    if link is None:
        report.fact("the link in the mail", ["there is none to this site and port"])
        return
    report.page(f"{host}/tenancy/invitations/", guest.get(link[1]), shows=[organization, account["email"]])
    accepted = guest.submit(link[1], {"password": account["password"]})
    report.page(f"{host}/tenancy/invitations/ (accept)", accepted, status=302, location="/")
    report.page(f"{host}/ (a new member)", guest.get("/"), shows=[account["username"], 'role="status"'])
    report.page(f"{host}/tenancy/invitations/ (again)", guest.get(link[1]), status=410)


def check_marketplace(seed: Seed, port: int, report: Report, manage: Callable[..., str]) -> None:
    """Publish a course, see it at the hub, follow the mail to the portal, price it, and see it on offer there."""
    hub, portal, studio = (Browser(port, f"{name}.localhost") for name in ("hub", "portal", "studio"))
    report.page("hub.localhost/api/v1/ (no token)", hub.get("/api/v1/"), status=401, kind="application/json")
    report.page("hub.localhost/nowhere/", hub.get("/nowhere/"), status=404, kind="application/json")
    for path, word in (("/", "No course is offered"), ("/sign-in/", "Sign in"), ("/register/", "Make an account")):
        report.page(f"portal.localhost{path}", portal.get(path), shows=[word])
    page = portal.get("/cart/")
    report.page("portal.localhost/cart/ (signed out)", page, status=302, location="/sign-in/?next=%2Fcart%2F")
    report.page("portal.localhost/nowhere/", portal.get("/nowhere/"), status=404, shows=["Not found"])

    sold = [
        (tenant, one)
        for tenant in seed.tenants
        for one in seed.courses_of(tenant["organizations"])
        if one.get("chapters")
    ]
    if not sold:
        return
    tenant, course = sold[0]
    owner, path = seed.member(tenant, "owner"), f"/course/{course['key']}"
    studio.sign_in(owner)
    form = {"display_name": course["name"], "enable_ccx": "on", "ccx_connector": f"http://hub.localhost:{port}"}
    report.page(f"studio.localhost{path} (publish)", studio.submit(path, form), status=302)

    lms = f"http://localhost:{port}"
    made = dict(line.split() for line in manage("hub", "client", "Check", "--lms", lms).splitlines())
    grant = {"grant_type": "client_credentials", **{name: made[name] for name in ("client_id", "client_secret")}}
    answer = hub.post("/o/token/", grant)
    report.page("hub.localhost/o/token/", answer, kind="application/json")
    report.page("hub.localhost/o/token/ (wrong)", hub.post("/o/token/", {**grant, "client_secret": "x"}), status=401)
    if answer.status != 200:
        return
    bearer = json.loads(answer.text)["access_token"]
    listed = hub.get("/api/v1/coursexs/", bearer=bearer)
    report.page("hub.localhost/api/v1/coursexs/", listed, shows=[course["key"]], kind="application/json")
    report.page("hub.localhost/api/v1/ccx/ (no scope)", hub.get("/api/v1/ccx/x/", bearer=bearer), status=403)

    operator = Browser(port, "localhost")
    operator.sign_in(seed.superuser())
    link = re.search(r'href="http://portal\.localhost:\d+(/link/[^"]+)"', operator.get("/outbox/").text)
    if link is None:
        report.fact("the login link in the mail", ["there is none to the portal"])
        return
    portal.submit("/sign-in/", {"email": owner["email"], "password": owner["password"]})
    report.page("portal.localhost/link/?token=", portal.get(link[1]), status=302, location="/link/")
    report.page("portal.localhost/link/ (press)", portal.submit("/link/", {}), status=302, location="/teach/")
    own = portal.get("/teach/")
    report.page("portal.localhost/teach/", own, shows=[course["name"], "Not offered"])
    teach = re.search(r'href="/teach/([^"/]+)/"', own.text)
    if teach is None:
        return
    edit = portal.get(f"/teach/{teach[1]}/")
    prices = dict.fromkeys(re.findall(r'name="(price_\d+)"', edit.text), "2.50")
    form = {"title": course["name"], "currency": "USD", "live": "on", **prices}
    report.page("portal.localhost/teach/UUID/ (price)", portal.submit(f"/teach/{teach[1]}/", form), status=302)
    stranger = Browser(port, portal.host)
    report.page("portal.localhost/ (on offer)", stranger.get("/"), shows=[course["name"]])
    path = f"/courses/{teach[1]}/"
    report.page(f"portal.localhost{path}", stranger.get(path), shows=[course["name"], "2.50 USD" if prices else ""])


def check_mixture(seed: Seed, port: int, report: Report) -> None:
    """Ask all sites at the same moment, from many threads: no answer may hold a word of another site."""
    sites = [
        (_domains(tenant, "lms")[0], platform_name(tenant["configuration"]), seed.courses_of(tenant["organizations"]))
        for tenant in seed.tenants
    ]
    sites.append(("localhost", seed.default_name, seed.own_courses()))

    def look(number: int) -> list[str]:
        host, name, own = sites[number % len(sites)]
        page = Browser(port, host).get("/")
        foreign = [other for _, other, _ in sites if other != name] + _names(c for c in seed.courses if c not in own)
        found = [word for word in foreign if word in page.text]
        return found + [f"without {word!r}" for word in (name, *_names(own)) if word not in page.text]

    with ThreadPoolExecutor(_THREADS) as threads:
        wrong = [f"request {number}: {found}" for number, found in enumerate(threads.map(look, range(_MIXED))) if found]
    report.fact(f"{_MIXED} requests to {len(sites)} sites from {_THREADS} threads", wrong[:3])


def check_suspension(seed: Seed, port: int, report: Report, manage: Callable[..., str]) -> None:
    """Suspend the first tenant by a command in a process of its own, and let it go on again."""
    tenant, *others = seed.tenants
    (host, *_), name = _domains(tenant, "lms"), platform_name(tenant["configuration"])
    browser = Browser(port, host)
    browser.get("/")  # What the server has in memory now is the old state.
    manage("tenancy", "suspend", tenant["key"])
    report.fact(f"{host}/ (suspended: seen within {_FRESH_SECONDS:g} s)", _until(browser, 503))
    report.page(f"{host}/ (suspended)", browser.get("/"), status=503, shows=[name], hides=_names(seed.courses))
    for other in others:
        there, *_ = _domains(other, "lms")
        report.page(f"{there}/ (while the other is suspended)", Browser(port, there).get("/"))
    manage("tenancy", "resume", tenant["key"])
    report.fact(f"{host}/ (resumed: seen within {_FRESH_SECONDS:g} s)", _until(browser, 200))
    report.page(f"{host}/ (resumed)", browser.get("/"), shows=[name])


def _until(browser: Browser, status: int) -> list[str]:
    """Return what is wrong: a request that was sent later than the limit and still saw the old state."""
    start = time.monotonic()
    while True:
        sent = time.monotonic() - start
        found = browser.get("/").status
        if found == status:
            return []
        if sent > _FRESH_SECONDS:
            return [f"still {found} in place of {status} after {sent:.2f} s"]
        time.sleep(0.05)


class Running:
    """A sandbox of its own: a fresh folder, a server in another process on a port that was free."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = {**os.environ, "SANDBOX_VAR": str(folder), "PYTHONUNBUFFERED": "1"}
        self._output = (folder / "server.log").open("w+", encoding="utf-8")
        self._process = subprocess.Popen(
            [sys.executable, str(BASE / "run.py"), "serve", "--port", "0"],
            env=self._environment,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    def log(self) -> str:
        """Return what the server has printed."""
        return (self._folder / "server.log").read_text(encoding="utf-8")

    def wait(self) -> int:
        """Return the port once the server says that it serves. Raises RuntimeError where it ended, or says nothing."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if found := re.search(r"^Serving on \S+, port (\d+)\.", self.log(), re.MULTILINE):
                return int(found[1])
            if self._process.poll() is not None:
                raise RuntimeError(f"The server ended with {self._process.returncode}:\n{self.log()}")
            time.sleep(0.1)
        raise RuntimeError(f"The server did not start within {_START_SECONDS} s:\n{self.log()}")

    def manage(self, *arguments: str) -> str:
        """Run a management command in a process of its own, and return what it says. Raises RuntimeError where it is
        refused."""
        command = [sys.executable, str(BASE / "manage.py"), *arguments]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def stop(self) -> list[str]:
        """Press Ctrl-C, and return what is wrong with the way the server ended."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            code = self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return [f"still running {_STOP_SECONDS} s after Ctrl-C"]
        finally:
            self._output.close()
        return [f"ended with {code} in place of 0:\n{self.log()}"] if code else []


def main(out: IO[str] = sys.stdout) -> int:
    """Set up, look at everything, stop; return 0, or 1 where something is wrong."""
    report = Report(out)
    with tempfile.TemporaryDirectory(prefix="sandbox-") as folder:
        sandbox = Running(Path(folder))
        try:
            port = sandbox.wait()
            seed = Seed(SEED)
            print(f"The sandbox serves on port {port}, with a database of its own.", file=out, flush=True)
            check_pages(seed, port, report)
            check_invitation(seed, port, report)
            check_marketplace(seed, port, report, sandbox.manage)
            check_mixture(seed, port, report)
            check_suspension(seed, port, report, sandbox.manage)
            errors = re.findall(r"^Traceback.*", sandbox.log(), re.MULTILINE)
            report.fact("the server's log", [f"{len(errors)} tracebacks:\n{sandbox.log()}"] if errors else [])
        except (RuntimeError, OSError) as error:
            report.fact("the sandbox", [str(error)])
        finally:
            report.fact("the server stops on Ctrl-C", sandbox.stop())
    print(
        f"{report.right} right, {len(report.wrong)} wrong{': ' if report.wrong else ''}{', '.join(report.wrong)}",
        file=out,
    )
    return 1 if report.wrong else 0
