"""Errors as RFC 9457 says: ``application/problem+json``, with every reason and its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler as default_handler

from ccx_tenancy import errors
from ccx_tenancy.site_config.diff import Difference

MEDIA_TYPE = "application/problem+json"


class PreconditionRequired(exceptions.APIException):
    """A change of something that others change too came without ``If-Match``."""

    status_code = status.HTTP_428_PRECONDITION_REQUIRED
    default_detail = "This needs If-Match with the revision you have read, as in its ETag."
    default_code = "precondition_required"


class BadRequest(exceptions.APIException):
    """A header or a parameter is not of the allowed form. ``path`` names it."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "bad_request"

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


class BadQuery(exceptions.ValidationError):
    """Parameters in the query are not of the allowed form."""

    default_code = "bad_query"


class BodyTooLarge(exceptions.APIException):
    """The body is larger than the project reads."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"


class KeyReused(exceptions.APIException):
    """An idempotency key came again with another request."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "This Idempotency-Key was used for another request; use a new one for each."
    default_code = "idempotency_key_reused"


class StillAtWork(exceptions.APIException):
    """The first request with an idempotency key is not answered yet."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "The first request with this Idempotency-Key is still at work; ask again later."
    default_code = "idempotency_key_in_use"


class NotWritable(exceptions.PermissionDenied):
    """Keys of the configuration that only an operator changes."""

    default_code = "not_writable"

    def __init__(self, names: Iterable[str]) -> None:
        self.names = sorted(names)
        super().__init__(f"Only a platform operator changes {', '.join(self.names)}.")


#: The first that fits decides.
_STATUSES: tuple[tuple[type[errors.TenancyError], int], ...] = (
    (errors.StaleRevision, 412),
    (errors.NotAllowed, 403),
    (errors.Conflict, 409),
    (errors.InvalidState, 409),
    (errors.InvalidInput, 422),
)


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the problem that an exception is, or None for what is no answer but a fault of ours."""
    if isinstance(error, errors.TenancyError):
        code = next((code for kind, code in _STATUSES if isinstance(error, kind)), None)
        if code is None:
            code = 404 if isinstance(error, LookupError) else 422
        return _problem(code, error, str(error), list(_reasons(error)), extra=_differences(error))
    response = default_handler(error, context)
    if response is None:
        return None
    headers = {name: response[name] for name in ("WWW-Authenticate", "Retry-After", "Allow") if name in response}
    code = response.status_code
    reasons: list[dict[str, str]] = []
    detail = _text(getattr(error, "detail", None)) or HTTPStatus(code).description or HTTPStatus(code).phrase
    if isinstance(error, exceptions.ValidationError):
        code = 400 if isinstance(error, BadQuery) else 422
        reasons = list(_flat(error.detail))
        detail = f"{len(reasons)} thing{'s are' if len(reasons) != 1 else ' is'} not allowed; see errors."
    elif isinstance(error, BadRequest):
        reasons = [{"path": error.path, "message": detail}]
    elif isinstance(error, NotWritable):
        reasons = [
            {"path": f"values.{name}", "message": "Only a platform operator changes it."} for name in error.names
        ]
    elif code == 404:
        # The same words for what is not there and for what is another tenant's.
        detail = "There is no such thing here."
    if isinstance(error, exceptions.MethodNotAllowed):
        headers["Allow"] = ", ".join(getattr(context.get("view"), "allowed_methods", []))
    return _problem(code, error, detail, reasons, headers)


def _problem(
    code: int,
    error: Exception,
    detail: str,
    reasons: list[dict[str, str]],
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Response:
    name = "not-found" if code == 404 else re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower()
    body = {
        "type": f"urn:ccx-tenancy:problem:{name}",
        "title": HTTPStatus(code).phrase,
        "status": code,
        "detail": detail,
        "errors": reasons,
        **(extra or {}),
    }
    return Response(body, status=code, headers=dict(headers or {}), content_type=MEDIA_TYPE)


def _reasons(error: errors.TenancyError) -> Iterator[dict[str, str]]:
    if isinstance(error, errors.InvalidValues):
        for problem in error.problems:
            yield {"path": problem.path, "message": problem.message}


def _differences(error: errors.TenancyError) -> dict[str, Any]:
    if not isinstance(error, errors.StaleRevision):
        return {}
    return {
        "expected": error.expected,
        "actual": error.actual,
        "theirs": [shown(one) for one in error.theirs if isinstance(one, Difference)],
        "yours": [shown(one) for one in error.yours if isinstance(one, Difference)],
    }


def shown(change: Difference) -> dict[str, Any]:
    """Return one difference as JSON."""
    return {"path": list(change.path), "kind": change.kind, "before": change.before, "after": change.after}


def _text(detail: Any) -> str:
    return str(detail) if isinstance(detail, str) else ""


def _flat(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    if isinstance(detail, Mapping):
        for name, item in detail.items():
            here = (
                path
                if name == "non_field_errors"
                else f"{path}[{name}]"
                if isinstance(name, int)
                else (f"{path}.{name}" if path else str(name))
            )
            yield from _flat(item, here)
    elif isinstance(detail, list):
        for place, item in enumerate(detail):
            yield from _flat(item, f"{path}[{place}]" if isinstance(item, Mapping) else path)
    else:
        yield {"path": path, "message": str(detail)}
