"""The check of static files: what a storage with a manifest says of files that nobody has collected."""

import pytest

from ccx_tenancy.hosts.openedx import static


class Storage:
    """One that knows what was collected."""

    def __init__(self, *known):
        self.known = known

    def url(self, name):
        if name not in self.known:
            raise ValueError(f"Missing staticfiles manifest entry for '{name}'")
        return f"/static/{name}"


@pytest.mark.once
def test_files_that_were_not_collected_are_named(settings, monkeypatch):
    settings.ROOT_URLCONF = "cms.urls"
    monkeypatch.setattr(static, "staticfiles_storage", Storage(static.FILES[0]))
    (said,) = static.check_static_files()
    assert said.id == "ccx_tenancy.W103"
    assert static.FILES[0] not in said.msg and static.FILES[1] in said.msg
    assert "collectstatic" in said.hint
    monkeypatch.setattr(static, "staticfiles_storage", Storage(*static.FILES))
    assert static.check_static_files() == []


@pytest.mark.once
def test_another_project_is_not_asked(settings, monkeypatch):
    monkeypatch.setattr(static, "staticfiles_storage", Storage())
    assert static.check_static_files() == []


@pytest.mark.once
@pytest.mark.parametrize("name", static.FILES)
def test_the_files_are_there(name):
    from django.contrib.staticfiles.finders import find

    assert find(name)
