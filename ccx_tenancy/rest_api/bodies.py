"""What comes in and goes out: strict JSON, whatever ``Accept`` says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from ccx_tenancy.errors import InvalidDocument
from ccx_tenancy.rest_api.problems import BodyTooLarge
from ccx_tenancy.site_config.documents import parse


class StrictJSONParser(BaseParser):
    """A JSON object in UTF-8: no NaN, no name twice, no half characters, not too deep."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the object. Raises ParseError with line and column, or BodyTooLarge."""
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read() if limit is None else stream.read(limit + 1)
        if limit is not None and len(raw) > limit:
            raise BodyTooLarge(f"The body is larger than {limit:,} bytes (DATA_UPLOAD_MAX_MEMORY_SIZE).")
        try:
            return parse(raw)
        except InvalidDocument as error:
            raise ParseError(str(error)) from error


class AlwaysJSON(BaseContentNegotiation):
    """There is one form of answer, so nobody has to ask for it."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        """Return the JSON parser where the body says it is JSON, else None (415)."""
        kind = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == kind), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the JSON renderer."""
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)
