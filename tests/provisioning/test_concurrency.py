"""Several writers apply documents at the same moment."""

import json
import threading

import pytest
from django.db import connection

from ccx_tenancy import api
from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.tenants import api as tenants

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        "connection.vendor == 'sqlite'", reason="SQLite locks the whole database: nothing is concurrent"
    ),
]


def document(name, count=5):
    return json.dumps(
        {
            "tenants": [
                {
                    "key": f"t{number}",
                    "name": name,
                    "domain": f"t{number}.localhost",
                    "studio_domain": f"studio.t{number}.localhost",
                    "organizations": [f"o{number}", f"p{number}"],
                    "configuration": {"PLATFORM_NAME": name, "course_org_filter": f"o{number}"},
                }
                for number in range(count)
            ],
            "sites": [{"domain": "portal.localhost", "configuration": {"PLATFORM_NAME": name}}],
        }
    )


def in_threads(*texts):
    results = [None] * len(texts)
    barrier = threading.Barrier(len(texts))

    def run(place):
        barrier.wait()
        try:
            results[place] = api.apply_document(texts[place])
        except Exception as error:
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_the_same_document_from_many_makes_each_tenant_once_and_whole():
    text = document("A")
    results = in_threads(*[text] * 4)
    assert all(not isinstance(result, Exception) for result in results), results
    assert len(tenants.summaries()) == 5
    # What another writer made first is a failure of that one tenant, or nothing to do by then.
    made = [item.name for result in results for item in result.plan.items if item.action == "create"]
    assert set(made) >= {f"t{number}" for number in range(5)}
    assert api.plan_document(text).is_empty
    assert {len(site_config.history(f"t{number}.localhost")) for number in range(5)} == {1}


def test_of_two_documents_each_tenant_is_wholly_as_one_says():
    api.apply_document(document("start"))
    results = in_threads(document("A"), document("B"), document("A"), document("B"))
    assert all(not isinstance(result, Exception) for result in results), results
    assert [str(failure) for result in results for failure in result.failures] == []
    for number in range(5):
        entry = api.describe_tenant(f"t{number}")
        assert entry["name"] == entry["configuration"]["PLATFORM_NAME"]
