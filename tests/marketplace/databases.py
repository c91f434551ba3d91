"""Databases of their own for the rooms, on the server of the test run."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.db import connection

from tests.conftest import database_url
from tests.marketplace.chain import ROOMS


@contextmanager
def of_the_rooms() -> Iterator[dict[str, str]]:
    """Make a database for each room, and yield their addresses. The test run needs a server for that, too."""
    names = {room: f"test_rooms_{room}_{secrets.token_hex(4)}" for room in ROOMS}
    address = urlsplit(database_url(Path("none")))
    with connection.cursor() as cursor:
        for name in names.values():
            cursor.execute(f"CREATE DATABASE {connection.ops.quote_name(name)}")
    try:
        yield {room: urlunsplit(address._replace(path=f"/{name}")) for room, name in names.items()}
    finally:
        with connection.cursor() as cursor:
            for name in names.values():
                # Processes that were killed may still be connected.
                force = " WITH (FORCE)" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP DATABASE {connection.ops.quote_name(name)}{force}")
