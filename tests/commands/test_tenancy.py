"""``manage.py tenancy``."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.db.models.signals import pre_save
from organizations.models import Organization

from ccx_tenancy import api
from ccx_tenancy.audit import api as audit
from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.tenants.models import Tenant, TenantDomain, TenantOrganization

from .calling import data, misused, refused, run, said

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(django_user_model):
    return django_user_model.objects.create_user("ann")


@pytest.fixture
def document(tmp_path):
    def write(content):
        path = tmp_path / "seed.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return str(path)

    return write


def stdin(monkeypatch, content):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


# create


def test_create_makes_a_whole_tenant_and_says_so(user, document):
    values = document({"PLATFORM_NAME": "Maxi", "MY_OWN": 1})
    words = ["--name", "Maxi", "--domain", "Maxi.localhost", "--organization", "a", "--organization", "b"]
    words += ["--studio-domain", "studio.localhost", "--values", values, "--actor", "ann", "--owner", "ann"]
    out, err = run("tenancy", "create", "maxi", *words)
    assert out == "Created the tenant 'maxi' on maxi.localhost with the organizations a, b.\n"
    assert err.startswith("warning: MY_OWN: nothing is known")
    tenant = api.resolve_tenant("studio.localhost")
    assert tenant.organizations == {"a", "b"}
    assert site_config.current_values("maxi.localhost").values == {"PLATFORM_NAME": "Maxi", "MY_OWN": 1}
    assert {entry.actor for entry in audit.entries()} == {"ann"}
    assert [one.short_name for one in api.organizations_of(user, "owner")] == ["a", "b"]


def test_create_reads_values_from_stdin(monkeypatch):
    stdin(monkeypatch, b'{"PLATFORM_NAME": "From stdin"}')
    run("tenancy", "create", "maxi", "--name", "Maxi", "--domain", "maxi.localhost", "--values", "-")
    assert site_config.current_values("maxi.localhost").values == {"PLATFORM_NAME": "From stdin"}


def test_create_is_refused_by_name_and_changes_nothing(tenants, document):
    words = ["tenancy", "create", "new", "--name", "New", "--domain"]
    before = data("tenancy", "list")
    assert "'maxi-academy'" in refused(*words, "Maxi-Academy.localhost.")
    assert "has a scheme" in refused(*words, "http://new.localhost")
    assert "belongs to the tenant" in refused(*words, "new.localhost", "--organization", "blue")
    assert "exists already" in refused("tenancy", "create", "maxi-academy", "--name", "x", "--domain", "x.localhost")
    assert "control character" in refused("tenancy", "create", "new", "--name", "a\nb", "--domain", "new.localhost")
    bad = document(b'{"PLATFORM_NAME": "x",}')
    assert f"{bad}: line 1, column 22: " in refused(*words, "new.localhost", "--values", bad)
    assert "no site may set DEBUG" in refused(*words, "new.localhost", "--values", document({"DEBUG": True}))
    assert data("tenancy", "list") == before
    assert api.resolve_tenant("new.localhost") is None


def test_a_wrong_call_is_usage(tmp_path):
    words = ["tenancy", "create", "new", "--name", "New", "--domain", "new.localhost"]
    assert "arguments are required" in misused("tenancy")
    assert "invalid choice: 'crate'" in misused("tenancy", "crate")
    assert "--name" in misused("tenancy", "create", "new", "--domain", "x.localhost")
    assert "there is no user 'nobody'" in misused(*words, "--actor", "nobody")
    missing = str(tmp_path / "missing.json")
    assert misused(*words, "--values", missing) == f"The file {missing!r} cannot be read: No such file or directory."
    assert "Is a directory" in misused(*words, "--values", str(tmp_path))
    assert "cannot be read" in misused(*words, "--values", "a\x00b")
    assert "NUL" in misused("tenancy", "create", "a\x00b", "--name", "New", "--domain", "new.localhost")
    assert "UTF-8" in misused("tenancy", "create", "a", "--name", "\udcff", "--domain", "new.localhost")
    assert not Tenant.objects.exists()


def test_stdin_that_is_closed_is_usage(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    assert misused("tenancy", "apply", "-") == "stdin is closed."


# list and show


def test_list_shows_a_table_or_json(tenants):
    api.suspend_tenant("blue-university")
    assert said("tenancy", "list").splitlines() == [
        "KEY              NAME             STATE      DOMAIN                     ORGANIZATIONS",
        "blue-university  Blue University  suspended  blue-university.localhost  blue, Blue2",
        "maxi-academy     Maxi's Academy   active     maxi-academy.localhost     maxi-academy",
    ]
    assert data("tenancy", "list", "--state", "active", "--search", "MAXI") == [
        {
            "key": "maxi-academy",
            "name": "Maxi's Academy",
            "state": "active",
            "domain": "maxi-academy.localhost",
            "organizations": ["maxi-academy"],
        }
    ]
    assert data("tenancy", "list", "--search", "nothing") == []
    assert said("tenancy", "list", "--search", "nothing") == "There are no such tenants."
    assert "invalid choice: 'x'" in misused("tenancy", "list", "--state", "x")


def test_list_says_that_there_is_none():
    assert said("tenancy", "list") == "There are no tenants."


@pytest.mark.slow
def test_list_is_two_queries_at_ten_thousand_tenants(django_assert_max_num_queries):
    count = 10_000
    rows = Tenant.objects.bulk_create([Tenant(key=f"t{number:05}", name="T") for number in range(count)], 500)
    keys = {row.key: row.pk for row in Tenant.objects.all()}
    TenantDomain.objects.bulk_create(
        [TenantDomain(tenant_id=keys[row.key], domain=f"{row.key}.localhost", is_primary=True) for row in rows], 500
    )
    Organization.objects.bulk_create([Organization(short_name=row.key, name="O") for row in rows], 500)
    organizations = dict(Organization.objects.values_list("short_name", "pk"))
    TenantOrganization.objects.bulk_create(
        [
            TenantOrganization(tenant_id=keys[row.key], organization_id=organizations[row.key], folded=row.key)
            for row in rows
        ],
        500,
    )
    with django_assert_max_num_queries(2):
        found = data("tenancy", "list")
    assert len(found) == count
    assert found[7]["organizations"] == ["t00007"]
    with django_assert_max_num_queries(2):
        assert [one["key"] for one in data("tenancy", "list", "--state", "active", "--search", "t0999")] == [
            f"t0999{digit}" for digit in range(10)
        ]


def test_show_shows_a_tenant_that_can_be_applied_again(tenants, document):
    shown = said("tenancy", "show", "blue-university")
    assert "domain         studio.blue-university.localhost (studio, primary)" in shown
    assert "configuration  blue-university.localhost: 2 values, revision 1" in shown
    entry = data("tenancy", "show", "blue-university")
    assert entry["configuration"]["course_org_filter"] == ["blue", "Blue2"]
    out = said("tenancy", "apply", document({"tenants": [entry]}), "--prune")
    assert out.endswith("0 created, 0 changed, 1 as they should be.")
    assert "'nobody'" in refused("tenancy", "show", "nobody")


# states


def test_states_change_and_a_dry_run_changes_none(tenants, user):
    assert said("tenancy", "suspend", "maxi-academy", "--dry-run").startswith("Would suspend the tenant 'maxi-academy'")
    assert api.get_tenant("maxi-academy").state == "active"
    assert not audit.entries().filter(action="tenant.suspend").exists()
    said_ = said("tenancy", "suspend", "maxi-academy", "--reason", "unpaid", "--actor", "ann")
    assert said_ == "Suspended the tenant 'maxi-academy', which was active: its sites answer 503, its data stay."
    entry = audit.entries().get(action="tenant.suspend")
    assert (entry.actor, entry.after) == ("ann", {"state": "suspended", "reason": "unpaid"})
    assert "suspended already; nothing to do" in said("tenancy", "suspend", "maxi-academy")
    assert said("tenancy", "archive", "maxi-academy").startswith("Archived")
    assert "archived; suspend takes one that is active" in refused("tenancy", "suspend", "maxi-academy")
    assert "takes one that is active" in refused("tenancy", "suspend", "maxi-academy", "--dry-run")
    assert said("tenancy", "resume", "maxi-academy").startswith("Resumed")
    assert "'nobody'" in refused("tenancy", "archive", "nobody")


# apply


GREEN = {"key": "green", "name": "Green", "domain": "green.localhost", "organizations": ["green"]}


def test_apply_shows_its_plan_and_a_dry_run_changes_nothing(tenants, document):
    path = document(
        {
            "tenants": [
                {**GREEN, "configuration": {"PLATFORM_NAME": "Green", "SEGMENT_KEY": "hush", "MY_OWN": 1}},
                {
                    "key": "blue-university",
                    "name": "Blue",
                    "state": "suspended",
                    "domains": [
                        {"domain": "blue.localhost", "primary": True},
                        {"domain": "studio.blue-university.localhost", "surface": "mfe"},
                    ],
                    "organizations": ["blue", "Azure"],
                    "configurations": {"blue.localhost": {}},
                },
            ],
            "sites": [{"domain": "localhost", "configuration": {"PLATFORM_NAME": "Open"}, "enabled": False}],
        }
    )
    out, err = run("tenancy", "apply", path, "--dry-run")
    assert out.splitlines() == [
        "+ tenant green",
        '    + named "Green"',
        "    + domain green.localhost (lms, primary)",
        "    + organization green (new)",
        "    + configuration of green.localhost",
        '        + PLATFORM_NAME: "Green"',
        '        + SEGMENT_KEY: "********"',
        "        + MY_OWN: 1",
        "~ tenant blue-university",
        '    ~ name: "Blue University" -> "Blue"',
        "    + domain blue.localhost (lms, primary)",
        "    ~ domain studio.blue-university.localhost: studio, primary -> mfe, primary",
        "    + organization Azure (new)",
        "    + configuration of blue.localhost",
        '    ~ state: "active" -> "suspended"',
        "    ! domain blue-university.localhost is not in the document, and kept; --prune removes it",
        "    ! organization Blue2 is not in the document, and kept; --prune removes it",
        "+ site localhost",
        '    + named "localhost"',
        "    + configuration of localhost",
        '        + PLATFORM_NAME: "Open"',
        "    ~ configuration of localhost: disabled",
        f"{path}: 2 would be created, 1 would be changed, 0 as they should be.",
    ]
    assert "warning: tenants[0].configuration.MY_OWN: nothing is known" in err
    assert api.resolve_tenant("green.localhost") is None
    out, _ = run("tenancy", "apply", path, "--reason", "autumn")
    assert out.splitlines()[-1] == f"{path}: 2 created, 1 changed, 0 as they should be."
    assert api.get_tenant("blue-university").state == "suspended"
    assert said("tenancy", "apply", path).splitlines() == [
        "= tenant green: nothing to do",
        "= tenant blue-university: nothing to do",
        "    ! domain blue-university.localhost is not in the document, and kept; --prune removes it",
        "    ! organization Blue2 is not in the document, and kept; --prune removes it",
        "= site localhost: nothing to do",
        f"{path}: 0 created, 0 changed, 3 as they should be.",
    ]
    pruned = said("tenancy", "apply", path, "--prune").splitlines()
    assert "    - domain blue-university.localhost (lms)" in pruned
    assert "    - organization Blue2" in pruned


def test_apply_shows_every_kind_of_change(tenants, document):
    run("tenancy", "apply", document({"sites": [{"domain": "localhost"}]}))
    path = document(
        {
            "tenants": [
                {
                    "key": "blue-university",
                    "name": "Blue University",
                    "domains": [
                        {"domain": "blue-university.localhost"},
                        {"domain": "two.localhost"},
                        {"domain": "studio.blue-university.localhost", "surface": "studio"},
                    ],
                    "configuration": {"course_org_filter": ["blue", "Blue2"], "PLATFORM_NAME": "Blue University"},
                }
            ],
            "sites": [{"domain": "localhost", "name": "Here"}],
        }
    )
    lines = said("tenancy", "apply", path).splitlines()
    assert "    ~ configuration of blue-university.localhost: the order of its keys" in lines
    assert '    ~ name: "localhost" -> "Here"' in lines
    entry = data("tenancy", "show", "blue-university")
    entry["domains"] = [{**one, "primary": one["domain"].startswith(("two", "studio"))} for one in entry["domains"]]
    entry["enabled"] = False
    entry["configuration"] = {"PLATFORM_NAME": "Two"}
    lines = said("tenancy", "apply", document({"tenants": [entry]})).splitlines()
    assert '    ~ primary domain: "blue-university.localhost" -> "two.localhost"' in lines
    assert "    ~ configuration of two.localhost: disabled" in lines


def test_apply_writes_json_for_programs(document):
    path = document({"tenants": [{**GREEN, "configuration": {"MY_OWN": 1}}]})
    found = data("tenancy", "apply", path, "--dry-run")
    assert found["dry_run"] is True
    (item,) = found["items"]
    assert item["action"] == "create"
    assert [(one["what"], one["kind"]) for one in item["changes"]] == [
        ("tenant", "added"),
        ("domain", "added"),
        ("organization", "added"),
        ("configuration", "added"),
    ]
    assert item["changes"][3]["differences"] == [{"path": ["MY_OWN"], "kind": "added", "before": None, "after": 1}]
    assert item["warnings"][0]["path"] == "tenants[0].configuration.MY_OWN"
    assert data("tenancy", "apply", path)["items"][0]["failure"] is None
    assert data("tenancy", "apply", path)["items"][0]["action"] == "nothing"


def test_a_bad_document_is_refused_by_file_and_place_and_changes_nothing(tenants, document):
    before = data("tenancy", "list")
    path = document({"tenants": [GREEN, {**GREEN, "key": "red", "domains": [{"domain": "maxi-academy.localhost"}]}]})
    message = refused("tenancy", "apply", path)
    assert message.startswith(f"{path}: tenants[1].domain: the domain 'green.localhost' stands already")
    path = document(
        {"tenants": [GREEN, {**GREEN, "key": "red", "domain": "Maxi-academy.localhost", "organizations": []}]}
    )
    assert f"{path}: tenants[1].domain: the domain 'maxi-academy.localhost' belongs to" in refused(
        "tenancy", "apply", path
    )
    path = document(b'{"tenants": [],}')
    assert refused("tenancy", "apply", path).startswith(f"{path}: line 1, column 15: a comma")
    assert "MAX_DOCUMENT_BYTES" in refused("tenancy", "apply", document(b" " * 5_000_000))
    assert "nested deeper" in refused("tenancy", "apply", document(b'{"tenants": ' + b"[" * 100_000))
    assert "not UTF-8" in refused("tenancy", "apply", document(b"\xff\xfe{}"))
    assert data("tenancy", "list") == before


def test_nothing_that_a_document_says_moves_the_cursor(document):
    assert r"tenants[0].a\x1b[2J\nb: there is no such field" in refused(
        "tenancy", "apply", document({"tenants": [{**GREEN, "a\x1b[2J\nb": 1}]})
    )
    path = document({"tenants": [{**GREEN, "configuration": {"A": "\x9b2J\u2028\x1b"}}]})
    for form in ("table", "json"):
        out, err = run("tenancy", "apply", path, "--dry-run", "--format", form)
        assert all(character.isprintable() or character == "\n" for character in out + err)
        assert r"\u009b2J\u2028\u001b" in out
    path = document({"tenants": [{**GREEN, "configuration": {"A\x9b": "x"}}]})
    assert r"the name 'A\x9b' is not allowed" in refused("tenancy", "apply", path)


def test_of_many_problems_the_first_are_shown(document):
    message = refused("tenancy", "apply", document({"tenants": [None] * 100}))
    assert "tenants[19]" in message
    assert "tenants[20]" not in message
    assert message.endswith("; and 80 more")


@pytest.mark.parametrize("form", ["table", "json"])
def test_a_tenant_that_fails_is_named_and_the_others_are_made(document, form):
    def refuse(sender, instance, **kwargs):
        if instance.short_name == "green":
            raise DatabaseError("the disk\nis full")

    path = document({"tenants": [GREEN, {"key": "red", "name": "Red", "domain": "red.localhost"}]})
    pre_save.connect(refuse, sender=Organization)
    try:
        out = io.StringIO()
        with pytest.raises(CommandError) as caught:
            call_command("tenancy", "apply", path, "--format", form, stdout=out)
    finally:
        pre_save.disconnect(refuse, sender=Organization)
    assert caught.value.returncode == 1
    expected = (
        f"{path}: 1 created, 0 changed, 0 as they should be, 1 failed: tenant 'green' (tenants[0]): the disk\\nis full"
    )
    assert str(caught.value) == expected
    assert [one["key"] for one in data("tenancy", "list")] == ["red"]
    if form == "json":
        assert [item["failure"] for item in json.loads(out.getvalue())["items"]] == ["the disk\nis full", None]
    else:
        assert "! tenant green: failed, and nothing of it was changed" in out.getvalue()


# run


def test_run_runs_another_command_inside_the_tenant(tenants):
    out, err = run("tenancy", "run", "maxi-academy", "--", "site_config", "get", "maxi-academy.localhost", "SITE_NAME")
    assert out == '"maxi-academy.example.com"\n'
    assert err == "Ran site_config in the tenant 'maxi-academy'.\n"
    assert api.current_tenant() is None


def test_run_sees_the_tenant_and_its_values(tenants, tenant_commands):
    out, _ = run("tenancy", "run", "blue-university", "--", "which_tenant", "--", "--odd", "x")
    assert out == "blue-university|Blue University|--odd x"
    out, err = run("tenancy", "run", "--all", "--", "which_tenant")
    assert out == "blue-university|Blue University|maxi-academy|Maxi's Academy|"
    assert err.splitlines() == ["# blue-university", "# maxi-academy", "Ran which_tenant in 2 tenants."]
    api.archive_tenant("maxi-academy")
    assert run("tenancy", "run", "--all", "which_tenant")[0] == "blue-university|Blue University|"
    assert run("tenancy", "run", "maxi-academy", "which_tenant")[0] == "maxi-academy|Maxi's Academy|"


def test_run_in_all_gives_each_its_turn_and_names_those_that_failed(tenants, tenant_commands):
    api.create_tenant("red", name="Red", domain="red.localhost", organizations=[])
    message = refused("tenancy", "run", "--all", "--", "which_tenant", "--fail-in=blue-university", "--exit-in=red")
    assert message == (
        "which_tenant failed in 2 tenants: in tenant 'blue-university': ValueError: as asked;"
        " in tenant 'red': CommandError: it ended with 3"
    )
    assert api.current_tenant() is None


def test_run_passes_on_how_the_command_failed(tenants, tenant_commands):
    with pytest.raises(ValueError, match="as asked"):
        run("tenancy", "run", "blue-university", "--", "which_tenant", "--fail-in=blue-university")
    assert "stores no value 'X'" in refused(
        "tenancy", "run", "maxi-academy", "--", "site_config", "get", "maxi-academy.localhost", "X"
    )
    assert api.current_tenant() is None


def test_run_that_is_called_wrongly_is_usage(tenants):
    assert "Which tenant?" in misused("tenancy", "run")
    assert "Which command?" in misused("tenancy", "run", "maxi-academy")
    assert "Which command?" in misused("tenancy", "run", "--all")
    assert "no command 'no_such'" in misused("tenancy", "run", "maxi-academy", "--", "no_such")
    assert "no command 'maxi-academy'" in misused("tenancy", "run", "--all", "maxi-academy", "--", "check")
    assert "'nobody'" in refused("tenancy", "run", "nobody", "--", "check")
