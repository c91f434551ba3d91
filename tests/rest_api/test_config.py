"""The configuration by REST: merged, never silently overwritten, and by a tenant only where the schema lets it."""

from __future__ import annotations

import pytest

from ccx_tenancy import api
from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.site_config.store import OwnTable
from tests.rest_api.conftest import Caller

pytestmark = pytest.mark.django_db
SITE = "acme.example.com"


@pytest.fixture
def owner(people):
    site_config.set_site_values(SITE, {"PLATFORM_NAME": "Acme", "course_org_filter": ["AcmeX"]})
    return Caller(people["owner"])


def test_a_change_is_merged_and_is_one_revision(owner):
    tag = owner.get("config/")["ETag"]
    answer = owner.patch("config/", {"values": {"contact_email": "a@example.com"}, "reason": "why"}, if_match=tag)
    assert answer.json()["values"] == {
        "PLATFORM_NAME": "Acme",
        "course_org_filter": ["AcmeX"],
        "contact_email": "a@example.com",
    }
    assert (answer["ETag"], answer.json()["revision"]) == ('"2"', 2)
    newest = owner.get("config/history/").json()["results"][0]
    assert (newest["actor"], newest["reason"]) == ("owner", "why")


def test_a_value_is_set_and_another_unset_at_once(owner):
    change = {"values": {"contact_email": "a@example.com"}, "unset": ["PLATFORM_NAME"]}
    answer = owner.patch("config/", change, if_match='"1"')
    assert sorted(answer.json()["values"]) == ["contact_email", "course_org_filter"]
    assert answer.json()["revision"] == 2


def test_without_if_match_it_is_428_and_with_another_form_400(owner):
    assert owner.patch("config/", {"values": {}}).status_code == 428
    for wrong in ("1", "*", '"x"', '"1", "2"', '"' + "9" * 30 + '"'):
        assert owner.patch("config/", {"values": {}}, if_match=wrong).status_code == 400


def test_a_lost_race_is_412_with_both_differences_and_changes_nothing(owner):
    site_config.set_site_values(SITE, {"PLATFORM_NAME": "Theirs"})
    answer = owner.patch("config/", {"values": {"PLATFORM_NAME": "Mine"}}, if_match='"1"')
    found = answer.json()
    assert (answer.status_code, found["expected"], found["actual"]) == (412, 1, 2)
    assert [(one["path"], one["after"]) for one in found["theirs"]] == [(["PLATFORM_NAME"], "Theirs")]
    assert [(one["path"], one["after"]) for one in found["yours"]] == [(["PLATFORM_NAME"], "Mine")]
    assert site_config.current_values(SITE).values["PLATFORM_NAME"] == "Theirs"


@pytest.mark.parametrize("change", [{"values": {"PLATFORM_NAME": "x"}}, {"unset": ["PLATFORM_NAME"]}])
@pytest.mark.parametrize("tag", ['"7"', '"1-5"'])
def test_a_revision_that_never_was_is_a_lost_race(owner, change, tag):
    assert owner.patch("config/", change, if_match=tag).status_code == 412


@pytest.mark.parametrize("name", ["course_org_filter", "NOBODY_KNOWS_THIS"])
def test_a_key_that_the_schema_does_not_give_to_tenants_is_403_by_name(owner, people, name):
    for change in ({"values": {name: ["AcmeX"], "PLATFORM_NAME": "x"}}, {"unset": [name]}):
        for address in ("config/", "config/draft/"):
            answer = owner.patch(address, change, if_match='"1"')
            assert (answer.status_code, [one["path"] for one in answer.json()["errors"]]) == (403, [f"values.{name}"])
    answer = Caller(people["operator"]).patch(f"config/?domain={SITE}", {"values": {name: ["AcmeX"]}}, if_match='"1"')
    assert answer.status_code == 200


def test_a_name_that_nobody_may_set_is_422_for_an_operator_too(people, owner):
    operator = Caller(people["operator"])
    answer = operator.patch(f"config/?domain={SITE}", {"values": {"SECRET_KEY": "x"}}, if_match='"1"')
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "SECRET_KEY")


def test_only_an_operator_switches_a_configuration_off(owner, people):
    assert owner.patch("config/", {"enabled": False}, if_match='"1"').status_code == 403
    answer = Caller(people["operator"]).patch(f"config/?domain={SITE}", {"enabled": False}, if_match='"1"')
    assert answer.json()["enabled"] is False


def test_a_draft_is_begun_changed_and_published(owner):
    assert owner.get("config/draft/").status_code == 404
    begun = owner.patch("config/draft/", {"values": {"PLATFORM_NAME": "Drafted"}}, if_match='"1"')
    assert begun.json()["base_revision"] == 1
    changed = owner.patch("config/draft/", {"values": {"contact_email": "a@example.com"}}, if_match=begun["ETag"])
    assert owner.patch("config/draft/", {"values": {}}, if_match=begun["ETag"]).status_code == 412
    assert site_config.current_values(SITE).values["PLATFORM_NAME"] == "Acme"
    answer = owner.post("config/draft/publish/", {"reason": "ready"}, if_match=changed["ETag"])
    assert (answer.status_code, answer["ETag"]) == (200, '"2"')
    assert answer.json()["values"]["PLATFORM_NAME"] == "Drafted"
    assert owner.get("config/draft/").status_code == 404


def test_a_draft_on_top_of_what_others_changed_is_412_with_both_differences(owner):
    begun = owner.patch("config/draft/", {"values": {"PLATFORM_NAME": "Mine"}}, if_match='"1"')
    site_config.set_site_values(SITE, {"PLATFORM_NAME": "Theirs"})
    answer = owner.post("config/draft/publish/", {}, if_match=begun["ETag"])
    assert (answer.status_code, answer.json()["theirs"][0]["after"]) == (412, "Theirs")
    assert owner.get("config/draft/").status_code == 200


def test_a_draft_made_as_an_operator_is_not_published_as_less(owner, people):
    draft = site_config.save_draft(SITE, {"course_org_filter": ["AcmeLabs"]}, actor=people["owner"])
    tag = f'"1-{int(draft.modified.timestamp() * 1_000_000)}"'
    assert owner.post("config/draft/publish/", {}, if_match=tag).status_code == 403


def test_a_rollback_makes_a_new_revision_and_is_held_to_the_same_keys(owner):
    owner.patch("config/", {"values": {"PLATFORM_NAME": "Second"}}, if_match='"1"')
    answer = owner.post("config/history/1/rollback/", {}, if_match='"2"')
    assert (answer.json()["revision"], answer.json()["values"]["PLATFORM_NAME"]) == (3, "Acme")
    site_config.set_site_values(SITE, {"course_org_filter": ["AcmeLabs"]})
    assert owner.post("config/history/1/rollback/", {}, if_match='"4"').status_code == 403
    assert owner.post("config/history/99/rollback/", {}, if_match='"4"').status_code == 404


def test_history_comes_in_pages_newest_first(owner):
    for number in range(5):
        site_config.set_site_values(SITE, {"PLATFORM_NAME": f"name {number}"})
    found, address = [], "config/history/?limit=2"
    while address:
        page = owner.get(address).json()
        found += [one["revision"] for one in page["results"]]
        address = page["next"] and "config/history/?" + page["next"].partition("?")[2]
    assert found == [6, 5, 4, 3, 2, 1]


def test_a_page_of_the_history_and_one_revision_read_what_they_show_and_no_more(owner, monkeypatch):
    for number in range(20):
        site_config.set_site_values(SITE, {"PLATFORM_NAME": f"name {number}"})
    read = []
    whole = OwnTable.history

    def history(self, site_id, **bounds):
        rows = whole(self, site_id, **bounds)
        read.append(len(rows))
        return rows

    monkeypatch.setattr(OwnTable, "history", history)
    first = owner.get("config/history/?limit=3").json()
    second = owner.get("config/history/?" + first["next"].partition("?")[2]).json()
    assert [one["revision"] for one in second["results"]] == [18, 17, 16]
    assert owner.get("config/history/9/").json()["changes"][0]["after"] == "name 7"
    for missing in ("22", "0", str(10**17)):
        assert owner.get(f"config/history/{missing}/").status_code == 404
    assert site_config.revision(SITE, 4).revision == 4
    assert max(read) <= 5


def test_where_more_than_one_site_could_be_meant_it_is_asked_for(owner, people):
    api.add_member(people["owner"], "GlobexX", "admin")
    answer = owner.get("config/")
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "domain")
    assert Caller(people["owner"], host=SITE).get("config/").json()["domain"] == SITE
