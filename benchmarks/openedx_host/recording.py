"""What a request to the platform changes: rows of any database, documents in MongoDB, mails. Undone afterwards.

The tables that a request writes to are read off its SQL; their rows are compared before and after, so that a write
that changes nothing counts for nothing. Import it before the platform is set up: MongoDB's clients tell only who
listened before they were made.
"""

import re
from contextlib import ExitStack, contextmanager

from pymongo import monitoring

_WRITE = re.compile(
    r"\s*(?:INSERT(?:\s+IGNORE)?\s+INTO|REPLACE\s+INTO|UPDATE|DELETE\s+FROM)\s+[`\"]?(\w+)", re.IGNORECASE
)
_MONGO_WRITES = ("insert", "update", "delete", "findAndModify")
#: Traces of who asks, not of what is asked for.
_TRACES = frozenset(("django_session", "student_useractivity", "ccx_audit_auditentry", "ccx_tenants_revision"))
_MOST_NESTED = 1000
#: Columns that say whose a row is.
_PEOPLE = re.compile(r"(?:^|_)(?:user|student|learner|owner|sender|coach|requester|recipient)_id$")


class _Documents(monitoring.CommandListener):
    def __init__(self):
        self.written = []

    def started(self, event):
        if event.command_name in _MONGO_WRITES:
            self.written.append(repr(event.command))

    def succeeded(self, event):
        pass

    def failed(self, event):
        pass


_documents = _Documents()
monitoring.register(_documents)


class Recorded:
    """What one request has changed: ``rows`` as ``(table, {column: value})``, each before or after; ``documents`` and
    ``mails`` as texts."""

    def __init__(self):
        self.tables = set()
        self.rows = []
        self.documents = []
        self.mails = []

    def belonging_to(self, org, users):
        """Return what is an organization's, or of one of those users, by their ids: the tables, collections, mails."""
        found = set()
        for table, row in self.rows:
            text = " ".join(str(value) for value in row.values())
            is_theirs = any(value in users for name, value in row.items() if _PEOPLE.search(name))
            if (
                is_theirs
                or re.search(rf"\b{org}\b|{org.lower()}", text)
                or (table == "auth_user" and row["id"] in users)
            ):
                found.add(table)
        found.update("mongo" for text in self.documents if org in text)
        found.update("mail" for text in self.mails if org.lower() in text.lower())
        return found

    @property
    def is_empty(self):
        """Whether nothing was changed."""
        return not (self.rows or self.documents or self.mails)

    @property
    def changed(self):
        """The tables whose rows differ."""
        return {table for table, _ in self.rows}


@contextmanager
def recorded():
    """Record what the code inside changes in the databases, and undo it."""
    from common.djangoapps.util.db import OuterAtomic
    from django.core import mail
    from django.db import connection, connections, transaction
    from django.test import TestCase
    from rest_framework import views

    found = Recorded()
    aliases = [alias for alias in connections if alias != "read_replica"]

    def note(alias):
        def execute(run, sql, params, many, context):
            match = _WRITE.match(sql)
            if match is not None and match[1] not in _TRACES:
                found.tables.add((alias, match[1]))
            return run(sql, params, many, context)

        return execute

    def rows():
        seen = {}
        for alias, table in sorted(found.tables):
            with connections[alias].cursor() as cursor:
                cursor.execute(f"SELECT * FROM `{table}`")
                names = [column[0] for column in cursor.description]
                seen[table] = {repr(row): dict(zip(names, row, strict=True)) for row in cursor.fetchall()}
        return seen

    give_up = views.set_rollback

    def give_up_inside():
        # Without a transaction of the request's own it would be ours.
        if connection.savepoint_ids:
            give_up()

    # As the platform's own tests have it: transactions that must be the outermost may stand in ours.
    OuterAtomic.ALLOW_NESTED = True
    OuterAtomic.atomic_for_testcase_calls = _MOST_NESTED
    views.set_rollback = give_up_inside
    del _documents.written[:]
    mail.outbox = []
    with ExitStack() as undone:
        undone.callback(setattr, views, "set_rollback", give_up)
        for alias in aliases:
            undone.enter_context(transaction.atomic(using=alias))
            undone.callback(transaction.set_rollback, True, using=alias)
        with ExitStack() as watched:
            for alias in aliases:
                watched.enter_context(connections[alias].execute_wrapper(note(alias)))
            with TestCase.captureOnCommitCallbacks(execute=True):
                yield found
                for alias in aliases:
                    transaction.set_rollback(False, using=alias)
        after = rows()
    before = rows()
    for table, own in after.items():
        for text in own.keys() ^ before[table].keys():
            found.rows.append((table, (own if text in own else before[table])[text]))
    found.documents = list(_documents.written)
    found.mails = [f"{sent.from_email} {sent.to} {sent.subject} {sent.body}" for sent in mail.outbox]
