"""The configuration of a site, its history, and the caller's draft of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.sites.models import Site
from django.db import transaction
from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from ccx_tenancy.errors import InvalidDomain, InvalidValues, NoDraft, Problem, StaleRevision
from ccx_tenancy.rest_api import problems
from ccx_tenancy.rest_api.pagination import next_link, read_cursor
from ccx_tenancy.rest_api.v1 import serializers as forms
from ccx_tenancy.rest_api.v1.base import Operation, View
from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.site_config.schema import known_keys
from ccx_tenancy.tenants import api as tenants

EDIT = "ccx_tenancy.edit_configuration"
_TAG = re.compile(r'(?:W/)?"(?P<revision>\d{1,18})(?:-(?P<draft>\d{1,18}))?"')


@dataclass(frozen=True, slots=True)
class Tag:
    """What If-Match names: a revision of the site, and the time of a draft that began there (0: none)."""

    revision: int
    draft: int = 0

    def __str__(self) -> str:
        return f'"{self.revision}-{self.draft}"' if self.draft else f'"{self.revision}"'


@dataclass(frozen=True, slots=True)
class Place:
    """A site of a tenant, by its domain."""

    domain: str
    tenant: tenants.Tenant
    site: Site


def tag_of(draft: site_config.Draft) -> Tag:
    """Return the tag of a draft."""
    return Tag(draft.base_revision, int(draft.modified.timestamp() * 1_000_000))


class OfSite(View):
    """What the views of a site have in common."""

    group = "config"

    def site(self, domain: str | None) -> Place:
        """Return the site that is meant, by its domain.

        Without one it is the primary one of the host's tenant, or of the only tenant whose configuration the caller
        may edit. Raises Http404, PermissionDenied, or BadRequest where more than one could be meant.
        """
        rows = tenants.TenantDomain.objects.select_related("tenant", "site").filter(site__isnull=False)
        if domain is not None:
            try:
                row = rows.filter(domain=tenants.normalize_domain(domain)).first()
            except InvalidDomain:
                row = None
        else:
            row = rows.filter(tenant__key=self._only_tenant(), surface="lms", is_primary=True).first()
        if row is None or row.site is None:
            raise Http404
        self.caller.check_tenant(row.tenant.key, EDIT)
        return Place(row.domain, row.tenant, row.site)

    def _only_tenant(self) -> str:
        caller = self.caller
        keys = [caller.host.key] if caller.host is not None else caller.tenant_keys(EDIT)
        if keys == []:
            caller.check_any(EDIT)
        if keys is None or len(keys) != 1:
            raise problems.BadRequest("domain", "More than one site could be meant: name its domain in the query.")
        return keys[0]

    def tag(self, request: Request) -> Tag:
        """Return what If-Match names. Raises PreconditionRequired, or BadRequest."""
        given = request.headers.get("If-Match")
        if given is None:
            raise problems.PreconditionRequired
        found = _TAG.fullmatch(given.strip())
        if found is None:
            raise problems.BadRequest("If-Match", 'Allowed is one ETag as it was given, such as "3".')
        return Tag(int(found["revision"]), int(found["draft"] or 0))

    def check_writable(self, names: Iterable[str]) -> None:
        """Raise NotWritable where the caller may not change one of these keys."""
        if self.caller.is_operator:
            return
        known = known_keys()
        refused = [name for name in names if name not in known or not known[name].tenant_writable]
        if refused:
            raise problems.NotWritable(set(refused))

    def merged(self, values: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Return values with what a request sets and without what it unsets. Raises InvalidValues."""
        wrong = [Problem(name, "set and unset at once.") for name in wanted["unset"] if name in wanted["values"]]
        wrong += [
            Problem(name, "the site stores no value of that name.") for name in wanted["unset"] if name not in values
        ]
        if wrong:
            raise InvalidValues(wrong)
        merged = {**values, **wanted["values"]}
        return {name: value for name, value in merged.items() if name not in wanted["unset"]}

    def config(self, row: Place, stored: Any) -> Response:
        """Answer what a site stores."""
        told = {
            "domain": row.domain,
            "tenant": row.tenant.key,
            "revision": stored.revision,
            "enabled": stored.enabled,
            "values": stored.values,
        }
        return self.answer(told, ETag=str(Tag(stored.revision)))

    def check_current(self, row: Place, tag: Tag) -> Any:
        """Return what the site stores. Raises StaleRevision where there never was the revision of the tag."""
        stored = site_config.current_values(row.site)
        if tag.draft or tag.revision > stored.revision:
            raise StaleRevision(
                f"The configuration of {row.domain} is at revision {stored.revision}, and If-Match names {tag}.",
                expected=tag.revision,
                actual=stored.revision,
            )
        return stored


class Config(OfSite):
    """What a site stores."""

    route = "config"
    operations = {
        "get": Operation(
            "Show the configuration of a site",
            EDIT,
            query=forms.SiteQuery,
            response=forms.ConfigSerializer,
            errors=(404,),
        ),
        "patch": Operation(
            "Change values of a site",
            EDIT,
            query=forms.SiteQuery,
            request=forms.ConfigChangeSerializer,
            response=forms.ConfigSerializer,
            errors=(404,),
            if_match=True,
        ),
    }

    def get(self, request: Request) -> Response:
        """Answer it, with its revision as ETag."""
        row = self.site(self.query(request).get("domain"))
        return self.config(row, site_config.current_values(row.site))

    def patch(self, request: Request) -> Response:
        """Merge. One revision, or, where the values are those that are there, none."""
        row = self.site(self.query(request).get("domain"))
        tag, wanted = self.tag(request), self.body(request)
        self.check_writable([*wanted["values"], *wanted["unset"]])
        if wanted["enabled"] is not None and not self.caller.is_operator:
            raise problems.NotWritable(["enabled"])
        stored = self.check_current(row, tag)
        change = {"actor": self.caller.user, "reason": wanted["reason"], "expected": tag.revision}
        if wanted["unset"] and tag.revision == stored.revision:
            # Masked secrets stand for those stored.
            whole = self.merged(stored.values, wanted)
            after = site_config.set_site_values(row.site, whole, replace=True, enabled=wanted["enabled"], **change)
        else:
            # Also where the race is lost already: the refusal says what these values would have changed.
            after = site_config.set_site_values(row.site, wanted["values"], enabled=wanted["enabled"], **change)
        return self.config(row, after)


class History(OfSite):
    """The revisions of a site, newest first."""

    route = "config_history"
    operations = {
        "get": Operation(
            "List the revisions of a site",
            EDIT,
            query=forms.HistoryQuery,
            response=forms.RevisionListSerializer,
            errors=(404,),
        )
    }

    def get(self, request: Request) -> Response:
        """Answer a page."""
        query = self.query(request)
        row = self.site(query.get("domain"))
        before, size = read_cursor(query["cursor"]), query["limit"]
        found = site_config.history(row.site, limit=size + 1, before=before)
        following = next_link(request, found[size - 1].revision) if len(found) > size else None
        return self.answer({"next": following, "results": [told(one) for one in found[:size]]})


def told(revision: site_config.Revision) -> dict[str, Any]:
    """Return a revision as it is told."""
    return {
        "revision": revision.revision,
        "enabled": revision.enabled,
        "actor": revision.actor,
        "reason": revision.reason,
        "created": revision.created,
        "changes": [problems.shown(change) for change in revision.changes],
        "values": revision.values,
    }


class PastConfig(OfSite):
    """One revision of a site."""

    route = "config_revision"
    operations = {
        "get": Operation(
            "Show a revision of a site",
            EDIT,
            query=forms.SiteQuery,
            response=forms.PastConfigSerializer,
        )
    }

    def get(self, request: Request, number: int) -> Response:
        """Answer it, with what differs from the one before."""
        row = self.site(self.query(request).get("domain"))
        found = site_config.history(row.site, limit=1, before=number + 1)
        if not found or found[0].revision != number:
            raise Http404
        return self.answer(told(found[0]))


class Rollback(OfSite):
    """One revision of a site, to be the present one again."""

    route = "config_rollback"
    operations = {
        "post": Operation(
            "Make the values of a revision the present ones again",
            EDIT,
            query=forms.SiteQuery,
            request=forms.ReasonBody,
            response=forms.ConfigSerializer,
            if_match=True,
        )
    }

    def post(self, request: Request, number: int) -> Response:
        """Roll back, as a new revision."""
        row = self.site(self.query(request).get("domain"))
        tag, wanted = self.tag(request), self.body(request)
        stored = self.check_current(row, tag)
        past = site_config.revision(row.site, number)
        review = site_config.review_rollback(row.site, number)
        self.check_writable({change.path[0] for change in review.changes})
        if past.enabled != stored.enabled and not self.caller.is_operator:
            raise problems.NotWritable(["enabled"])
        after = site_config.rollback(
            row.site, number, actor=self.caller.user, reason=wanted["reason"], expected=tag.revision
        )
        return self.config(row, after)


class OfDraft(OfSite):
    """What the views of the caller's draft have in common."""

    def found(self, row: Place) -> site_config.Draft:
        """Return the caller's draft. Raises NoDraft."""
        draft = site_config.draft_of(row.site, self.caller.user)
        if draft is None:
            raise NoDraft(f"You have no draft for {row.domain}.")
        return draft

    def check_same(self, row: Place, draft: site_config.Draft, tag: Tag) -> None:
        """Raise StaleRevision where the tag is not that of the draft."""
        if tag != tag_of(draft):
            raise StaleRevision(
                f"The draft of {row.domain} is at {tag_of(draft)}, and If-Match names {tag}: it was changed elsewhere.",
                expected=tag.revision,
                actual=draft.base_revision,
            )


class Draft(OfDraft):
    """What the caller prepares for a site."""

    route = "config_draft"
    operations = {
        "get": Operation(
            "Show your draft of a site",
            EDIT,
            query=forms.SiteQuery,
            response=forms.DraftSerializer,
            errors=(404,),
        ),
        "patch": Operation(
            "Begin or change your draft of a site",
            EDIT,
            query=forms.SiteQuery,
            request=forms.DraftChangeSerializer,
            response=forms.DraftSerializer,
            errors=(404,),
            if_match=True,
        ),
        "delete": Operation("Discard your draft of a site", EDIT, query=forms.SiteQuery, status=204, errors=(404,)),
    }

    def get(self, request: Request) -> Response:
        """Answer it, with its ETag."""
        row = self.site(self.query(request).get("domain"))
        return self._answer(row, self.found(row))

    def patch(self, request: Request) -> Response:
        """Merge into the draft; into what the site stores where If-Match is the site's ETag and there is no draft."""
        row = self.site(self.query(request).get("domain"))
        tag, wanted = self.tag(request), self.body(request)
        self.check_writable([*wanted["values"], *wanted["unset"]])
        with transaction.atomic():
            tenants.lock(row.tenant.key)  # Two requests of one author come one after the other.
            draft = site_config.draft_of(row.site, self.caller.user)
            if draft is not None:
                self.check_same(row, draft, tag)
                values = draft.values
            else:
                stored = self.check_current(row, tag)
                if stored.revision != tag.revision:
                    site_config.review_values(row.site, stored.values, expected=tag.revision)
                values = stored.values
            saved = site_config.save_draft(
                row.site, self.merged(values, wanted), actor=self.caller.user, base_revision=tag.revision
            )
        return self._answer(row, saved)

    def delete(self, request: Request) -> Response:
        """Discard it."""
        row = self.site(self.query(request).get("domain"))
        site_config.discard_draft(row.site, actor=self.caller.user)
        return self.answer(None)

    def _answer(self, row: Place, draft: site_config.Draft) -> Response:
        shown = {
            "domain": row.domain,
            "tenant": row.tenant.key,
            "base_revision": draft.base_revision,
            "modified": draft.modified,
            "values": draft.values,
        }
        return self.answer(shown, ETag=str(tag_of(draft)))


class PublishDraft(OfDraft):
    """The caller's draft, to be the site's configuration."""

    route = "config_draft_publish"
    operations = {
        "post": Operation(
            "Publish your draft of a site",
            EDIT,
            query=forms.SiteQuery,
            request=forms.ReasonBody,
            response=forms.ConfigSerializer,
            errors=(404,),
            if_match=True,
        )
    }

    def post(self, request: Request) -> Response:
        """Publish it."""
        row = self.site(self.query(request).get("domain"))
        tag, wanted = self.tag(request), self.body(request)
        with transaction.atomic():
            tenants.lock(row.tenant.key)
            draft = self.found(row)
            self.check_same(row, draft, tag)
            review = site_config.review_values(
                row.site, draft.values, actor=self.caller.user, expected=draft.base_revision
            )
            # The draft may have been begun elsewhere, or by somebody who was an operator then.
            self.check_writable({change.path[0] for change in review.changes})
            after = site_config.publish_draft(row.site, actor=self.caller.user, reason=wanted["reason"])
        return self.config(row, after)
