"""Read a document that says how tenants should be: its form alone, without a look into the database.

Everything wrong with it is found in one reading, each with its place. What two entries cannot both have (a domain in
whatever spelling, an organization in whatever case) is part of the form.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ccx_tenancy.context import ACTIVE, ARCHIVED, SUSPENDED
from ccx_tenancy.errors import InvalidInput, InvalidValues, Problem
from ccx_tenancy.provisioning.sites import LONGEST_DOMAIN, LONGEST_NAME
from ccx_tenancy.site_config.documents import kind_of, parse
from ccx_tenancy.tenants import api as tenants

STATES = (ACTIVE, SUSPENDED, ARCHIVED)

_DOCUMENT = ("tenants", "sites")
_TENANT = (
    "key",
    "name",
    "state",
    "domain",
    "studio_domain",
    "domains",
    "organizations",
    "configuration",
    "enabled",
    "configurations",
)
_DOMAIN = ("domain", "surface", "primary")
_SITE = ("domain", "name", "configuration", "enabled")


@dataclass(frozen=True, slots=True)
class WantedDomain:
    """A host name in its one spelling. ``primary`` is true for exactly one of each surface that has any."""

    domain: str
    surface: str
    primary: bool
    path: str


@dataclass(frozen=True, slots=True)
class WantedOrganization:
    """An organization by its short name."""

    short_name: str
    path: str


@dataclass(frozen=True, slots=True)
class WantedValues:
    """The configuration of a site: its values exactly (None: those that are there), and its switch (None: as it is)."""

    values: Mapping[str, Any] | None
    enabled: bool | None
    path: str


@dataclass(frozen=True, slots=True)
class WantedTenant:
    """One entry of ``tenants``. ``state`` and ``organizations`` are None where the document does not say.

    ``configurations`` holds what is said of sites, by their LMS domain.
    """

    path: str
    key: str
    name: str
    state: str | None
    domains: tuple[WantedDomain, ...]
    organizations: tuple[WantedOrganization, ...] | None
    configurations: Mapping[str, WantedValues]

    def primary(self, surface: str) -> str | None:
        """Return the domain that shall be the primary one of a surface, or None where none is listed."""
        return next((one.domain for one in self.domains if one.surface == surface and one.primary), None)


@dataclass(frozen=True, slots=True)
class WantedSite:
    """One entry of ``sites``: a Site of the platform's own. ``name`` is None where the document does not say."""

    path: str
    domain: str
    name: str | None
    configuration: WantedValues | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A whole document."""

    source: str
    tenants: tuple[WantedTenant, ...]
    sites: tuple[WantedSite, ...]


def read(text: str | bytes, *, source: str = "") -> Wanted:
    """Return what a document says.

    Raises InvalidDocument, with line and column, where it is not JSON; InvalidValues, with every reason and its place
    (``tenants[1].domains[0].domain``), where it is not of the form.
    """
    document = parse(text, source=source)
    reader = _Reader()
    wanted = reader.document(document, source)
    if reader.problems:
        raise InvalidValues(reader.problems, source=source)
    return wanted


def quoted(path: str, name: str) -> str:
    """Return the place of a name that may hold dots: ``configurations["a.example.com"]``."""
    return f"{path}[{json.dumps(name, ensure_ascii=False)}]"


@dataclass
class _Reader:
    """Takes a document apart. Where something is wrong it notes the problem and goes on with what can be read."""

    problems: list[Problem] = field(default_factory=list)
    #: Where a key, a domain or an organization was first seen.
    _seen: dict[tuple[str, str], str] = field(default_factory=dict)

    def document(self, found: dict[str, Any], source: str) -> Wanted:
        self._only(found, "", _DOCUMENT)
        if not found:
            self._problem("", "the document is empty; allowed are tenants and sites, each a list.")
        entries = [self._tenant(entry, path) for entry, path in self._objects(found, "tenants", "")]
        sites = [self._site(entry, path) for entry, path in self._objects(found, "sites", "")]
        return Wanted(source, tuple(filter(None, entries)), tuple(filter(None, sites)))

    def _tenant(self, entry: dict[str, Any], path: str) -> WantedTenant | None:
        self._only(entry, path, _TENANT)
        key = self._checked(entry, "key", path, tenants.checked_key, required=True)
        if key is not None:
            self._once("key", key, key, f"{path}.key")
        name = self._checked(entry, "name", path, tenants.checked_name, required=True)
        state = self._one_of(entry, "state", path, STATES)
        before = len(self.problems)
        domains = self._domains(entry, path)
        configurations: dict[str, WantedValues] = {}
        if len(self.problems) == before:
            configurations = self._configurations(entry, path, domains)
        organizations = self._organizations(entry, path)
        if key is None or name is None:
            return None
        return WantedTenant(path, key, name, state, domains, organizations, configurations)

    def _domains(self, entry: dict[str, Any], path: str) -> tuple[WantedDomain, ...]:
        rows: list[tuple[str, str, bool | None, str]] = []
        for name, surface in (("domain", "lms"), ("studio_domain", "studio")):
            domain = self._domain(entry, name, path, surface, required=False)
            if domain is not None:
                rows.append((domain, surface, True, f"{path}.{name}"))
        bad = False
        for row, place in self._objects(entry, "domains", path):
            self._only(row, place, _DOMAIN)
            surface = self._one_of(row, "surface", place, tenants.SURFACES) or "lms"
            primary = self._flag(row, "primary", place)
            if primary and surface == "alias":
                self._problem(f"{place}.primary", "an alias is never primary: it redirects to the primary LMS domain.")
            domain = self._domain(row, "domain", place, surface, required=True)
            if domain is None:
                bad = True
            else:
                rows.append((domain, surface, primary, f"{place}.domain"))
        if not bad and not any(surface == "lms" for _, surface, _, _ in rows) and "domain" not in entry:
            self._problem(path, "there is no LMS domain; allowed is a domain, or domains with one of surface 'lms'.")
        return tuple(self._with_primaries(rows))

    def _with_primaries(self, rows: list[tuple[str, str, bool | None, str]]) -> Iterator[WantedDomain]:
        primaries: dict[str, str] = {}
        for domain, surface, primary, path in rows:
            if primary and surface in primaries:
                self._problem(path, f"{primaries[surface]!r} is the primary domain of the surface {surface!r} already.")
            elif primary:
                primaries[surface] = domain
        for domain, surface, primary, _ in rows:
            if surface != "alias" and primary is None:
                primaries.setdefault(surface, domain)
        for domain, surface, _, path in rows:
            if surface != "alias" and surface not in primaries:
                self._problem(path, f"no domain of the surface {surface!r} is primary; one has to be.")
            yield WantedDomain(domain, surface, primaries.get(surface) == domain, path)

    def _configurations(
        self, entry: dict[str, Any], path: str, domains: tuple[WantedDomain, ...]
    ) -> dict[str, WantedValues]:
        lms = [one.domain for one in domains if one.surface == "lms"]
        found: dict[str, WantedValues] = {}
        home = next((one.domain for one in domains if one.surface == "lms" and one.primary), None)
        own = self._values(entry, path)
        if own is not None and home is not None:
            found[home] = own
        others = self._object(entry, "configurations", path)
        for spelling, values in (others or {}).items():
            place = quoted(f"{path}.configurations", spelling)
            domain = tenants.normalize_host(spelling)
            if domain not in lms:
                allowed = ", ".join(lms)
                self._problem(
                    place, f"this is no LMS domain that the document lists for the tenant; it lists {allowed}."
                )
            elif domain in found:
                self._problem(place, f"the configuration of {domain!r} stands already at {found[domain].path}.")
            elif not isinstance(values, dict):
                self._problem(place, f"the value is {kind_of(values)}; allowed is an object.")
            else:
                found[domain] = WantedValues(values, None, place)
        return found

    def _values(self, entry: dict[str, Any], path: str) -> WantedValues | None:
        values = self._object(entry, "configuration", path)
        enabled = self._flag(entry, "enabled", path)
        if values is None and enabled is None:
            return None
        return WantedValues(values, enabled, f"{path}.configuration" if values is not None else f"{path}.enabled")

    def _organizations(self, entry: dict[str, Any], path: str) -> tuple[WantedOrganization, ...] | None:
        if "organizations" not in entry:
            return None
        wanted = []
        for short_name, place in self._items(entry, "organizations", path):
            if self._accepts(tenants.checked_short_name, short_name, place) is not None:
                self._once("organization", tenants.fold(short_name), short_name, place)
                wanted.append(WantedOrganization(short_name, place))
        return tuple(wanted)

    def _site(self, entry: dict[str, Any], path: str) -> WantedSite | None:
        self._only(entry, path, _SITE)
        domain = self._domain(entry, "domain", path, "lms", required=True)
        name = self._checked(entry, "name", path, _checked_site_name)
        configuration = self._values(entry, path)
        return None if domain is None else WantedSite(path, domain, name, configuration)

    def _domain(self, entry: dict[str, Any], name: str, path: str, surface: str, *, required: bool) -> str | None:
        domain = self._checked(entry, name, path, tenants.normalize_domain, required=required)
        if domain is None:
            return None
        if surface == "lms" and len(domain) > LONGEST_DOMAIN:
            message = f"the domain has {len(domain)} characters; allowed for a site are {LONGEST_DOMAIN}."
            self._problem(f"{path}.{name}", message)
            return None
        self._once("domain", domain, entry[name], f"{path}.{name}")
        return domain

    # One field

    def _problem(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message))

    def _only(self, found: Collection[str], path: str, allowed: tuple[str, ...]) -> None:
        for name in found:
            if name not in allowed:
                near = difflib.get_close_matches(name, allowed, n=1, cutoff=0.6)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                place = f"{path}.{name}" if path else name
                self._problem(place, f"there is no such field; allowed are {', '.join(allowed)}.{hint}")

    def _once(self, kind: str, value: str, spelling: str, path: str) -> None:
        first = self._seen.setdefault((kind, value), path)
        if first != path:
            read_as = "" if value == spelling else f" (read as {value!r})"
            self._problem(path, f"the {kind} {spelling!r}{read_as} stands already at {first}; it can have one place.")

    def _items(self, entry: dict[str, Any], name: str, path: str) -> Iterator[tuple[Any, str]]:
        place = f"{path}.{name}" if path else name
        found = entry.get(name, [])
        if isinstance(found, list):
            yield from ((item, f"{place}[{number}]") for number, item in enumerate(found))
        else:
            self._problem(place, f"the value is {kind_of(found)}; allowed is a list.")

    def _objects(self, entry: dict[str, Any], name: str, path: str) -> Iterator[tuple[dict[str, Any], str]]:
        for item, place in self._items(entry, name, path):
            if isinstance(item, dict):
                yield item, place
            else:
                self._problem(place, f"the value is {kind_of(item)}; allowed is an object.")

    def _object(self, entry: dict[str, Any], name: str, path: str) -> dict[str, Any] | None:
        if name not in entry:
            return None
        if not isinstance(entry[name], dict):
            self._problem(f"{path}.{name}", f"the value is {kind_of(entry[name])}; allowed is an object.")
            return None
        return dict(entry[name])

    def _flag(self, entry: dict[str, Any], name: str, path: str) -> bool | None:
        if name in entry and not isinstance(entry[name], bool):
            self._problem(f"{path}.{name}", f"the value is {kind_of(entry[name])}; allowed is true or false.")
            return None
        return entry.get(name)

    def _one_of(self, entry: dict[str, Any], name: str, path: str, allowed: Collection[str]) -> str | None:
        value = entry.get(name)
        if name in entry and value not in allowed:
            message = f"the value is {json.dumps(value, ensure_ascii=False)[:100]}; allowed are {', '.join(allowed)}."
            self._problem(f"{path}.{name}", message)
            return None
        return value

    def _checked(
        self, entry: dict[str, Any], name: str, path: str, check: Callable[[str], str], *, required: bool = False
    ) -> str | None:
        if name not in entry:
            if required:
                self._problem(f"{path}.{name}", "this field is missing.")
            return None
        return self._accepts(check, entry[name], f"{path}.{name}")

    def _accepts(self, check: Callable[[str], str], value: Any, path: str) -> str | None:
        if not isinstance(value, str):
            self._problem(path, f"the value is {kind_of(value)}; allowed is a text.")
            return None
        try:
            return check(value)
        except InvalidInput as error:
            self._problem(path, str(error))
            return None


def _checked_site_name(name: str) -> str:
    if len(tenants.checked_name(name)) > LONGEST_NAME:
        raise InvalidInput(f"the name has {len(name)} characters; allowed for a site are {LONGEST_NAME}.")
    return name
