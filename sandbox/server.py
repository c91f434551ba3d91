"""A server for one machine: a thread for each request, on loopback only."""

from __future__ import annotations

import errno
import signal
import socketserver
import sys
import threading
from types import FrameType
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.handlers.wsgi import WSGIHandler

from sandbox.paths import DEFAULT_PORT

HOST = "127.0.0.1"
_TRIED = 50


class PortTaken(Exception):
    """Something else listens on the port that was asked for."""


class Server(socketserver.ThreadingMixIn, WSGIServer):
    """One thread for each request; those still running do not keep the process alive."""

    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        """Bind without asking the resolver for this machine's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong, unless a browser went away in between."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class RequestHandler(WSGIRequestHandler):
    """Answers at once: looks up no client names. One line for each request goes to the error output."""

    def address_string(self) -> str:
        """Return the client's number."""
        return str(self.client_address[0])


def bind(port: int | None) -> Server:
    """Return a server that listens: on ``port`` (0: any that is free), or on the first free one from 8000 on.

    It needs no Django yet. Raises PortTaken where ``port`` is taken, or none of 50 is free.
    """
    for candidate in range(DEFAULT_PORT, DEFAULT_PORT + _TRIED) if port is None else (port,):
        try:
            return Server((HOST, candidate), RequestHandler)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    wanted = f"The ports {DEFAULT_PORT} to {DEFAULT_PORT + _TRIED - 1} are" if port is None else f"The port {port} is"
    raise PortTaken(f"{wanted} taken by another program on {HOST}; choose one with --port (0: any that is free).")


def serve(server: Server) -> None:
    """Say that we serve, and answer requests until Ctrl-C or SIGTERM."""

    def stop(number: int, frame: FrameType | None) -> None:
        # serve_forever runs in this thread, and shutdown() waits for it.
        threading.Thread(target=server.shutdown).start()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    # Static files come before everything else, so they need no tenant.
    server.set_app(StaticFilesHandler(WSGIHandler()))
    # Said when the signals are ours: who reads this may stop us at once.
    print(f"Serving on {HOST}, port {server.server_port}. Ctrl-C stops.", flush=True)
    server.serve_forever(poll_interval=0.1)
