"""What is somebody else's does not exist, wherever a request names it."""

from __future__ import annotations

import io
import json
import unicodedata
import zlib
from base64 import b64encode
from urllib.parse import quote, urlencode

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.signals import request_finished
from django.http import HttpResponse
from django.test import RequestFactory
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from ccx_tenancy import api
from ccx_tenancy.middleware import CoursePartitionMiddleware
from ccx_tenancy.tenants import api as tenants
from tests.middleware import project
from tests.middleware.conftest import (
    ACME,
    ACME_SITE,
    GLOBEX,
    GLOBEX_SITE,
    PLATFORM,
    PLATFORM_SITE,
    UNKNOWN,
    SiteAsyncClient,
)
from tests.partition.test_keys import KEYS

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def globex(text: str) -> str:
    """Return the text with the organization of the table's keys in the spelling used here."""
    return text.replace("Globex", "GlobexX")


# Where a key stands: path, method, query, body, content type. `{k}` is the key, `{q}` the key percent-encoded.
PLACES = [
    ("GET", "/page/{q}/", None, None),
    ("GET", "/silent/{q}/", None, None),
    ("GET", "/async/{q}/", None, None),
    ("GET", "/page/x/?course_id={q}", None, None),
    ("GET", "/page/?anything={q}", None, None),
    ("GET", "/page/?k={q}&k=x", None, None),
    ("GET", "/page/?k=x&k={q}", None, None),
    ("GET", "/page/?{q}=1", None, None),
    ("GET", "/page/?keys=x,{q}", None, None),
    ("GET", "/page/?filter=%7B%22course%22%3A%22{q}%22%7D", None, None),
    ("GET", "/counts/{q}", None, None),
    ("GET", "/counts/course-v1:AcmeX+A1+2026,{q}", None, None),
    ("GET", "/plain/not/captured/{q}/at/all", None, None),
    ("POST", "/page/", "course_key={q}", FORM),
    ("PUT", "/page/", "course_key={q}", FORM),
    ("PATCH", "/page/", "a=1&a={q}", FORM),
    ("DELETE", "/page/", "course_key={q}", FORM),
    ("POST", "/page/", "{q}=1", FORM),
    ("POST", "/page/", "document=%7B%22course%22%3A%22{q}%22%7D", FORM),
    ("POST", "/page/", '{{"course": "{k}"}}', FORM),
    ("POST", "/page/", '{{"course": "{k}"}}', JSON),
    ("PUT", "/page/", '{{"a": [1, {{"b": ["x", "{k}"]}}]}}', JSON),
    ("PATCH", "/page/", '["{k}"]', JSON),
    ("DELETE", "/page/", '"{k}"', JSON),
    ("POST", "/page/", '{{"{k}": true}}', JSON),
    ("POST", "/page/", '{{"a": "{{\\"b\\": \\"{k}\\"}}"}}', JSON),
    ("POST", "/page/", '{{"course": "{k}"}}', "text/plain"),
    ("POST", "/page/", '{{"course": "{k}"}}', ""),
    ("POST", "/page/", '{{"course": "{k}"}}', "application/octet-stream"),
    ("POST", "/page/", '{{"course": "{k}"}}', "application/merge-patch+json"),
    ("POST", "/page/", '{{"course": "{k}"}}', "multipart/form-data; boundary=x"),
    ("POST", "/page/", '{{"course": "{k}"}}', "multipart/form-data"),
    ("GET", "/page/", '{{"course": "{k}"}}', JSON),
    ("POST", "/page/", "{k}", "text/plain"),
    ("POST", "/page/", "x\n{k}\n", "text/csv"),
    ("GET", "/api/who/{q}/", None, None),
    ("GET", "/api/who/?course_id={q}", None, None),
    ("POST", "/api/who/", '{{"course": "{k}"}}', JSON),
    ("PUT", "/api/who/", "course={q}", FORM),
    ("GET", "/api/members/{q}/", None, None),
    ("GET", "/api/function/{q}/", None, None),
    ("GET", "/api/closed/{q}/", None, None),
    ("GET", "/api/unasked/{q}/", None, None),
    ("GET", "/things/{q}/", None, None),
    ("GET", "/no/such/route/{q}/", None, None),
]


def ask(client, place, key, site, **headers):
    method, path, body, content_type = place
    values = {"k": key, "q": quote(key, safe="")}
    data = body.format(**values).encode() if body is not None else b""
    return client.generic(
        method, path.format(**values), data, content_type=content_type or "", HTTP_HOST=site, **headers
    )


@pytest.mark.parametrize("place", PLACES, ids=lambda place: " ".join(str(part) for part in place[:2] + place[3:]))
def test_a_foreign_key_is_404_wherever_it_stands_and_an_own_one_is_let_through(client_of, place):
    client = client_of("acme_author")
    for foreign in (GLOBEX, PLATFORM):
        assert ask(client, place, foreign, ACME_SITE).status_code == 404
        assert ask(client_of(), place, foreign, ACME_SITE).status_code == 404
    if "/no/such/" not in place[1]:
        for own in (ACME, UNKNOWN):
            answer = ask(client, place, own, ACME_SITE)
            assert answer.status_code == 200, answer.content
        assert ask(client_of("root"), place, GLOBEX, ACME_SITE).status_code == 200


@pytest.mark.parametrize("place", PLACES, ids=lambda place: " ".join(str(part) for part in place[:2] + place[3:]))
@pytest.mark.parametrize("surface", ["lms", "studio"])
def test_where_no_site_decides_the_user_does(client_of, settings, place, surface):
    settings.CCX_TENANCY = {"SURFACE": surface}
    if "/no/such/" in place[1] or "AcmeX" in place[1]:
        return
    needs_user = place[1].startswith(("/api/members", "/api/function", "/api/closed", "/things"))
    for name, key, allowed in [
        ("acme_author", ACME, True),
        ("acme_author", GLOBEX, False),
        ("acme_author", PLATFORM, False),
        ("acme_author", UNKNOWN, True),
        ("acme_learner", ACME, surface == "lms"),
        ("globex_author", GLOBEX, True),
        ("stranger", ACME, False),
        ("stranger", PLATFORM, True),
        ("global_staff", ACME, False),
        (None, ACME, False),
        ("root", GLOBEX, True),
    ]:
        status = ask(client_of(name), place, key, PLATFORM_SITE).status_code
        assert status == (200 if allowed else 404), (name, key)
    assert ask(client_of(), place, PLATFORM, PLATFORM_SITE).status_code == (403 if needs_user else 200) or needs_user


@pytest.mark.parametrize("key", [globex(key) for key in KEYS])
def test_every_kind_of_key_is_found_in_path_query_and_body(client_of, key):
    client = client_of("acme_author")
    encoded = quote(key, safe="")
    twice = quote(encoded, safe="")
    for path in (f"/plain/{twice}", f"/counts/{encoded}", f"/page/?a={encoded}", f"/page/?a={twice}"):
        assert client.get(path, HTTP_HOST=ACME_SITE).status_code == 404, path
    for body in (json.dumps({"a": [key]}), json.dumps(key)):
        assert client.post("/page/", body, content_type=JSON, HTTP_HOST=ACME_SITE).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        # Captured, under a name or none; a key object; not captured at all; the old forms.
        "/courses/course-v1:GlobexX+G1+2026/about",
        "/courses/GlobexX/G1/2026/about",
        "/courses/course-v1:GlobexX+G1+2026/wiki/some/page",
        "/courses/GlobexX/G1/2026/wiki/some/page",
        "/positional/course-v1:GlobexX+G1+2026/",
        "/positional/GlobexX/G1/2026/",
        "/usage/lb:GlobexX:L1:html:one/",
        "/usage/block-v1:GlobexX+G1+2026+type@html+block@x/",
        "/usage/aside-usage-v2:lb$:GlobexX$:L1$:html$:one::aside/",
        "/asset-v1:GlobexX+G1+2026+type@asset+block@picture.png",
        "/c4x/GlobexX/G1/asset/picture.png",
        "/i4x/GlobexX/G1/html/one",
        "/handler/i4x://GlobexX/G1/problem/x/run",
        "/handler/i4x:;_;_GlobexX;_G1;_problem;_x/run",
        "/assets/courseware/v1/0123abc/asset-v1:GlobexX+G1+2026+type@asset+block@picture.png",
        "/counts/course-v1:GlobexX*",
        "/counts/course-v1:Glo*",
        "/counts/course-v1:*",
        "/counts/*",
        "/counts/course-v*",
        "/extra/",
        "/orgs/GlobexX/",
        "/orgs/globexx/",
        "/page/?org=GlobexX",
        "/page/?organization=globexx",
        "/page/?short_name=GlobexX",
        "/page/?k=course-v1:GlobexX+G1+2026",  # Its plus signs become blanks.
        "/page/?k=course-v1:GlobexX%2BG1+2026",
        "/page/?k=course-v1:AcmeX+A1+2026,course-v1:GlobexX+G1+2026",
        "/page/?k=course-v1:AcmeX%2BA1%2B2026%20course-v1:GlobexX%2BG1%2B2026",
        "/page/?k=%20course-v1:GlobexX%2BG1%2B2026%0A",
        "/page/?k=COURSE-V1:globexx%2BG1%2B2026",
        "/page/?k=course-v1:Gl%C3%B6bexX%2BG1%2B2026",
        "/page/?k=" + "x," * 3000 + "course-v1:GlobexX%2BG1%2B2026",
    ],
)
def test_attacks_on_path_and_query(client_of, path):
    for name in ("acme_author", None, "globex_author"):
        assert client_of(name).get(path, HTTP_HOST=ACME_SITE).status_code == 404
    own = path.replace("GlobexX", "AcmeX").replace("globexx", "acmex")
    if own != path:
        assert client_of("acme_author").get(own, HTTP_HOST=ACME_SITE).status_code == 200


ASKED_FOR = [
    "/orgs/{}/",
    "/page/?org={}",
    "/page/?ORG={}",
    "/page/?organization={}",
    "/page/?short-name={}",
    "/page/?org={}*",
    "/page/?org=%20{}%20",
    "/page/?org=AcmeX&org={}",
    "/page/?orgs=AcmeX,{}",
    '/page/?filter={{"org":"{}"}}',
    "/api/who/?org={}",
    "/api/members/?organization={}",
    "/api/unasked/x/?org={}",
]


def told(answer, name):
    return answer.status_code, answer.content.replace(name.encode(), b"?"), sorted(answer.headers)


@pytest.mark.parametrize("path", ASKED_FOR)
def test_an_organization_that_nobody_has_is_answered_as_somebody_elses(client_of, path):
    for who in ("acme_author", "acme_learner", "globex_author", None):
        client = client_of(who)
        answers = [
            told(client.get(path.format(name), HTTP_HOST=ACME_SITE), name) for name in ("GlobexX", "PlatX", "NobodyX")
        ]
        assert answers[0] == answers[1] == answers[2]
        assert answers[0][0] == 404
    own = path.format("AcmeX")
    assert client_of("acme_author").get(own, HTTP_HOST=ACME_SITE).status_code == 200


@pytest.mark.parametrize("path", ASKED_FOR)
def test_in_studio_a_tenants_people_are_told_the_same_of_nobodys_organization(client_of, studio, path):
    for who in ("acme_author", "acme_learner"):
        client = client_of(who)
        answers = [
            told(client.get(path.format(name), HTTP_HOST=PLATFORM_SITE), name)
            for name in ("GlobexX", "PlatX", "NobodyX")
        ]
        assert answers[0] == answers[1] == answers[2]
        assert answers[0][0] == 404
    assert client_of("root").get(path.format("NobodyX"), HTTP_HOST=PLATFORM_SITE).status_code == 200
    if "AcmeX" not in path:
        # The platform has no list of all names that its courses have: its own people go on as before.
        answer = client_of("stranger").get(path.format("NobodyX"), HTTP_HOST=PLATFORM_SITE)
        assert answer.status_code == 200


def test_an_organization_in_a_form_is_asked_for_where_its_field_holds_nothing_else(client_of):
    client = client_of("acme_author")
    for name, status in (("GlobexX", 404), ("NobodyX", 404), ("AcmeX", 200)):
        assert client.post("/form/", {"org": name}, HTTP_HOST=ACME_SITE).status_code == status
    # What somebody writes of themselves, and what is to be made.
    assert client.post("/form/", {"organization": "My own school"}, HTTP_HOST=ACME_SITE).status_code == 200
    answer = client.post("/json/", {"org": "NobodyX"}, content_type=JSON, HTTP_HOST=ACME_SITE)
    assert answer.status_code == 200


def test_a_tenants_organization_that_is_not_ascii_may_be_asked_for_in_each_spelling(client_of, acme):
    tenants.add_organization(acme, "Ünïv")
    for spelling in ("Ünïv", "ünïv", unicodedata.normalize("NFD", "Ünïv")):
        assert client_of().get("/page/", {"org": spelling}, HTTP_HOST=ACME_SITE).status_code == 200
    assert client_of().get("/page/", {"org": "Ünïversity"}, HTTP_HOST=ACME_SITE).status_code == 404


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "utf-16-le", "utf-32", "utf-7", "cp037", "latin-1", "cp500"])
@pytest.mark.parametrize("path", ["/page/", "/api/who/", "/json/"])
def test_json_is_read_in_the_charset_that_it_declares(client_of, charset, path):
    body = json.dumps({"course": GLOBEX}).encode(charset)
    answer = client_of().generic("POST", path, body, content_type=f"{JSON}; charset={charset}", HTTP_HOST=ACME_SITE)
    assert answer.status_code == 404


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-32-le"])
def test_json_is_read_in_the_charset_that_it_has(client_of, encoding):
    body = json.dumps({"course": GLOBEX}).encode(encoding)
    for content_type in (JSON, "text/plain", f"{JSON}; charset=latin-1", FORM, "application/octet-stream"):
        answer = client_of().generic("POST", "/json/", body, content_type=content_type, HTTP_HOST=ACME_SITE)
        assert answer.status_code == 404
    own = json.dumps({"course": ACME}).encode(encoding)
    answer = client_of().generic("POST", "/json/", own, content_type="text/plain", HTTP_HOST=ACME_SITE)
    assert answer.json() == {"read": {"course": ACME}}


@pytest.mark.parametrize("codec", ["base64", "zlib", "hex", "bz2", "rot13"])
def test_a_charset_that_transforms_bytes_is_refused(client_of, codec):
    body = json.dumps({"course": GLOBEX}).encode()
    body = {"base64": b64encode, "zlib": zlib.compress}.get(codec, bytes)(body)
    answer = client_of().generic(
        "POST", "/api/who/", body, content_type=f"{JSON}; charset={codec}", HTTP_HOST=ACME_SITE
    )
    assert answer.status_code == 400


def test_forms_are_read_in_a_declared_charset(client_of):
    body = f"a=1&course={GLOBEX}".encode("utf-16")
    answer = client_of().generic("PUT", "/page/", body, content_type=f"{FORM}; charset=utf-16", HTTP_HOST=ACME_SITE)
    assert answer.status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("path", ["/form/", "/api/who/"])
@pytest.mark.parametrize("fields", [{"course": GLOBEX}, {GLOBEX: "x"}, {"a": json.dumps([GLOBEX])}, {"org": "globexx"}])
def test_multipart_fields_of_any_method_are_read(client_of, method, path, fields):
    picture = SimpleUploadedFile("a.png", b"x" * 100)
    for file in ({}, {"file": picture}):
        body = encode_multipart(BOUNDARY, {**fields, **file})
        answer = client_of().generic(method, path, body, content_type=MULTIPART_CONTENT, HTTP_HOST=ACME_SITE)
        assert answer.status_code == 404


@pytest.mark.parametrize("size", [1000, 3 * 1024 * 1024])
@pytest.mark.parametrize("path", ["/form/", "/api/who/"])
def test_an_upload_arrives_whole_and_its_fields_are_read_at_any_size(client_of, size, path):
    def upload(key, method="POST"):
        file = SimpleUploadedFile("course.tar.gz", b"\x1f\x8b" + b"x" * size)
        body = encode_multipart(BOUNDARY, {"course": key, "file": file})
        return client_of("acme_author").generic(method, path, body, content_type=MULTIPART_CONTENT, HTTP_HOST=ACME_SITE)

    answer = upload(ACME)
    assert answer.status_code == 200
    if path == "/form/":
        assert answer.json() == {"read": {"course": ACME}, "files": {"file": size + 2}}
    else:
        assert upload(ACME, "PUT").status_code == 200
        assert upload(GLOBEX, "PUT").status_code == 404
    assert upload(GLOBEX).status_code == 404


def test_the_body_can_still_be_read_in_every_way_after_us(client_of):
    client = client_of("acme_author")
    post = {"HTTP_HOST": ACME_SITE}
    assert client.post("/form-then-body/", "a=1", content_type=FORM, **post).json() == {
        "read": {"a": "1"},
        "body": "a=1",
    }
    assert client.post("/stream/", b"x" * 1000, content_type="application/x-tar", **post).json() == {"read": 1000}
    assert client.post("/json/", b'{"a": 1}', content_type=JSON, **post).json() == {"read": {"a": 1}}
    assert client.post("/api/who/", b'{"a": 1}', content_type=JSON, **post).json()["read"] == {"a": 1}
    assert client.post("/form/", {"a": "1"}, **post).json() == {"read": {"a": "1"}, "files": {}}


def test_a_form_that_the_csrf_check_has_read_is_read_too(client_of):
    client = client_of("acme_author", enforce_csrf_checks=True)
    client.cookies["csrftoken"] = token = "a" * 32
    for key, status in ((ACME, 200), (GLOBEX, 404)):
        fields = {"course": key, "csrfmiddlewaretoken": token}
        assert client.post("/form/", fields, HTTP_HOST=ACME_SITE).status_code == status
        assert client.post("/form/", urlencode(fields), content_type=FORM, HTTP_HOST=ACME_SITE).status_code == status
        answer = client.post(
            "/json/", json.dumps({"a": key}), content_type=JSON, HTTP_HOST=ACME_SITE, HTTP_X_CSRFTOKEN=token
        )
        assert answer.status_code == status
        large = {**fields, "file": SimpleUploadedFile("a.bin", b"\1" * (3 * 1024 * 1024))}
        assert client.post("/form/", large, HTTP_HOST=ACME_SITE).status_code == status


@pytest.mark.parametrize(
    "content_type",
    [JSON, FORM, "text/plain", "", "application/octet-stream", "image/png", "multipart/form-data; boundary=x"],
)
def test_padding_is_no_way_around_and_a_body_above_the_bound_is_413(client_of, settings, content_type):
    settings.CCX_TENANCY = {"GATE_BODY_LIMIT": 10_000}
    body = b" " * 20_000 + json.dumps({"course": GLOBEX}).encode()
    answer = client_of().generic("POST", "/json/", body, content_type=content_type, HTTP_HOST=ACME_SITE)
    assert answer.status_code == 413
    answer = client_of().generic(
        "POST", "/api/who/", body, content_type=content_type, HTTP_HOST=ACME_SITE, HTTP_ACCEPT=JSON
    )
    assert answer.status_code == 413 and "10000 bytes" in answer.json()["detail"]


def test_files_above_the_bound_are_streamed_past(client_of, settings):
    settings.CCX_TENANCY = {"GATE_BODY_LIMIT": 10_000}
    body = b"\x89PNG" + b"x" * 100_000
    for content_type in ("image/png", "application/octet-stream", "application/x-tar"):
        answer = client_of().generic("PUT", "/stream/", body, content_type=content_type, HTTP_HOST=ACME_SITE)
        assert answer.json() == {"read": len(body)}


def test_more_values_than_the_bound_and_deeper_ones_are_413(client_of, settings):
    settings.CCX_TENANCY = {"GATE_NODE_LIMIT": 1000}
    for body in ("[" + ",".join("1" * 2000) + "]", json.dumps({str(i): 1 for i in range(2000)}), "[" * 50_000):
        assert client_of().post("/json/", body, content_type=JSON, HTTP_HOST=ACME_SITE).status_code == 413
    many = "&".join(f"a{i}=1" for i in range(900))
    assert client_of().post("/form/", many, content_type=FORM, HTTP_HOST=ACME_SITE).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"text": f"See {GLOBEX} for more."},
        {"html": f'<p>Go <a href="/courses/{GLOBEX}/about">there</a>: now</p>'},
        {"next": f"/courses/{GLOBEX}/"},
        {"mail": "globexx@example.com", "url": f"https://globex.example.com/courses/{GLOBEX}"},
    ],
)
def test_prose_and_links_are_let_through(client_of, body):
    client = client_of("acme_author")
    assert client.post("/json/", json.dumps(body), content_type=JSON, HTTP_HOST=ACME_SITE).json() == {"read": body}
    assert client.post("/form/", body, HTTP_HOST=ACME_SITE).status_code == 200
    assert client.get("/page/?" + urlencode(body), HTTP_HOST=ACME_SITE).status_code == 200


# Tokens


@pytest.mark.parametrize("path", ["/api/who/", "/api/members/", "/api/function/", "/things/", "/api/closed/"])
@pytest.mark.parametrize(
    ("name", "surface", "key", "status"),
    [
        ("acme_author", "studio", ACME, 200),
        ("acme_author", "studio", GLOBEX, 404),
        ("acme_learner", "studio", ACME, 404),
        ("acme_learner", "lms", ACME, 200),
        ("acme_learner", "lms", GLOBEX, 404),
        ("global_staff", "studio", ACME, 404),
        ("root", "studio", GLOBEX, 200),
    ],
)
def test_a_tokens_user_is_judged_where_drf_knows_it(client_of, settings, path, name, surface, key, status):
    settings.CCX_TENANCY = {"SURFACE": surface}
    header = {"HTTP_HOST": PLATFORM_SITE, "HTTP_AUTHORIZATION": f"Bearer {name}"}
    answer = client_of().get(f"{path}{quote(key)}/", **header)
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["user"] == name
    else:
        assert answer.json() == {"detail": "Not found."}
    if path != "/things/":
        assert client_of("root").get(f"{path}{quote(key)}/", **header).status_code in (status, 200)


def test_the_user_of_the_token_counts_and_not_the_one_of_the_session(client_of, studio):
    header = {"HTTP_HOST": PLATFORM_SITE, "HTTP_AUTHORIZATION": "Bearer globex_author"}
    path = f"/api/members/{quote(ACME)}/"
    assert client_of("acme_author").get(path, HTTP_HOST=PLATFORM_SITE).status_code == 200
    assert client_of("acme_author").get(path, **header).status_code == 404
    assert client_of("root").get(path, **header).status_code == 404


def test_an_operators_token_passes_on_a_tenants_site_too(client_of):
    path = f"/api/members/{quote(GLOBEX)}/"
    for name, status in (("root", 200), ("acme_author", 404), ("globex_author", 404)):
        header = {"HTTP_HOST": ACME_SITE, "HTTP_AUTHORIZATION": f"Bearer {name}"}
        assert client_of().get(path, **header).status_code == status


def test_a_view_that_never_asks_who_it_is_lets_nobody_in(client_of, studio):
    path = f"/api/unasked/{quote(ACME)}/"
    project.Unasked.done.clear()
    for client in (client_of(), client_of("globex_author")):
        assert client.get(path, HTTP_HOST=PLATFORM_SITE).status_code == 404
        assert client.post(path, HTTP_HOST=PLATFORM_SITE).status_code == 404
        answer = client.get(path, HTTP_HOST=PLATFORM_SITE, HTTP_AUTHORIZATION="Bearer acme_author")
        assert answer.status_code == 404
    assert project.Unasked.done == []
    assert client_of("acme_author").get(path, HTTP_HOST=PLATFORM_SITE).status_code == 200


def test_a_refused_answer_is_let_go_without_an_end_of_the_request_in_its_middle(client_of, studio):
    ended = []

    def note(**_):
        ended.append(True)

    request_finished.connect(note)
    try:
        path = f"/api/unasked/{quote(ACME)}/"
        answer = client_of().get(path, HTTP_HOST=PLATFORM_SITE, HTTP_AUTHORIZATION="Bearer acme_author")
    finally:
        request_finished.disconnect(note)
    assert (answer.status_code, len(ended)) == (404, 1)


# The answer


def test_the_answer_is_the_one_for_what_does_not_exist(client_of):
    for name in (None, "acme_author"):
        client = client_of(name)
        for foreign, missing in [
            (f"/page/{quote(GLOBEX)}/", f"/missing/{quote(ACME)}/"),
            (f"/page/?course={quote(GLOBEX)}", f"/missing/{quote(ACME)}/"),
            (f"/api/who/{quote(GLOBEX)}/", f"/api/who/{quote('course-v1:AcmeX+A1+missing')}/"),
        ]:
            theirs, ours = (client.get(path, HTTP_HOST=ACME_SITE) for path in (foreign, missing))
            assert theirs.status_code == ours.status_code == 404
            assert theirs.content == ours.content
            assert {**theirs.headers, "Vary": ""} == {**ours.headers, "Vary": ""}


def test_the_answer_is_json_where_the_client_or_the_view_speaks_it(client_of):
    answer = client_of().get(f"/page/{quote(GLOBEX)}/", HTTP_HOST=ACME_SITE, HTTP_ACCEPT=JSON)
    assert answer.status_code == 404 and answer.json()["status"] == 404
    answer = client_of().get(f"/api/who/{quote(GLOBEX)}/", HTTP_HOST=ACME_SITE)
    assert answer.headers["Content-Type"] == JSON and answer.json() == {"detail": "Not found."}
    answer = client_of().get(f"/things/{quote(GLOBEX)}/", HTTP_HOST=ACME_SITE)
    assert answer.json() == {"detail": "Not found."} and answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    answer = client_of().get(f"/page/{quote(GLOBEX)}/", HTTP_HOST=ACME_SITE, HTTP_ACCEPT="text/html,application/json")
    assert answer.headers["Content-Type"].startswith("text/html")


def test_head_and_options_are_no_way_around(client_of):
    for path in (f"/page/{quote(GLOBEX)}/", f"/api/who/{quote(GLOBEX)}/"):
        assert client_of().head(path, HTTP_HOST=ACME_SITE).status_code == 404
        assert client_of().options(path, HTTP_HOST=ACME_SITE).status_code == 404


class Answering:
    """Middleware below ours that answers in the place of the views, as an asset server does."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.method == "OPTIONS":
            return HttpResponse()
        return HttpResponse("the asset") if "asset" in request.path else self.get_response(request)


def test_what_middleware_below_answers_by_itself_is_held_back(client_of, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.middleware.test_course_partition.Answering"]
    path = "/asset-v1:GlobexX+G1+2026+type@asset+block@picture.png"
    assert client_of("acme_author").get(path, HTTP_HOST=ACME_SITE).status_code == 404
    assert client_of("root").get(path, HTTP_HOST=ACME_SITE).status_code == 200
    assert client_of("globex_author").get(path, HTTP_HOST=GLOBEX_SITE).content == b"the asset"
    assert client_of().get(path, HTTP_HOST=PLATFORM_SITE).status_code == 404
    assert client_of().options(path, HTTP_HOST=ACME_SITE).status_code == 200


# Studio on a tenant's own domain, closed tenants, none at all


def test_a_tenants_own_studio_answers_its_authors_for_its_own_keys(client_of, people):
    from ccx_tenancy.tenants import api as tenants_api

    tenants_api.add_domain(api.get_tenant("acme"), "studio.acme.example.com", surface="studio")
    site = "studio.acme.example.com"
    api.add_member(people["acme_author"], "GlobexX", "author")
    for name, key, status in [
        ("acme_author", ACME, 200),
        ("acme_author", GLOBEX, 404),
        ("acme_learner", ACME, 404),
        ("globex_author", GLOBEX, 404),
        ("stranger", PLATFORM, 404),
        ("root", GLOBEX, 200),
    ]:
        assert client_of(name).get(f"/page/{quote(key)}/", HTTP_HOST=site).status_code == status, (name, key)


@pytest.mark.parametrize("organization", ["AcmeX", "GlobexX"])
def test_a_browser_without_a_session_is_sent_from_studios_pages_to_sign_in(client_of, studio, organization):
    key = f"course-v1:{organization}+Nothing+2026"
    browser = {"HTTP_HOST": PLATFORM_SITE, "HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page = f"/page/{quote(key)}/"
    nobody = client_of(None)
    sent = nobody.get(f"{page}?a=1", **browser)
    assert (sent.status_code, sent["Location"]) == (302, f"/accounts/login/?next={quote(f'/page/{key}/?a=1')}")
    assert nobody.get(page, HTTP_HOST=PLATFORM_SITE).status_code == 404
    assert nobody.post(page, **browser).status_code == 404
    by_rest_framework = f"/api/members/{quote(key)}/"
    assert nobody.get(by_rest_framework, **{**browser, "HTTP_ACCEPT": "application/json"}).status_code == 404
    assert client_of("acme_learner").get(page, **browser).status_code == 404


def test_the_keys_of_a_suspended_tenant_answer_to_operators_only(client_of, studio):
    path = f"/page/{quote(ACME)}/"
    assert client_of("acme_author").get(path, HTTP_HOST=PLATFORM_SITE).status_code == 200
    api.suspend_tenant("acme")
    assert client_of("acme_author").get(path, HTTP_HOST=PLATFORM_SITE).status_code == 404
    assert client_of("root").get(path, HTTP_HOST=PLATFORM_SITE).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("surface", ["lms", "studio"])
def test_without_tenants_everything_is_as_before(forgetful, client, settings, surface, django_assert_num_queries):
    settings.ROOT_URLCONF = "tests.middleware.project"
    settings.CCX_TENANCY = {"SURFACE": surface, "FRESHNESS_SECONDS": 300, "GATE_BODY_LIMIT": 1024}
    client.get("/page/")
    with django_assert_num_queries(0):
        for key in (ACME, GLOBEX, PLATFORM):
            assert client.get(f"/page/{quote(key)}/").status_code == 200
            assert client.get(f"/api/who/?course={quote(key)}").status_code == 200
        assert client.post("/json/", b" " * 5000 + b"1", content_type=JSON).status_code == 200


# Cost


@pytest.mark.parametrize("name", ["acme_author", None])
@pytest.mark.parametrize("path", ["/silent/{k}/", "/page/{k}/?course={k}", "/api/who/{k}/"])
def test_the_gate_asks_no_database(client_of, settings, django_assert_max_num_queries, path, name):
    settings.CCX_TENANCY = {"FRESHNESS_SECONDS": 300, "SURFACE": "lms"}
    path = path.format(k=quote(ACME))
    ours = settings.MIDDLEWARE
    settings.MIDDLEWARE = [one for one in ours if not one.startswith("ccx_tenancy.")]
    plain = client_of(name)
    with django_assert_max_num_queries(10) as before:
        assert plain.get(path, HTTP_HOST=ACME_SITE).status_code == 200
    before = len(before)
    settings.MIDDLEWARE = ours
    client = client_of(name)
    client.get(path, HTTP_HOST=ACME_SITE)
    with django_assert_max_num_queries(before):
        assert client.get(path, HTTP_HOST=ACME_SITE).status_code == 200


def test_without_the_current_tenant_above_it_the_middleware_says_what_is_missing(people):
    with pytest.raises(ImproperlyConfigured, match="CurrentTenantMiddleware has to stand above"):
        CoursePartitionMiddleware(lambda request: HttpResponse())(RequestFactory().get("/"))


def test_a_streamed_answer_passes(client_of):
    answer = client_of("acme_author").get(f"/streamed/{quote(ACME)}/", HTTP_HOST=ACME_SITE)
    assert b"".join(answer.streaming_content) == b"ab"


@pytest.mark.django_db(transaction=True)
async def test_asynchronous_requests_are_gated_alike(people, settings):
    client = SiteAsyncClient()
    await sync_to_async(client.force_login)(people["acme_author"])
    for site, surface in ((ACME_SITE, "lms"), (PLATFORM_SITE, "studio")):
        settings.CCX_TENANCY = {"SURFACE": surface}
        for path in ("/async/{k}/", "/page/{k}/", "/page/?c={k}", "/api/members/{k}/"):
            for key, status in ((ACME, 200), (GLOBEX, 404)):
                answer = await client.get(path.format(k=quote(key)), headers={"host": site})
                assert answer.status_code == status, (site, path, key)
        for key, status in ((ACME, 200), (GLOBEX, 404)):
            body = json.dumps({"a": key})
            answer = await client.post("/json/", body, content_type=JSON, headers={"host": site})
            assert answer.status_code == status
            upload = {"course": key, "file": io.BytesIO(b"x" * 3_000_000)}
            answer = await client.post("/form/", upload, headers={"host": site})
            assert answer.status_code == status


def test_a_tenant_that_has_no_organization_has_no_keys_at_all(client_of):
    from ccx_tenancy.tenants import api as tenants_api

    tenants_api.remove_organization(api.get_tenant("globex"), "GlobexX")
    for key in (ACME, PLATFORM, GLOBEX):
        assert client_of().get(f"/page/{quote(key)}/", HTTP_HOST=GLOBEX_SITE).status_code == 404
