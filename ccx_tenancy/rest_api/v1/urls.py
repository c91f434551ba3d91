"""The addresses of version 1. Include them under a path such as ``api/tenancy/v1/``."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from django.http import Http404
from django.urls import path, re_path, register_converter
from django.urls.converters import StringConverter
from rest_framework.request import Request
from rest_framework.response import Response

from ccx_tenancy.rest_api.v1 import config, people, record, tenancy
from ccx_tenancy.rest_api.v1.base import View


class NumberConverter:
    """A number that every database holds."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        """Return the number."""
        return int(value)

    def to_url(self, value: int) -> str:
        """Return it as text."""
        return str(value)


class NameConverter(StringConverter):
    """A key, a domain or a short name: at most 255 characters, none of them a control character or a slash."""

    regex = r"[^/\x00-\x1f\x7f]{1,255}"


register_converter(NumberConverter, "ccx_tenancy_number")
register_converter(NameConverter, "ccx_tenancy_name")


class Schema(View):
    """The OpenAPI schema, for everybody: it tells forms, and nobody's data."""

    permission_classes = ()
    route = "schema"

    @property
    def allowed_methods(self) -> list[str]:
        """What can be asked of it."""
        return ["GET", "HEAD"]

    def get(self, request: Request) -> Response:
        """Answer it. Raises Http404 where drf-spectacular (the extra ``schema``) is not installed."""
        if find_spec("drf_spectacular") is None:
            raise Http404
        from ccx_tenancy.rest_api.v1.schema import schema_for

        return Response(
            schema_for(request.path.removesuffix("/schema/")), content_type="application/vnd.oai.openapi+json"
        )


class Nothing(View):
    """Every other address below: 404 in the form of this API."""

    permission_classes = ()
    route = "nothing"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Raise Http404, whatever the method and whoever asks."""
        raise Http404


def _at(address: str, view: type[Any]) -> Any:
    return path(address, view.as_view(), name=f"ccx_tenancy_{view.route}")


urlpatterns = [
    _at("me/", people.Me),
    _at("tenants/", tenancy.Tenants),
    _at("tenants/<ccx_tenancy_name:key>/", tenancy.OneTenant),
    _at("domains/", tenancy.Domains),
    _at("domains/<ccx_tenancy_name:domain>/", tenancy.OneDomain),
    _at("organizations/", tenancy.Organizations),
    _at("organizations/<ccx_tenancy_name:short_name>/", tenancy.OneOrganization),
    _at("members/", people.Members),
    _at("members/<ccx_tenancy_number:number>/", people.Member),
    _at("invitations/", people.Invitations),
    _at("invitations/<ccx_tenancy_number:number>/", people.Invitation),
    _at("invitations/<ccx_tenancy_number:number>/resend/", people.ResendInvitation),
    _at("config/", config.Config),
    _at("config/history/", config.History),
    _at("config/history/<ccx_tenancy_number:number>/", config.PastConfig),
    _at("config/history/<ccx_tenancy_number:number>/rollback/", config.Rollback),
    _at("config/draft/", config.Draft),
    _at("config/draft/publish/", config.PublishDraft),
    _at("audit/", record.Audit),
    _at("audit/export/", record.AuditExport),
    _at("keys/", record.Keys),
    _at("keys/<ccx_tenancy_number:number>/", record.Key),
    _at("schema/", Schema),
    re_path("", Nothing.as_view(), name="ccx_tenancy_nothing"),
]
