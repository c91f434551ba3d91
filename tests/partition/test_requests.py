"""The organizations that a request names."""

from __future__ import annotations

import json
from io import BytesIO
from urllib.parse import quote

import pytest
from django.core.exceptions import BadRequest
from django.core.handlers.asgi import ASGIRequest
from django.test import RequestFactory
from django.urls import ResolverMatch
from hypothesis import given
from hypothesis import strategies as st
from opaque_keys.edx.keys import CourseKey
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request

from ccx_tenancy.partition import requests
from tests.partition.test_keys import opaque_keys

pytestmark = pytest.mark.once

KEY = "course-v1:Globex+GX1+2026"
JSON = "application/json"


def organizations(found):
    return {one.organization for one in found}


def body(data: bytes, content_type: str = JSON, method: str = "POST"):
    return RequestFactory().generic(method, "/", data, content_type=content_type)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.from_regex(r"[a-z ]{0,10}", fullmatch=True),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
PLANTS = [
    lambda key, noise: key,
    lambda key, noise: [noise, key],
    lambda key, noise: {"a": noise, "b": {"c": [noise, key]}},
    lambda key, noise: {key: noise},
    lambda key, noise: {"a": json.dumps({"b": [key, noise]})},
    lambda key, noise: {"a": f"x, {key}"},
]
CHARSETS = ["utf-8", "utf-16", "utf-16-le", "utf-32", "utf-7", "cp037", "utf-8-sig"]


@given(opaque_keys(), JSON_VALUES, st.sampled_from(PLANTS), st.sampled_from(CHARSETS))
def test_a_key_is_found_anywhere_in_a_document_and_in_any_declared_charset(key_and_name, noise, plant, charset):
    key, organization = key_and_name
    document = json.dumps(plant(key, noise)).encode(charset)
    found = requests.named_in_body(body(document, f"{JSON}; charset={charset}"))
    assert organization.lower() in organizations(found)


@given(st.binary(max_size=200), st.sampled_from([JSON, "text/plain", "", "image/png", "application/x-tar"]))
def test_any_bytes_are_read_without_harm_and_given_back(data, content_type):
    request = body(data, content_type)
    requests.named_in_body(request)
    assert request.body == data


@given(st.binary(min_size=1, max_size=400), st.lists(st.integers(1, 90), max_size=8))
def test_a_stream_of_which_the_start_was_read_reads_as_if_it_was_not(data, sizes):
    for start in (0, 1, len(data) // 2, len(data)):
        rest = BytesIO(data)
        stream = requests._Replay(rest.read(start), rest)
        pieces = [stream.read(size) for size in sizes]
        assert b"".join(pieces) + stream.read() == data
        rest = BytesIO(data)
        stream = requests._Replay(rest.read(start), rest)
        assert list(iter(stream.readline, b"")) == BytesIO(data).readlines()


def test_an_asynchronous_request_without_a_length_is_read_too(settings):
    settings.CCX_TENANCY = {"GATE_BODY_LIMIT": 1024}
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", b"application/json")]}
    request = ASGIRequest(scope, BytesIO(json.dumps({"a": KEY}).encode()))
    assert organizations(requests.named_in_body(request)) == {"globex"}
    assert json.loads(request.body) == {"a": KEY}
    with pytest.raises(requests.TooLarge):
        requests.named_in_body(ASGIRequest(scope, BytesIO(b" " * 2000 + b"{}")))


def test_what_somebody_has_read_already_is_left_alone():
    request = body(json.dumps({"a": KEY}).encode())
    request.read()
    assert requests.named_in_body(request) == []


def test_a_body_that_was_kept_is_read_again():
    request = body(json.dumps({"a": KEY}).encode())
    assert request.body
    assert organizations(requests.named_in_body(request)) == {"globex"}


@pytest.mark.parametrize("charset", ["zlib", "base64", "bz2", "hex", "uu", "rot13"])
def test_a_charset_that_is_none_is_refused(charset):
    with pytest.raises(BadRequest, match=charset):
        requests.named_in_body(body(b"{}", f"{JSON}; charset={charset}"))


def test_a_charset_that_nobody_knows_is_ignored_as_django_does():
    found = requests.named_in_body(body(json.dumps([KEY]).encode(), f"{JSON}; charset=martian"))
    assert organizations(found) == {"globex"}


def route(*args, path="/", **kwargs):
    return organizations(requests.named_in_route(ResolverMatch(lambda request: None, args, kwargs), path))


def test_arguments_are_read_as_texts_and_as_objects():
    assert route(KEY) == route(key=KEY) == route(key=CourseKey.from_string(KEY)) == {"globex"}
    assert route(key="Globex/GX1/2026") == {"globex"}
    assert route(org="Globex") == route(organization="globex") == route(short_name="GLOBEX") == {"globex"}
    assert route(name="Globex", number=7, nothing=None) == set()
    assert route(org="Globex", path="/orgs/Globex/") == {"globex"}


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (f"/a/{KEY}/b", {"globex"}),
        (f"/a/{quote(KEY, safe='')}/b", {"globex"}),
        ("/course-v1:Globex GX1 2026/", {"globex"}),
        ("/a,course-v1:Acme+A+1,course-v1:Globex+B+2/", {"acme", "globex"}),
        ("/courses/Globex/GX1/2026/info", {"globex"}),
        ("/courses/Globex/GX1", set()),
        ("/i4x://Globex/GX1/problem/x", {"globex"}),
        ("/c4x/Globex/GX1/asset/x.png", {"globex"}),
        ("/api/courses/v1/courses/course-v1:Acme+A+1/", {"acme"}),
        ("/counts/lb:Globex:*", {"globex"}),
        ("/counts/lb:*", {"*"}),
        ("/counts/l*", {"*"}),
        ("/", set()),
        ("", set()),
    ],
)
def test_the_segments_of_a_path_are_read_whatever_the_route(path, named):
    assert organizations(requests.named_in_path(path)) == named


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/*"])
@pytest.mark.parametrize("start", [b"", b"{\r\n", b"[]\r\n", b"\r\n" * 40, b" " * 70 + b"\r\n", b"words\r\n"])
def test_the_fields_of_a_multipart_form_are_read_whatever_stands_before_its_boundary(content_type, start):
    data = start + f'--BB\r\nContent-Disposition: form-data; name="a"\r\n\r\n{KEY}\r\n--BB--\r\n'.encode()
    request = body(data, f"{content_type}; boundary=BB")
    assert organizations(requests.named_in_body(request)) == {"globex"}
    assert Request(request, parsers=[MultiPartParser()]).data["a"] == KEY


def test_json_that_calls_itself_a_multipart_form_is_read():
    request = body(json.dumps({"a": KEY}).encode(), "multipart/form-data; boundary=BB")
    assert organizations(requests.named_in_body(request)) == {"globex"}


@pytest.mark.parametrize("content_type", ["application/*", "*/*", "application/x-www-form-urlencoded"])
def test_a_form_is_read_under_every_type_under_which_drf_reads_one(content_type):
    request = body(f"a={quote(KEY)}".encode(), content_type)
    assert organizations(requests.named_in_body(request)) == {"globex"}
    assert Request(request, parsers=[FormParser()]).data["a"] == KEY


@pytest.mark.parametrize("content_type", ["application/*", "*/*", "multipart/*; boundary=BB"])
def test_a_long_body_under_a_type_with_a_wildcard_is_refused(content_type, settings):
    settings.CCX_TENANCY = {**settings.CCX_TENANCY, "GATE_BODY_LIMIT": 1024}
    with pytest.raises(requests.TooLarge):
        requests.named_in_body(body(b"--BB" + b"a" * 2000, content_type))
