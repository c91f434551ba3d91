"""Tenants, domains and organizations. Members look; platform operators change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Prefetch, Q, QuerySet
from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from ccx_tenancy import api
from ccx_tenancy.conf import conf
from ccx_tenancy.errors import InvalidDomain, InvalidValues, Problem
from ccx_tenancy.rest_api.access import MEMBER, OPERATOR
from ccx_tenancy.rest_api.idempotency import idempotent
from ccx_tenancy.rest_api.pagination import paginate
from ccx_tenancy.rest_api.v1 import serializers as forms
from ccx_tenancy.rest_api.v1.base import Operation, View
from ccx_tenancy.tenants import api as tenants

#: Which of the domains that a tenant has are told to whom: the role that also edits the configuration.
SEE_DOMAINS = "ccx_tenancy.edit_configuration"


def with_parts(rows: QuerySet[tenants.Tenant]) -> QuerySet[tenants.Tenant]:
    """Bring domains and organizations along: two queries more, whatever the number."""
    links = tenants.TenantOrganization.objects.select_related("organization")
    return rows.prefetch_related("domains", Prefetch("tenant_organizations", queryset=links))


def shown(tenant: tenants.Tenant) -> dict[str, Any]:
    """Return a tenant as it is told."""
    primary = (row.domain for row in tenant.domains.all() if row.surface == "lms" and row.is_primary)
    return {
        "key": tenant.key,
        "name": tenant.name,
        "state": tenant.state,
        "domain": next(primary, None),
        "organizations": [link.organization.short_name for link in tenant.tenant_organizations.all()],
    }


def tenant_named(key: str) -> tenants.Tenant:
    """Return a tenant. Raises Http404."""
    found = tenants.Tenant.objects.filter(key=key).first()
    if found is None or found.key != key:
        raise Http404
    return found


class Tenants(View):
    """The caller's tenants; an operator's: all."""

    group = "tenants"
    route = "tenants"
    operations = {
        "get": Operation("List tenants", query=forms.TenantQuery, response=forms.TenantListSerializer),
        "post": Operation(
            "Make a tenant",
            OPERATOR,
            request=forms.NewTenantSerializer,
            response=forms.TenantSerializer,
            status=201,
            errors=(409,),
            idempotent=True,
        ),
    }

    def get(self, request: Request) -> Response:
        """Answer a page."""
        query = self.query(request)
        self.caller.check_any(MEMBER)
        keys = self.caller.tenant_keys()
        rows = tenants.list_tenants(query.get("state"))
        if keys is not None:
            rows = rows.filter(key__in=keys)
        if query["search"]:
            rows = rows.filter(Q(key__icontains=query["search"]) | Q(name__icontains=query["search"]))
        page, following = paginate(with_parts(rows), request, cursor=query["cursor"], size=query["limit"])
        return self.answer({"next": following, "results": [shown(row) for row in page]})

    @idempotent
    def post(self, request: Request) -> Response:
        """Make one, with all that belongs to it."""
        self.allowed({})
        wanted = dict(self.body(request))
        owner = wanted.pop("owner", None)
        if owner is not None:
            wanted["owner"] = conf.account_policy.find(owner, None)
            if wanted["owner"] is None:
                raise InvalidValues([Problem("owner", f"there is no account {owner!r}, or more than one.")])
        made = api.create_tenant(**wanted, actor=self.caller.user)
        found = with_parts(tenants.Tenant.objects.filter(pk=made.pk)).get()
        return self.answer(shown(found), Location=f"{request.path}{made.key}/")

    def allowed(self, wanted: Mapping[str, Any]) -> None:
        """Raise PermissionDenied where the caller makes no tenants, Http404 where none can be made."""
        self.caller.check_any(OPERATOR)
        if self.caller.host is not None:
            raise Http404  # On a tenant's host there is that tenant and no other.


class OneTenant(View):
    """One tenant."""

    group = "tenants"
    route = "tenant"
    operations = {
        "get": Operation("Show a tenant", response=forms.TenantSerializer),
        "patch": Operation(
            "Rename, suspend, resume or archive a tenant",
            OPERATOR,
            request=forms.TenantChangeSerializer,
            response=forms.TenantSerializer,
            errors=(409,),
        ),
    }

    def get(self, request: Request, key: str) -> Response:
        """Answer it."""
        self.caller.check_tenant(key, MEMBER)
        return self._shown(key)

    def patch(self, request: Request, key: str) -> Response:
        """Change it."""
        self.caller.check_tenant(key, OPERATOR)
        wanted = self.body(request)
        tenant_named(key)
        steps = {"active": api.resume_tenant, "suspended": api.suspend_tenant, "archived": api.archive_tenant}
        with transaction.atomic():
            if "name" in wanted:
                tenants.rename_tenant(key, wanted["name"], actor=self.caller.user)
            if "state" in wanted:
                steps[wanted["state"]](key, actor=self.caller.user, reason=wanted["reason"])
        return self._shown(key)

    def _shown(self, key: str) -> Response:
        found = with_parts(tenants.Tenant.objects.filter(key=key)).first()
        if found is None:
            raise Http404
        return self.answer(shown(found))


class Domains(View):
    """The domains of the tenants that the caller administers."""

    group = "tenants"
    route = "domains"
    operations = {
        "get": Operation("List domains", SEE_DOMAINS, query=forms.DomainQuery, response=forms.DomainListSerializer),
        "post": Operation(
            "Give a tenant a domain",
            OPERATOR,
            request=forms.NewDomainSerializer,
            response=forms.DomainSerializer,
            status=201,
            errors=(404, 409),
            idempotent=True,
        ),
    }

    def get(self, request: Request) -> Response:
        """Answer a page."""
        query = self.query(request)
        self.caller.check_any(SEE_DOMAINS)
        keys = self.tenant_filter(self.caller.tenant_keys(SEE_DOMAINS), query.get("tenant"))
        rows = tenants.TenantDomain.objects.select_related("tenant")
        if keys is not None:
            rows = rows.filter(tenant__key__in=keys)
        if "surface" in query:
            rows = rows.filter(surface=query["surface"])
        if query["search"]:
            rows = rows.filter(domain__icontains=query["search"])
        page, following = paginate(rows, request, cursor=query["cursor"], size=query["limit"])
        return self.answer({"next": following, "results": page})

    @idempotent
    def post(self, request: Request) -> Response:
        """Add one."""
        wanted = self.body(request)
        tenant = self.allowed(wanted)
        row = tenants.add_domain(
            tenant,
            wanted["domain"],
            surface=wanted["surface"],
            primary=wanted["primary"],
            actor=self.caller.user,
        )
        return self.answer(row, Location=f"{request.path}{row.domain}/")

    def allowed(self, wanted: Mapping[str, Any]) -> tenants.Tenant:
        """Return the tenant that a body names. Raises Http404, or PermissionDenied."""
        self.caller.check_tenant(wanted["tenant"], OPERATOR)
        return tenant_named(wanted["tenant"])


class OneDomain(View):
    """One domain."""

    group = "tenants"
    route = "domain"
    operations = {
        "get": Operation("Show a domain", SEE_DOMAINS, response=forms.DomainSerializer),
        "patch": Operation(
            "Make a domain the primary of its surface",
            OPERATOR,
            request=forms.DomainChangeSerializer,
            response=forms.DomainSerializer,
        ),
        "delete": Operation("Take a domain from its tenant", OPERATOR, status=204, errors=(409,)),
    }

    def get(self, request: Request, domain: str) -> Response:
        """Answer it."""
        return self.answer(self._row(domain))

    def patch(self, request: Request, domain: str) -> Response:
        """Make it primary."""
        row = self._row(domain)
        self.body(request)
        return self.answer(tenants.set_primary(row.tenant, row.domain, actor=self.caller.user))

    def delete(self, request: Request, domain: str) -> Response:
        """Remove it."""
        row = self._row(domain)
        tenants.remove_domain(row.tenant, row.domain, actor=self.caller.user)
        return self.answer(None)

    def _row(self, domain: str) -> tenants.TenantDomain:
        try:
            name = tenants.normalize_domain(domain)
        except InvalidDomain:
            raise Http404 from None
        row = tenants.TenantDomain.objects.select_related("tenant").filter(domain=name).first()
        if row is None:
            raise Http404
        self.caller.check_tenant(row.tenant.key, self.operation.permission)
        return row


class Organizations(View):
    """The organizations of the caller's tenants."""

    group = "tenants"
    route = "organizations"
    operations = {
        "get": Operation(
            "List organizations", query=forms.OrganizationQuery, response=forms.OrganizationListSerializer
        ),
        "post": Operation(
            "Give a tenant an organization",
            OPERATOR,
            request=forms.NewOrganizationSerializer,
            response=forms.OrganizationSerializer,
            status=201,
            errors=(404, 409),
            idempotent=True,
        ),
    }

    def get(self, request: Request) -> Response:
        """Answer a page."""
        query = self.query(request)
        self.caller.check_any(MEMBER)
        keys = self.tenant_filter(self.caller.tenant_keys(), query.get("tenant"))
        rows = tenants.TenantOrganization.objects.select_related("tenant", "organization")
        if keys is not None:
            rows = rows.filter(tenant__key__in=keys)
        if query["search"]:
            search = query["search"]
            rows = rows.filter(Q(organization__short_name__icontains=search) | Q(organization__name__icontains=search))
        page, following = paginate(rows, request, cursor=query["cursor"], size=query["limit"])
        return self.answer({"next": following, "results": page})

    @idempotent
    def post(self, request: Request) -> Response:
        """Add one."""
        wanted = self.body(request)
        link = tenants.add_organization(self.allowed(wanted), wanted["short_name"], actor=self.caller.user)
        return self.answer(link, Location=f"{request.path}{link.organization.short_name}/")

    def allowed(self, wanted: Mapping[str, Any]) -> tenants.Tenant:
        """Return the tenant that a body names. Raises Http404, or PermissionDenied."""
        self.caller.check_tenant(wanted["tenant"], OPERATOR)
        return tenant_named(wanted["tenant"])


class OneOrganization(View):
    """One organization."""

    group = "tenants"
    route = "organization"
    operations = {
        "get": Operation("Show an organization", response=forms.OrganizationSerializer),
        "delete": Operation("Take an organization from its tenant", OPERATOR, status=204),
    }

    def get(self, request: Request, short_name: str) -> Response:
        """Answer it."""
        return self.answer(self._row(short_name))

    def delete(self, request: Request, short_name: str) -> Response:
        """Remove it: it becomes the platform's own."""
        row = self._row(short_name)
        tenants.remove_organization(row.tenant, row.organization.short_name, actor=self.caller.user)
        return self.answer(None)

    def _row(self, short_name: str) -> tenants.TenantOrganization:
        rows = tenants.TenantOrganization.objects.select_related("tenant", "organization")
        row = rows.filter(folded=tenants.fold(short_name)).first()
        if row is None:
            raise Http404
        self.caller.check_tenant(row.tenant.key, self.operation.permission)
        return row
