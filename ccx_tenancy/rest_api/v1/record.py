"""The audit record, and API keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from ccx_tenancy.audit import api as audit
from ccx_tenancy.rest_api import keys as api_keys
from ccx_tenancy.rest_api import problems
from ccx_tenancy.rest_api.idempotency import idempotent
from ccx_tenancy.rest_api.models import ApiKey
from ccx_tenancy.rest_api.pagination import paginate
from ccx_tenancy.rest_api.v1 import serializers as forms
from ccx_tenancy.rest_api.v1.base import Operation, View
from ccx_tenancy.rest_api.v1.tenancy import tenant_named

VIEW_AUDIT = "ccx_tenancy.view_audit"


class OfRecord(View):
    """What the views of the record have in common."""

    group = "audit"

    def rows(self, query: Any) -> QuerySet[Any]:
        """Return what a query asks for, of the tenants that the caller administers. Raises PermissionDenied."""
        self.caller.check_any(VIEW_AUDIT)
        keys = self.tenant_filter(self.caller.tenant_keys(VIEW_AUDIT), query.get("tenant"))
        filters = {name: query[name] for name in ("action", "actor", "since", "until") if name in query}
        rows = audit.entries(**filters)
        if keys is not None:
            rows = rows.filter(tenant_key__in=keys)
        if query["search"]:
            rows = rows.filter(Q(target__icontains=query["search"]) | Q(actor__icontains=query["search"]))
        return rows


class Audit(OfRecord):
    """Who did what in the tenants that the caller administers."""

    route = "audit"
    operations = {
        "get": Operation(
            "List entries of the audit record",
            VIEW_AUDIT,
            query=forms.AuditQuery,
            response=forms.EntryListSerializer,
        )
    }

    def get(self, request: Request) -> Response:
        """Answer a page, newest first."""
        query = self.query(request)
        rows = self.rows(query)
        page, following = paginate(rows, request, cursor=query["cursor"], size=query["limit"], newest_first=True)
        return self.answer({"next": following, "results": page})


class AuditExport(OfRecord):
    """The same, whole, as a file."""

    route = "audit_export"
    operations = {
        "get": Operation(
            "Download entries of the audit record as CSV, oldest first",
            VIEW_AUDIT,
            query=forms.AuditFilter,
            media="text/csv",
        )
    }

    def get(self, request: Request) -> HttpResponseBase:
        """Answer the file; it is read from the database as it is sent."""
        answer = StreamingHttpResponse(audit.lines(self.rows(self.query(request)), "csv"), content_type="text/csv")
        answer["Content-Disposition"] = 'attachment; filename="audit.csv"'
        return answer


class Keys(View):
    """The API keys of the tenants that the caller owns."""

    group = ""
    route = "keys"
    operations = {
        "get": Operation("List API keys", api_keys.MANAGE, query=forms.KeyQuery, response=forms.KeyListSerializer),
        "post": Operation(
            "Make an API key: its secret is in this answer, and nowhere else",
            api_keys.MANAGE,
            request=forms.NewKeySerializer,
            response=forms.MadeKeySerializer,
            status=201,
            errors=(404,),
            idempotent=True,
        ),
    }

    def get(self, request: Request) -> Response:
        """Answer a page."""
        query = self.query(request)
        self.caller.check_any(api_keys.MANAGE)
        keys = self.tenant_filter(self.caller.tenant_keys(api_keys.MANAGE), query.get("tenant"))
        rows = api_keys.keys_of(keys)
        page, following = paginate(rows, request, cursor=query["cursor"], size=query["limit"], newest_first=True)
        return self.answer({"next": following, "results": page})

    @idempotent
    def post(self, request: Request) -> Response:
        """Make one."""
        self.caller.check_any(api_keys.MANAGE)
        wanted = self.body(request)
        tenant_key = self.allowed(wanted)
        made = api_keys.make_key(
            tenant_named(tenant_key),
            name=wanted["name"],
            scopes=wanted["scopes"],
            by=self.caller.user,
            expires=wanted.get("expires"),
        )
        return self.answer(made, Location=f"{request.path}{made.pk}/")

    def allowed(self, wanted: Mapping[str, Any]) -> str:
        """Return the tenant that a body means. Raises Http404, PermissionDenied or BadRequest."""
        self.caller.check_any(api_keys.MANAGE)
        tenant_key: str = wanted.get("tenant") or self._only_tenant()
        self.caller.check_tenant(tenant_key, api_keys.MANAGE)
        return tenant_key

    def _only_tenant(self) -> str:
        keys = self.caller.tenant_keys(api_keys.MANAGE)
        if keys is None or len(keys) != 1:
            raise problems.BadRequest("tenant", "More than one tenant could be meant: name one.")
        return keys[0]


class Key(View):
    """One API key."""

    group = ""
    route = "key"
    operations = {
        "get": Operation("Show an API key", api_keys.MANAGE, response=forms.KeySerializer),
        "delete": Operation("Revoke an API key", api_keys.MANAGE, status=204, errors=(409,)),
    }

    def get(self, request: Request, number: int) -> Response:
        """Answer it."""
        return self.answer(self._row(number))

    def delete(self, request: Request, number: int) -> Response:
        """Revoke it: it stays in the list."""
        api_keys.revoke_key(self._row(number), by=self.caller.user)
        return self.answer(None)

    def _row(self, number: int) -> ApiKey:
        row: ApiKey | None = api_keys.keys_of(None).filter(pk=number).first()
        if row is None:
            raise Http404
        self.caller.check_tenant(row.tenant.key, api_keys.MANAGE)
        return row
