"""A site of static pages on this machine, for tests of one component in a browser."""

from __future__ import annotations

import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import django.contrib.admin

import ccx_tenancy.site_config

STATIC = [Path(package.__file__).parent / "static" for package in (ccx_tenancy.site_config, django.contrib.admin)]
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".txt": "text/plain"}


class Site:
    """Serves ``pages`` (path: (type, text, headers)) and the packages' static files, and keeps what is posted."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, str, dict[str, str]]] = {}
        self.posted: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Site:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, path: str) -> str:
        """The address of a path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def show(self, path: str, text: str, *, kind: str = "text/html", headers: dict[str, str] | None = None) -> str:
        """Put a page at a path and return its address."""
        self.pages[path] = (kind, text, headers or {})
        return self.url(path)


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, site: Site, *args: object) -> None:
        self._site = site
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path in self._site.pages:
            kind, text, headers = self._site.pages[path]
            self._answer(200, kind, text.encode(), headers)
        elif path.startswith("/static/") and ".." not in path:
            for folder in STATIC:
                file = folder / path.removeprefix("/static/")
                if file.is_file():
                    self._answer(200, TYPES.get(file.suffix, "application/octet-stream"), file.read_bytes(), {})
                    return
            self._answer(404, "text/plain", b"no such file", {})
        else:
            self._answer(404, "text/plain", b"no such page", {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        fields = parse_qs(body, keep_blank_values=True)
        self._site.posted.append({name: values[-1] for name, values in fields.items()})
        self._answer(200, "text/html", b"<title>posted</title>", {})

    def _answer(self, status: int, kind: str, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing: the tests' output is for the tests."""
