"""JSON as people type it."""

import json

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from ccx_tenancy.errors import InvalidDocument, InvalidValues
from ccx_tenancy.site_config.documents import check_document, dump, parse

pytestmark = pytest.mark.once

TALK = """{
  "PLATFORM_NAME": "Maxi's Academy",
  "SITE_NAME": "maxi-academy.example.com",
  "course_org_filter": "maxi-academy",
  "ENABLE_COMBINED_LOGIN_REGISTRATION": true,
}"""

BAD = [
    (TALK, 5, 45, "a comma may not stand before the closing '}'"),
    ('{"a": [1,\n 2,]}', 2, 3, "a comma may not stand before the closing ']'"),
    ("", 1, 1, "a value is expected, and the end of the text found"),
    ("   \n ", 2, 2, "a value is expected"),
    ("[1]", 1, 1, "the document is a list; allowed is an object"),
    ("7", 1, 1, "a number; allowed is an object"),
    ("null", 1, 1, "null; allowed is an object"),
    ('"text"', 1, 1, "a text; allowed is an object"),
    ('{"a": 1} x', 1, 10, "more text ('x') after the end"),
    ('{"a": 1}{', 1, 9, "more text"),
    ('{"a": 1,\n "a": 2}', 2, 2, "the name 'a' stands twice"),
    ('{"x": {"a": 1, "a": 2}}', 1, 16, "the name 'a' stands twice"),
    ('{"a": NaN}', 1, 7, "NaN is not a number that JSON has"),
    ('{"a": -Infinity}', 1, 7, "-Infinity is not a number"),
    ('{"a": 1e999}', 1, 7, "larger than a computer holds"),
    ('{"a": ' + "1" * 5000 + "}", 1, 7, "more digits"),
    ('{"a": True}', 1, 7, "write true, not True"),
    ('{"a": None}', 1, 7, "write null, not None"),
    ("{'a': 1}", 1, 2, "a name in double quotes is expected"),
    ("{\"a\": 'b'}", 1, 7, "double quotes"),
    ("{a: 1}", 1, 2, "a name in double quotes is expected, and 'a' found"),
    ('{"a" 1}', 1, 6, "a colon is expected after the name 'a'"),
    ('{"a": 1 "b": 2}', 1, 9, "a comma or '}' is expected, and '\"' found"),
    ('{"a": 1', 1, 1, "the '{' that starts here is never closed"),
    ('{"a": [1', 1, 7, "the '[' that starts here is never closed"),
    ('{"a": "b', 1, 7, "never closed with a double quote"),
    ('{"a": "b\nc"}', 1, 9, "invalid control character"),
    ('{"a": "\\x"}', 1, 8, "invalid \\escape"),
    ('{"a": "\\ud800"}', 1, 7, "half a character"),
    ('{"a": 1} // end', 1, 10, "JSON has no comments"),
    ('{# no\n"a": 1}', 1, 2, "JSON has no comments"),
    ('{"a": /* no */ 1}', 1, 7, "JSON has no comments"),
    ('{"a": ' + "[" * 100 + "]" * 100 + "}", 1, 38, "nested deeper than 32 levels"),
    ('{"a": ' * 100_000, 1, 193, "nested deeper than 32 levels"),
    ('{"a": 01}', 1, 8, "a comma or '}' is expected"),
    ('{"a": }', 1, 7, "a value is expected, and '}' found"),
    ("{,}", 1, 2, "a name in double quotes is expected"),
]


@pytest.mark.parametrize(("text", "line", "column", "reason"), BAD, ids=range(len(BAD)))
def test_a_mistake_is_named_at_its_line_and_column(text, line, column, reason):
    with pytest.raises(InvalidDocument) as caught:
        parse(text, source="values.json")
    assert (caught.value.line, caught.value.column) == (line, column)
    assert reason in caught.value.message
    assert str(caught.value).startswith(f"values.json: line {line}, column {column}: ")


def test_a_document_too_large_is_refused_by_its_size():
    text = json.dumps({"a": "x" * 5_000_000})
    for document in (text, text.encode()):
        with pytest.raises(InvalidDocument, match=r"5,000,009 bytes; allowed are 1,048,576"):
            parse(document)


def test_bytes_that_are_not_utf_8_are_named():
    with pytest.raises(InvalidDocument, match="byte 8 is 0xff"):
        parse(b'{"a": "\xff"}')


def test_a_byte_order_mark_is_no_mistake():
    assert parse(b'\xef\xbb\xbf{"a": 1}') == parse('\ufeff{"a": 1}') == {"a": 1}


def test_the_order_of_keys_is_kept():
    assert list(parse('{"b": 1, "a": {"z": 1, "y": 2}}')) == ["b", "a"]
    assert dump({"b": 1, "ä": [True, None]}) == '{\n  "b": 1,\n  "ä": [\n    true,\n    null\n  ]\n}'


leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(leaves | texts, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=20)


@given(st.dictionaries(texts, values))
def test_what_json_writes_is_read_back(document):
    for text in (dump(document), json.dumps(document), json.dumps(document, indent="\t", ensure_ascii=False)):
        found = parse(text)
        assert found == document
        assert list(found) == list(document)
    assert check_document(document) == document


@given(st.text("{}[]\":,0123456789.eE+-truefalsn \n\\u/#'", max_size=40))
def test_no_text_gives_anything_but_a_document_or_a_named_mistake(text):
    try:
        found = parse(text)
    except InvalidDocument as error:
        assert error.line >= 1
        assert error.column >= 1
    else:
        assert found == json.loads(text)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({"a": {1: 2}}, "a: the key 1 is a number; allowed is a text"),
        ({"a": [float("nan")]}, "a[0]: the value is nan"),
        ({"a": {"b": float("inf")}}, "a.b: the value is inf"),
        ({"a": "\ud800"}, "a: the text has half a character"),
        ({"\ud800": 1}, "half a character"),
        ({"a": {1, 2}}, "a: the value is a Python set"),
        ({"a": b"x"}, "a Python bytes"),
        ([], "the values are a list"),
        (None, "the values are null"),
        ("x", "a text"),
    ],
)
def test_what_json_cannot_hold_is_refused_with_its_place(found, reason):
    with pytest.raises(InvalidValues) as caught:
        check_document(found)
    assert reason in str(caught.value)


def test_values_too_deep_or_too_large_are_refused():
    deep: dict = {}
    for _ in range(100):
        deep = {"a": deep}
    with pytest.raises(InvalidValues, match="nested deeper than 32"):
        check_document(deep)
    with override_settings(CCX_TENANCY={"MAX_DOCUMENT_BYTES": 1024}), pytest.raises(InvalidValues, match="1,024"):
        check_document({"a": "x" * 1024})


def test_tuples_become_lists_and_the_copy_is_the_callers_own():
    given_values = {"a": (1, [2])}
    copy = check_document(given_values)
    assert copy == {"a": [1, [2]]}
    assert copy["a"][1] is not given_values["a"][1]
