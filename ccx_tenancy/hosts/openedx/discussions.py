"""Threads and comments that the forum (openedx-forum) keeps as documents, outside of the tables that are cut.

The forum brings a REST API of its own (``/forum/api/``), which asks nobody who it is and finds threads, comments and
people by ids that name no course. Whatever it reads or changes it looks up by id first, so that is where a document of
another tenant's course does not exist; who follows a thread is found where the thread is. What the forum keeps in
tables is cut with all other rows.

People are looked at for that API alone: the platform's own pages ask for somebody whom they have found themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

import crum

from ccx_tenancy.hosts.openedx import rows
from ccx_tenancy.hosts.openedx.targets import Target, module_if_there
from ccx_tenancy.middleware import drf

#: The forum's base class of what it keeps as documents, its classes of people, of threads, and of who follows them.
DOCUMENTS = "forum.backends.mongodb.base_model"
PEOPLE = "forum.backends.mongodb.users"
THREADS = "forum.backends.mongodb.threads"
FOLLOWERS = "forum.backends.mongodb.subscriptions"

_FORUM = "forum."
_THREAD = "source_id"
_NOTHING: Mapping[str, Any] = MappingProxyType({"_id": {"$in": []}})


def targets() -> list[Target]:
    """Return what is replaced; nothing where the forum is not installed."""
    documents = module_if_there(DOCUMENTS)
    if documents is None:
        return []
    people, followers = import_module(PEOPLE), import_module(FOLLOWERS)
    return [
        Target(documents.MongoBaseModel, "get", ("self", "_id"), _make_get),
        Target(documents.MongoBaseModel, "find", ("self", "query"), _make_find_for(followers.Subscriptions)),
        Target(people.Users, "get", ("self", "_id"), _make_get_person),
    ]


def _make_get(original: Any) -> Any:
    def get(self: Any, _id: Any) -> Any:
        found = original(self, _id)
        key = found.get("course_id") if found else None
        return None if key and rows.hides(str(key)) else found

    return get


def _make_find_for(followers: Any) -> Any:
    threads: Any = import_module(THREADS).CommentThread

    def make(original: Any) -> Any:
        def find(self: Any, query: Any) -> Any:
            if isinstance(self, followers) and _THREAD in query and rows.viewer() and not _is_there(query[_THREAD]):
                query = dict(_NOTHING)
            return original(self, query)

        return find

    def _is_there(thread: Any) -> bool:
        return not isinstance(thread, str) or threads().get(thread) is not None

    return make


def _make_get_person(original: Any) -> Any:
    def get(self: Any, _id: Any) -> Any:
        found = original(self, _id)
        return None if found and _is_asked_by_the_forum() and rows.hides_person(found.get("external_id")) else found

    return get


def _is_asked_by_the_forum() -> bool:
    """Whether the request has come to the forum's own REST API."""
    match = getattr(crum.get_current_request(), "resolver_match", None)
    view = drf.view_class(match.func) if match is not None else None
    return view is not None and view.__module__.startswith(_FORUM)
