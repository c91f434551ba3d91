"""Programs, which the catalogue service makes and the platform keeps in a cache by their ids.

A program is of the organizations that author it. Where all of them are somebody else's it does not exist: neither what
it is made of, nor who is enrolled in it. One that names no organization, or one that nobody has, is anybody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any
from uuid import UUID

from ccx_tenancy.hosts.openedx import rows
from ccx_tenancy.hosts.openedx.targets import Target

#: Where the platform reads programs, and where it has that function under another name.
CATALOG = "openedx.core.djangoapps.catalog.utils"
CATALOG_API = "openedx.core.djangoapps.catalog.api"
#: Where it gives an enrollment that waits in a program to an account.
LINKING = "lms.djangoapps.program_enrollments.api.linking"

_ARGUMENTS = ("site", "uuid", "uuids", "course", "catalog_course_uuid", "organization")
_OTHER_NAME = "_get_programs"
_NOBODYS = UUID(int=0)


def targets() -> list[Target]:
    """Return what is replaced."""
    utils, api = import_module(CATALOG), import_module(CATALOG_API)
    found = [
        Target(utils, "get_programs", _ARGUMENTS, _make_seen),
        Target(utils, "get_programs_by_uuids", ("uuids",), _make_seen),
    ]
    linking = Target(
        import_module(LINKING), "link_program_enrollments", ("program_uuid", "external_keys_to_usernames"), _make_link
    )
    found.append(linking)
    if hasattr(api, _OTHER_NAME):
        found.append(Target(api, _OTHER_NAME, _ARGUMENTS, _make_seen))
    return found


def _make_seen(original: Any) -> Any:
    def get_programs(*args: Any, **kwargs: Any) -> Any:
        found = original(*args, **kwargs)
        if rows.viewer() is None:
            return found
        if isinstance(found, list):
            return [program for program in found if not _is_hidden(program)]
        return None if _is_hidden(found) else found

    return get_programs


def _make_link(original: Any) -> Any:
    def link_program_enrollments(program_uuid: Any, external_keys_to_usernames: Any) -> Any:
        seen = import_module(CATALOG).get_programs
        hidden = rows.viewer() is not None and seen(uuid=program_uuid) is None and _is_there(program_uuid)
        if not hidden:
            return original(program_uuid, external_keys_to_usernames)
        errors = original(_NOBODYS, external_keys_to_usernames)
        return {key: text.replace(str(_NOBODYS), str(program_uuid)) for key, text in errors.items()}

    return link_program_enrollments


def _is_there(program_uuid: Any) -> bool:
    """Whether there is such a program for a platform operator."""
    with rows.uncut():
        return import_module(CATALOG).get_programs(uuid=program_uuid) is not None


def _is_hidden(program: Any) -> bool:
    if not isinstance(program, Mapping):
        return False
    authors = program.get("authoring_organizations") or ()
    names = [one.get("key") for one in authors if isinstance(one, Mapping)]
    return rows.hides_organizations([name for name in names if isinstance(name, str) and name])
