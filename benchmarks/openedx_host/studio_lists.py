"""What Studio's lists of courses cost inside a real edx-platform, stock and with the plug-in in turn.

Run it in the directory of the platform, with its environment and a database that may be written to::

    python studio_lists.py seed --courses 1000 --sites 1000
    python studio_lists.py measure --out stock.json        # in the environment without the plug-in
    python studio_lists.py measure --out plugged.json      # and in the one with it, in turn
    python studio_lists.py measure --gate                  # what the gate adds to one request
    python studio_lists.py clean
    python studio_lists.py report stock.json plugged.json

The courses are rows of CourseOverview, over twenty organizations; each site has 42 values of its own, and one
organization. With the plug-in the twenty organizations are tenants, and the three accounts are authors in them.
"""

import argparse
import json
import statistics
import sys
import time
import timeit
from pathlib import Path

from leaks import boot, client_of

ORGS = [f"Univ{number:05}" for number in range(20)]
ACCOUNTS = {"perf_staff": ORGS, "perf_one": ORGS[:1], "perf_all": ORGS}
PATHS = (
    "/api/contentstore/v1/home/courses",
    "/api/contentstore/v2/home/courses",
    "/api/contentstore/v2/home/courses?page=2",
    "/api/contentstore/v1/home/libraries",
    "/api/libraries/v2/",
    "/organizations",
)
HOST = "studio.localhost"


def seed_sites(sites):
    """Write that many sites, each with 42 values and an organization, with the platform's own models."""
    from django.contrib.sites.models import Site
    from openedx.core.djangoapps.site_configuration.models import SiteConfiguration

    values = {f"KEY_{number:02}": "x" * 60 for number in range(41)}
    names = [f"Univ{number:05}" for number in range(sites)]
    Site.objects.bulk_create(Site(domain=f"{name.lower()}.localhost", name=name) for name in names)
    found = {site.name: site for site in Site.objects.filter(name__startswith="Univ")}
    SiteConfiguration.objects.bulk_create(
        SiteConfiguration(site=found[name], enabled=True, site_values={**values, "course_org_filter": name})
        for name in names
    )


def forget_sites():
    """Delete them."""
    from django.contrib.sites.models import Site
    from openedx.core.djangoapps.site_configuration.models import SiteConfiguration

    SiteConfiguration.objects.filter(site__name__startswith="Univ").delete()
    Site.objects.filter(name__startswith="Univ").delete()


def seed(courses, sites):
    """Write the rows, with the platform's own models."""
    from common.djangoapps.student.models import UserProfile
    from common.djangoapps.student.roles import OrgInstructorRole, OrgStaffRole
    from django.contrib.auth import get_user_model
    from opaque_keys.edx.keys import CourseKey
    from openedx.core.djangoapps.content.course_overviews.models import CourseOverview
    from organizations.models import Organization

    seed_sites(sites)
    Organization.objects.bulk_create(Organization(short_name=name, name=name) for name in ORGS)
    CourseOverview.objects.bulk_create(
        CourseOverview(
            version=CourseOverview.VERSION,
            id=(key := CourseKey.from_string(f"course-v1:{ORGS[number % 20]}+C{number}+2026")),
            _location=key.make_usage_key("course", "course"),
            org=ORGS[number % 20],
            display_name=f"Course {number}",
            display_number_with_default=f"C{number}",
            display_org_with_default=ORGS[number % 20],
            course_image_url="/x.png",
        )
        for number in range(courses)
    )
    for name, orgs in ACCOUNTS.items():
        user = get_user_model().objects.create_user(name, f"{name}@example.com", "edx", is_staff=name == "perf_staff")
        UserProfile.objects.create(user=user, name=name)
        if not user.is_staff:
            for org in orgs:
                OrgStaffRole(org).add_users(user)
                OrgInstructorRole(org).add_users(user)


def make_tenants():
    """Make the twenty organizations tenants, with the plug-in."""
    from django.contrib.auth import get_user_model

    from ccx_tenancy import api
    from ccx_tenancy.membership.api import ensure_member

    there = {tenant.key for tenant in api.list_tenants()}
    for org in ORGS:
        if org.lower() not in there:
            api.create_tenant(org.lower(), name=org, domain=f"{org.lower()}.localhost", organizations=[org])
    for name, orgs in ACCOUNTS.items():
        for org in orgs:
            ensure_member(get_user_model().objects.get(username=name), org, "author")


def clean(plugged):
    """Delete what was seeded."""
    from django.contrib.auth import get_user_model
    from openedx.core.djangoapps.content.course_overviews.models import CourseOverview
    from organizations.models import Organization

    if plugged:
        from ccx_tenancy.membership.api import OrganizationMembership
        from ccx_tenancy.tenants.models import Tenant

        OrganizationMembership.objects.filter(organization__short_name__in=ORGS).delete()
        for tenant in Tenant.objects.filter(key__startswith="univ"):
            tenant.delete()
    get_user_model().objects.filter(username__in=ACCOUNTS).delete()
    CourseOverview.objects.filter(org__in=ORGS).delete()
    Organization.objects.filter(short_name__in=ORGS).delete()
    forget_sites()


def measure(rounds):
    """Return, for each account and path, the median of wall and CPU time and the number of queries."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    rows = []
    for account in ACCOUNTS:
        for path in PATHS:
            client = client_of(account, HOST)
            client.get(path)
            walls, processors = [], []
            for _ in range(rounds):
                wall, processor = time.perf_counter(), time.thread_time()
                answer = client.get(path)
                walls.append(time.perf_counter() - wall)
                processors.append(time.thread_time() - processor)
            with CaptureQueriesContext(connection) as asked:
                answer = client.get(path)
            # The once-a-second question is none of the request's.
            queries = sum("ccx_tenants_revision" not in one["sql"] for one in asked)
            row = {
                "account": account,
                "path": path,
                "status": answer.status_code,
                "wall": statistics.median(walls),
                "cpu": statistics.median(processors),
                "queries": queries,
                "courses": answer.content.count(b"course-v1:Univ"),
            }
            print(json.dumps(row), flush=True)
            rows.append(row)
    return rows


def measure_gate(times=2000):
    """Return what the partition adds to a request without a body, in microseconds, for paths with and without a key."""
    from django.conf import settings
    from django.contrib.auth import get_user_model

    user = get_user_model().objects.get(username="perf_one")
    # How fast the machine is just now: the reading of a setting takes 0.3 us on one that nobody else uses.
    least = min(timeit.repeat(lambda: settings.SITE_ID, number=1000, repeat=times // 100)) / 1000
    rows = [{"path": "a setting, read", "least_us": least * 1e6}]
    print(json.dumps(rows[0]), flush=True)
    for path in (
        "/api/contentstore/v1/home",
        "/organizations",
        f"/course/course-v1:{ORGS[0]}+C0+2026",
        f"/api/contentstore/v2/downstreams/?course_id=course-v1:{ORGS[0]}%2BC0%2B2026",
    ):
        median, least = _cost_of_gate(path, user, times)
        row = {"path": path, "median_us": median * 1e6, "least_us": least * 1e6}
        print(json.dumps(row), flush=True)
        rows.append(row)
    return rows


def _cost_of_gate(path, user, times):
    from django.http import HttpResponse
    from django.test import RequestFactory
    from django.urls import resolve

    from ccx_tenancy.middleware import CoursePartitionMiddleware, CurrentTenantMiddleware

    match = resolve(path.partition("?")[0])
    costs = {"with": [], "without": []}

    def view(request):
        request.resolver_match = match
        assert gate.process_view(request, match.func, match.args, match.kwargs) is None
        return HttpResponse()

    def plain(request):
        request.resolver_match = match
        _ = request.GET  # Which the view parses anyway; so this one goes first.
        return HttpResponse()

    def inside(request):
        request.user = user
        for name, ask in (("without", plain), ("with", gate)):
            begun = time.perf_counter()
            ask(request)
            costs[name].append(time.perf_counter() - begun)
        return HttpResponse()

    gate = CoursePartitionMiddleware(view)
    tenant = CurrentTenantMiddleware(inside)
    for _ in range(times):
        tenant(RequestFactory().get(path, HTTP_HOST=HOST))
    # The least is what a processor of its own would take; the median has what others took meanwhile.
    return tuple(of(costs["with"]) - of(costs["without"]) for of in (statistics.median, min))


def report(files):
    """Print the runs beside each other."""
    runs = [json.loads(Path(file).read_text()) for file in files]
    for number, row in enumerate(runs[0]["rows"]):
        cells = [run["rows"][number] for run in runs]
        print(
            f"{row['account']:12}{row['path']:44}"
            + "".join(f"{one['wall'] * 1e3:10.1f} ms {one['cpu'] * 1e3:9.1f} ms {one['queries']:6} q" for one in cells)
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("act", choices=("seed", "measure", "clean", "report"))
    parser.add_argument("files", nargs="*")
    parser.add_argument("--courses", type=int, default=1000)
    parser.add_argument("--sites", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--gate", action="store_true")
    parser.add_argument("--out")
    options = parser.parse_args()
    if options.act == "report":
        return report(options.files)
    plugged = boot("cms")
    if options.act == "seed":
        return seed(options.courses, options.sites)
    if options.act == "clean":
        return clean(plugged)
    if plugged:
        make_tenants()
    rows = measure_gate() if options.gate else measure(options.rounds)
    if options.out:
        Path(options.out).write_text(json.dumps({"plugged": plugged, "rows": rows}, indent=1))
    return None


if __name__ == "__main__":
    sys.exit(main())
