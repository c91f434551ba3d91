"""``manage.py site_config``."""

import io
import json

import pytest
from django.contrib.sites.models import Site

from ccx_tenancy.site_config import api

from .calling import data, misused, refused, run, said

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tenants")]

MAXI = "maxi-academy.localhost"


def values():
    return api.current_values(MAXI).values


def set_(*words):
    return run("site_config", "set", MAXI, *words)


def test_get_shows_all_or_one_value_as_json_has_it():
    assert data("site_config", "get", "MAXI-academy.localhost.") == values()
    assert said("site_config", "get", MAXI).splitlines()[:2] == [
        "NAME                                VALUE",
        'PLATFORM_NAME                       "Maxi\'s Academy"',
    ]
    assert said("site_config", "get", MAXI, "PLATFORM_NAME") == '"Maxi\'s Academy"'
    assert data("site_config", "get", "blue-university.localhost", "course_org_filter") == ["blue", "Blue2"]


def test_get_ends_with_one_where_nothing_is_stored():
    Site.objects.create(domain="empty.localhost", name="empty")
    assert refused("site_config", "get", "empty.localhost") == "empty.localhost stores no configuration."
    assert "stores no value 'X'; it stores PLATFORM_NAME, SITE_NAME" in refused("site_config", "get", MAXI, "X")
    assert "No site has the domain 'nobody'" in refused("site_config", "get", "nobody")


def test_get_says_that_a_configuration_is_disabled():
    api.set_site_values(MAXI, {}, enabled=False)
    out, err = run("site_config", "get", MAXI, "SITE_NAME")
    assert out == '"maxi-academy.example.com"\n'
    assert "disabled" in err


def test_set_stores_values_of_every_type_and_says_so(django_user_model):
    django_user_model.objects.create_user("ann")
    out, err = set_(
        "A=1", 'B={"c": [null, true]}', "--text", "PLATFORM_NAME=a = b", "--reason", "why", "--actor", "ann"
    )
    assert out == f"Made the revision 2 of {MAXI}; changed are PLATFORM_NAME, A, B.\n"
    assert [line.split(":")[1].strip() for line in err.splitlines()] == ["A", "B"]
    assert {name: values()[name] for name in ("A", "B", "PLATFORM_NAME")} == {
        "A": 1,
        "B": {"c": [None, True]},
        "PLATFORM_NAME": "a = b",
    }
    newest = api.history(MAXI)[0]
    assert (newest.actor, newest.reason) == ("ann", "why")
    out, _ = set_("A=1")
    assert "revision 2, which says so already; nothing to do" in out


def test_set_reads_a_file_or_stdin_and_replaces(tmp_path, monkeypatch):
    path = tmp_path / "values.json"
    path.write_text('{"SITE_NAME": "x"}')
    set_("-f", str(path))
    assert values()["PLATFORM_NAME"] == "Maxi's Academy"
    set_("--file", str(path), "--replace")
    assert values() == {"SITE_NAME": "x"}
    monkeypatch.setattr("sys.stdin", io.StringIO('{"SITE_NAME": "y"}'))
    set_("-f", "-")
    assert values() == {"SITE_NAME": "y"}


def test_a_dry_run_shows_the_differences_and_changes_nothing():
    before = values()
    out, _ = set_("--text", "SITE_NAME=x", "EXTRA=1", "--dry-run")
    assert out.splitlines() == [
        '~ SITE_NAME: "maxi-academy.example.com" -> "x"',
        "+ EXTRA: 1",
        f"Would make a new revision of {MAXI}, which is at 1.",
    ]
    out = said("site_config", "unset", MAXI, "SITE_NAME", "--dry-run")
    assert out.startswith('- SITE_NAME: "maxi-academy.example.com"\nWould make')
    set_("--text", "SITE_NAME=x")
    out = said("site_config", "rollback", MAXI, "1", "--dry-run")
    assert out.startswith('~ SITE_NAME: "x" -> "maxi-academy.example.com"\nWould make a new revision')
    assert values() == {**before, "SITE_NAME": "x"}


def test_a_value_that_is_no_json_is_refused_with_a_hint_how_to_quote_it():
    message = refused("site_config", "set", MAXI, "PLATFORM_NAME=Maxi")
    assert message.startswith("PLATFORM_NAME: line 1, column 1: ")
    assert "A text stands in quotes: 'PLATFORM_NAME=\"Maxi\"', or write --text PLATFORM_NAME=..." in message
    for bad in ('A=1, "B": 2', "A=", "A=NaN", "A={'x': 1}", "A=[1,]", f"A={'[' * 100_000}"):
        assert refused("site_config", "set", MAXI, bad).startswith("A: line 1, column ")
    assert api.current_values(MAXI).revision == 1


def test_what_a_site_may_not_store_is_refused_and_changes_nothing():
    assert "no site may set DEBUG" in refused("site_config", "set", MAXI, "DEBUG=true")
    assert "allowed is a text" in refused("site_config", "set", MAXI, "PLATFORM_NAME=1")
    assert "'blue' is not an organization" in refused("site_config", "set", MAXI, 'course_org_filter="blue"')
    assert "allowed are 255" in refused("site_config", "set", MAXI, "A=1", "--reason", "x" * 256)
    assert "has no revision 7" in refused("site_config", "set", MAXI, "A=1", "--expect", "7")
    assert "stores no value of that name" in refused("site_config", "unset", MAXI, "NOTHING")
    assert "has no revision 9" in refused("site_config", "rollback", MAXI, "9")
    assert api.current_values(MAXI).revision == 1
    set_("--expect", "1", "A=1")
    assert "at revision 2 by now, not 1" in refused("site_config", "unset", MAXI, "--expect", "1", "A")


def test_a_wrong_call_is_usage(tmp_path):
    words = ("site_config", "set", MAXI)
    assert "Which values?" in misused(*words)
    assert "not of the form NAME=JSON" in misused(*words, "PLATFORM_NAME")
    assert "not of the form NAME=JSON" in misused(*words, "=1")
    assert "not of the form --text NAME=VALUE" in misused(*words, "--text", "x")
    assert "given twice" in misused(*words, "A=1", "--text", "A=2")
    assert "not both" in misused(*words, "A=1", "-f", "x")
    assert "cannot be read" in misused(*words, "-f", str(tmp_path / "missing"))
    assert "not a whole number" in misused(*words, "A=1", "--expect", "-1")
    assert "not a whole number" in misused("site_config", "rollback", MAXI, "0")
    assert "not a whole number" in misused("site_config", "rollback", MAXI, "9" * 30)
    assert "invalid choice" in misused("site_config", "get", MAXI, "--format", "xml")
    assert "no user" in misused("site_config", "unset", MAXI, "SITE_NAME", "--actor", "nobody")


def test_unset_and_rollback_change_and_say_so():
    assert said("site_config", "unset", MAXI, "SITE_NAME") == f"Made the revision 2 of {MAXI}; changed are SITE_NAME."
    assert "SITE_NAME" not in values()
    assert said("site_config", "rollback", MAXI, "1") == f"Made the revision 3 of {MAXI}; changed are SITE_NAME."
    assert api.history(MAXI)[0].reason == "rollback to revision 1"


def test_history_lists_who_when_and_why(django_user_model):
    django_user_model.objects.create_user("ann")
    set_("A=1", "--actor", "ann", "--reason", "two\nlines")
    newest, first = said("site_config", "history", MAXI).splitlines()[1:]
    assert newest.split()[0] == "2"
    assert newest.split()[2:] == ["ann", "A", "yes", "two\\nlines"]
    assert "the system" in first
    found = data("site_config", "history", MAXI, "--limit", "1")
    assert [(one["revision"], one["actor"], one["reason"]) for one in found] == [(2, "ann", "two\nlines")]
    assert found[0]["changes"] == [{"path": ["A"], "kind": "added", "before": None, "after": 1}]
    Site.objects.create(domain="empty.localhost", name="empty")
    assert "no history" in said("site_config", "history", "empty.localhost")


def test_diff_compares_two_revisions():
    set_("A=1")
    set_("A=2", "--text", "SITE_NAME=x")
    assert said("site_config", "diff", MAXI).splitlines() == [
        '~ SITE_NAME: "maxi-academy.example.com" -> "x"',
        "~ A: 1 -> 2",
    ]
    assert said("site_config", "diff", MAXI, "1", "2") == "+ A: 1"
    assert said("site_config", "diff", "--format=table", MAXI, "2", "--no-color", "1") == "- A: 1"
    assert len(data("site_config", "diff", MAXI, "0")["changes"]) == 5
    assert data("site_config", "diff", "blue-university.localhost")["from"] == 0
    assert "hold the same values" in said("site_config", "diff", MAXI, "3", "3")
    assert "no revision 8" in refused("site_config", "diff", MAXI, "8")


def test_explain_says_where_a_value_comes_from(settings):
    settings.MY_OWN = {"path": settings}
    set_("SEGMENT_KEY=" + json.dumps("hush"))
    found = {one["name"]: one for one in data("site_config", "explain", MAXI, "PLATFORM_NAME", "SECRET_KEY", "MY_OWN")}
    assert found["PLATFORM_NAME"]["source"] == "site"
    assert found["PLATFORM_NAME"]["revision"] == 2
    assert found["SECRET_KEY"]["value"] == "********"
    assert found["SECRET_KEY"]["denied"]
    assert found["MY_OWN"]["source"] == "settings"
    shown = said("site_config", "explain", MAXI, "PLATFORM_NAME", "SECRET_KEY", "NEVER_HEARD")
    assert "site (revision 2)" in shown
    assert "No site may set it" in shown
    assert "Nothing is known of this key." in shown
    every = said("site_config", "explain", MAXI)
    assert "hush" not in every
    assert len(every.splitlines()) == 6


def test_a_secret_is_shown_nowhere():
    set_("SEGMENT_KEY=" + json.dumps("hush"))
    out, _ = set_("SEGMENT_KEY=" + json.dumps("louder"))
    assert out == f"Made the revision 3 of {MAXI}; changed are SEGMENT_KEY.\n"
    assert said("site_config", "diff", MAXI) == '~ SEGMENT_KEY: "********" -> "********"'
    for words in (("get",), ("history",), ("diff",), ("explain",)):
        for form in ("table", "json"):
            shown = said("site_config", words[0], MAXI, "--format", form)
            assert "hush" not in shown
            assert "louder" not in shown
