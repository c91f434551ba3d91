"""What one tenant sees of another inside a real edx-platform: every route that takes a key, and every other route.

Run it in the directory of the platform, with its environment, on a database with the seeds below, with and without the
plug-in installed; it says which::

    python leaks.py cms --host studio.localhost --out plugged.json
    python leaks.py --report stock.json plugged.json

Routes come from the URL configuration (``tests/openedx_host/inside/routes.py``). ``leaking`` is an answer of 2xx, a
redirect to something that is no sign-in page, or a body with a name of the other tenant; ``strict`` leaves out answers
that are the same for an object that does not exist; ``read`` is strict with 2xx; ``all 404`` counts the
routes of which every path was answered so. ``foreign`` counts the distinct names
of the other tenant's objects in a list. Nothing is written by it but sessions.

``--writes`` sends POST, PUT, PATCH and DELETE instead, each with what such routes read, as JSON and as a form; compares
the rows of all tables before and after (``recording.py``), and undoes it. *by path* the route is given keys of the
target, and the body the asker's own things; *by body* the route is given the asker's own keys, or none, and the body
the target's keys; *by person* the body names the other tenant's people. ``changed`` counts the routes after which any
row, document or mail was another, ``theirs`` those after which one of the other tenant's was; ``reached`` those with
an answer unlike the one for what does not exist.
"""

import argparse
import json
import os
import re
import sys
import warnings
from collections import Counter
from pathlib import Path
from urllib.parse import urlencode

INSIDE = Path(__file__).resolve().parents[2] / "tests" / "openedx_host" / "inside"
ACTORS = ("anonymous", "acme_learner", "acme_author", "acme_staff", "globex_learner", "super")
TARGETS = {"Globex": ("GX1", "GLIB", 2), "Acme": ("AX1", "ALIB", 1), "Nowhere": ("NX1", "NLIB", 9)}
SIGN_IN = re.compile(r"/(login|signin|register|signup|oauth2|auth/login|signin_redirect_to_lms)|[?&]next=")
#: What names an object: a key of any kind, the words that the seeds put into titles, a taxonomy, an address.
NAMES = r"(?:[\w.-]+:{0}[+:][\w+:@.-]+|{0}[-_ ][\w-]+(?: [a-z]+)?|[\w.+-]+@{1}\.example|/{0}/[\w.-]+|\"{0}\"|{0}\b)"
WRITES = ("POST", "PUT", "PATCH", "DELETE")
WAYS = ("path", "body", "person")


def boot(service):
    """Set up the platform in this process."""
    import recording  # noqa: F401 - listens to MongoDB from the start

    os.environ.setdefault("SERVICE_VARIANT", service)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"{service}.envs.{os.environ.get('HOST_SETTINGS', 'production')}")
    sys.path[:0] = [str(Path.cwd()), str(INSIDE)]
    warnings.simplefilter("ignore")
    from openedx.core.lib.safe_lxml import defuse_xml_libs

    defuse_xml_libs()
    import django

    django.setup()
    warnings.simplefilter("ignore")
    import logging

    import webpack_loader.utils  # noqa: F401 - the platform counts on it
    from django.apps import apps
    from django.urls import get_resolver

    get_resolver().url_patterns  # noqa: B018 - imports them all
    from django.conf import settings

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    logging.disable(logging.CRITICAL)
    return apps.is_installed("ccx_tenancy")


def make_tenants():
    """Make the two tenants and their members, unless they are there."""
    from django.contrib.auth import get_user_model

    from ccx_tenancy import api
    from ccx_tenancy.membership.api import ensure_member

    there = {tenant.key for tenant in api.list_tenants()}
    for key in ("acme", "globex"):
        if key not in there:
            api.create_tenant(key, name=key.title(), domain=f"{key}.localhost", organizations=[key.title()])
    roles = {"acme_learner": "learner", "acme_author": "author", "acme_staff": "author"}
    roles |= {"globex_learner": "learner", "globex_author": "author"}
    for name, role in roles.items():
        ensure_member(get_user_model().objects.get(username=name), name.split("_")[0].title(), role)


def client_of(name, host):
    """Return a client with a real session of the user."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    made = Client(SERVER_NAME=host, raise_request_exception=False)
    if name != "anonymous":
        user = get_user_model().objects.get(username=name)
        made.force_login(user, backend="django.contrib.auth.backends.AllowAllUsersModelBackend")
        from openedx.core.djangoapps.safe_sessions.middleware import SafeSessionMiddleware

        SafeSessionMiddleware.update_with_safe_session_cookie(made.cookies, user.id)
    return made


def ask(client, method, path):
    """Return status, redirect and body of an answer; 599 where the platform raised."""
    try:
        extra = {} if method == "GET" else {"data": "{}", "content_type": "application/json"}
        answer = client.generic(method, path, **extra) if extra else client.get(path)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        return answer.status_code, answer.headers.get("Location", ""), body.decode("utf-8", "replace")
    except Exception as error:
        return 599, "", f"{type(error).__name__}: {error}"


def found_names(org, body, asked=""):
    """Return the names of an organization's objects in a body, without what the request itself had said."""
    pattern = NAMES.format(org, org.lower())
    return sorted({name for name in re.findall(pattern, body) if name.strip('"') not in asked})


def is_leak(answer, org, asked):
    status, location, body = answer
    if 200 <= status < 300:
        return True
    if 300 <= status < 400:
        return not SIGN_IN.search(location)
    return bool([name for name in found_names(org, body, asked) if "MARKER" in name])


def sameness(answer, org):
    """Return what of an answer would be the same for another object."""
    status, location, body = answer
    for word in (org, org.lower(), *TARGETS[org][:2]):
        location, body = location.replace(word, "?"), body.replace(word, "?")
    return status, location, re.sub(r"[0-9a-f]{16,}|[A-Za-z0-9]{64}|\d+", "#", body)


def measure_routes(host, methods, service, *, actors=ACTORS, most_paths=None):
    """Return a row for each target, actor and method."""
    from routes import paths_with_keys

    # Django's admin takes any text for an id, in a thousand routes: the tests ask those.
    paths = {
        org: {p: found[:most_paths] for p, _, found in paths_with_keys(org, *names) if not p.startswith("admin/")}
        for org, names in TARGETS.items()
    }
    rows = []
    for actor in actors:
        for method in methods:
            targets = ("Globex", "Acme") if method == "GET" else ("Globex",)
            counts = {org: Counter() for org in targets}
            leaks = {org: [] for org in targets}
            client = client_of(actor, host)
            for pattern, nowhere in paths["Nowhere"].items():
                if actor != "anonymous" and "_auth_user_id" not in client.session:
                    client = client_of(actor, host)  # A page has ended the session.
                nothing = {}
                for org in targets:
                    kinds, statuses = {"routes"}, set()
                    for path, other in zip(paths[org].get(pattern, ()), nowhere, strict=False):
                        answer = ask(client, method, path)
                        statuses.add(answer[0])
                        is_same = False
                        if method != "GET" or is_leak(answer, org, path):
                            if other not in nothing:
                                nothing[other] = sameness(ask(client, method, other), "Nowhere")
                            is_same = sameness(answer, org) == nothing[other]
                        new = _kinds_of(answer, org, path, is_same=is_same, is_read=method == "GET")
                        kinds |= new
                        if new & {"strict", "object reached"}:
                            leaks[org].append([answer[0], path])
                    counts[org].update(kinds | ({"all 404"} if statuses == {404} else set()))
            for org in targets:
                rows.append({"target": org, "actor": actor, "method": method, **counts[org], "at": leaks[org]})
                print(service, org, actor, method, dict(counts[org]), flush=True)
    return rows


#: What routes read from a body, by where the values come from.
_KEY_FIELDS = ("course_id", "course_key", "course", "course_ids", "courses", "key", "master_course_id", "context_key")
_USAGE_FIELDS = ("usage_id", "usage_key", "usage_keys", "location", "problem_to_reset", "block_key", "block_id", "url")
_PERSON_FIELDS = ("username", "user", "user_name", "usernames", "student", "student_id", "identifier", "identifiers")
_ADDRESS_FIELDS = ("email", "unique_student_identifier", "emails", "email_or_username", "student-id", "new_users")
_PLAIN_FIELDS = json.loads(
    """
    {"action": "enroll", "enrollment_action": "enroll", "rolename": "staff", "mode": "audit", "is_active": true,
     "email_opt_in": "true", "auto_enroll": true, "email_students": true, "all_students": "false", "value": "x",
     "delete_module": "false", "only_if_higher": "false", "name": "x", "title": "x", "display_name": "x", "reason": "x",
     "completion": 1, "blocks": {}, "raw_body": "x", "body": "x", "type": "discussion", "topic_id": "course",
     "due_datetime": "2030-01-01T00:00", "password": "edx", "comments": "x", "send_to": "[\\"myself\\"]",
     "subject": "x", "message": "x", "allow": "true", "role": "staff", "cohort": "x",
     "assignment_type": "manual", "group_id": 1}
    """
)


def people_of(org):
    """Return name, address and number of a learner of an organization; of nobody where there is none."""
    from django.contrib.auth import get_user_model

    name = f"{org.lower()}_learner"
    user = get_user_model().objects.filter(username=name).first()
    return name, f"{name}@{org.lower()}.example", user.pk if user else 999


def body_for(org_of_keys, org_of_people):
    """Return the fields of a body: keys of one organization (None: no keys), people of one."""
    name, address, number = people_of(org_of_people)
    fields = dict(_PLAIN_FIELDS)
    fields.update(dict.fromkeys(_PERSON_FIELDS, name))
    fields.update(dict.fromkeys(_ADDRESS_FIELDS, address))
    fields["user_id"] = number
    if org_of_keys is not None:
        course, _, _ = TARGETS[org_of_keys]
        key = f"course-v1:{org_of_keys}+{course}+2026"
        usage = key.replace("course-v1:", "block-v1:") + "+type@problem+block@problem1"
        fields.update(dict.fromkeys(_KEY_FIELDS, key))
        fields.update(dict.fromkeys(_USAGE_FIELDS, usage))
        fields["course_details"] = {"course_id": key}
        fields["courses"] = [key]
        fields["blocks"] = {usage: 1.0}
    return fields


def send(client, method, path, fields, kind):
    """Send a body as ``json`` or ``form``, undo what it does; return the answer as :func:`ask` and what it changed."""
    from recording import recorded

    if kind == "json":
        data, content_type = json.dumps(fields), "application/json"
    else:
        texts = {
            name: value if isinstance(value, str) else json.dumps(value) if isinstance(value, (dict, bool)) else value
            for name, value in fields.items()
        }
        data, content_type = urlencode(texts, doseq=True), "application/x-www-form-urlencoded"
    with recorded() as changes:
        try:
            answer = client.generic(method, path, data, content_type=content_type)
            body = b"".join(answer.streaming_content) if answer.streaming else answer.content
            found = answer.status_code, answer.headers.get("Location", ""), body.decode("utf-8", "replace")
        except Exception as error:
            found = 599, "", f"{type(error).__name__}: {error}"
    return found, changes


def measure_writes(host, service, *, actors=ACTORS, most_paths=None, ways=WAYS, methods=WRITES):
    """Return a row for each way, actor and method; see the top of this file."""
    from django.contrib.auth import get_user_model
    from routes import paths_with_keys, paths_without_keys

    users = set(get_user_model().objects.filter(username__startswith="globex").values_list("pk", flat=True))
    skipped = re.compile(r"logout|/admin/|heartbeat|/debug/|swagger|api-docs|/schema|auto_auth|/tenancy/")
    paths = {
        org: {p: found[:most_paths] for p, _, found in paths_with_keys(org, *names) if not skipped.search(f"/{p}")}
        for org, names in TARGETS.items()
    }
    keyless = [path for path in paths_without_keys(most_ids=1) if not skipped.search(path)]
    own = {pattern: found for pattern, found in paths["Acme"].items() if found}
    rows = []
    for way in ways:
        if way == "path":
            cases = [
                (pattern, list(zip(found, paths["Nowhere"][pattern], strict=False)))
                for pattern, found in paths["Globex"].items()
            ]
            bodies = body_for(None, "Acme"), body_for(None, "Acme")
        else:
            cases = [(path, [(path, path)]) for path in keyless]
            cases += [(pattern, [(path, path) for path in found]) for pattern, found in own.items()]
            keys = ("Globex", "Nowhere") if way == "body" else (None, None)
            bodies = body_for(keys[0], "Acme" if way == "body" else "Globex"), body_for(keys[1], "Acme")
            if way == "person":
                bodies = bodies[0], body_for(None, "Nowhere")
        for actor in actors:
            for method in methods:
                counts, at = Counter(), []
                client = client_of(actor, host)
                for _, pairs in cases:
                    kinds, statuses = {"routes"}, set()
                    for path, other in pairs:
                        for kind in ("json", "form"):
                            answer, changes = send(client, method, path, bodies[0], kind)
                            theirs = sorted(changes.belonging_to("Globex", users))
                            new = {"changed"} if not changes.is_empty else set()
                            new |= {"theirs"} if theirs else set()
                            new |= {"5xx"} if answer[0] >= 500 else set()
                            statuses.add(answer[0])
                            nothing = 404, "", ""
                            if answer[0] != 404:
                                nothing, _ = send(client, method, other, bodies[1], kind)
                                if answer[0] < 500 and sameness(answer, "Globex") != sameness(nothing, "Nowhere"):
                                    new.add("reached")
                            if new & {"theirs", "reached"}:
                                at.append([kind, answer[0], nothing[0], path, theirs, sorted(changes.changed)])
                            kinds |= new
                    counts.update(kinds | ({"all 404"} if statuses == {404} else set()))
                rows.append({"way": way, "actor": actor, "method": method, **counts, "at": at})
                print(service, way, actor, method, dict(counts), flush=True)
    return rows


def _kinds_of(answer, org, path, *, is_same, is_read):
    kinds = {"5xx"} if answer[0] >= 500 else set()
    if is_leak(answer, org, path):
        kinds.add("leaking")
        if not is_same:
            kinds.add("strict")
            if answer[0] < 300 and is_read:
                kinds.add("read")
            if any("MARKER" in name for name in found_names(org, answer[2], path)):
                kinds.add("with the marker")
    elif not is_read and answer[0] < 500 and not is_same:
        kinds.add("object reached")
    return kinds


def measure_lists(host, service, *, actors=ACTORS):
    """Return a row for each actor: how many of the routes that name nothing show names of either tenant."""
    from routes import paths_without_keys

    rows = []
    skipped = re.compile(r"logout|/admin/|heartbeat|/debug/|swagger|api-docs|authoring-api|/schema")
    paths = [path for path in paths_without_keys() if not skipped.search(path)]
    for actor in actors:
        row = {"actor": actor, "routes": len(paths), "leaking": 0, "foreign": 0, "own": 0, "5xx": 0}
        at, own_at = {}, {}
        own_account = f"globex_{actor.split('_')[-1]}" if actor.startswith("globex") else "nobody of that name"
        client = client_of(actor, host)
        for path in paths:
            status, _, body = ask(client, "GET", path)
            if actor != "anonymous" and "_auth_user_id" not in client.session:
                client = client_of(actor, host)
            if status >= 500:
                row["5xx"] += 1
                continue
            foreign = [name for name in found_names("Globex", body, path) if own_account not in name]
            own = found_names("Acme", body, path)
            row["leaking"] += bool(foreign)
            row["foreign"] += len(foreign)
            row["own"] += len(own)
            if foreign:
                at[path] = foreign
            if own:
                own_at[path] = own
        print(service, "lists", row, flush=True)
        rows.append({**row, "at": at, "own_at": own_at})
    return rows


def report(files):
    """Print the tables of one or more runs, each beside the other."""
    runs = [json.loads(Path(file).read_text()) for file in files]
    columns = ("routes", "leaking", "strict", "read", "with the marker", "object reached", "all 404", "5xx")
    for run in runs:
        print(f"\n{run['service']}, {'with the plug-in' if run['plugged'] else 'stock'}\n")
        for row in run["routes"]:
            print(
                f"{row['target']:8}{row['actor']:16}{row['method']:8}" + "".join(f"{row.get(c, 0):>9}" for c in columns)
            )
        for row in run.get("writes", ()):
            print(
                f"{row['way']:8}{row['actor']:16}{row['method']:8}"
                + "".join(f"{row.get(c, 0):>9}" for c in ("routes", "changed", "theirs", "reached", "all 404", "5xx"))
            )
        for row in run["lists"]:
            print(
                f"lists   {row['actor']:16}"
                + "".join(f"{row[c]:>9}" for c in ("routes", "leaking", "foreign", "own", "5xx"))
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("service", choices=("lms", "cms"), nargs="?")
    parser.add_argument("--host", default="acme.localhost")
    parser.add_argument("--out")
    parser.add_argument("--writes", action="store_true")
    parser.add_argument("--methods", nargs="+", choices=WRITES, default=WRITES)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--only", choices=("routes", "lists"))
    parser.add_argument("--actors", nargs="+", choices=ACTORS, default=ACTORS)
    parser.add_argument("--paths", type=int, help="ask so many paths of a route; default: all")
    parser.add_argument("--report", nargs="+")
    options = parser.parse_args()
    if options.report:
        return report(options.report)
    plugged = boot(options.service)
    if plugged:
        make_tenants()
    result = {
        "service": options.service,
        "host": options.host,
        "plugged": plugged,
        "routes": [],
        "lists": [],
        "writes": [],
    }
    for actor in options.actors:
        if options.only != "routes" and not options.writes:
            result["lists"] += measure_lists(options.host, options.service, actors=(actor,))
        if options.writes:
            result["writes"] += measure_writes(
                options.host,
                options.service,
                actors=(actor,),
                most_paths=options.paths,
                ways=options.ways,
                methods=options.methods,
            )
        elif options.only != "lists":
            result["routes"] += measure_routes(
                options.host, ("GET",), options.service, actors=(actor,), most_paths=options.paths
            )
        if options.out:
            Path(options.out).write_text(json.dumps(result, indent=1))
    return None


if __name__ == "__main__":
    main()
