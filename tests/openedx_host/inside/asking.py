"""What the tests inside the host share."""

import hashlib
import re

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client

from ccx_tenancy.tenants import revisions

IS_LMS = settings.ROOT_URLCONF == "lms.urls"


@pytest.fixture(autouse=True)
def empty_memory():
    revisions.forget()
    yield
    revisions.forget()


@pytest.fixture
def opened_stores():
    """Have the host connect to its stores of courses again: tests that made courses have closed the connections."""
    from xmodule.contentstore.django import _CONTENTSTORE
    from xmodule.modulestore.django import clear_existing_modulestores

    _CONTENTSTORE.clear()
    clear_existing_modulestores()


class _Client(Client):
    def request(self, **request):
        """Ask. A refusal gives up the transaction of the request, which here is the whole test's."""
        try:
            return super().request(**request)
        finally:
            transaction.set_rollback(False)


def client_of(user, host):
    """Return a client of the host's with a real session of the user, or of nobody."""
    client = _Client(SERVER_NAME=host, raise_request_exception=False)
    if user is not None:
        from openedx.core.djangoapps.safe_sessions.middleware import SafeSessionMiddleware

        client.force_login(user, backend="django.contrib.auth.backends.AllowAllUsersModelBackend")
        SafeSessionMiddleware.update_with_safe_session_cookie(client.cookies, user.id)
    return client


def body_of(response):
    """Return the body of an answer as a text, a streamed one too."""
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return body.decode("utf-8", "replace")


def names_in(body, organization):
    """Return what a body names of an organization: keys, titles and addresses as the tests spell them."""
    return set(
        re.findall(
            rf"(?:[\w.-]+:)?{organization}(?:[+:][\w+:@.-]+|[ -][\w]+)?|[\w.]+@{organization.lower()}\.\w+", body
        )
    )


def digest_of_tables(without=("auth_user", "django_session", "ccx_tenants_revision")):
    """Return a digest of each table of the database, by name."""
    digests = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table not in without:
                cursor.execute(f'SELECT * FROM "{table}"')
                rows = sorted(map(repr, cursor.fetchall()))
                digests[table] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    return digests
