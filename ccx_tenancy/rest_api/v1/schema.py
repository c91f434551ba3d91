"""The OpenAPI schema, read from the operations. Only imported where drf-spectacular is installed."""

from __future__ import annotations

import threading
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.settings import patched_settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from ccx_tenancy.rest_api.problems import MEDIA_TYPE

_SETTINGS = {
    "TITLE": "Tenancy",
    "VERSION": "1",
    "DESCRIPTION": "Tenants, their domains, organizations, people, configuration and record.",
    "SCHEMA_PATH_PREFIX": "/",
    "COMPONENT_SPLIT_REQUEST": False,
    "COMPONENT_NO_READ_ONLY_REQUIRED": False,
    "PREPROCESSING_HOOKS": [],
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums"],
    "ENUM_NAME_OVERRIDES": {
        "TenantStateEnum": "ccx_tenancy.rest_api.v1.serializers.STATES",
        "InvitationStateEnum": "ccx_tenancy.rest_api.v1.serializers.INVITATION_STATES",
        "KeyStateEnum": "ccx_tenancy.rest_api.v1.serializers.KEY_STATES",
    },
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "apiKey": {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "`Api-Key PREFIX.SECRET`",
            },
            "session": {"type": "apiKey", "in": "cookie", "name": "sessionid"},
            "jwt": {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`JWT ...`"},
        }
    },
}
_ALWAYS = (400, 401, 403, 429)
_BODY = (413, 415, 422)
_lock = threading.Lock()
_schemas: dict[str, Any] = {}


class OperationSchema(AutoSchema):
    """Describes a view by its ``operations``."""

    view: Any

    def _operation(self) -> Any:
        return self.view.operations[self.method.lower()]

    def is_excluded(self) -> bool:
        """Whether the method is none of the operations."""
        return self.method.lower() not in self.view.operations

    def _is_list_view(self, serializer: Any = None) -> bool:
        return False

    def get_operation_id(self) -> str:
        """Return ``members_list``, ``config_draft_publish`` and the like: the route's name and what is done."""
        return f"{self.method.lower()}_{self.view.route}"

    def get_tags(self) -> list[str]:
        """Return the first part of the address."""
        return [self.path.strip("/").split("/")[0]]

    def get_summary(self) -> str:
        """Return the operation's own."""
        return str(self._operation().summary)

    def get_description(self) -> str:  # type: ignore[override] # drf-spectacular has it so.
        """Return what the caller needs."""
        return f"Permission: `{self._operation().permission}`."

    def get_auth(self) -> list[dict[str, list[str]]]:
        """Return the ways to say who one is."""
        return [{"apiKey": []}, {"session": []}, {"jwt": []}]

    def get_request_serializer(self) -> Any:
        """Return the form of the body."""
        return self._operation().request

    def get_override_parameters(self) -> list[Any]:
        """Return the query's and the headers."""
        operation = self._operation()
        found: list[Any] = [operation.query] if operation.query is not None else []
        if operation.if_match:
            found.append(OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, required=True))
        if operation.idempotent:
            found.append(OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER))
        return found

    def get_response_serializers(self) -> Any:
        """Return the form of the answer and of each problem."""
        from ccx_tenancy.rest_api.v1.serializers import LostRaceSerializer, ProblemSerializer

        operation = self._operation()
        codes = {*_ALWAYS, *operation.errors}
        if operation.request is not None:
            codes.update(_BODY)
        if operation.if_match:
            codes.update((412, 428))
        if operation.idempotent:
            codes.update((409, 422))
        if "{" in self.path:
            codes.add(404)
        found: dict[Any, Any] = {operation.status: operation.response}
        if operation.media is not None:
            found = {(operation.status, operation.media): OpenApiTypes.STR}
        for code in sorted(codes):
            found[(code, MEDIA_TYPE)] = LostRaceSerializer if code == 412 else ProblemSerializer
        return found


def schema_for(prefix: str) -> Any:
    """Return the schema of the API that is mounted at ``prefix``. Made once for each."""
    from ccx_tenancy.rest_api.v1.urls import urlpatterns

    with _lock:  # The settings of drf-spectacular are the process's.
        if prefix not in _schemas:
            with patched_settings(_SETTINGS):
                schema = SchemaGenerator(patterns=urlpatterns).get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
            _schemas[prefix] = {**schema, "servers": [{"url": prefix}]}
    return _schemas[prefix]
