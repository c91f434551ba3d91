"""The organizations that a request names: in its path, its route's arguments, its query and its body.

No list of routes is kept here, and no list of parameters: a value is read wherever it stands. The one exception are
fields *named* for an organization (``org``, ``organization``, ``short_name``), whose value is a plain word.

The body is read where its stream can be given back as it was, so that whoever comes after us still may read it, parse
it as a form, or stream it.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from io import BytesIO
from typing import Any, BinaryIO
from urllib.parse import parse_qsl

from django.conf import settings
from django.core.exceptions import BadRequest
from django.core.files.uploadhandler import FileUploadHandler, StopFutureHandlers
from django.http import HttpRequest, QueryDict
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.urls import ResolverMatch

from ccx_tenancy.conf import conf
from ccx_tenancy.partition.keys import NOTHING, SHORT, WILDCARD, Named, named_by_organization_field, named_in

#: Fields whose value is the short name of an organization, folded and with underscores.
ORGANIZATION_FIELDS = frozenset(
    (
        "org",
        "orgs",
        "org_short_name",
        "organization",
        "organization_short_name",
        "organizations",
        "short_name",
    )
)
#: Those that hold nothing but a short name in a form, too, where ``organization`` may be what somebody writes of
#: themselves.
_SHORT_NAME_FIELDS = frozenset(("org", "orgs", "org_short_name", "organization_short_name"))

_OLD_COURSE_ROUTES = frozenset(("course", "courses"))
_OLD_ROUTES = _OLD_COURSE_ROUTES | {"i4x", "c4x", "i4x:", "c4x:"}
_OLD_PARTS = 5
_MULTIPART = "multipart/form-data"
_FORM = "application/x-www-form-urlencoded"
_DEPTH_OF_TEXTS = 4
_PEEK = 64
_JSON_CONTAINERS = ("{", "[")
_JSON_OR_BLANK = frozenset("{[ \t\r\n\v\f")
_JSON_STARTS = ("{", "[", '"')


class TooLarge(Exception):
    """The body is larger, or has more values, than what is looked through: it can only be refused."""


def named_in_path(path: str) -> Sequence[Named]:
    """Return what the segments of a decoded path name, whatever route it leads to."""
    return _remembered_path(path) if len(path) < SHORT else _read_path(path)


@lru_cache(maxsize=2048)
def _remembered_path(path: str) -> tuple[Named, ...]:
    return tuple(_read_path(path))


def _read_path(path: str) -> list[Named]:
    found: list[Named] = []
    may_be_old = "c4x" in path or "i4x" in path or "course" in path
    is_plain = path.isascii()
    if is_plain and ":" not in path and "%" not in path and "*" not in path and not may_be_old:
        return found
    segments = path.split("/")
    for position, segment in enumerate(segments):
        if ":" in segment or "%" in segment or not is_plain:
            found.extend(named_in(segment, prose=False))
        elif segment[-1:] == WILDCARD:
            # A prefix of keys that ends before the organization names them all.
            found.append(Named(WILDCARD, segment))
        if may_be_old and segment in _OLD_ROUTES:
            following = segments[position + 1 : position + 1 + _OLD_PARTS]
            _read_old_path(segment, [name for name in following if name], found)
    return found


def _read_old_path(route: str, names: list[str], found: list[Named]) -> None:
    """Read an old key whose parts are segments: a course behind ``courses/``, a block or an asset behind its tag."""
    if names and ":" not in names[0]:
        if route in _OLD_COURSE_ROUTES:
            if len(names) > 2:
                found.extend(named_in("/".join(names[:3]), prose=False))
        elif len(names) > 1:
            found.extend(named_in(f"/c4x/{names[0]}/", prose=False))


def named_in_route(match: ResolverMatch, path: str) -> list[Named]:
    """Return what the arguments of the route name: texts, and key objects by their text. What is a whole segment of
    ``path`` was read there already."""
    found: list[Named] = []
    args, kwargs = match.args, match.kwargs
    if args or kwargs:
        segments = path.split("/")
        for value in args:
            if value not in segments:
                _read_argument("", value, found)
        for name, value in kwargs.items():
            if value not in segments or name in ORGANIZATION_FIELDS:
                _read_argument(name, value, found)
    return found


def _read_argument(name: str, value: Any, found: list[Named]) -> None:
    if value is None or isinstance(value, (int, float)):
        return
    text = value if isinstance(value, str) else str(value)
    found.extend(named_in(text, prose=False))
    if _is_organization_field(name):
        found.extend(named_by_organization_field(text, asked_for=True))


def named_in_query(request: HttpRequest) -> Sequence[Named]:
    """Return what the query names: every value of every name, and the names. Raises TooLarge."""
    query = request.META.get("QUERY_STRING")
    if not query:
        return NOTHING
    fields = request.GET
    # What some middleware put in the place of the query may hold anything.
    if len(query) < SHORT and isinstance(fields, QueryDict) and not fields._mutable:
        pairs = tuple((name, tuple(values)) for name, values in fields.lists())
        return _remembered_query(pairs, conf.gate_node_limit)
    found: list[Named] = []
    _Reader(found, asked_for=True).read_fields(fields)
    return found


@lru_cache(maxsize=2048)
def _remembered_query(pairs: tuple[tuple[str, tuple[str, ...]], ...], limit: int) -> tuple[Named, ...]:
    """Return what a short query names: of the same few pages come the same few queries. Another limit is asked anew."""
    found: list[Named] = []
    _Reader(found, asked_for=True).read_pairs((name, value) for name, values in pairs for value in values)
    return tuple(found)


def named_in_body(request: HttpRequest) -> list[Named]:
    """Return what the body names: a form of any method, the fields of a multipart form, JSON at any depth in every
    charset in which a view may read it, keys in plain text.

    Raises TooLarge where the body is larger than ``GATE_BODY_LIMIT`` and may hold keys, or has more than
    ``GATE_NODE_LIMIT`` values; BadRequest for a charset that is no charset. A large upload of files is read as a
    stream, fields only.
    """
    found: list[Named] = []
    length = _length(request)
    if length == 0:
        return found
    reader = _Reader(found)
    is_multipart = (request.content_type or "").lower() == _MULTIPART
    if not hasattr(request, "_body") and getattr(request, "_read_started", False):
        # Somebody above parsed the form (the CSRF check does), or nobody below can read it either.
        if hasattr(request, "_post"):
            reader.read_fields(request.POST)
            reader.read_pairs((name, "") for name in request.FILES)
        return found
    body = _body(request, length, is_multipart)
    if body is None:
        if is_multipart:
            _read_large_upload(request, reader)
    else:
        is_read = _may_be_multipart(request) and _read_multipart(body, request, reader)
        # What stands before the first boundary hides no field; and a view may read JSON whatever the type says.
        if not is_read or _looks_like_json(body):
            _read_body(body, request, reader)
    return found


def _length(request: HttpRequest) -> int | None:
    """Return the declared length of the body; 0 where there is none, None where it is not declared."""
    declared = request.META.get("CONTENT_LENGTH")
    if declared in (None, ""):
        # Under WSGI a body without a length is no body; under ASGI it has been received already.
        return None if hasattr(request, "scope") else 0
    try:
        return max(0, int(declared))
    except (TypeError, ValueError):
        return 0


def _body(request: HttpRequest, length: int | None, is_multipart: bool) -> bytes | None:
    """Return the body, and leave the request as if nobody had read it; None where it is too long and need not be read.

    Raises TooLarge where it is too long and may hold keys.
    """
    limit = conf.gate_body_limit
    body: bytes | None = getattr(request, "_body", None)
    if body is None:
        unread: Any = request
        stream: BinaryIO = getattr(request, "_stream", None) or BytesIO(request.body)
        body = stream.read(limit + 1 if length is None or length <= limit else _PEEK)
        unread._stream = _Replay(body, stream)
        if length is not None and length > limit:
            _refuse_keys(request, body, is_multipart)
            return None
    if len(body) > limit:
        _refuse_keys(request, body[:_PEEK], is_multipart)
        return None
    return body


def _refuse_keys(request: HttpRequest, start: bytes, is_multipart: bool) -> None:
    """Raise TooLarge where a body may be JSON, a form or a text: by its type, or by how it begins, whatever its type
    says: many a view reads JSON from any type."""
    if (_is_text(request.content_type or "") and not is_multipart) or _looks_like_json(start):
        raise TooLarge(f"The body has more than {conf.gate_body_limit} bytes; at most that many are looked through.")


class _Replay:
    """A stream of which the start has been read already."""

    def __init__(self, start: bytes, rest: BinaryIO) -> None:
        self._start = BytesIO(start)
        self._rest = rest

    def read(self, size: int | None = None) -> bytes:
        if size is None or size < 0:
            return self._start.read() + self._rest.read()
        piece = self._start.read(size)
        return piece + self._rest.read(size - len(piece)) if len(piece) < size else piece

    def readline(self, size: int | None = None) -> bytes:
        limit = -1 if size is None else size
        line = self._start.readline(limit)
        if line.endswith(b"\n") or len(line) == limit:
            return line
        return line + (self._rest.readline() if limit < 0 else self._rest.readline(limit - len(line)))

    def close(self) -> None:
        self._start.close()
        self._rest.close()


def _may_be_multipart(request: HttpRequest) -> bool:
    """Whether some parser may take the body for a multipart form: DRF's takes ``multipart/*`` for one."""
    return (request.content_type or "").lower() in (_MULTIPART, "multipart/*")


def _is_text(content_type: str) -> bool:
    kind = content_type.lower()
    return not kind or kind.startswith("text/") or kind == _FORM or "json" in kind or "xml" in kind or "*" in kind


def _looks_like_json(body: bytes) -> bool:
    start = body.lstrip(b" \t\r\n\0\xef\xbb\xbf\xff\xfe")
    return not start or start[:1] in b'{["'


def _read_body(body: bytes, request: HttpRequest, reader: _Reader) -> None:
    content_type = (request.content_type or "").lower()
    declared = (request.content_params or {}).get("charset")
    texts = dict.fromkeys(_decoded(body, charset) for charset in _charsets(body, declared))
    # DRF gives a type with a wildcard to the first parser that fits, which may be the one of forms.
    if content_type == _FORM or "*" in content_type:
        for charset in dict.fromkeys((_known(declared) or settings.DEFAULT_CHARSET, "utf-8")):
            pairs = parse_qsl(_decoded(body, charset), keep_blank_values=True, encoding=charset, errors="replace")
            reader.read_pairs(pairs)
    for text in texts:
        if not reader.read_json(text) and _is_text(content_type) and content_type != _FORM:
            reader.read_text(text)


def _known(charset: str | None) -> str | None:
    """Return the name of a declared charset, or None where there is none such: Django ignores it then.

    Raises BadRequest where it transforms bytes (``base64``, ``zlib``), and so could hide or inflate a body.
    """
    if not charset:
        return None
    try:
        codec = codecs.lookup(charset)
    except LookupError:
        return None
    if not codec._is_text_encoding:
        raise BadRequest(f"The charset {charset!r} of the request's body is not one of texts.")
    return codec.name


def _charsets(body: bytes, declared: str | None) -> Iterable[str]:
    """Return the charsets in which a view may read the body: the declared one (DRF), the one that JSON's own reader
    guesses, the default one."""
    charsets = (_known(declared), json.detect_encoding(body), settings.DEFAULT_CHARSET)
    return dict.fromkeys(codecs.lookup(charset).name for charset in charsets if charset)


def _decoded(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset, "replace")
    except (LookupError, ValueError):  # Not every codec knows how to replace.
        return ""


class _DiscardFiles(FileUploadHandler):
    """Reads past the files of a form."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        return None

    def file_complete(self, file_size: int) -> None:
        return None


def _read_multipart(body: bytes, request: HttpRequest, reader: _Reader) -> bool:
    """Read the fields of a multipart form, of any method, and the names of its files; False where it is none."""
    encoding = request.encoding or settings.DEFAULT_CHARSET
    try:
        fields, files = MultiPartParser(request.META, BytesIO(body), [_DiscardFiles(request)], encoding).parse()
    except MultiPartParserError:
        return False
    reader.read_fields(fields)
    reader.read_pairs((name, "") for name in files)
    return True


def _read_large_upload(request: HttpRequest, reader: _Reader) -> None:
    """Let Django parse a long multipart form as the view would, files to disk: the view finds the same ``POST`` and
    ``FILES``, and DRF takes them from there."""
    if request.method != "POST":
        unparsed: Any = request
        unparsed._post, unparsed._files = request.parse_file_upload(request.META, request)
    reader.read_fields(request.POST)
    reader.read_pairs((name, "") for name in request.FILES)


class _Reader:
    """Reads fields, JSON and texts, and counts what it has read.

    ``asked_for`` says that an organization in a field is one that is asked for, not one that is written down.
    """

    def __init__(self, found: list[Named], *, asked_for: bool = False) -> None:
        self._found = found
        self._asked_for = asked_for
        self._left = conf.gate_node_limit

    def _count(self, number: int = 1) -> None:
        self._left -= number
        if self._left < 0:
            limit = conf.gate_node_limit
            raise TooLarge(f"The request has more than {limit} values; at most that many are looked through.")

    def read_fields(self, fields: QueryDict | Mapping[str, Any]) -> None:
        """Read every value of every name, and the names."""
        lists = fields.lists() if isinstance(fields, QueryDict) else ((name, [value]) for name, value in fields.items())
        self.read_pairs((name, value) for name, values in lists for value in values)

    def read_pairs(self, pairs: Iterable[tuple[str, Any]]) -> None:
        """Read names and their values."""
        for name, value in pairs:
            self._count()
            self._found.extend(named_in(name))
            if not isinstance(value, str):
                continue
            if _is_organization_field(name):
                asked_for = self._asked_for or _plain(name) in _SHORT_NAME_FIELDS
                self._found.extend(named_by_organization_field(value, asked_for=asked_for))
            if not self.read_json(value):
                self._found.extend(named_in(value))

    def read_text(self, text: str) -> None:
        """Read a text as a value."""
        self._found.extend(named_in(text))

    def read_json(self, text: str) -> bool:
        """Read a JSON document, at any depth; return False where the text is none."""
        text = text.lstrip("\ufeff")
        if text.lstrip()[:1] not in _JSON_STARTS:
            return False
        try:
            document = json.loads(text)
        except ValueError:
            return False
        except RecursionError:
            raise TooLarge("The document nests deeper than what is looked through.") from None
        self._walk(document)
        return True

    def _walk(self, document: Any) -> None:
        found = self._found
        names: set[str] = set()
        left: list[tuple[Any, int]] = [(document, _DEPTH_OF_TEXTS)]
        while left:
            item, texts = left.pop()
            if isinstance(item, str):
                if texts and item[:1] in _JSON_OR_BLANK and (inner := self._document_in(item)) is not None:
                    left.append((inner, texts - 1))
                elif ":" in item or "/" in item or "%" in item or ";_" in item or not item.isascii():
                    found.extend(named_in(item))
            elif isinstance(item, dict):
                self._count(len(item))
                for name, value in item.items():
                    if name not in names:
                        names.add(name)
                        found.extend(named_in(name))
                    if _is_organization_field(name):
                        for one in value if isinstance(value, list) else (value,):
                            if isinstance(one, str):
                                found.extend(named_by_organization_field(one, asked_for=self._asked_for))
                    if isinstance(value, (str, dict, list)):
                        left.append((value, texts))
            elif isinstance(item, list):
                self._count(len(item))
                left.extend([(value, texts) for value in item if isinstance(value, (str, dict, list))])

    def _document_in(self, text: str) -> Any:
        """Return the object or list that a text holds as JSON, or None."""
        if text.lstrip()[:1] not in _JSON_CONTAINERS:
            return None
        try:
            return json.loads(text)
        except ValueError:
            return None
        except RecursionError:
            raise TooLarge("The document nests deeper than what is looked through.") from None


def _is_organization_field(name: str) -> bool:
    return name in ORGANIZATION_FIELDS or _plain(name) in ORGANIZATION_FIELDS


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
