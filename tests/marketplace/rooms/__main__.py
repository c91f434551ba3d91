"""One process of a room: ``python -m tests.marketplace.rooms ROOM prepare|serve|worker|sweep``."""

from __future__ import annotations

import json
import os
import socketserver
import sys
import time
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 256


class _Handler(WSGIRequestHandler):
    #: An answer leaves in one piece, as from the servers that people run. Unbuffered its first line is sent alone, and
    #: of a process that dies after it a client sees an empty answer of status 200.
    wbufsize = -1

    def address_string(self) -> str:
        return "client"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what the rooms log is Django's."""


def main(room: str, what: str) -> None:
    """Run it."""
    os.environ["DJANGO_SETTINGS_MODULE"] = f"tests.marketplace.rooms.{room}"
    from celery import Celery

    app = Celery(room)
    app.config_from_object("django.conf:settings", namespace="CELERY")
    app.set_default()

    import django

    django.setup()
    from django.core.management import call_command

    from tests.marketplace.rooms import points
    from tests.marketplace.rooms.common import DIRECTORY, PLAN

    points.install()
    up = DIRECTORY / "arm" / f"{room}-{what}.up"
    if what == "prepare":
        call_command("migrate", run_syncdb=True, verbosity=0)
        from tests.marketplace.rooms import prepare

        made = getattr(prepare, room)()
        if made:
            (DIRECTORY / "credentials.new").write_text(json.dumps(made))
            (DIRECTORY / "credentials.new").rename(DIRECTORY / "credentials.json")
    elif what == "serve":
        from django.core.wsgi import get_wsgi_application

        port = int(PLAN["urls"][room].rpartition(":")[2])
        while True:
            try:
                server = make_server("127.0.0.1", port, get_wsgi_application(), _Server, _Handler)
                break
            except OSError:
                time.sleep(0.05)  # What died a moment ago may still hold it.
        up.touch()
        server.serve_forever(poll_interval=5)
    elif what == "worker":
        up.touch()
        app.autodiscover_tasks(force=True)
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        app.worker_main(["worker", "--pool=solo", "--loglevel=DEBUG", *quiet])
    else:
        up.touch()
        call_command({"lms": "ccxcon"}.get(room, room), "work")


main(sys.argv[1], sys.argv[2])
