"""The gateway's own process: its books are a SQLite file that nobody else writes. ``python ledger.py PORT FILE``."""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_LOCK = threading.Lock()


class Books(BaseHTTPRequestHandler):
    """``/pay``, ``/find``, ``/cancel``; one row for each key."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with _LOCK, closing(sqlite3.connect(sys.argv[2])) as found, found as books:
            row = books.execute("SELECT result FROM charge WHERE key = ?", [body["key"]]).fetchone()
            result = row[0] if row else "none"
            if not row and self.path in ("/pay", "/cancel"):
                result = "paid" if self.path == "/pay" else "cancelled"
                values = [body["key"], body["amount"], body["email"], result]
                books.execute("INSERT INTO charge VALUES (?, ?, ?, ?)", values)
        said = json.dumps({"result": "none" if result == "cancelled" else result}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 256


if __name__ == "__main__":
    with sqlite3.connect(sys.argv[2]) as _books:
        _books.execute("CREATE TABLE IF NOT EXISTS charge (key TEXT PRIMARY KEY, amount TEXT, email TEXT, result TEXT)")
    _Server(("127.0.0.1", int(sys.argv[1])), Books).serve_forever()
