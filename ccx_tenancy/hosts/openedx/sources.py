"""What content is made of: libraries, tags and videos that the content of a course itself names.

An author writes the names into an own course, in an uploaded file or in the text of a block, and no request says them.
So they are judged where the platform takes something from what is named. What is out of sight is there as little as
what does not exist.

Where somebody asks, the one who asks decides (:func:`ccx_tenancy.hosts.openedx.sight.sight_of_request`). In a task of
which nobody knows for whom it runs, the content does: it takes from what belongs to the same tenant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

import crum
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist

from ccx_tenancy.hosts.openedx import roles
from ccx_tenancy.hosts.openedx.sight import Sight, sight_of, sight_of_request
from ccx_tenancy.hosts.openedx.targets import Target, module_if_there
from ccx_tenancy.partition import policy
from ccx_tenancy.tenants.api import owner_of

#: Where the host's functions live.
LIBRARY_TOOLS = "xmodule.library_tools"
LIBRARY_BLOCK = "xmodule.library_content_block"
STORE_ERRORS = "xmodule.modulestore.exceptions"
LIBRARY_TASKS = "openedx.core.djangoapps.content_libraries.tasks"
COMPONENTS = "openedx.core.djangoapps.xblock.api"
CONTAINERS = "openedx.core.djangoapps.content_libraries.api.containers"
#: Where later releases look for a container by its key.
CONTAINER_METADATA = "openedx.core.djangoapps.content_libraries.api.container_metadata"
LIBRARY_ERRORS = "openedx.core.djangoapps.content_libraries.api.exceptions"
#: Where the files of courses are kept.
FILES = "xmodule.contentstore.mongo"
FILE_ERRORS = "xmodule.exceptions"
TAGGING = "openedx.core.djangoapps.content_tagging.api"
TAXONOMY = "oel_tagging.Taxonomy"
#: The branch in which the modulestore keeps what is in an old library.
LIBRARY_BRANCH = "library"


def owner_id(organization: Any) -> int | None:
    """Return the tenant to which an organization belongs, None for the platform's own and for nobody's."""
    owner = owner_of(str(organization))
    return None if owner is None else owner.id


# Old libraries, of which blocks take copies


def old_libraries() -> list[Target]:
    service = import_module(LIBRARY_TOOLS).LegacyLibraryToolsService
    tasks = import_module(LIBRARY_TASKS)
    copying = ("task", "store", "user_id", "dest_block", "library_version")
    return [
        Target(service, "get_latest_library_version", ("self", "library_id"), make_latest_version),
        Target(service, "trigger_library_sync", ("self", "dest_block", "library_version"), make_library_sync),
        Target(service, "list_available_libraries", ("self",), make_available_libraries),
        Target(tasks, "_sync_children", copying, make_sync_children),
    ]


def may_take_from(library: Any, block: Any, user_id: int | None) -> bool:
    """Whether a block may take from a library, by its key: whoever is known to ask for it sees the library; where
    nobody is known, both belong to the same tenant."""
    if not policy.has_tenants():
        return True
    if crum.get_current_request() is not None:
        sight = sight_of_request()
    else:
        user = None if user_id is None else get_user_model()._base_manager.filter(pk=user_id).first()
        if user is None:
            return owner_id(library.org) == owner_id(block.scope_ids.usage_id.context_key.org)
        sight = sight_of(user)
    return sight is None or sight.sees_context(library.replace(version_guid=None, branch=None))


def is_own_version(store: Any, library: Any, version: str | None) -> bool:
    """Whether a version is one of that library, by the first of its line. True where there is none such: the platform
    says so itself.

    The platform reads whatever has that id, the content of a course too, and asks whose it is by the key alone.
    """
    if not version or not policy.has_tenants():
        return True
    asked, head = _structure(store, library, version), _structure(store, library, None)
    return asked is None or head is None or bool(asked["original_version"] == head["original_version"])


def _structure(store: Any, library: Any, version: str | None) -> Any:
    key = library.for_branch(LIBRARY_BRANCH).for_version(version)
    try:
        found = store.get_library(key, remove_version=False, remove_branch=False, head_validation=False)
    except import_module(STORE_ERRORS).ItemNotFoundError:
        return None
    return None if found is None else found.runtime.course_entry.structure


def make_latest_version(original: Any) -> Any:
    def get_latest_library_version(self: Any, library_id: Any) -> Any:
        sight = sight_of_request()
        if sight is not None:
            key = roles.context_of(str(library_id))
            if key is None or not sight.sees_context(key.replace(version_guid=None, branch=None)):
                return None
        return original(self, library_id)

    return get_latest_library_version


def make_library_sync(original: Any) -> Any:
    def trigger_library_sync(self: Any, dest_block: Any, library_version: Any) -> Any:
        if getattr(dest_block, "source_library_id", None):
            library = dest_block.source_library_key
            if not (
                may_take_from(library, dest_block, self.user_id)
                and is_own_version(self.store, library, library_version)
            ):
                # An import goes on after this error as it does where no library is named that there is; after the one
                # for a version that is gone it would publish the block before its children are there.
                error = import_module(LIBRARY_BLOCK).LibraryToolsUnavailable()
                error.args = (f"Library {library} not found.",)
                raise error
        return original(self, dest_block, library_version)

    return trigger_library_sync


def make_available_libraries(original: Any) -> Any:
    def list_available_libraries(self: Any) -> Any:
        found = original(self)
        sight = sight_of_request()
        return found if sight is None else [(key, name) for key, name in found if sight.sees_context(key)]

    return list_available_libraries


def make_sync_children(original: Any) -> Any:
    def _sync_children(task: Any, store: Any, user_id: Any, dest_block: Any, library_version: Any) -> Any:
        library = dest_block.source_library_key
        if not (may_take_from(library, dest_block, user_id) and is_own_version(store, library, library_version)):
            task.status.fail(f"Requested library {library} not found.")
            return None
        return original(task=task, store=store, user_id=user_id, dest_block=dest_block, library_version=library_version)

    return _sync_children


# What lies in libraries with a team, to which blocks are linked


def upstreams() -> list[Target]:
    component = Target(import_module(COMPONENTS), "get_component_from_usage_key", ("usage_key",), make_component)
    later, name = module_if_there(CONTAINER_METADATA), "get_container_from_key"
    if hasattr(later, name):
        return [component, Target(later, name, ("container_key", "include_deleted"), make_container)]
    containers = import_module(CONTAINERS)
    return [
        component,
        Target(containers, f"_{name}", ("container_key", "isDeleted"), make_container),
    ]


def make_component(original: Any) -> Any:
    def get_component_from_usage_key(usage_key: Any) -> Any:
        sight = sight_of_request()
        if sight is not None and not sight.sees_context(usage_key.context_key):
            raise ObjectDoesNotExist(f"There is no component {usage_key}.")
        return original(usage_key)

    return get_component_from_usage_key


def make_container(original: Any) -> Any:
    def _get_container_from_key(container_key: Any, *args: Any, **kwargs: Any) -> Any:
        sight = sight_of_request()
        if sight is not None and not sight.sees_context(container_key.lib_key):
            raise import_module(LIBRARY_ERRORS).ContentLibraryContainerNotFound
        return original(container_key, *args, **kwargs)

    return _get_container_from_key


# Files of courses


def files() -> list[Target]:
    store = import_module(FILES).MongoContentStore
    return [Target(store, "find", ("self", "location", "throw_on_not_found", "as_stream"), make_find)]


def make_find(original: Any) -> Any:
    def find(self: Any, location: Any, throw_on_not_found: bool = True, as_stream: bool = False) -> Any:
        sight = sight_of_request()
        if sight is not None and not _sees_files_of(sight, location.course_key):
            if throw_on_not_found:
                raise import_module(FILE_ERRORS).NotFoundError(location)
            return None
        return original(self, location, throw_on_not_found=throw_on_not_found, as_stream=as_stream)

    return find


def _sees_files_of(sight: Sight, course: Any) -> bool:
    # An old file says no run, and so no course whose team could be asked.
    return sight.sees(course.org) or (course.run is not None and sight.sees_key(course))


# Tags


def tags() -> list[Target]:
    api = import_module(TAGGING)
    return [
        Target(api, "set_exported_object_tags", ("content_key", "exported_tags"), make_exported_tags),
        Target(api, "copy_tags_as_read_only", ("source_object_id", "dest_object_id"), make_copied_tags),
    ]


def make_exported_tags(original: Any) -> Any:
    def set_exported_object_tags(content_key: Any, exported_tags: Mapping[str, Any]) -> Any:
        if policy.has_tenants():
            kept = _for_organization(exported_tags, content_key.org)
            exported_tags = {name: values for name, values in exported_tags.items() if str(name) in kept}
        return original(content_key, exported_tags)

    return set_exported_object_tags


def _for_organization(names: Iterable[Any], organization: Any) -> set[str]:
    """Return those of the names by which taxonomies are exported that a tenant's content may be tagged with: of no
    taxonomy, or of one that is for all, or for an organization of the same tenant."""
    kept = {str(name) for name in names}
    owner = owner_id(organization)
    model = apps.get_model(TAXONOMY)
    for taxonomy in model._base_manager.filter(export_id__in=kept).prefetch_related("taxonomyorg_set__org"):
        rows = taxonomy.taxonomyorg_set.all()
        if not any(row.org is None or owner_id(row.org.short_name) == owner for row in rows) and (rows or owner):
            kept = {name for name in kept if name.lower() != taxonomy.export_id.lower()}
    return kept


def make_copied_tags(original: Any) -> Any:
    def copy_tags_as_read_only(source_object_id: Any, dest_object_id: Any) -> Any:
        sight = sight_of_request()
        if sight is not None:
            key = roles.context_of(str(source_object_id))
            if key is None or not sight.sees_context(key):
                source_object_id = ""
        return original(source_object_id, dest_object_id)

    return copy_tags_as_read_only
