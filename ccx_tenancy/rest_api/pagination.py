"""Pages by cursor: the same cost for the first and the last, and nothing twice when rows come and go."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from rest_framework.request import Request

from ccx_tenancy.rest_api.problems import BadRequest

PAGE = 50
MOST = 200


def paginate(
    rows: QuerySet[Any], request: Request, *, cursor: str, size: int, newest_first: bool = False
) -> tuple[list[Any], str | None]:
    """Return one page of a query set, by primary key, and the address of the next page or None. One query."""
    after = read_cursor(cursor)
    if after is not None:
        rows = rows.filter(pk__lt=after) if newest_first else rows.filter(pk__gt=after)
    found = list(rows.order_by("-pk" if newest_first else "pk")[: size + 1])
    page = found[:size]
    return page, next_link(request, page[-1].pk) if len(found) > size else None


def next_link(request: Request, position: int) -> str:
    """Return the request's own address with the cursor of what follows ``position``."""
    query = {**request.query_params.dict(), "cursor": make_cursor(position)}
    return f"{request.build_absolute_uri(request.path)}?{urlencode(query)}"


def make_cursor(position: int) -> str:
    """Return a position as an opaque text."""
    return base64.urlsafe_b64encode(f"p{position}".encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> int | None:
    """Return the position in a cursor, None for an empty one. Raises BadRequest."""
    if not cursor:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (ValueError, binascii.Error):
        text = ""
    digits = text[1:]
    if not text.startswith("p") or not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise BadRequest("cursor", "This is no cursor; take the one in the next of the page before.")
    return int(digits)
