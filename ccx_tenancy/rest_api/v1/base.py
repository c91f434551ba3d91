"""What all views share: who asks, what it takes, and the forms, said once and read by the code and the schema alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

from django.db import transaction
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from ccx_tenancy.audit import api as audit
from ccx_tenancy.rest_api import problems
from ccx_tenancy.rest_api.access import MEMBER, Caller, caller_of
from ccx_tenancy.rest_api.authentication import authentication_classes, is_restricted_jwt
from ccx_tenancy.rest_api.bodies import AlwaysJSON, StrictJSONParser
from ccx_tenancy.rest_api.throttling import ApiKeyThrottle

Form = type[BaseSerializer[Any]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address.

    ``permission`` is what it takes (``access.MEMBER``, ``access.OPERATOR``, or a permission of a role); ``errors`` are
    the statuses of problems besides those that every operation may answer; ``media`` is the type of an answer that is
    a file.
    """

    summary: str
    permission: str = MEMBER
    response: Form | None = None
    status: int = 200
    request: Form | None = None
    query: Form | None = None
    errors: tuple[int, ...] = ()
    if_match: bool = False
    idempotent: bool = False
    media: str | None = None


def _inspector() -> Any:
    """Return what describes the views in the OpenAPI schema; None, which leaves them out, without drf-spectacular."""
    if find_spec("drf_spectacular") is None:
        return None
    from ccx_tenancy.rest_api.v1.schema import OperationSchema

    return OperationSchema()


class View(APIView):
    """A view whose ``operations`` say, by method, what each takes and gives.

    ``group`` is that of the scopes of API keys (None: any key; an empty text: none).
    """

    group: ClassVar[str | None] = None
    operations: ClassVar[Mapping[str, Operation]] = {}

    schema = _inspector()
    renderer_classes = (JSONRenderer,)
    parser_classes = (StrictJSONParser,)
    permission_classes: Any = (IsAuthenticated,)
    throttle_classes = (ApiKeyThrottle,)
    content_negotiation_class = AlwaysJSON
    metadata_class = None
    versioning_class = None
    # No OPTIONS: what there is, the schema says.
    http_method_names = ("get", "head", "post", "patch", "delete")
    # Every answer is bounded by what the caller may see. The gate's 404 on the name of an organization that is there,
    # but elsewhere, would tell it apart from one that is nowhere, to nobody in particular.
    judges_keys_itself = True

    caller: Caller

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., Any]:  # type: ignore[override]
        """Return the view. Each change is a transaction of the Python API's: one around all of the request would keep
        an idempotency key from being seen while its request is at work."""
        return transaction.non_atomic_requests(super().as_view(**initkwargs))

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Return ours, whatever the project's defaults are."""
        return [kind() for kind in authentication_classes()]

    def get_permissions(self) -> list[BasePermission]:
        """Return ours."""
        return [kind() for kind in self.permission_classes]

    def get_exception_handler(self) -> Any:
        """Return ours, whatever the project's is."""
        return problems.handler

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, and find out what the caller may. Raises NotAuthenticated or PermissionDenied."""
        super().initial(request, *args, **kwargs)
        operation = self.operations.get(str(request.method).lower().replace("head", "get"))
        if operation is None:  # The answer is 405.
            return
        if not request.user.is_authenticated:
            raise NotAuthenticated
        if is_restricted_jwt(request):
            raise PermissionDenied("A restricted application may not use this API.")
        self.operation = operation
        self.caller = caller_of(request)
        self._check_scope(request)
        if self.caller.key is not None:
            # Whose change it was is the maker's; by which key stands beside it.
            self._request_id = audit.current_request_id()
            audit.set_request_id(f"api-key:{self.caller.key.prefix} {self._request_id}".strip())

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Tell caches that the answer is this caller's, and leave the request's id as it was."""
        if hasattr(self, "_request_id"):
            audit.set_request_id(self._request_id)
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "private, no-store"
        return response

    @property
    def allowed_methods(self) -> list[str]:
        """The methods that the operations name."""
        names = [name.upper() for name in self.operations]
        return [*names, "HEAD"] if "GET" in names else names

    def _check_scope(self, request: Request) -> None:
        key = self.caller.key
        if key is None or self.group is None:
            return
        if not self.group:
            raise PermissionDenied("API keys do not manage API keys; use a session or a JWT.")
        scope = f"{self.group}:{'read' if request.method in ('GET', 'HEAD') else 'write'}"
        if scope not in key.scopes:
            raise PermissionDenied(f"This takes the scope {scope}; the key has {', '.join(key.scopes)}.")

    # What handlers use

    def query(self, request: Request) -> Any:
        """Return the checked parameters. Raises BadQuery."""
        form = self.operation.query
        assert form is not None
        bound = form(data=request.query_params.dict())
        if not bound.is_valid():
            raise problems.BadQuery(dict(bound.errors))
        return bound.validated_data

    def body(self, request: Request) -> Any:
        """Return the checked body. Raises ValidationError."""
        form = self.operation.request
        assert form is not None
        bound = form(data=request.data)
        bound.is_valid(raise_exception=True)
        return bound.validated_data

    def answer(self, data: Any, **headers: str) -> Response:
        """Return an answer in the operation's form."""
        form = self.operation.response
        content = form(data).data if form is not None else None
        shown = {name.replace("_", "-"): value for name, value in headers.items()}
        return Response(content, status=self.operation.status, headers=shown)

    def tenant_filter(self, keys: list[str] | None, wanted: str | None) -> list[str] | None:
        """Return the tenants of a list: those of ``keys`` (None: all), only ``wanted`` where it is given."""
        if wanted is None:
            return keys
        return [wanted] if keys is None or wanted in keys else []
