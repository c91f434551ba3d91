"""What reading a site's configuration costs inside a real edx-platform's LMS, stock and with the plug-in in turn.

Run it in the directory of the platform, with its environment and a database that may be written to::

    python reads.py seed --sites 1000
    python reads.py measure --out stock.json       # in the environment without the plug-in
    python reads.py measure --out plugged.json     # and in the one with it, in turn
    python reads.py clean
    python reads.py report stock.json plugged.json

Beside what is seeded there are two sites, Acme's and Globex's (see ``leaks.py``); Acme's is asked.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

from leaks import boot, client_of, make_tenants
from studio_lists import forget_sites, seed_sites

HOST = "acme.localhost"
PAGE = "/csrf/api/v1/token"


def measure():
    """Return the rows: what was done, in microseconds the median, the least and the mean of the processor, queries."""
    rows = []

    def note(what, ask, times, before=None):
        row = {"what": what, **_cost(ask, times, before)}
        print(json.dumps(row), flush=True)
        rows.append(row)

    _in_a_request(lambda: _measure_reads(note))
    _measure_tasks(note)
    for what, host in (("the tenant's", HOST), ("an unknown", "nobody.localhost")):
        client = client_of("anonymous", host)
        note(f"GET {PAGE}, {what} host", lambda client=client: client.get(PAGE), 200)
    return rows


def _measure_reads(note):
    from edx_django_utils.cache import RequestCache
    from openedx.core.djangoapps.site_configuration import helpers
    from openedx.core.djangoapps.site_configuration.models import SiteConfiguration

    mfe = {f"KEY_{number}": number for number in range(10)}
    note("get_value('PLATFORM_NAME', None)", lambda: helpers.get_value("PLATFORM_NAME", None), 2000)
    note("get_value('absent', 'text')", lambda: helpers.get_value("absent", "text"), 2000)
    note("get_value('MFE_CONFIG', a dict)", lambda: helpers.get_value("MFE_CONFIG", mfe), 2000)
    note("has_override_value('PLATFORM_NAME')", lambda: helpers.has_override_value("PLATFORM_NAME"), 2000)
    note("get_current_site_orgs()", helpers.get_current_site_orgs, 2000)
    forget = RequestCache("site_config").clear
    note("get_value, first of a request", lambda: helpers.get_value("PLATFORM_NAME", None), 500, forget)
    name = "PLATFORM_NAME"
    for what, ask in {
        "get_all_orgs()": helpers.get_all_orgs,
        "SiteConfiguration.has_org(known)": lambda: SiteConfiguration.has_org("Univ00005"),
        "get_value_for_org(known)": lambda: helpers.get_value_for_org("Univ00005", name, None),
        "get_value_for_org(unknown)": lambda: helpers.get_value_for_org("Nobody", name, None),
        "SiteConfiguration.get_value_for_org('Univ')": lambda: SiteConfiguration.get_value_for_org("Univ", name, None),
    }.items():
        note(what, ask, 20, forget)


def _measure_tasks(note):
    from openedx.core.djangoapps.site_configuration import helpers

    note("get_value, no request", lambda: helpers.get_value("PLATFORM_NAME", None), 2000)


def _in_a_request(act):
    """Call ``act`` as a view of Acme's site would be, with our middleware around it where the plug-in is."""
    import crum
    from django.apps import apps
    from django.contrib.auth.models import AnonymousUser
    from django.contrib.sites.shortcuts import get_current_site
    from django.http import HttpResponse
    from django.test import RequestFactory

    def inside(request):
        request.user, request.site = AnonymousUser(), get_current_site(request)
        crum.set_current_request(request)
        act()
        return HttpResponse()

    if apps.is_installed("ccx_tenancy"):
        from ccx_tenancy.middleware import CurrentTenantMiddleware

        inside = CurrentTenantMiddleware(inside)
    try:
        inside(RequestFactory().get("/", HTTP_HOST=HOST))
    finally:
        crum.set_current_request(None)


def _cost(ask, times, before):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    before = before or (lambda: None)
    ask()
    taken = []
    processor = 0.0
    for _ in range(times):
        before()
        run, begun = time.thread_time(), time.perf_counter()
        ask()
        taken.append(time.perf_counter() - begun)
        processor += time.thread_time() - run
    before()
    with CaptureQueriesContext(connection) as asked:
        ask()
    # The once-a-second question is nobody's in particular.
    queries = sum("ccx_tenants_revision" not in one["sql"] for one in asked)
    return {
        "us": statistics.median(taken) * 1e6,
        "least_us": min(taken) * 1e6,
        "cpu_us": processor / times * 1e6,
        "queries": queries,
    }


def report(files):
    """Print the runs beside each other."""
    runs = [json.loads(Path(file).read_text())["rows"] for file in files]
    for number, row in enumerate(runs[0]):
        cells = "".join(
            f"{run[number]['us']:12.1f} us {run[number]['cpu_us']:10.1f} us {run[number]['queries']:3} q"
            for run in runs
        )
        print(f"{row['what']:48}{cells}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("act", choices=("seed", "measure", "clean", "report"))
    parser.add_argument("files", nargs="*")
    parser.add_argument("--sites", type=int, default=1000)
    parser.add_argument("--out")
    options = parser.parse_args()
    if options.act == "report":
        return report(options.files)
    plugged = boot("lms")
    if options.act == "seed":
        return seed_sites(options.sites)
    if options.act == "clean":
        return forget_sites()
    if plugged:
        make_tenants()
    rows = measure()
    if options.out:
        Path(options.out).write_text(json.dumps({"plugged": plugged, "rows": rows}, indent=1))
    return None


if __name__ == "__main__":
    sys.exit(main())
