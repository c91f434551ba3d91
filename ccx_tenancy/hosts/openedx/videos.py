"""Videos and their transcripts (edx-val), which are found by an id that says no organization.

The platform keeps in which courses a video is. Where it is in some, and none of them is in sight, it does not exist:
neither its addresses nor its transcripts, neither to be read nor to be replaced. What a block shows of a video is
judged by the block's course as well: the platform keeps that in a cache for everybody, and exports and indexes it in
tasks.

A video of which nobody has said in which course it is (transcripts that were uploaded for a video of some other site)
is anybody's who knows its id.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import crum
from django.apps import apps
from django.db.models import Exists, OuterRef, Q, QuerySet
from rest_framework.generics import GenericAPIView

from ccx_tenancy.conf import conf
from ccx_tenancy.hosts.openedx import rows
from ccx_tenancy.hosts.openedx.modules import is_reading
from ccx_tenancy.hosts.openedx.sight import sight_of_request
from ccx_tenancy.hosts.openedx.targets import NOTHING, ORIGINAL, Target, found_in
from ccx_tenancy.partition import policy
from ccx_tenancy.partition.keys import named_in
from ccx_tenancy.tenants.api import owner_of

#: Where the platform's functions live.
API = "edxval.api"
#: The block, in Teak and where it comes from after it.
BLOCKS = ("xmodule.video_block.video_block", "xblocks_contrib.video.video")
#: The models, each with the way from a row to its video.
MODELS = {"edxval.Video": "pk", "edxval.EncodedVideo": "video_id", "edxval.VideoTranscript": "video_id"}
#: The model that says in which course a video is, and how.
IN_COURSES = "edxval.CourseVideo"
_COURSE = "course_id"

_block_of: ContextVar[str | None] = ContextVar("ccx_tenancy_video_block_of", default=None)


@dataclass(frozen=True, slots=True)
class OfManager(Target):
    """What a manager of a model returns. ``owner`` is the model, ``name`` the manager's."""

    def __str__(self) -> str:
        return f"{self.owner.__module__}.{self.owner.__name__}.{self.name}"

    @property
    def _manager(self) -> Any:
        return self.owner._meta.managers_map.get(self.name)

    @property
    def is_installed(self) -> bool:
        """Whether ours stands there."""
        return hasattr(vars(self._manager).get("get_queryset"), ORIGINAL)

    def found(self) -> str:
        """Return the parameters of what makes the querysets."""
        manager = self._manager
        if manager is None:
            return NOTHING
        return f"({', '.join(inspect.signature(type(manager).get_queryset).parameters)})"

    def install(self) -> None:
        """Put ours there. Once."""
        manager = self._manager
        if not self.is_installed:
            made: Any = functools.partial(self.make(_made_by_class), manager)
            setattr(made, ORIGINAL, None)
            manager.get_queryset = made

    def remove(self) -> None:
        """Put the original back."""
        vars(self._manager).pop("get_queryset", None)


def _made_by_class(manager: Any) -> Any:
    # Looked up each time: what the classes of managers return may be replaced before or after this.
    return type(manager).get_queryset(manager)


def targets() -> list[Target]:
    block = found_in(BLOCKS, "VideoBlock")
    importing = ("xml", "edx_video_id", "resource_fs", "static_dir", "external_transcripts", "course_id")
    return [
        *(OfManager(apps.get_model(label), "objects", ("self",), make_cut(path)) for label, path in MODELS.items()),
        OfManager(apps.get_model(IN_COURSES), "objects", ("self",), make_cut_courses),
        Target(GenericAPIView, "get_queryset", ("self",), make_rows_of_view),
        Target(import_module(API), "import_from_xml", importing, make_import),
        Target(block, "student_view_data", ("self", "context"), make_of_block),
        Target(block, "index_dictionary", ("self",), make_of_block),
        Target(block, "definition_to_xml", ("self", "resource_fs"), make_of_block),
    ]


def make_cut(path: str) -> Any:
    """Return what makes the function that leaves out rows of videos that are in other tenants' courses only."""

    def make(original: Any) -> Any:
        def get_queryset(self: Any) -> Any:
            found = original(self)
            seen = courses_seen()
            return found if seen is None else found.filter(_is_seen(path, seen))

        return get_queryset

    return make


def make_rows_of_view(original: Any) -> Any:
    """Return the function that cuts what a view of the REST API had read when its module was, in no request."""

    def get_queryset(self: Any) -> Any:
        found = original(self)
        path = MODELS.get(found.model._meta.label) if isinstance(found, QuerySet) else None
        seen = courses_seen() if path is not None else None
        return found if path is None or seen is None else found.filter(_is_seen(path, seen))

    return get_queryset


def make_cut_courses(original: Any) -> Any:
    def get_queryset(self: Any) -> Any:
        found = original(self)
        seen = courses_seen()
        return found if seen is None else found.filter(seen)

    return get_queryset


def _is_seen(path: str, seen: Q) -> Q:
    links = apps.get_model(IN_COURSES)._base_manager.filter(video_id=OuterRef(path))
    return Q(Exists(links.filter(seen))) | ~Q(Exists(links))


def courses_seen() -> Q | None:
    """Return the condition for the rows that say in which course a video is, of courses in sight; None where nothing is
    hidden, and while the host reads its modules: before its tables are there, or when somebody asks first. No query."""
    block_of = _block_of.get()
    if (block_of is None and crum.get_current_request() is None) or is_reading() or not policy.has_tenants():
        return None
    found = _seen_by_whoever_asks()
    if block_of is None:
        return found
    of_block = _of_same_tenant(block_of)
    return of_block if found is None else of_block & found


def _seen_by_whoever_asks() -> Q | None:
    if conf.surface != policy.STUDIO:
        who = rows.viewer()
        return None if who is None else rows.of_courses_seen(who, _COURSE)
    sight = sight_of_request()
    if sight is None:
        return None
    seen = rows.of_organizations(_COURSE, sight.scope)
    if not sight.is_of_tenants:
        seen |= rows.of_no_tenant(_COURSE)
    return seen | Q(**{f"{_COURSE}__in": sorted(sight.keys)}) if sight.keys else seen


def _of_same_tenant(course: str) -> Q:
    """Return the condition for courses of the tenant to which a course belongs, or of none where it does not."""
    owners = [owner_of(one.organization) for one in named_in(course, prose=False)]
    owner = owners[0] if owners else None
    return rows.of_no_tenant(_COURSE) if owner is None else rows.of_organizations(_COURSE, owner.organizations)


def make_import(original: Any) -> Any:
    def import_from_xml(
        xml: Any,
        edx_video_id: Any,
        resource_fs: Any,
        static_dir: Any,
        external_transcripts: Any = None,
        course_id: Any = None,
    ) -> Any:
        if edx_video_id and policy.has_tenants() and _is_foreign(edx_video_id, course_id):
            # As for a video that has no id yet: the platform makes one, under an id of its own.
            edx_video_id = ""
        return original(xml, edx_video_id, resource_fs, static_dir, external_transcripts, course_id)

    return import_from_xml


def _is_foreign(video: str, course_id: Any) -> bool:
    links = apps.get_model(IN_COURSES)._base_manager.filter(video__edx_video_id=video)
    seen = _seen_by_whoever_asks() if course_id is None else _of_same_tenant(str(course_id))
    return seen is not None and links.exists() and not links.filter(seen).exists()


@contextlib.contextmanager
def _for_course(key: Any) -> Iterator[None]:
    token = _block_of.set(str(key))
    try:
        yield
    finally:
        _block_of.reset(token)


def make_of_block(original: Any) -> Any:
    """Return the block's method, for which there are the videos of the block's course only, whoever asks."""

    def of_block(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _for_course(self.scope_ids.usage_id.context_key):
            return original(self, *args, **kwargs)

    return of_block
