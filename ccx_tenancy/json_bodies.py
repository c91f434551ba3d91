"""JSON that came from outside: read strictly, and in bounds, whoever sent it.

Python and Django REST framework take more than JSON allows, or break down over it: ``NaN``, half of a surrogate pair
(which no database stores), a nesting deeper than the interpreter's stack. Here all of that is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import IO, Any, NoReturn

from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from ccx_tenancy.errors import InvalidInput

#: The largest body that the APIs read, in bytes.
LIMIT = 8 * 1024 * 1024


class NotJson(InvalidInput):
    """The bytes are not a JSON text that is allowed."""


class TooLarge(APIException):
    """The body is larger than :data:`LIMIT`."""

    status_code = 413
    default_detail = f"The body has more than {LIMIT} bytes."
    default_code = "too_large"


def loads(content: bytes, *, parse_float: Callable[[str], Any] | None = None) -> Any:
    """Return the value of a JSON text in UTF-8. Raises NotJson."""
    try:
        found = json.loads(content.decode(), parse_float=parse_float, parse_constant=_no_constant)
        json.dumps(found, default=str, ensure_ascii=False).encode()  # Half of a surrogate pair is no text.
    except (ValueError, RecursionError) as error:
        raise NotJson(f"JSON parse error - {error}"[:300]) from None
    return found


def check_length(request: Request) -> None:
    """Raise TooLarge where a request says that its body is larger than allowed. Nothing of it is read then."""
    text = request.META.get("CONTENT_LENGTH") or "0"
    if text.isascii() and text.isdigit() and int(text[:20]) > LIMIT:
        raise TooLarge


class JSONBody(BaseParser):
    """The parser of an API's view: ``application/json``, strictly."""

    media_type = "application/json"
    parse_float: Callable[[str], Any] | None = None

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the value. Raises ParseError, TooLarge."""
        content = stream.read(LIMIT + 1)
        if len(content) > LIMIT:
            raise TooLarge
        try:
            return loads(content, parse_float=type(self).parse_float)
        except NotJson as error:
            raise ParseError(str(error)) from None


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
