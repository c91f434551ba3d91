"""Read, change, draft, publish and undo the values of a site: the door of the room.

A site is named by its domain. Every change is checked whole before anything is written: names that nobody may set,
types of known keys, organizations of other tenants. It makes a new revision with actor and reason, one entry of the
audit record, and after the commit the signal ``values_published``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.contrib.sites.models import Site
from django.core import signing
from django.db import transaction

from ccx_tenancy.audit import api as audit
from ccx_tenancy.conf import conf
from ccx_tenancy.errors import (
    InvalidInput,
    InvalidValues,
    NoDraft,
    Problem,
    StaleRevision,
    UnknownDomain,
    UnknownRevision,
)
from ccx_tenancy.ports import StoredRevision, StoredValues
from ccx_tenancy.site_config import secrets
from ccx_tenancy.site_config.diff import CHANGED, Difference, differences
from ccx_tenancy.site_config.documents import check_document, dump
from ccx_tenancy.site_config.models import SiteConfigurationDraft
from ccx_tenancy.site_config.schema import (
    ORG_FILTER,
    default_of,
    denied_reason,
    is_secret,
    known_keys,
    problem_of,
    unknown_warning,
)
from ccx_tenancy.site_config.signals import values_published
from ccx_tenancy.site_config.snapshots import Snapshot, copied, opened, snapshot_of
from ccx_tenancy.tenants import revisions
from ccx_tenancy.tenants.api import fold, normalize_host, sites_on, tenant_of_site

__all__ = [
    "PREVIEW_COOKIE",
    "Draft",
    "Explanation",
    "Preview",
    "Review",
    "Revision",
    "check_values",
    "compare",
    "current_values",
    "discard_draft",
    "draft_of",
    "draft_of_cookie",
    "explain_site_value",
    "explain_value",
    "history",
    "masked",
    "preview_cookie",
    "preview_differences",
    "preview_values",
    "publish_draft",
    "review_rollback",
    "review_values",
    "revision",
    "rollback",
    "save_draft",
    "set_site_values",
    "site_of",
    "unset_site_values",
    "warnings_for",
]

PREVIEW_COOKIE = "ccx_tenancy_preview"
_SALT = "ccx_tenancy.site_config.preview"
_ATTEMPTS = 20
_NOT_IN_DATABASES = re.compile("[\x00\ud800-\udfff]")

#: What the values shall be, from what is stored.
Make = Callable[[StoredValues], dict[str, Any]]
_REASON_LENGTH = 255
#: One less than what every database holds in a number of a revision.
_MOST_REVISIONS = 2**31 - 2


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a value comes from.

    ``source`` is ``"site"``, ``"draft"``, ``"settings"`` or ``"default"``; ``value`` is masked where the key is secret;
    ``revision`` is the site's (None elsewhere); ``known`` tells whether the schema has the key, and ``meaning``,
    ``default``, ``secret``, ``tenant_writable`` and ``denied`` (a reason, or None) what it says of it.
    """

    name: str
    value: Any
    source: str
    site_id: int | None
    revision: int | None
    known: bool
    meaning: str
    default: Any
    secret: bool
    tenant_writable: bool
    denied: str | None


@dataclass(frozen=True, slots=True)
class Revision:
    """One entry of a site's history as it may be shown: secrets masked, and the differences to the one before."""

    revision: int
    enabled: bool
    values: dict[str, Any]
    actor: str
    actor_id: int | None
    reason: str
    created: datetime
    changes: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody prepares for a site, secrets masked, and the revision it started from."""

    site_id: int
    author_id: int
    values: dict[str, Any]
    base_revision: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Preview:
    """What storing values would do: why it would be refused, and what it would change, secrets masked.

    ``makes_revision`` is true also for what ``changes`` cannot show: another order of the keys, or the switch.
    """

    problems: tuple[Problem, ...]
    changes: tuple[Difference, ...]
    makes_revision: bool


@dataclass(frozen=True, slots=True)
class Review:
    """What a change would make of a site's values, before it is made. Secrets are masked in all of it.

    ``changes`` lists the places that differ; a secret that gets another value is among them, with the mask on both
    sides. ``identical`` tells that nothing differs, not even the order of the keys. ``warnings`` name unknown keys.
    """

    site_id: int
    revision: int
    enabled: bool
    before: dict[str, Any]
    after: dict[str, Any]
    changes: tuple[Difference, ...]
    identical: bool
    warnings: tuple[str, ...]


# Sites


def site_of(domain: str | Site) -> Site:
    """Return the Site of a domain in whatever spelling. Raises UnknownDomain."""
    if isinstance(domain, Site):
        return domain
    # No database compares a text with a NUL, as PostgreSQL says, or half a character.
    is_text = isinstance(domain, str) and not _NOT_IN_DATABASES.search(domain)
    site = Site.objects.filter(domain=domain).first() if is_text else None
    if site is None and is_text and (name := normalize_host(domain)) is not None:
        site = sites_on([name]).get(name)
    if site is None:
        raise UnknownDomain(f"No site has the domain {domain!r}. A tenant's site is made with the tenant.")
    return site


def current_values(domain: str | Site) -> StoredValues:
    """Return what a site stores now, secrets masked; revision 0 and no values where it stores nothing."""
    stored = _stored(site_of(domain))
    return replace(stored, values=masked(stored.values))


def _stored(site: Site) -> StoredValues:
    return conf.host.site_values.load(site.pk) or StoredValues(site.pk, True, {}, 0)


# Changing


def set_site_values(
    domain: str | Site,
    values: Mapping[str, Any],
    *,
    actor: Any = None,
    reason: str = "",
    replace: bool = False,
    enabled: bool | None = None,
    expected: int | None = None,
) -> StoredValues:
    """Store values of a site and return what it stores then, secrets masked.

    ``values`` are merged key by key into those that are there, or take their place with ``replace``. ``enabled``
    switches the configuration (None: leaves it; a new one is enabled). ``expected`` is the revision the caller has
    seen: StaleRevision is raised where it is not the present one; without it the change is made on whatever is there.

    Raises UnknownDomain, or InvalidValues with every reason, and changes nothing then. Values that are the same as
    before make no new revision.
    """
    site = site_of(domain)
    wanted = check_document(dict(values) if isinstance(values, Mapping) else values)

    def merge(stored: StoredValues) -> dict[str, Any]:
        return wanted if replace else {**stored.values, **wanted}

    return _change(site, merge, actor=actor, reason=reason, enabled=enabled, expected=expected, action="config.set")


def unset_site_values(
    domain: str | Site, names: Sequence[str], *, actor: Any = None, reason: str = "", expected: int | None = None
) -> StoredValues:
    """Remove values of a site and return what it stores then. Raises InvalidValues for a name it does not store."""
    site = site_of(domain)

    def without(stored: StoredValues) -> dict[str, Any]:
        missing = [name for name in names if name not in stored.values]
        if missing:
            raise InvalidValues([Problem(name, f"{site.domain} stores no value of that name.") for name in missing])
        return {name: value for name, value in stored.values.items() if name not in names}

    return _change(site, without, actor=actor, reason=reason, expected=expected, action="config.unset")


def rollback(
    domain: str | Site, to_revision: int, *, actor: Any = None, reason: str = "", expected: int | None = None
) -> StoredValues:
    """Make the values of an earlier revision the present ones again, as a new revision.

    Raises UnknownRevision, or InvalidValues where what was allowed then is not allowed now.
    """
    site = site_of(domain)
    past = _past(site, to_revision)
    reason = reason or f"rollback to revision {to_revision}"
    return _change(
        site,
        lambda stored: past.values,
        actor=actor,
        reason=reason,
        enabled=past.enabled,
        expected=expected,
        action="config.rollback",
        trusted=past.values,
    )


def _change(
    site: Site,
    make: Make,
    *,
    actor: Any,
    reason: str,
    action: str,
    enabled: bool | None = None,
    expected: int | None = None,
    trusted: Mapping[str, Any] | None = None,
) -> StoredValues:
    if _NOT_IN_DATABASES.search(reason):
        raise InvalidInput(f"The reason {reason!r} has a NUL or half a character (a lone surrogate).")
    if len(reason) > _REASON_LENGTH:
        raise InvalidInput(f"The reason has {len(reason)} characters; allowed are {_REASON_LENGTH}.")
    for attempt in range(_ATTEMPTS):
        try:
            with revisions.together():
                stored = _stored(site)
                if expected is not None and stored.revision != expected:
                    raise _stale(site, expected, stored, make)
                return _write(site, stored, make(stored), actor, reason, action, enabled, trusted)
        except StaleRevision:
            if expected is not None or attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")  # pragma: no cover


def _write(
    site: Site,
    stored: StoredValues,
    wanted: dict[str, Any],
    actor: Any,
    reason: str,
    action: str,
    enabled: bool | None,
    trusted: Mapping[str, Any] | None,
) -> StoredValues:
    known_sealed = {**stored.values, **(trusted or {})}
    clear = _clear(wanted, known_sealed)
    problems = check_values(clear, site)
    if problems:
        raise InvalidValues(problems)
    sealed = _sealed(clear, wanted, known_sealed)
    switch = stored.enabled if enabled is None else enabled
    if stored.revision and switch == stored.enabled and dump(sealed) == dump(stored.values):
        return replace(stored, values=masked(stored.values))
    after = conf.host.site_values.save(
        site.pk, sealed, enabled=switch, expected=stored.revision, actor=actor, reason=reason
    )
    tenant = tenant_of_site(site.pk)
    changed = {change.path[0] for change in _differences(stored.values, sealed)}
    audit.record(
        action,
        tenant_key=tenant.key if tenant else "",
        actor=actor,
        target=site.domain,
        before={"revision": stored.revision, "values": _only(masked(stored.values), changed)},
        after={"revision": after.revision, "values": _only(masked(sealed), changed), "reason": reason},
    )
    transaction.on_commit(
        lambda: values_published.send(
            sender=None, site_id=site.pk, revision=after.revision, changed=frozenset(changed), actor=actor
        )
    )
    return replace(after, values=masked(after.values))


def _only(values: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in names}


def _stale(site: Site, expected: int, stored: StoredValues, make: Make) -> StaleRevision:
    base = _past(site, expected).values if expected else {}
    try:
        yours = _differences(base, make(replace(stored, values=base)))
    except InvalidValues:  # What shall go was not there yet.
        yours = []
    return StaleRevision(
        f"The configuration of {site.domain} is at revision {stored.revision} by now, not {expected}: somebody else"
        " published in between. Compare the two differences, then publish on top of the present revision.",
        expected=expected,
        actual=stored.revision,
        theirs=_differences(base, stored.values),
        yours=yours,
    )


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Return the differences as they may be shown; a secret with another value is one, though both sides are masked."""
    hidden = [
        Difference((name,), CHANGED, before=secrets.MASK, after=secrets.MASK)
        for name, value in after.items()
        if (is_secret(name) or secrets.is_sealed(value)) and not _same_secret(before.get(name), value)
    ]
    return [*differences(masked(before), masked(after)), *hidden]


def _same_secret(before: Any, after: Any) -> bool:
    """Whether a secret stays what it was, as far as the masks can hide: one that comes or goes is seen without this."""
    if before is None or after is None or after in (before, secrets.MASK):
        return True
    try:
        opened = [secrets.in_the_clear(value) for value in (before, after)]
    except secrets.CannotUnseal:
        return False
    return bool(opened[0] == opened[1])


# Secrets


def masked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of stored values that may be shown: each secret is eight asterisks."""
    return {
        name: secrets.MASK if secrets.is_sealed(value) or (is_secret(name) and value is not None) else copied(value)
        for name, value in values.items()
    }


def _clear(wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with every secret open, those left masked or as they were sealed taken from the table."""
    clear = {}
    for name, value in wanted.items():
        before = stored.get(name)
        kept = value == secrets.MASK if is_secret(name) else False
        if secrets.is_sealed(value) and value != before:
            raise InvalidValues([Problem(name, f"the value has the form of a sealed secret ({secrets.MARK!r}).")])
        if kept and not secrets.is_sealed(before):
            raise InvalidValues([Problem(name, f"{secrets.MASK} stands for the secret stored, and none is stored.")])
        clear[name] = secrets.unseal(before) if kept or secrets.is_sealed(value) else value
    return clear


def _sealed(clear: Mapping[str, Any], wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as the table holds them. A secret that did not change keeps its sealed form."""
    sealed = {}
    for name, value in clear.items():
        before = stored.get(name)
        if not is_secret(name) or value is None:
            sealed[name] = value
        elif secrets.is_sealed(before) and (wanted[name] in (secrets.MASK, before) or _opens_to(before, value)):
            sealed[name] = before
        else:
            sealed[name] = secrets.seal(value)
    return sealed


def _opens_to(sealed: Any, value: Any) -> bool:
    try:
        return bool(secrets.unseal(sealed) == value)
    except secrets.CannotUnseal:  # Its key is lost: the new value takes its place.
        return False


# Checks


def check_values(values: Mapping[str, Any], site: Site | None = None) -> list[Problem]:
    """Return everything that is not allowed in a site's values: no list means they are good.

    Names nobody may set, known keys of a wrong type, and, for a tenant's site, organizations in ``course_org_filter``
    that are not the tenant's.
    """
    problems = [problem for name, value in values.items() if (problem := problem_of(name, value)) is not None]
    if not problems and site is not None and values.get(ORG_FILTER):
        problems.extend(_foreign_organizations(values[ORG_FILTER], site))
    return problems


def _foreign_organizations(wanted: str | Sequence[str], site: Site) -> list[Problem]:
    tenant = tenant_of_site(site.pk)
    if tenant is None:
        return []
    links = tenant.tenant_organizations.select_related("organization")
    return _not_among(wanted, tenant.key, [link.organization.short_name for link in links])


def _not_among(wanted: str | Sequence[str], key: str, own: Iterable[str]) -> list[Problem]:
    by_fold = {fold(name): name for name in own}
    names = [wanted] if isinstance(wanted, str) else wanted
    allowed = ", ".join(sorted(by_fold.values())) or "none yet"
    return [
        Problem(ORG_FILTER, f"{name!r} is not an organization of the tenant {key!r}; allowed are its own: {allowed}.")
        for name in names
        if fold(name) not in by_fold
    ]


def warnings_for(values: Mapping[str, Any]) -> list[str]:
    """Return a warning for each name that nothing is known of."""
    return [warning for name in values if (warning := unknown_warning(name)) is not None]


def preview_differences(domain: str | Site, values: Mapping[str, Any]) -> list[Difference]:
    """Return what storing ``values`` (with ``replace``) would change, secrets masked. Raises as storing would."""
    return list(review_values(domain, values).changes)


def review_values(
    domain: str | Site, values: Mapping[str, Any], *, actor: Any = None, expected: int | None = None
) -> Review:
    """Return what storing ``values`` (with ``replace``) would change. Raises as storing would, and stores nothing.

    With ``actor``, the secrets of that user's draft may be left masked too, as when the draft is published.
    """
    site = site_of(domain)
    wanted = check_document(dict(values) if isinstance(values, Mapping) else values)
    stored = _stored(site)
    draft = SiteConfigurationDraft.objects.filter(site=site, author=actor).first() if actor is not None else None
    known = {**stored.values, **(draft.site_values if draft else {})}
    clear = _clear(wanted, known)
    problems = check_values(clear, site)
    if problems:
        raise InvalidValues(problems)
    sealed = _sealed(clear, wanted, known)
    if expected is not None and expected != stored.revision:
        raise _stale(site, expected, stored, lambda base: sealed)
    return _review(stored, sealed)


def review_rollback(domain: str | Site, to_revision: int) -> Review:
    """Return what a rollback to that revision would change. Raises UnknownRevision."""
    site = site_of(domain)
    return _review(_stored(site), _past(site, to_revision).values)


def _review(stored: StoredValues, after: Mapping[str, Any]) -> Review:
    return Review(
        site_id=stored.site_id,
        revision=stored.revision,
        enabled=stored.enabled,
        before=masked(stored.values),
        after=masked(after),
        changes=tuple(_differences(stored.values, after)),
        identical=bool(stored.revision) and dump(after) == dump(stored.values),
        warnings=tuple(warnings_for(after)),
    )


def preview_values(
    stored: StoredValues | None,
    values: Mapping[str, Any] | None,
    *,
    enabled: bool | None = None,
    tenant_key: str = "",
    organizations: Iterable[str] | None = None,
) -> Preview:
    """Return what storing ``values`` (with ``replace``; None: those that are there) would do. No query.

    ``stored`` is what the table holds now, None where it holds nothing. The site need not exist, nor belong to its
    tenant yet: ``organizations`` are those that the tenant ``tenant_key`` will have (None: the site of no tenant).
    """
    before = stored or StoredValues(0, True, {}, 0)
    switched = stored is None or (enabled is not None and enabled != stored.enabled)
    if values is None:
        return Preview((), (), switched and enabled is not None)
    try:
        wanted = check_document(values)
        clear = _clear(wanted, before.values)
        problems = check_values(clear)
        if not problems and organizations is not None and clear.get(ORG_FILTER):
            problems = _not_among(clear[ORG_FILTER], tenant_key, organizations)
        sealed = {} if problems else _sealed(clear, wanted, before.values)
    except InvalidValues as error:
        return Preview(error.problems, (), False)
    except secrets.CannotUnseal as error:
        return Preview((Problem("", str(error)),), (), False)
    if problems:
        return Preview(tuple(problems), (), False)
    changes = tuple(_differences(before.values, sealed))
    return Preview((), changes, switched or dump(sealed) != dump(before.values))


def explain_value(name: str, snapshot: Snapshot) -> Explanation:
    """Return where the value of ``name`` comes from under a snapshot; see ``helpers.explain_value``."""
    known = known_keys().get(name)
    if name in snapshot.values:
        source, value = ("draft" if snapshot.draft else "site"), copied(snapshot.values[name])
    else:
        source, value = default_of(name)
    secret = is_secret(name) or denied_reason(name) is not None
    return Explanation(
        name=name,
        value=secrets.MASK if secret and value is not None else value,
        source=source,
        site_id=snapshot.site_id,
        revision=snapshot.revision if source in ("site", "draft") else None,
        known=known is not None,
        meaning=known.meaning if known else "",
        default=known.default if known and not secret else None,
        secret=is_secret(name),
        tenant_writable=known.tenant_writable if known else False,
        denied=denied_reason(name),
    )


def explain_site_value(domain: str | Site, name: str) -> Explanation:
    """Return the same for a site by its domain."""
    return explain_value(name, snapshot_of(site_of(domain).pk))


# History


def history(domain: str | Site, *, limit: int | None = None, before: int | None = None) -> list[Revision]:
    """Return the revisions of a site, newest first, each with its differences to the one before.

    At most ``limit``, and only those older than ``before``; no others are read but the one that the last differs from.
    """
    most = None if limit is None else limit + 1
    bound = None if before is None else min(before, _MOST_REVISIONS)
    rows = list(conf.host.site_values.history(site_of(domain).pk, limit=most, before=bound))
    shown = []
    for place, row in enumerate(rows[:limit]):
        earlier = rows[place + 1].values if place + 1 < len(rows) else {}
        shown.append(_shown(row, tuple(_differences(earlier, row.values))))
    return shown


def revision(domain: str | Site, number: int) -> Revision:
    """Return one revision of a site. Raises UnknownRevision."""
    return _shown(_past(site_of(domain), number))


def compare(domain: str | Site, old: int, new: int) -> list[Difference]:
    """Return what differs between two revisions of a site (0: before the first), secrets masked. Raises
    UnknownRevision."""
    site = site_of(domain)
    before, after = (_past(site, number).values if number else {} for number in (old, new))
    return _differences(before, after)


def _past(site: Site, number: int) -> StoredRevision:
    store = conf.host.site_values
    # The one asked for is the newest of those before the next.
    found = store.history(site.pk, limit=1, before=min(number, _MOST_REVISIONS) + 1)
    if found and found[0].revision == number:
        return found[0]
    newest = store.history(site.pk, limit=1)
    allowed = f"its newest is {newest[0].revision}" if newest else "it has none yet"
    raise UnknownRevision(f"The history of {site.domain} has no revision {number}; {allowed}.")


def _shown(row: StoredRevision, changes: tuple[Difference, ...] = ()) -> Revision:
    return Revision(
        revision=row.revision,
        enabled=row.enabled,
        values=masked(row.values),
        actor=row.actor,
        actor_id=row.actor_id,
        reason=row.reason,
        created=row.created,
        changes=changes,
    )


# Drafts


def save_draft(domain: str | Site, values: Mapping[str, Any], *, actor: Any, base_revision: int | None = None) -> Draft:
    """Keep ``values`` as the actor's draft of a site, whole, and return it. It changes nothing that others see.

    ``base_revision`` is the revision the author started from; by default that of the draft there is, or the present
    one. Raises InvalidValues as publishing would.
    """
    site = site_of(domain)
    wanted = check_document(dict(values) if isinstance(values, Mapping) else values)
    with transaction.atomic():
        stored = _stored(site)
        row = SiteConfigurationDraft.objects.select_for_update().filter(site=site, author=actor).first()
        known = {**stored.values, **(row.site_values if row else {})}
        clear = _clear(wanted, known)
        problems = check_values(clear, site)
        if problems:
            raise InvalidValues(problems)
        if row is None:
            row = SiteConfigurationDraft(site=site, author=actor, base_revision=stored.revision)
        if base_revision is not None:
            row.base_revision = base_revision
        row.site_values = _sealed(clear, wanted, known)
        row.save()
    return _draft(row)


def draft_of(domain: str | Site, actor: Any) -> Draft | None:
    """Return the actor's draft of a site, or None."""
    row = SiteConfigurationDraft.objects.filter(site=site_of(domain), author=actor).first()
    return _draft(row) if row else None


def publish_draft(domain: str | Site, *, actor: Any, reason: str = "", enabled: bool | None = None) -> StoredValues:
    """Make the actor's draft the site's values, and remove the draft. ``enabled`` as for ``set_site_values``.

    Raises NoDraft; StaleRevision, with both differences, where somebody published since the draft was begun; and
    InvalidValues.
    """
    site = site_of(domain)
    with revisions.together():
        row = _draft_row(site, actor, lock=True)
        published = _change(
            site,
            lambda stored: row.site_values,
            actor=actor,
            reason=reason,
            enabled=enabled,
            expected=row.base_revision,
            action="config.publish",
            trusted=row.site_values,
        )
        row.delete()
    return published


def discard_draft(domain: str | Site, *, actor: Any) -> None:
    """Remove the actor's draft. Raises NoDraft."""
    _draft_row(site_of(domain), actor).delete()


def preview_cookie(domain: str | Site, *, actor: Any) -> str:
    """Return the signed cookie value with which the actor's draft is seen on its site. Raises NoDraft.

    It is good for ``PREVIEW_SECONDS``, for that one site, and as long as the draft exists.
    """
    row = _draft_row(site_of(domain), actor)
    return signing.dumps({"draft": row.pk, "site": row.site_id}, salt=_SALT, compress=True)


def draft_of_cookie(cookie: str, site_id: int) -> Snapshot | None:
    """Return the values a preview cookie stands for on that site, or None for a cookie that is forged, too old, of
    another site or of a draft that is gone. One query for a good one."""
    try:
        found = signing.loads(cookie, salt=_SALT, max_age=conf.preview_seconds)
    except signing.BadSignature:
        return None
    if found["site"] != site_id:
        return None
    row = SiteConfigurationDraft.objects.filter(pk=found["draft"], site_id=site_id).first()
    if row is None:
        return None
    return Snapshot(site_id, opened(row.site_values), enabled=True, revision=row.base_revision, draft=True)


def _draft_row(site: Site, actor: Any, *, lock: bool = False) -> SiteConfigurationDraft:
    rows = SiteConfigurationDraft.objects.select_for_update() if lock else SiteConfigurationDraft.objects
    row = rows.filter(site=site, author=actor).first()
    if row is None:
        raise NoDraft(f"{actor} has no draft for {site.domain}.")
    return row


def _draft(row: SiteConfigurationDraft) -> Draft:
    return Draft(row.site_id, row.author_id, masked(row.site_values), row.base_revision, row.modified)
