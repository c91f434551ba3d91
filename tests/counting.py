"""Count the queries of something so that the number is the same on every run, database and machine."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection
from django.test.utils import CaptureQueriesContext

#: The table of the question that a process asks once a second: is what I have read still true?
FRESHNESS = "ccx_tenants_revision"


def counted(act: Callable[[], object]) -> list[str]:
    """Call ``act`` twice and return the SQL of the second time, without the question of once a second.

    The first time warms. What a process holds of sites and users stands under a few numbers that they share, so a
    change of one site makes the values of a sixteenth of all sites be read again: which, is said by their ids, and
    those depend on the tests that ran before. A count right after a change is therefore a matter of luck.
    """
    act()
    with CaptureQueriesContext(connection) as queries:
        act()
    return [query["sql"] for query in queries if FRESHNESS not in query["sql"]]
