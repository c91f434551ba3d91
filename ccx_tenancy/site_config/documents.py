"""JSON as people type it: read strictly, refused at the line and column where it goes wrong."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from ccx_tenancy.conf import conf
from ccx_tenancy.errors import InvalidDocument, InvalidValues, Problem

_SURROGATE = re.compile("[\ud800-\udfff]")
_BLANK = " \t\r\n"
_NOT_NUMBERS = ("NaN", "Infinity", "-Infinity")


def parse(text: str | bytes, *, source: str = "") -> dict[str, Any]:
    """Return the JSON object in ``text``, keys in their order.

    Raises InvalidDocument, with line and column, for whatever is not strict JSON (a trailing comma, a comment, NaN),
    for a name twice in one object, for a document that is not an object, and for one larger than
    ``MAX_DOCUMENT_BYTES`` or deeper than ``MAX_DOCUMENT_DEPTH``. ``source`` (a file's name) goes before the message.
    """
    found = parse_value(text, source=source)
    if not isinstance(found, dict):
        raise InvalidDocument(
            f"the document is {kind_of(found)}; allowed is an object: {{ ... }}.", line=1, column=1, source=source
        )
    return found


def parse_value(text: str | bytes, *, source: str = "") -> Any:
    """Return the one JSON value of any kind in ``text``. Raises InvalidDocument as :func:`parse` does."""
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > conf.max_document_bytes:
        raise InvalidDocument(
            f"the document has {size:,} bytes; allowed are {conf.max_document_bytes:,} (MAX_DOCUMENT_BYTES).",
            source=source,
        )
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidDocument(
                f"the document is not UTF-8: byte {error.start + 1} is 0x{text[error.start]:02x}.", source=source
            ) from None
    return _Reader(text.removeprefix("\ufeff"), source).read()


def places(text: str) -> dict[str, tuple[int, int]]:
    """Return line and column of the value of each name at the top of a document that :func:`parse` accepts."""
    found: dict[str, tuple[int, int]] = {}
    at = text.index("{") + 1
    while (at := _after_blanks(text, at)) < len(text) and text[at] == '"':
        name, at = _DECODER.raw_decode(text, at)
        at = _after_blanks(text, _after_blanks(text, at) + 1)
        found[name] = (text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))
        _, at = _DECODER.raw_decode(text, at)
        at = _after_blanks(text, at) + 1
    return found


def _after_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


def check_document(values: Any) -> dict[str, Any]:
    """Return a copy of ``values`` as JSON would give it back (tuples become lists).

    Raises InvalidValues, with the place, for what JSON cannot hold: a key that is not text, NaN, a lone surrogate, an
    object of Python; and for a document too large or too deep.
    """
    if not isinstance(values, dict):
        raise InvalidValues([Problem("", f"the values are {kind_of(values)}; allowed is an object (a dict).")])
    copy = _checked(values, "", conf.max_document_depth)
    size = len(json.dumps(copy, ensure_ascii=False).encode())
    if size > conf.max_document_bytes:
        message = f"the values have {size:,} bytes; allowed are {conf.max_document_bytes:,} (MAX_DOCUMENT_BYTES)."
        raise InvalidValues([Problem("", message)])
    return copy  # type: ignore[no-any-return]


def kind_of(value: Any) -> str:
    """Return what JSON calls the value, with an article: ``"a list"``, ``"true or false"``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    return f"a Python {type(value).__name__}"


def dump(values: Any) -> str:
    """Return the document formatted as people edit it: two blanks a level, keys in their order."""
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)


def _checked(value: Any, path: str, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        try:
            str(int(value))
        except ValueError:
            raise InvalidValues([Problem(path, "the number has more digits than a computer reads.")]) from None
        return value
    if isinstance(value, str):
        if _SURROGATE.search(value):
            raise InvalidValues([Problem(path, "the text has half a character (a lone surrogate).")])
        return value
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise InvalidValues([Problem(path, f"the value is {value!r}; allowed are numbers that JSON has.")])
        return value
    if depth == 0:
        message = f"nested deeper than {conf.max_document_depth} levels (MAX_DOCUMENT_DEPTH)."
        raise InvalidValues([Problem(path[:100], message)])
    if isinstance(value, dict):
        for name in value:
            if not isinstance(name, str):
                raise InvalidValues([Problem(path, f"the key {name!r} is {kind_of(name)}; allowed is a text.")])
            _checked(name, path, depth)
        return {name: _checked(item, f"{path}.{name}" if path else name, depth - 1) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_checked(item, f"{path}[{place}]", depth - 1) for place, item in enumerate(value)]
    raise InvalidValues([Problem(path, f"the value is {kind_of(value)}, which JSON cannot hold.")])


class _Reader:
    """A strict JSON reader that knows where it is. The standard library's decodes texts and numbers for it."""

    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self._source = source
        self._at = 0
        self._depth = conf.max_document_depth

    def read(self) -> Any:
        self._skip()
        value = self._value(self._depth)
        self._skip()
        if self._at < len(self._text):
            self._fail(f"there is more text ({self._seen()}) after the end of the document.")
        return value

    def _fail(self, message: str, at: int | None = None) -> NoReturn:
        at = self._at if at is None else at
        before = self._text[:at]
        line = before.count("\n") + 1
        column = at - (before.rfind("\n") + 1) + 1
        raise InvalidDocument(message, line=line, column=column, source=self._source)

    def _skip(self) -> None:
        text, at, end = self._text, self._at, len(self._text)
        while at < end and text[at] in _BLANK:
            at += 1
        self._at = at
        if text.startswith(("//", "/*"), at) or text.startswith("#", at):
            self._fail("JSON has no comments: remove it.")

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _seen(self) -> str:
        return repr(self._peek()) if self._peek() else "the end of the text"

    def _value(self, depth: int) -> Any:
        mark = self._peek()
        if mark in ("{", "["):
            if depth == 0:
                self._fail(f"nested deeper than {self._depth} levels (MAX_DOCUMENT_DEPTH).")
            return self._object(depth - 1) if mark == "{" else self._list(depth - 1)
        if mark == '"':
            return self._string()
        if mark == "'":
            self._fail('a text stands in double quotes ("), not in single ones.')
        for name in _NOT_NUMBERS:
            if self._text.startswith(name, self._at):
                self._fail(f"{name} is not a number that JSON has.")
        for name, meant in (("True", "true"), ("False", "false"), ("None", "null")):
            if self._text.startswith(name, self._at):
                self._fail(f"write {meant}, not {name}.")
        return self._plain()

    def _plain(self) -> Any:
        start = self._at
        try:
            value, self._at = _DECODER.raw_decode(self._text, start)
        except ValueError as error:
            if isinstance(error, json.JSONDecodeError):
                self._fail(f"a value is expected, and {self._seen()} found.")
            self._fail("the number has more digits than a computer reads.")
        if isinstance(value, float) and value in (float("inf"), float("-inf")):
            self._fail("the number is larger than a computer holds.", start)
        return value

    def _string(self) -> str:
        start = self._at
        try:
            value, self._at = _DECODER.raw_decode(self._text, start)
        except json.JSONDecodeError as error:
            if error.msg.startswith("Unterminated"):
                self._fail('the text that starts here is never closed with a double quote (").', start)
            self._fail(f"{error.msg[0].lower()}{error.msg[1:]}.", error.pos)
        if _SURROGATE.search(value):
            self._fail("the text has half a character (a lone surrogate).", start)
        return str(value)

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        opened = self._at
        self._at += 1
        self._skip()
        if self._peek() == "}":
            self._at += 1
            return found
        while True:
            if self._peek() != '"':
                self._fail(f"a name in double quotes is expected, and {self._seen()} found.")
            start = self._at
            name = self._string()
            if name in found:
                self._fail(f"the name {name!r} stands twice in one object; one of them is allowed.", start)
            self._skip()
            if self._peek() != ":":
                self._fail(f"a colon is expected after the name {name!r}, and {self._seen()} found.")
            self._at += 1
            self._skip()
            found[name] = self._value(depth)
            if not self._more("}", opened):
                return found

    def _list(self, depth: int) -> list[Any]:
        found: list[Any] = []
        opened = self._at
        self._at += 1
        self._skip()
        if self._peek() == "]":
            self._at += 1
            return found
        while True:
            found.append(self._value(depth))
            if not self._more("]", opened):
                return found

    def _more(self, end: str, opened: int) -> bool:
        self._skip()
        if self._peek() == end:
            self._at += 1
            return False
        if self._peek() != ",":
            if not self._peek():
                self._fail(f"the {self._text[opened]!r} that starts here is never closed.", opened)
            self._fail(f"a comma or {end!r} is expected, and {self._seen()} found.")
        comma = self._at
        self._at += 1
        self._skip()
        if self._peek() == end:
            self._fail(f"a comma may not stand before the closing {end!r}: remove it.", comma)
        return True


_DECODER = json.JSONDecoder()
