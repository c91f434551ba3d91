"""The audit record is added to and read."""

import pytest

from ccx_tenancy.audit import api as audit
from ccx_tenancy.audit.models import AuditEntry

pytestmark = pytest.mark.django_db

OVERWRITE = {"update_conflicts": True, "unique_fields": ["id"], "update_fields": ["action"]}
ATTEMPTS = {
    "update": lambda entry: AuditEntry.objects.filter(pk=entry.pk).update(action="x"),
    "update_or_create": lambda entry: AuditEntry.objects.update_or_create(pk=entry.pk, defaults={"action": "x"}),
    "bulk_update": lambda entry: AuditEntry.objects.bulk_update([entry], ["action"]),
    "bulk_create": lambda entry: AuditEntry.objects.bulk_create([AuditEntry(pk=entry.pk, action="x")], **OVERWRITE),
    "bulk_create by position": lambda entry: AuditEntry.objects.bulk_create(
        [AuditEntry(pk=entry.pk, action="x")], None, False, True, ["action"], ["id"]
    ),
    "save": lambda entry: entry.save(),
    "delete": lambda entry: entry.delete(),
    "delete many": lambda entry: AuditEntry.objects.all().delete(),
    "raw delete": lambda entry: AuditEntry.objects.all()._raw_delete("default"),
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=list(ATTEMPTS))
def test_an_entry_is_neither_changed_nor_deleted(attempt):
    entry = audit.record("tenant.create", target="maxi")
    with pytest.raises(audit.AppendOnly):
        attempt(entry)
    assert list(AuditEntry.objects.values_list("pk", "action")) == [(entry.pk, "tenant.create")]


def test_many_entries_are_added_at_once():
    assert len(AuditEntry.objects.bulk_create([AuditEntry(action="a"), AuditEntry(action="b")], batch_size=1)) == 2


def test_the_base_manager_is_held_to_the_rule_too(db):
    from ccx_tenancy.audit import api
    from ccx_tenancy.audit.models import AppendOnly, AuditEntry

    entry = api.record("test")
    rows = AuditEntry._base_manager.filter(pk=entry.pk)
    for call in (lambda: rows.update(action="other"), rows.delete):
        with pytest.raises(AppendOnly):
            call()
