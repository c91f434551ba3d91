"""What content takes from what it names, on stand-ins of the host's functions."""

import sys
from types import ModuleType, SimpleNamespace

import crum
import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist
from opaque_keys.edx.keys import AssetKey, CourseKey, UsageKey
from opaque_keys.edx.locator import LibraryLocator, LibraryLocatorV2, LibraryUsageLocatorV2

from ccx_tenancy import api
from ccx_tenancy.hosts.openedx import sight, sources
from tests.hosts.openedx.standin.student.models import CourseAccessRole

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def host(settings, monkeypatch):
    settings.CCX_TENANCY = {"HOST": "ccx_tenancy.hosts.openedx.OpenEdxHost", "SURFACE": "studio"}
    monkeypatch.setattr(sight.roles, "known_roles", lambda user: list(CourseAccessRole.objects.filter(user_id=user.pk)))


@pytest.fixture
def module(monkeypatch):
    """Put a module in the place of one of the host's."""

    def put(name, **attributes):
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            made = ModuleType(".".join(parts[:length]))
            made.__path__ = []
            monkeypatch.setitem(sys.modules, made.__name__, made)
        vars(made).update(attributes)

    return put


@pytest.fixture
def tenants(db):
    for key, name in (("acme", "Acme"), ("globex", "Globex")):
        api.create_tenant(key, name=name, domain=f"{key}.localhost", organizations=[name, f"{name}Labs"])


def account(name, organization=None, **flags):
    user = User.objects.create_user(name, f"{name}@example.com", **flags)
    if organization:
        api.add_member(user, organization, "author")
    return user


@pytest.fixture
def author(tenants):
    return account("author", "Acme", is_staff=True)


@pytest.fixture
def operator(tenants):
    return account("super", is_superuser=True)


@pytest.fixture
def asked_by(rf):
    def ask(user):
        request = rf.get("/")
        request.user = user
        crum.set_current_request(request)

    yield ask
    crum.set_current_request(None)


# Old libraries


class Unavailable(ValueError):
    """What the host raises where there is nothing to copy from."""


def library(organization):
    return LibraryLocator(organization, "LIB")


def block(organization="Acme", source="Globex"):
    usage = UsageKey.from_string(f"block-v1:{organization}+X+2026+type@library_content+block@b")
    return SimpleNamespace(
        scope_ids=SimpleNamespace(usage_id=usage),
        source_library_id=str(library(source)) if source else None,
        source_library_key=library(source) if source else None,
    )


@pytest.fixture
def sync(module):
    """Return a function that says whether a block of one organization gets what is in a library of another."""
    module(sources.LIBRARY_BLOCK, LibraryToolsUnavailable=Unavailable)
    copied = []
    started = sources.make_library_sync(lambda self, dest_block, library_version: copied.append("started"))
    done = sources.make_sync_children(
        lambda task, store, user_id, dest_block, library_version: copied.append("copied"),
    )

    def ask(into, source, user=None):
        copied.clear()
        failed = []
        user_id = getattr(user, "pk", None)
        try:
            started(SimpleNamespace(user_id=user_id, store=None), block(into, source), None)
        except Unavailable as error:
            failed.append(str(error))
        task = SimpleNamespace(status=SimpleNamespace(fail=failed.append))
        done(task, None, user_id=user_id, dest_block=block(into, source), library_version=None)
        assert (copied, len(failed)) in ((["started", "copied"], 0), ([], 2)), (copied, failed)
        return bool(copied)

    return ask


def test_a_block_copies_nothing_of_an_old_library_that_is_out_of_sight(sync, author, operator, asked_by):
    asked_by(author)
    assert sync("Acme", "Acme")
    assert not sync("Acme", "AcmeLabs") and not sync("Acme", "Globex") and not sync("Acme", "Unheard-of")
    asked_by(operator)
    assert sync("Acme", "Globex")


def test_a_task_copies_for_the_one_who_started_it(sync, author, operator):
    assert sync("Acme", "Acme", author) and sync("Acme", "Globex", operator)
    assert not sync("Acme", "Globex", author)


def test_a_task_of_which_nobody_knows_for_whom_it_is_copies_within_the_tenant(sync, tenants):
    assert sync("Acme", "AcmeLabs") and sync("Platform", "Nobodys")
    assert not sync("Acme", "Globex") and not sync("Acme", "Platform") and not sync("Platform", "Acme")


def test_without_a_tenant_a_block_copies_from_any_library(sync, db, asked_by):
    assert sync("Acme", "Globex")
    asked_by(account("somebody"))
    assert sync("Acme", "Globex")


class Gone(Exception):
    """What the host raises where nothing has that id."""


class Store:
    """The host's store: the first of the line to which each version belongs, the heads of libraries by their keys."""

    lines = {"a" * 24: "of Acme's library", "b" * 24: "of Acme's library", "c" * 24: "of Globex's course"}

    def get_library(self, key, remove_version, remove_branch, head_validation):
        assert (remove_version, remove_branch, head_validation, key.branch) == (False, False, False, "library")
        version = str(key.version_guid or "b" * 24)
        if version not in self.lines:
            raise Gone
        structure = {"original_version": self.lines[version]}
        return SimpleNamespace(runtime=SimpleNamespace(course_entry=SimpleNamespace(structure=structure)))


@pytest.fixture
def sync_version(module):
    """Return a function that says whether an own block gets a version of an own library, started and in the task."""
    module(sources.LIBRARY_BLOCK, LibraryToolsUnavailable=Unavailable)
    module(sources.STORE_ERRORS, ItemNotFoundError=Gone)
    done = []
    started = sources.make_library_sync(lambda self, dest_block, library_version: done.append("started"))
    copied = sources.make_sync_children(
        lambda task, store, user_id, dest_block, library_version: done.append("copied"),
    )

    def ask(version, user):
        done.clear()
        own = block(source="Acme")
        try:
            started(SimpleNamespace(user_id=user.pk, store=Store()), own, version)
        except Unavailable as error:
            done.append(str(error))
        task = SimpleNamespace(status=SimpleNamespace(fail=done.append))
        copied(task, Store(), user_id=user.pk, dest_block=own, library_version=version)
        return list(done)

    return ask


def test_a_version_that_is_none_of_the_library_is_not_copied_whatever_has_that_id(sync_version, author, asked_by):
    asked_by(author)
    for version in (None, "", "a" * 24, "b" * 24):
        assert sync_version(version, author) == ["started", "copied"]
    refused = sync_version("c" * 24, author)
    assert len(refused) == 2 and all("not found" in one for one in refused)
    # What is not there at all, the platform says itself.
    assert sync_version("d" * 24, author) == ["started", "copied"]


def test_without_a_tenant_any_version_is_copied(sync_version, db):
    assert sync_version("c" * 24, account("somebody")) == ["started", "copied"]


def test_a_block_without_a_library_is_the_hosts_business(author, asked_by):
    asked_by(author)
    called = []
    sources.make_library_sync(lambda *args: called.append(args))(
        SimpleNamespace(user_id=None), block(source=None), None
    )
    assert len(called) == 1


def test_a_block_tells_neither_the_title_nor_the_version_of_a_library_out_of_sight(author, operator, asked_by):
    both = [(library("Acme"), "ours"), (library("Globex"), "theirs")]
    listed = sources.make_available_libraries(lambda self: both)
    version = sources.make_latest_version(lambda self, library_id: "version")
    asked_by(author)
    assert listed(None) == both[:1]
    assert version(None, library("Acme")) == version(None, str(library("Acme"))) == "version"
    assert version(None, library("Globex").for_branch("library")) is None and version(None, "no key") is None
    asked_by(operator)
    assert listed(None) == both and version(None, library("Globex")) == "version"


# Links to libraries with a team


def test_what_is_linked_to_a_library_out_of_sight_is_linked_to_nothing(module, author, operator, asked_by):
    class NotFoundContainer(Exception):
        pass

    module(sources.LIBRARY_ERRORS, ContentLibraryContainerNotFound=NotFoundContainer)
    component = sources.make_component(lambda usage_key: usage_key)
    container = sources.make_container(lambda container_key, isDeleted=False: (container_key, isDeleted))  # noqa: N803

    def keys(organization):
        lib = LibraryLocatorV2(organization, "lib")
        return LibraryUsageLocatorV2(lib, "html", "h"), SimpleNamespace(lib_key=lib)

    ours, unit = keys("Acme")
    theirs, their_unit = keys("Globex")
    asked_by(author)
    assert component(ours) == ours and container(unit, isDeleted=True) == (unit, True)
    with pytest.raises(ObjectDoesNotExist):
        component(theirs)
    with pytest.raises(NotFoundContainer):
        container(their_unit)
    asked_by(operator)
    assert component(theirs) == theirs and container(their_unit) == (their_unit, False)
    crum.set_current_request(None)
    assert component(theirs) == theirs


def test_a_container_is_looked_for_where_the_release_does(module, monkeypatch):
    def found():
        return [(target.name, target.found() in target.shapes) for target in sources.upstreams()]

    module(sources.COMPONENTS, get_component_from_usage_key=lambda usage_key: usage_key)
    module(sources.CONTAINERS, _get_container_from_key=lambda container_key, isDeleted=False: None)  # noqa: N803
    teak, later = ("_get_container_from_key", True), ("get_container_from_key", True)
    component = ("get_component_from_usage_key", True)
    # What a module of that name does not have is looked for in the other.
    made = ModuleType(sources.CONTAINER_METADATA)
    assert found() == [component, teak]
    monkeypatch.setitem(sys.modules, sources.CONTAINER_METADATA, made)
    assert found() == [component, teak]
    made.get_container_from_key = lambda container_key, include_deleted=False: None
    assert found() == [component, later]


# Tags


class Taxonomies:
    """The host's model of taxonomies: by export id, for which organizations (None: for all) each is."""

    def __init__(self, **taxonomies):
        self.taxonomies = taxonomies
        self._base_manager = self

    def filter(self, export_id__in):
        self.found = [name for name in self.taxonomies if name.lower() in {one.lower() for one in export_id__in}]
        return self

    def prefetch_related(self, path):
        for name in self.found:
            rows = [SimpleNamespace(org=org and SimpleNamespace(short_name=org)) for org in self.taxonomies[name]]
            yield SimpleNamespace(export_id=name, taxonomyorg_set=SimpleNamespace(all=lambda rows=rows: rows))


def test_an_import_tags_with_taxonomies_of_the_contents_own_tenant(tenants, monkeypatch):
    model = Taxonomies(
        ours=["Acme"], labs=["AcmeLabs"], shared=["Globex", "Acme"], all=[None], theirs=["Globex"], old=[]
    )
    monkeypatch.setattr(sources.apps, "get_model", lambda label: model)
    tag = sources.make_exported_tags(lambda content_key, exported_tags: set(exported_tags))
    named = {name: ["tag"] for name in [*model.taxonomies, "new", "THEIRS"]}
    assert tag(CourseKey.from_string("course-v1:Acme+X+2026"), named) == {"ours", "labs", "shared", "all", "new"}
    usage = UsageKey.from_string("block-v1:Globex+X+2026+type@html+block@h")
    assert tag(usage, named) == {"shared", "all", "theirs", "THEIRS", "new"}
    assert tag(CourseKey.from_string("course-v1:Platform+X+2026"), named) == {"all", "old", "new"}


def test_without_a_tenant_an_import_tags_with_any_taxonomy(db):
    tag = sources.make_exported_tags(lambda content_key, exported_tags: set(exported_tags))
    assert tag(CourseKey.from_string("course-v1:Acme+X+2026"), {"any": ["tag"]}) == {"any"}


def test_what_is_pasted_gets_no_tags_of_what_is_out_of_sight(author, operator, asked_by):
    copied = sources.make_copied_tags(lambda source_object_id, dest_object_id: str(source_object_id))
    asked_by(author)
    for key in ("lb:Acme:lib:html:h", "lct:Acme:lib:unit:u", "block-v1:Acme+X+2026+type@html+block@h"):
        assert copied(key, "here") == key
    for key in ("lb:Globex:lib:html:h", "lct:Globex:lib:unit:u", "block-v1:Globex+X+2026+type@html+block@h", "no key"):
        assert copied(key, "here") == ""
    asked_by(operator)
    assert copied("lb:Globex:lib:html:h", "here") == "lb:Globex:lib:html:h"


# Files


class NotFound(Exception):
    """What the host raises where there is no such file."""


def test_a_file_of_a_course_is_found_by_who_sees_the_course(module, author, operator, asked_by):
    module(sources.FILE_ERRORS, NotFoundError=NotFound)
    find = sources.make_find(lambda self, location, throw_on_not_found=True, as_stream=False: (location, as_stream))
    own, foreign = (AssetKey.from_string(f"asset-v1:{org}+X+2026+type@asset+block@a.png") for org in ("Acme", "Globex"))
    old = AssetKey.from_string("/c4x/Globex/X/asset/a.png")
    assert find(None, foreign) == (foreign, False)
    asked_by(author)
    assert find(None, own) == (own, False) and find(None, own, as_stream=True) == (own, True)
    for key in (foreign, old):
        assert find(None, key, throw_on_not_found=False) is None
        with pytest.raises(NotFound):
            find(None, key)
    asked_by(operator)
    assert find(None, foreign, throw_on_not_found=False, as_stream=True) == (foreign, True)
