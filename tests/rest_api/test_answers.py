"""What every answer has in common: its scope, its pages, its errors, and what it costs."""

from __future__ import annotations

import pytest

from ccx_tenancy import api
from ccx_tenancy.audit import api as audit
from ccx_tenancy.rest_api import keys as api_keys
from ccx_tenancy.tenants import api as tenants
from tests.counting import counted
from tests.rest_api.conftest import ROOT, Caller

pytestmark = pytest.mark.django_db


def problem(answer, status):
    """Return the problem in an answer, after checking its form."""
    found = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert found["status"] == status
    assert {"type", "title", "status", "detail", "errors"} <= set(found)
    return found


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b'"\\ud800"',
        b'{"email": "\\ud800"}',
        b"\xff",
        b"{" * 5000,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_body_that_is_no_json_object_is_400(people, body):
    client = Caller(people["owner"]).client
    found = problem(client.post(f"{ROOT}invitations/", body, content_type="application/json"), 400)
    assert found["type"] == "urn:ccx-tenancy:problem:parse-error"


def test_other_errors_have_the_same_form(people, settings):
    caller = Caller(people["owner"])
    problem(caller.get("nowhere/"), 404)
    problem(caller.get("members/0/"), 404)
    problem(caller.put("members/", {}), 405)
    problem(Caller().get("me/"), 401)
    problem(caller.client.post(f"{ROOT}invitations/", "a=b", content_type="text/plain"), 415)
    problem(caller.client.post(f"{ROOT}invitations/", {"email": "x"}), 415)
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    problem(caller.post("invitations/", {"email": "guest@example.com"}), 413)


def test_what_the_gate_refuses_unread_has_the_same_form(people):
    caller = Caller(people["owner"])
    assert problem(caller.client.post(f"{ROOT}members/", "[" * 50_000, content_type="application/json"), 413)["detail"]


@pytest.mark.parametrize("host", ["acme.example.com", "platform.example.com"])
@pytest.mark.parametrize("who", [None, "learner", "admin", "owner"])
def test_an_organization_elsewhere_is_answered_as_one_that_is_nowhere(people, who, host):
    caller = Caller(people.get(who), host=host)

    def answers(name):
        asked = [
            *(caller.get(address) for address in (f"organizations/{name}/", f"members/?organization={name}")),
            caller.delete(f"organizations/{name}/"),
            caller.post("members/", {"user": "nobody", "organization": name, "role": "staff"}),
            caller.post("invitations/", {"email": "new@example.com", "organization": name, "role": "staff"}),
            caller.post("organizations/", {"tenant": "acme", "short_name": name}),
        ]
        return [(answer.status_code, answer.content.replace(name.encode(), b"")) for answer in asked]

    assert answers("GlobexX") == answers("NowhereX")


def test_what_is_wrong_in_a_body_is_named_with_its_place(people):
    body = {"email": 1, "role": "king", "organisation": "AcmeX"}
    found = problem(Caller(people["owner"]).post("invitations/", body), 422)
    assert [one["path"] for one in found["errors"]] == ["organisation"]
    del body["organisation"]
    found = problem(Caller(people["owner"]).post("invitations/", body), 422)
    assert {one["path"] for one in found["errors"]} == {"email", "role", "organization"}


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("role=king", "role"),
        ("active=maybe", "active"),
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=cDk5OTk5OTk5OTk5OTk5OTk5OTk5", "cursor"),
        ("search=%00", "search"),
        ("organization=%00", "organization"),
    ],
)
def test_a_parameter_of_another_form_is_400_by_name(people, query, path):
    found = problem(Caller(people["owner"]).get(f"members/?{query}"), 400)
    assert {one["path"] for one in found["errors"]} == {path}


def test_a_session_without_csrf_token_reads_and_changes_nothing(people):
    caller = Caller(people["owner"], csrf=True)
    assert caller.get("members/").status_code == 200
    problem(caller.post("invitations/", {"email": "guest@example.com", "organization": "AcmeX"}), 403)


def test_lists_hold_nothing_of_another_tenant(people, acme, globex):
    api_keys.make_key(globex, name="k", scopes=["audit:read"], by=people["stranger"])
    api.invite("guest@example.com", "GlobexX", "learner", invited_by=None)
    caller = Caller(people["owner"])
    for address in ("tenants/", "domains/", "organizations/", "members/", "invitations/", "audit/", "keys/"):
        for query in ("", "?tenant=globex", "?limit=200"):
            text = caller.get(f"{address}{query}").content.decode().lower()
            assert "globex" not in text.replace("?tenant=globex", ""), (address, query)


def test_on_a_tenants_host_there_is_only_that_tenant(people):
    api.add_member(people["owner"], "GlobexX", "owner")
    for who in ("owner", "operator"):
        caller = Caller(people[who], host="acme.example.com")
        assert [one["key"] for one in caller.get("tenants/").json()["results"]] == ["acme"]
        problem(caller.get("tenants/globex/"), 404)
        assert {one["organization"] for one in caller.get("members/?limit=200").json()["results"]} == {"AcmeX"}
        problem(caller.get("config/?domain=globex.example.com"), 404)


def test_members_are_filtered_by_role_activity_search_and_organization(people):
    caller = Caller(people["owner"])

    def names(query):
        return [one["username"] for one in caller.get(f"members/?{query}").json()["results"]]

    assert names("role=staff") == ["staff"]
    assert names("search=AUTH") == ["author"]
    assert names("active=false") == []
    assert len(names("organization=acmex")) == 5
    assert names("organization=AcmeLabs") == []


def test_the_record_is_filtered_by_action_actor_and_time(people):
    caller = Caller(people["owner"])
    found = caller.get("audit/?action=member.&limit=200").json()["results"]
    assert {one["action"] for one in found} == {"member.add"}
    assert caller.get("audit/?action=member").json()["results"] == []
    assert caller.get("audit/?since=2100-01-01T00:00:00Z").json()["results"] == []
    assert caller.get("audit/?actor=nobody").json()["results"] == []


def test_an_administrator_finds_the_tenants_own_people_only(people):
    caller = Caller(people["admin"])
    elsewhere = caller.post("members/", {"user": "stranger", "organization": "AcmeX"})
    missing = caller.post("members/", {"user": "nowhere1", "organization": "AcmeX"})
    assert problem(elsewhere, 422)["errors"][0]["path"] == "user"
    assert elsewhere.content.replace(b"stranger", b"nowhere1") == missing.content


def test_rules_of_roles_are_answered_with_403_and_409(people):
    rows = Caller(people["owner"]).get("members/").json()["results"]
    number = {one["username"]: one["id"] for one in rows}
    problem(Caller(people["admin"]).patch(f"members/{number['staff']}/", {"role": "owner"}), 403)
    problem(Caller(people["owner"]).patch(f"members/{number['owner']}/", {"role": "admin"}), 409)
    problem(Caller(people["owner"]).delete(f"members/{number['owner']}/"), 409)


def test_each_pass_of_an_operator_is_in_the_record(people):
    Caller(people["operator"]).get("tenants/acme/")
    entry = audit.entries(tenant_key="acme")[0]
    assert (entry.action, entry.actor, entry.target) == ("operator.pass", "operator", f"GET {ROOT}tenants/acme/")


@pytest.mark.parametrize("host", ["platform.example.com", "acme.example.com"])
@pytest.mark.parametrize("address", ["tenants/acme/", "config/?domain=acme.example.com", "members/?tenant=acme"])
def test_a_pass_is_recorded_once_by_whatever_room(people, host, address):
    Caller(people["operator"], host=host).get(address)
    passes = audit.entries(action=audit.OPERATOR_PASS)
    assert [one.target for one in passes] == [f"GET {ROOT}{address.partition('?')[0]}"]


def test_pages_give_every_row_once_and_end(people, make_user):
    for number in range(7):
        api.add_member(make_user(f"m{number}"), "AcmeX")
    found, address = [], "members/?limit=5&search=m"
    while address:
        page = Caller(people["owner"]).get(address).json()
        found += [one["username"] for one in page["results"]]
        address = page["next"] and "members/?" + page["next"].partition("?")[2]
    expected = sorted([*(f"m{number}" for number in range(7)), "admin"])
    assert sorted(name for name in found if name == "admin" or name[0] == "m") == expected
    assert len(found) == len(set(found))


def queries_of(caller, address):
    answers = []
    queries = counted(lambda: answers.append(caller.get(address)))
    return len(queries), len(answers[-1].json()["results"])


@pytest.mark.parametrize("address", ["members", "invitations", "organizations", "domains", "tenants", "audit", "keys"])
def test_a_list_costs_the_same_with_ten_rows_and_with_a_hundred(people, acme, make_user, address):
    caller = Caller(people["operator"])
    costs = []
    for total in (10, 100):
        for number in range(total - 10 if total > 10 else 0, total):
            api.add_member(make_user(f"n{total}-{number}"), "AcmeX")
            api.invite(f"n{total}-{number}@example.org", "AcmeX", "learner", invited_by=None)
            tenants.add_organization(acme, f"Acme{total}-{number}")
            tenants.add_domain(acme, f"n{total}-{number}.example.com", surface="alias")
            api_keys.make_key(acme, name="k", scopes=["audit:read"], by=people["owner"])
            key = f"t{total}-{number}"
            api.create_tenant(key, name=key, domain=f"{key}.example.com", organizations=[f"X{key}"])
        costs.append(queries_of(caller, f"{address}/?limit={total if total == 10 else 200}"))
    assert costs[0][0] == costs[1][0], costs
    assert costs[1][1] > costs[0][1]
