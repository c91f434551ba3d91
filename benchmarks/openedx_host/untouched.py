"""Does a real edx-platform behave as before with the plug-in installed and no tenant defined?

Run it in the directory of the platform, with its environment and the seeds of ``leaks.py``, without the plug-in and
with it, then compare::

    python untouched.py lms --host acme.localhost --out stock.json
    python untouched.py lms --host acme.localhost --out plugged.json
    python untouched.py --compare stock.json plugged.json

Give both runs the same ``PYTHONHASHSEED``: the platform answers some lists in the order of a set.

The main pages are asked, or every route with ``--every``. Each path is asked twice by each actor; what counts is the
second answer: its status, its text without numbers and tokens, and its queries on all databases. The question that a
process asks once a second (is anything newer than what I know?) is counted by itself. Admin pages are left out, where
the plug-in adds its own entries.

With ``--tenants`` the plug-in's run makes the two tenants first: then it is Acme's own pages that are compared, of its
learner, author and staff. With ``--rounds 15`` each is asked so often, and timed.
"""

import argparse
import hashlib
import json
import re
import statistics
import time
import warnings
from pathlib import Path

from leaks import ask, boot, client_of, make_tenants

ACTORS = ("anonymous", "acme_learner", "acme_author", "acme_staff", "super")
TARGETS = (("Acme", "AX1", "ALIB", 1), ("Globex", "GX1", "GLIB", 2))
SKIPPED = re.compile(r"^/admin/|logout|/debug/|swagger|api-docs|/heartbeat")
COURSE = "course-v1:Acme+AX1+2026"
UNIT = "block-v1:Acme+AX1+2026+type@vertical+block@unit1"
PAGES = {
    "lms": (
        "/",
        "/courses",
        f"/courses/{COURSE}/about",
        f"/courses/{COURSE}/course/",
        f"/courses/{COURSE}/progress",
        f"/courses/{COURSE}/instructor",
        "/courses/ccx-v1:Acme+AX1+2026+ccx@1/ccx_coach",
        "/dashboard",
        "/login",
        "/register",
        "/account/settings",
        "/csrf/api/v1/token",
        "/login_refresh",
        "/api/courses/v1/courses/",
        f"/api/courses/v1/courses/{COURSE}",
        f"/api/courses/v1/blocks/?course_id={COURSE}&all_blocks=true&depth=all".replace("+", "%2B"),
        "/api/enrollment/v1/enrollment",
        f"/api/enrollment/v1/course/{COURSE}",
        f"/api/course_home/course_metadata/{COURSE}",
        f"/api/course_home/outline/{COURSE}",
        f"/api/courseware/course/{COURSE}",
        f"/api/learning_sequences/v1/course_outline/{COURSE}",
        "/api/learner_home/init/",
        "/api/mobile/v1/my_user_info",
        "/api/user/v1/me",
        "/api/organizations/v0/organizations/",
        "/api/ccx/v0/ccx/?master_course_id=course-v1%3AAcme%2BAX1%2B2026",
        f"/xblock/{UNIT}",
        "/asset-v1:Acme+AX1+2026+type@asset+block@note.txt",
    ),
    "cms": (
        "/",
        "/home/",
        f"/course/{COURSE}",
        f"/container/{UNIT}",
        f"/settings/details/{COURSE}",
        f"/course_team/{COURSE}",
        f"/assets/{COURSE}/",
        f"/api/contentstore/v1/course_settings/{COURSE}",
        f"/api/contentstore/v1/container/vertical/{UNIT}/children",
        "/api/contentstore/v1/home",
        "/api/contentstore/v1/home/courses",
        "/api/contentstore/v2/home/courses",
        "/api/contentstore/v1/home/libraries",
        "/api/libraries/v2/",
        "/api/libraries/v2/lib:Acme:lib2/",
        "/library/library-v1:Acme+ALIB",
        "/api/content_tagging/v1/taxonomies/",
        "/api/contentstore/v2/downstreams/",
        "/api/content_search/v2/studio/",
        "/organizations",
        "/asset-v1:Acme+AX1+2026+type@asset+block@note.txt",
    ),
}
ONCE_A_SECOND = "ccx_tenants_revision"
#: What differs from one answer to the next in the platform alone.
CHANGING = re.compile(r"[0-9a-f]{16,}|[A-Za-z0-9]{64}|[A-Za-z0-9_-]{20,}\.[\w.-]+|\d+")


def every_path(most_paths):
    """Return a path of each route that names nothing, and some of each that takes a key."""
    from routes import paths_with_keys, paths_without_keys

    paths = list(paths_without_keys())
    for target in TARGETS:
        paths += [path for _, _, found in paths_with_keys(*target) for path in found[:most_paths]]
    return dict.fromkeys(path for path in paths if not SKIPPED.search(path))


def measure(host, actors, paths, rounds):
    """Return status, digest, queries and once-a-second queries of each path and actor; and where it is asked several
    times the medians of the time and of the processor's, in milliseconds."""
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    rows = {}
    for actor in actors:
        client = client_of(actor, host)
        for path in paths:
            if actor != "anonymous" and "_auth_user_id" not in client.session:
                client = client_of(actor, host)  # A page has ended the session.
            ask(client, "GET", path)
            captured = [CaptureQueriesContext(connection) for connection in connections.all()]
            for context in captured:
                context.__enter__()
            status, location, body = ask(client, "GET", path)
            for context in captured:
                context.__exit__(None, None, None)
            queries = [query["sql"] for context in captured for query in context.captured_queries]
            freshness = sum(ONCE_A_SECOND in sql for sql in queries)
            text = CHANGING.sub("#", location + body)
            rows[f"{actor} {path}"] = {
                "status": status,
                "text": hashlib.sha256(text.encode()).hexdigest(),
                "queries": len(queries) - freshness,
                "once a second": freshness,
                "sql": [CHANGING.sub("#", sql)[:200] for sql in queries],
                **_timed(client, path, rounds),
            }
        print(actor, len(rows), flush=True)
    return rows


def _timed(client, path, rounds):
    walls, processors = [], []
    for _ in range(rounds):
        run, begun = time.thread_time(), time.perf_counter()
        ask(client, "GET", path)
        walls.append((time.perf_counter() - begun) * 1e3)
        processors.append((time.thread_time() - run) * 1e3)
    return {"wall": statistics.median(walls), "cpu": statistics.median(processors)} if rounds else {}


def compare(files):
    """Print how many answers are equal, and each that is not; of the times of several pairs of runs the least ones,
    for what else the machine does slows down whole runs."""
    runs = [json.loads(Path(file).read_text())["rows"] for file in files]
    before, after = (_fastest(runs[side::2]) for side in (0, 1))
    both = [name for name in before if name in after]
    print(
        f"{len(both)} answers asked in both; {len(before) - len(both)} only before, {len(after) - len(both)} only after"
    )
    for what in ("status", "text", "queries"):
        print(f"equal {what}: {sum(before[name][what] == after[name][what] for name in both)}")
    print(f"queries: {sum(before[n]['queries'] for n in both)} before, {sum(after[n]['queries'] for n in both)} after")
    print(f"once-a-second questions: {sum(after[n]['once a second'] for n in both)}")
    for name in both:
        old, new = before[name], after[name]
        if new["status"] != old["status"] or new["queries"] != old["queries"]:
            added = [sql for sql in new["sql"] if sql not in old["sql"]]
            print(
                f"{name}: {old['status']} -> {new['status']}, {old['queries']} -> {new['queries']} queries {added[:2]}"
            )
        elif new["text"] != old["text"]:
            print(f"{name}: {old['status']}, another text")
    timed = [name for name in both if "cpu" in before[name] and "cpu" in after[name]]
    for what in ("wall", "cpu") if timed else ():
        old, new = (sum(run[name][what] for name in timed) for run in (before, after))
        ratios = sorted(after[name][what] / before[name][what] for name in timed)
        print(
            f"{what}: {old:.0f} ms before, {new:.0f} ms after; the median of the ratios {statistics.median(ratios):.2f}"
        )
    for name in sorted(timed, key=lambda name: before[name]["cpu"] - after[name]["cpu"])[:10]:
        print(f"{name}: {before[name]['cpu']:.1f} -> {after[name]['cpu']:.1f} ms of the processor")


def _fastest(runs):
    rows = dict(runs[0])
    for name, row in rows.items():
        times = {what: min(run[name][what] for run in runs) for what in ("wall", "cpu") if what in row}
        rows[name] = row | times
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("service", choices=("lms", "cms"), nargs="?")
    parser.add_argument("--host", default="acme.localhost")
    parser.add_argument("--out")
    parser.add_argument("--actors", nargs="+", choices=ACTORS, default=ACTORS)
    parser.add_argument("--every", action="store_true", help="ask every route, Django's admin left out")
    parser.add_argument("--paths", type=int, default=2, help="ask so many paths of a route that takes a key")
    parser.add_argument("--tenants", action="store_true", help="make the two tenants first")
    parser.add_argument("--rounds", type=int, default=0, help="ask so many times more, and time it")
    parser.add_argument("--compare", nargs="+", help="runs without and with the plug-in, in turn")
    options = parser.parse_args()
    if options.compare:
        return compare(options.compare)
    plugged = boot(options.service)
    if plugged and options.tenants:
        make_tenants()
    elif plugged:
        from ccx_tenancy import api

        if api.list_tenants():
            parser.error("there are tenants: nothing to compare with the platform alone")
    warnings.simplefilter("ignore")
    from rest_framework.throttling import SimpleRateThrottle

    SimpleRateThrottle.allow_request = lambda self, request, view: True  # Who measures asks too often.
    paths = every_path(options.paths) if options.every else PAGES[options.service]
    rows = measure(options.host, options.actors, paths, options.rounds)
    if options.out:
        Path(options.out).write_text(json.dumps({"service": options.service, "plugged": plugged, "rows": rows}))
    return None


if __name__ == "__main__":
    main()
