"""The record on its way out."""

import csv
import io
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from ccx_tenancy.audit import api as audit
from ccx_tenancy.audit import export
from ccx_tenancy.audit.models import AuditEntry
from tests.commands.calling import misused, said

pytestmark = pytest.mark.django_db


@pytest.fixture
def entries():
    """Four entries of two tenants, and of none."""
    audit.record("member.add", tenant_key="acme", target="ann in AcmeX", after={"role": "staff"})
    audit.record("member.remove", tenant_key="acme", target="=cmd|' /C calc'!A0", before=["\u2028", 1])
    audit.record("config.set", tenant_key="globex", target="gl\x1b[31mobex")
    audit.record("tenant.create", target="x")
    return list(AuditEntry.objects.order_by("pk"))


def text(form, **filters):
    return "".join(audit.lines(audit.entries(**filters), form))


def test_json_is_one_array_with_an_entry_to_a_line_oldest_first(entries):
    found = text("json")
    assert [one["id"] for one in json.loads(found)] == [one.pk for one in entries]
    assert len(found.splitlines()) == 6
    first = json.loads(found)[0]
    assert first == {
        "id": entries[0].pk,
        "created": entries[0].created.isoformat(timespec="seconds"),
        "tenant": "acme",
        "actor": "",
        "action": "member.add",
        "target": "ann in AcmeX",
        "before": None,
        "after": {"role": "staff"},
        "request_id": "",
    }
    assert json.loads(text("json", tenant_key="nobody")) == []


def test_csv_is_read_back_and_no_cell_is_a_formula(entries):
    rows = list(csv.DictReader(io.StringIO(text("csv"), newline="")))
    assert [row["action"] for row in rows] == [one.action for one in entries]
    assert rows[0]["after"] == '{"role": "staff"}'
    assert rows[1]["target"] == "'=cmd|' /C calc'!A0"
    assert json.loads(rows[1]["before"]) == ["\u2028", 1]
    assert text("csv", tenant_key="nobody") == ",".join(export.COLUMNS) + "\r\n"


def test_a_table_is_for_terminals(entries):
    lines = text("table").splitlines()
    assert lines[0].split() == ["CREATED", "TENANT", "ACTOR", "ACTION", "TARGET"]
    assert lines[1].endswith("ann in AcmeX")
    assert "\x1b" not in text("table")


def test_entries_are_filtered(entries):
    def found(**filters):
        return [one.action for one in audit.entries(**filters)]

    assert found(tenant_key="acme") == ["member.remove", "member.add"]
    assert found(action="member.") == ["member.remove", "member.add"]
    assert found(action="member") == []
    assert found(actor="nobody") == []
    assert len(found(actor="")) == 4
    now = timezone.now()
    assert found(until=now - timedelta(days=1)) == []
    assert len(found(since=now - timedelta(days=1), until=now + timedelta(days=1))) == 4


def test_it_is_read_in_steps_as_it_is_taken(entries, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(export, "_BATCH", 2)
    with django_assert_num_queries(3):
        assert len(json.loads(text("json"))) == 4
    taken = audit.lines(audit.entries(), "csv")
    with django_assert_num_queries(1):
        next(taken)
        next(taken)


def test_the_command_writes_what_is_asked_for(entries, tmp_path):
    assert [one["tenant"] for one in json.loads(said("tenancy", "audit", "acme", "--format", "json"))] == ["acme"] * 2
    assert "member.remove" in said("tenancy", "audit", "--do", "member.")
    assert "member" not in said("tenancy", "audit", "globex")
    assert "member" not in said("tenancy", "audit", "--until", "2020-01-01")
    assert "member" not in said("tenancy", "audit", "--since", "2999-01-01T08:30:00Z")
    assert "member" not in said("tenancy", "audit", "--by", "somebody")
    path = tmp_path / "audit.csv"
    assert said("tenancy", "audit", "--format", "csv", "--output", str(path)) == f"Wrote the audit record to {path}."
    assert path.read_bytes() == text("csv").encode()
    assert "cannot be written" in misused("tenancy", "audit", "--output", str(path))


@pytest.mark.parametrize("when", ["yesterday", "2026-13-01", "2026-02-30", "2026-11-01T25:00", ""])
def test_what_is_no_day_is_refused(when):
    assert "is no day such as" in misused("tenancy", "audit", "--since", when)
