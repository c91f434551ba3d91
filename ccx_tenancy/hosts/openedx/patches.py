"""Where the host has no door: functions of the host that we replace while it runs, all of them named on this page.

Each patch has a name, by which ``CCX_TENANCY["HOST_PATCHES_OFF"]`` leaves it out, and a self-test: before anything is
replaced, the target must be there with the parameters we know. Where it is not, the host does not start, and the error
says what was found and how to go on without the patch.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

from ccx_tenancy.conf import conf
from ccx_tenancy.context import current_scope, current_tenant
from ccx_tenancy.hosts.openedx import bought, discussions, kept, lti, programs, providers, rows, studio, videos
from ccx_tenancy.hosts.openedx.enrollment import may_enroll
from ccx_tenancy.hosts.openedx.roles import context_of
from ccx_tenancy.hosts.openedx.rows.wikis import WIKI_PATHS
from ccx_tenancy.hosts.openedx.sight import sight_of_request
from ccx_tenancy.hosts.openedx.sites import site_of
from ccx_tenancy.hosts.openedx.targets import Patch, Target, found_in, of_managers
from ccx_tenancy.middleware.tenant_access import guard_authenticator
from ccx_tenancy.partition.policy import LMS, STUDIO, named_by_key
from ccx_tenancy.site_config import org_values, secrets
from ccx_tenancy.site_config.schema import ORG_FILTER
from ccx_tenancy.site_config.snapshots import copied, organizations_shown, snapshot_of
from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.index import index, owner_of_site

logger = logging.getLogger(__name__)

#: Where the host's helpers of site values live.
HELPERS = "openedx.core.djangoapps.site_configuration.helpers"
#: Where the host's class for bearer tokens lives.
AUTHENTICATION = "openedx.core.lib.api.authentication"
#: The host's model of enrollments that wait for an account with an address.
ALLOWED = "student.CourseEnrollmentAllowed"
#: The REST API of organizations.
ORGANIZATIONS = "organizations.v0.views"
#: The report of what is switched on, and for which courses and organizations.
SWITCHES = "openedx.core.djangoapps.waffle_utils.views"
#: Where the host makes the addresses at which external graders answer: in Teak, and where it does since problems moved
#: out of the host.
GRADERS = ("xmodule.capa.xqueue_interface", "xmodule.services")
#: The middleware that asks whether somebody's account was closed.
STANDING = "common.djangoapps.student.middleware"
#: Where the host keeps what the service of discussions answers, and its way to say that there is no such thing.
DISCUSSIONS = "openedx.core.djangoapps.django_comment_common.comment_client.models"
DISCUSSION_ERRORS = "openedx.core.djangoapps.django_comment_common.comment_client.utils"
#: Where the host chooses what a site shows: its catalogue, a user's enrollments on the dashboards and in the app.
CATALOGUE = "lms.djangoapps.branding"
DASHBOARD = "common.djangoapps.student.views.dashboard"
MOBILE = "lms.djangoapps.mobile_api.users.views"


def install(wanted: Mapping[str, Patch] | None = None) -> None:
    """Install every patch that is not switched off. Doing it twice installs once.

    Raises ImproperlyConfigured, and replaces nothing, where a target has not the shape we know or a name switched off
    is none of ours.
    """
    wanted = PATCHES if wanted is None else wanted
    unknown = [name for name in conf.host_patches_off if name not in wanted]
    if unknown:
        raise ImproperlyConfigured(
            f"CCX_TENANCY['HOST_PATCHES_OFF'] names {', '.join(map(repr, unknown))}; known are"
            f" {', '.join(map(repr, wanted))}."
        )
    targets = [
        target for name in wanted if name not in conf.host_patches_off for target in _checked(name, wanted[name])
    ]
    for target in targets:
        target.install()


def remove(wanted: Mapping[str, Patch] | None = None) -> None:
    """Put the host's own functions back. For tests."""
    for patch in (PATCHES if wanted is None else wanted).values():
        if patch.is_for(conf.surface):
            for target in patch.targets():
                target.remove()


def _checked(name: str, patch: Patch) -> Iterator[Target]:
    if not patch.is_for(conf.surface):
        return
    try:
        targets = patch.targets()
    except (ImportError, AttributeError, LookupError) as missing:
        raise ImproperlyConfigured(f"The patch {name!r} of ccx_tenancy: {missing}. {_advice(name, patch)}") from missing
    for target in targets:
        found = target.found()
        if found not in target.shapes:
            raise ImproperlyConfigured(
                f"The patch {name!r} of ccx_tenancy expects {target} with the parameters {target.expected} and found"
                f" {found}: {_advice(name, patch)}"
            )
        yield target


def _advice(name: str, patch: Patch) -> str:
    return (
        "this release of Open edX is not known. Use a release of ccx-tenancy that knows it, or go on without the patch:"
        f" CCX_TENANCY['HOST_PATCHES_OFF'] = [{name!r}]. {patch.without}"
    )


# The values of an organization


def _org_values() -> list[Target]:
    model: Any = apps.get_model("site_configuration.SiteConfiguration")
    return [
        Target(model, "get_value_for_org", ("cls", "org", "name", "default"), _make_value_for_org, is_classmethod=True),
        Target(model, "get_all_orgs", ("cls",), _make_all_orgs, is_classmethod=True),
        Target(model, "has_org", ("cls", "org"), _make_has_org, is_classmethod=True),
    ]


def _site_speaking_for(org: str) -> int | None:
    """Return the site that speaks for an organization. The platform's own are told apart by case, as the host does."""
    site_id, spelling = org_values.speaker_of(org) if isinstance(org, str) else (None, None)
    return site_id if spelling is None or spelling == org else None


def _make_value_for_org(original: Any) -> Any:
    def get_value_for_org(cls: Any, org: str, name: str, default: Any = None) -> Any:
        site_id = _site_speaking_for(org)
        values = snapshot_of(site_id).values if site_id is not None else {}
        return copied(values[name]) if name in values else default

    return get_value_for_org


def _make_all_orgs(original: Any) -> Any:
    def get_all_orgs(cls: Any) -> set[str]:
        return org_values.claimed_organizations()

    return get_all_orgs


def _make_has_org(original: Any) -> Any:
    def has_org(cls: Any, org: str) -> bool:
        return _site_speaking_for(org) is not None

    return has_org


# The configuration that is current


def _current_configuration() -> list[Target]:
    return [Target(import_module(HELPERS), "get_current_site_configuration", (), _make_current_configuration)]


def _make_current_configuration(original: Any) -> Any:
    def get_current_site_configuration() -> Any:
        scope = current_scope()
        if scope is None or scope.tenant is None or scope.site_id is None:
            return original()
        if scope.preview is not None:
            return _previewed(scope.site_id, scope.preview.values)
        # Asked for twice at each value that is read, hundreds of times for a page.
        view = revisions.view()
        kept: tuple[revisions.View, int, Any] | None = scope.host
        if kept is not None and kept[0] is view and kept[1] == view.stamp:
            return kept[2]
        stamp = view.stamp
        found = getattr(site_of(scope.site_id), "configuration", None)
        scope.host = view, stamp, found
        return found

    return get_current_site_configuration


def _previewed(site_id: int, values: Mapping[str, Any]) -> Any:
    """Return the configuration of a draft. Nobody finds it by the Site, of which all requests share one object."""
    model: Any = apps.get_model("site_configuration.SiteConfiguration")
    made = model(site_id=site_id, enabled=True, site_values=copied(dict(values)))
    # To assign the Site, or to pass it, would make this the Site's configuration.
    model._meta.get_field("site").set_cached_value(made, site_of(site_id))
    return made


# Secrets, and the organizations that a tenant's site shows


def _secrets() -> list[Target]:
    model: Any = apps.get_model("site_configuration.SiteConfiguration")
    return [Target(model, "get_value", ("self", "name", "default"), _make_get_value)]


def _make_get_value(original: Any) -> Any:
    def get_value(self: Any, name: str, default: Any = None) -> Any:
        value = original(self, name, default)
        if name == ORG_FILTER and (tenant := owner_of_site(self.site_id)) is not None:
            # The host takes a site without a filter for one that shows whatever no other one claims.
            return organizations_shown(value, tenant)
        if type(value) is not str and secrets.is_sealed(value):
            try:
                return secrets.unseal(value)
            except secrets.CannotUnseal as error:
                logger.error("The value %s of site %s cannot be read: %s", name, self.site_id, error)
                return default
        return value

    return get_value


# Bearer tokens outside of DRF


def _bearer_tokens() -> list[Target]:
    owner = import_module(AUTHENTICATION).BearerAuthentication
    return [Target(owner, "authenticate", ("self", "request"), _make_guarded)]


def _make_guarded(original: Any) -> Any:
    class Authenticator:
        authenticate = original

    guard_authenticator(Authenticator)
    return Authenticator.authenticate


# Rows of other tenants


def _tenant_rows() -> list[Target]:
    return of_managers(rows.cut_models(), rows.cut)


# The page above all wikis


def _wikis() -> list[Target]:
    model: Any = apps.get_model(WIKI_PATHS)
    return [Target(model, "get_by_path", ("cls", "path", "select_related"), _make_get_by_path, is_classmethod=True)]


def _make_get_by_path(original: Any) -> Any:
    def get_by_path(cls: Any, path: str, select_related: bool = False) -> Any:
        if rows.is_page_of_all(path):
            raise cls.DoesNotExist
        return original(cls, path, select_related=select_related)

    return get_by_path


# Discussions


def _discussions() -> list[Target]:
    owner = import_module(DISCUSSIONS).Model
    return [Target(owner, "_update_from_response", ("self", "response_data"), _make_update_from_response)]


def _make_update_from_response(original: Any) -> Any:
    no_such_thing: Any = import_module(DISCUSSION_ERRORS).CommentClientRequestError

    def _update_from_response(self: Any, response_data: Any) -> Any:
        key = response_data.get("course_id")
        if key and rows.hides(str(key)):
            # The host reads the text of such an error as JSON.
            raise no_such_thing('["Not found."]', 404)
        return original(self, response_data)

    return _update_from_response


# Whether an account was closed


def _own_standing() -> list[Target]:
    owner = import_module(STANDING).UserStandingMiddleware
    return [Target(owner, "process_request", ("self", "request"), _make_uncut)]


def _make_uncut(original: Any) -> Any:
    def process_request(self: Any, request: Any) -> Any:
        with rows.uncut():
            return original(self, request)

    return process_request


# Custom courses that were bought, on their buyer's site


def _bought_courses() -> list[Target]:
    catalogue, mobile = import_module(CATALOGUE), import_module(MOBILE)
    listed = ("org", "filter_", "active_only", "course_keys")
    enrolled = ("user", "org_whitelist", "org_blacklist", "course_limit")
    return [
        Target(import_module(HELPERS), "get_current_site_orgs", (), _make_site_orgs),
        Target(catalogue, "get_visible_courses", listed, _make_through_rows),
        Target(mobile.UserCourseEnrollmentsList, "is_org", ("self", "check_org", "course_org"), _make_through_rows),
        Target(import_module(DASHBOARD), "get_course_enrollments", enrolled, _make_enrollments),
    ]


def _make_site_orgs(original: Any) -> Any:
    def get_current_site_orgs() -> Any:
        found = original()
        tenant = current_tenant()
        if not found and tenant is not None:
            found = organizations_shown(None, tenant)
        return bought.organizations_shown(found) if bought.is_going_through_rows() else found

    return get_current_site_orgs


def _make_through_rows(original: Any) -> Any:
    def choose(*args: Any, **kwargs: Any) -> Any:
        with bought.going_through_rows():
            return original(*args, **kwargs)

    return choose


def _make_enrollments(original: Any) -> Any:
    def get_course_enrollments(user: Any, org_whitelist: Any, org_blacklist: Any, course_limit: Any = None) -> Any:
        shown = bought.organizations_shown(org_whitelist)
        # The host leaves out what other sites claim only where this one claims nothing.
        return original(user, shown, org_blacklist if shown is org_whitelist else None, course_limit)

    return get_course_enrollments


# The list of organizations


def _organizations() -> list[Target]:
    owner = import_module(ORGANIZATIONS).OrganizationsViewSet
    return [Target(owner, "get_queryset", ("self",), _make_cut_organizations)]


def _make_cut_organizations(original: Any) -> Any:
    def get_queryset(self: Any) -> Any:
        return rows.cut_organizations(original(self))

    return get_queryset


# The list of switches


def _switches() -> list[Target]:
    return [Target(import_module(SWITCHES), "_get_flag_overrides", ("course_or_org",), _make_flag_overrides)]


def _make_flag_overrides(original: Any) -> Any:
    def _get_flag_overrides(course_or_org: Any) -> Any:
        found = original(course_or_org)
        hides = _hides_organization if course_or_org.name == "ORG" else _hides_course
        return {
            flag: {name: override for name, override in overrides.items() if not hides(name)}
            for flag, overrides in found.items()
        }

    return _get_flag_overrides


def _hides_course(key: str) -> bool:
    sight = sight_of_request() if conf.surface == STUDIO else None
    return rows.hides(key) if sight is None else not sight.sees_key(context_of(key))


def _hides_organization(name: str) -> bool:
    sight = sight_of_request() if conf.surface == STUDIO else None
    return rows.hides_organizations([name]) if sight is None else not sight.sees(name)


# Enrollments that wait for an account


def _allowed_enrollments() -> list[Target]:
    model: Any = apps.get_model(ALLOWED)
    return [Target(model, "for_user", ("cls", "user"), _make_for_user, is_classmethod=True)]


def _make_for_user(original: Any) -> Any:
    def for_user(cls: Any, user: Any) -> Any:
        waiting = original(cls, user)
        refused = {key for key in waiting.values_list("course_id", flat=True) if not may_enroll(user, key)}
        return waiting.exclude(course_id__in=refused) if refused else waiting

    return for_user


# Answers of external graders


def _grader_callbacks() -> list[Target]:
    owner = found_in(GRADERS, "XQueueService")
    return [Target(owner, "construct_callback", ("self", "dispatch"), _make_callback)]


def _make_callback(original: Any) -> Any:
    def construct_callback(self: Any, dispatch: str = "score_update") -> str:
        address: SplitResult = urlsplit(original(self, dispatch))
        owners = index().organizations
        tenants = [owners.get(one.organization) for one in named_by_key(self._block.scope_ids.usage_id.context_key)]
        domains = {one.domain for one in tenants if one is not None and one.domain}
        return (address._replace(netloc=domains.pop()) if len(domains) == 1 else address).geturl()

    return construct_callback


PATCHES: Mapping[str, Patch] = MappingProxyType(
    {
        "org_values": Patch(
            _org_values,
            "The host decodes the configuration of every site at each of these calls, and Studio's course list makes"
            " one for each course; from our index they cost microseconds.",
            "Without it pages that ask for an organization's values get slower with each site.",
        ),
        "current_configuration": Patch(
            _current_configuration,
            "The host knows one configuration for a request and none outside: inside tenant_context, in a task or in a"
            " previewed draft its helpers would answer for another site.",
            "Without it the host's helpers answer for the site of the request, also inside tenant_context, and tasks"
            " and previews see the defaults of the platform.",
        ),
        "secrets": Patch(
            _secrets,
            "Secrets are sealed in the host's table, and the host reads them by this function. It reads by it, too, of"
            " which organizations a site shows courses and reminds learners: of whatever nobody claims, where the site"
            " names none.",
            "Without it the host gets the sealed form of a secret, which opens nothing; and searches and reminders of a"
            " tenant's site that has no course_org_filter, or an old one, are about other people's courses.",
        ),
        "bearer_tokens": Patch(
            _bearer_tokens,
            "The LMS asks this class by hand, outside of Django REST framework, who sends a request to an XBlock.",
            "Without it a bearer token of another tenant's member is good for the handlers of XBlocks.",
        ),
        "tenant_rows": Patch(
            _tenant_rows,
            "Lists that name nothing, look-ups of people and ids that hold no organization are read by the host in"
            " hundreds of places; all of them pass the managers of its models.",
            "Without it the LMS lists and finds courses, enrollments, certificates and people of other tenants.",
            surface=LMS,
        ),
        "wikis": Patch(
            _wikis,
            "All wikis lie below one page, which has the name of the first site where somebody opened one, and on which"
            " staff of any tenant write.",
            "Without it that page is shown on tenants' sites.",
            surface=LMS,
        ),
        "discussions": Patch(
            _discussions,
            "Threads and comments are kept by a service of their own, and found by an id that names no course.",
            "Without it global staff of a tenant who know the id of another tenant's thread reach it.",
            surface=LMS,
        ),
        "forum_documents": Patch(
            discussions.targets,
            "The forum keeps threads and comments as documents, and has a REST API that gives them to anybody by ids"
            " that name no course.",
            "Without it anybody who knows the id of another tenant's thread or comment reads, changes and deletes it.",
            surface=LMS,
        ),
        "programs": Patch(
            programs.targets,
            "Programs come from the catalogue service and lie in a cache, by ids that name no organization.",
            "Without it global staff of a tenant who know the id of another tenant's program see it, and who is"
            " enrolled in it.",
            surface=LMS,
        ),
        "site_settings": Patch(
            providers.targets,
            "What is set for one site, such as its identity providers, is listed for all sites, and whoever names an"
            " identity provider is sent to it.",
            "Without it global staff of a tenant see for which organizations there are identity providers, and from any"
            " tenant's site one gets to those of others.",
            surface=LMS,
        ),
        "kept_answers": Patch(
            kept.targets,
            "The platform keeps its footer, pages for visitors, the configuration of MFEs and answers to open"
            " assessments in a cache whose keys do not say the site, or not under which values they were made.",
            "Without it the footer for other services is that of the site that was asked first; and behind a proxy that"
            " says the site in X-Forwarded-Host, so are pages for visitors. A changed value is seen in them after"
            " minutes, and a draft that somebody previews is shown to everybody meanwhile. Staff who know the id of"
            " another tenant's answer to an open assessment read it.",
            surface=LMS,
        ),
        "lti_launches": Patch(
            lti.targets,
            "Who is launched from another platform by LTI gets an account, which has to be a member's on a tenant's"
            " site; and the platform takes each of its consumers on all sites.",
            "Without it nobody is launched by LTI on a tenant's site but who was made a member before.",
            surface=LMS,
        ),
        "own_standing": Patch(
            _own_standing,
            "At each request the host asks whether the account was closed of the one who asks, which is nobody else's"
            " row: to cut it would cost every page a millisecond.",
            "Without it pages of the LMS take a millisecond longer.",
            surface=LMS,
        ),
        "bought_courses": Patch(
            _bought_courses,
            "A site shows what the organizations of its course_org_filter have, and the key of a custom course says the"
            " seller's.",
            "Without it the catalogue, the dashboards and the app leave out the custom courses that a tenant bought.",
            surface=LMS,
        ),
        "listed_organizations": Patch(
            _organizations,
            "The REST API of organizations lists all of them, with their texts, to everybody with an account. Our own"
            " rooms read the table too, so it is not cut where all read it.",
            "Without it everybody reads the names of all tenants' organizations.",
            surface=LMS,
        ),
        "listed_switches": Patch(
            _switches,
            "The REST API of switches (toggles) lists for which courses and organizations one is on or off; the table"
            " is kept in a cache for everybody, so it is not cut where all read it.",
            "Without it global staff read the keys of all tenants' courses and the names of their organizations there.",
        ),
        "allowed_enrollments": Patch(
            _allowed_enrollments,
            "When an account becomes active, the host enrolls it in all courses that wait for its address; a refusal"
            " of one would stop the activation.",
            "Without it an account cannot be activated while a course of another tenant waits for its address.",
        ),
        "grader_callbacks": Patch(
            _grader_callbacks,
            "External graders answer without an account, at the address that the host gives them; on the platform's"
            " own host nobody without an account may name a tenant's course.",
            "Without it the answers of external graders (XQueue) to a tenant's courses are refused with 404.",
        ),
        "videos": Patch(
            videos.targets,
            "Videos and transcripts are found by an id that says no organization, which any block may name and which"
            " several routes take from anybody.",
            "Without it who knows the id of another tenant's video reads its addresses and transcripts, and replaces"
            " them.",
        ),
        **studio.PATCHES,
    }
)
