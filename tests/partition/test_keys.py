"""The organizations that a text names."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from opaque_keys.edx.asides import AsideUsageKeyV1, AsideUsageKeyV2
from opaque_keys.edx.locator import (
    CourseLocator,
    LibraryCollectionLocator,
    LibraryContainerLocator,
    LibraryLocator,
    LibraryLocatorV2,
    LibraryUsageLocatorV2,
)

from ccx_tenancy.partition.keys import comparable, named_by_organization_field, named_in

pytestmark = pytest.mark.once


def organizations(text, *, prose=True):
    return {one.organization for one in named_in(text, prose=prose)}


KEYS = [
    "course-v1:Globex+GX1+2026",
    "course-v1:Globex",
    "course-v1:Globex+GX1+2026+branch@draft-branch+version@519665f6223ebd6980884f2b",
    "ccx-v1:Globex+GX1+2026+ccx@1",
    "ccx-block-v1:Globex+GX1+2026+ccx@1+type@problem+block@x",
    "library-v1:Globex+Lib",
    "block-v1:Globex+GX1+2026+type@problem+block@x",
    "lib-block-v1:Globex+Lib+type@problem+block@x",
    "asset-v1:Globex+GX1+2026+type@asset+block@picture.png",
    "lib:Globex:Lib",
    "lb:Globex:Lib:html:one",
    "lct:Globex:Lib:unit:one",
    "lib-collection:Globex:Lib:one",
    "aside-usage-v1:block-v1:Globex+GX1+2026+type@problem+block@x::aside",
    "aside-usage-v1:lb:Globex:Lib:html:one::aside",
    "aside-usage-v2:lb$:Globex$:Lib$:html$:one::aside",
    "aside-usage-v2:block-v1$:Globex+GX1+2026+type@problem+block@x::aside",
    "aside-usage-v2:aside-usage-v2$:block-v1$$$:Globex+GX1+2026+type@problem+block@x$:$:a::b",
    "aside-usage-v1:i4x://Globex/GX1/problem/x::aside",
    "aside-usage-v2:i4x$://Globex/GX1/problem/x::aside",
    "slashes:Globex+GX1+2026",
    "i4x://Globex/GX1/problem/x",
    "c4x://Globex/GX1/asset/picture.png",
    "/c4x/Globex/GX1/asset/picture.png",
    "i4x:;_;_Globex;_GX1;_problem;_x",
    "Globex/GX1/2026",
    # Kinds not yet invented.
    "pathway-v7:Globex+P1",
    "pathway:Globex@P1",
    "wrap-v3:course-v1:Globex+GX1+2026",
    "wrap-v3:lb$:Globex$:Lib$:html$:one",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("prose", [True, False])
def test_a_key_of_any_kind_names_its_organization(key, prose):
    assert organizations(key, prose=prose) == {"globex"}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_found_under_percent_encodings_that_nobody_asked_for(key):
    once = quote(key, safe="")
    assert organizations(once) == {"globex"}
    assert organizations(quote(once, safe="")) == {"globex"}


@pytest.mark.parametrize("mark", [",", ";", "|", "\n", "\r\n", "\t", " , ", "\u2028", " "])
@pytest.mark.parametrize("key", [key for key in KEYS if not key.startswith("i4x:;")])
def test_every_key_of_a_list_counts(key, mark):
    assert organizations(f"course-v1:Acme+A1+2026{mark}{key}") == {"acme", "globex"}
    assert organizations(f"{key}{mark}course-v1:Acme+A1+2026") == {"acme", "globex"}


@pytest.mark.parametrize("padding", ["junk,", "x;", "y|" * 5000, "\n" * 10_000, "a, b, c, " * 2000])
def test_junk_and_padding_in_front_of_a_list_do_not_hide_a_key(padding):
    assert organizations(f"{padding}course-v1:Globex+GX1+2026") == {"globex"}


@pytest.mark.parametrize(
    "text",
    [
        "course-v1:Globex GX1 2026",
        "course-v1:Globex+GX1 2026",
        "course-v1:Globex GX1+2026",
        "block-v1:Globex GX1 2026 type@html block@x",
        "library-v1:Globex Lib",
        "  course-v1:Globex+GX1+2026 ",
        '"course-v1:Globex+GX1+2026"',
        "[course-v1:Globex+GX1+2026]",
        "\ufeffcourse-v1:Globex+GX1+2026",
        "\0course-v1:Globex+GX1+2026\0",
        "course-v1:GLOBEX+GX1+2026",
        "course-v1:Glöbex+GX1+2026",
        "course-v1:Ｇlobex+GX1+2026",
        "course-v1:Gløbex+GX1+2026",
    ],
)
def test_what_a_lenient_reader_takes_for_a_key_is_found(text):
    assert "globex" in organizations(text)


MARKS = {
    "zero-width space": "\u200b",
    "soft hyphen": "\u00ad",
    "joiner": "\u200d",
    "variation selector": "\ufe0f",
    "combining diaeresis": "\u0308",
    "right-to-left mark": "\u200f",
    "control character": "\x01",
    "separator of files": "\x1c",
    "delete": "\x7f",
    "byte order mark": "\ufeff",
}


@pytest.mark.parametrize("mark", MARKS.values(), ids=MARKS)
@pytest.mark.parametrize("place", [1, 7, 10, 13, 18])
@pytest.mark.parametrize("prose", [True, False])
@pytest.mark.parametrize("encodings", [0, 1])
def test_a_mark_that_a_database_ignores_hides_no_organization(mark, place, prose, encodings):
    """MariaDB and MySQL compare as if it were not there, and find the row of the key without it."""
    text = "course-v1:Globex+GX1+2026"
    text = text[:place] + mark + text[place:]
    for _ in range(encodings):
        text = quote(text, safe=":+")
    assert "globex" in organizations(text, prose=prose)


def test_a_mark_hides_nothing_in_a_field_of_an_organization():
    for mark in MARKS.values():
        assert "globex" in {one.organization for one in named_by_organization_field(f"Glo{mark}bex")}, repr(mark)


@pytest.mark.parametrize(
    "text", ["course-v1\uff1aGlobex+GX1+2026", "course-v1:Globex\uff0bGX1\uff0b2026", "\uff4cib:Globex:L1"]
)
def test_a_wide_letter_or_sign_is_the_narrow_one(text):
    assert "globex" in organizations(text)
    assert "globex" in organizations(text, prose=False)


@pytest.mark.parametrize(
    "text", ["x;k=course-v1:Globex+GX1+2026", "k=lib:Globex:L1", "a=b;k=block-v1:Globex+GX1+1+type@x"]
)
def test_a_parameter_of_a_segment_is_read(text):
    assert organizations(text, prose=False) == {"globex"}


@pytest.mark.parametrize("text", ["note:Globex", "partner:globex", "tag:Globex", "re:Globex", "from:Globex, to:Globex"])
@pytest.mark.parametrize("prose", [True, False])
def test_a_word_with_a_colon_before_a_name_is_no_key(text, prose):
    assert organizations(text, prose=prose) == set()


@pytest.mark.parametrize(
    "text", ["lib:Globex", "lb:Globex", "pathway-v7:Globex", "note:Globex+N1", "lib-collection:Globex"]
)
def test_a_kind_that_is_known_or_says_its_version_needs_no_second_part(text):
    assert organizations(text) == {"globex"}


def test_a_list_of_keys_whose_plus_signs_became_blanks_is_read():
    assert organizations("course-v1:Acme A1 2026 course-v1:Globex GX1 2026") == {"acme", "globex"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "See course-v1:Globex+GX1+2026 for more.",
        "course-v1:Globex+GX1+2026 is the course to take",
        '<a href="/courses/course-v1:Globex+GX1+2026/about">Look, here</a>',
        "/courses/course-v1:Globex+GX1+2026/about",
        "https://globex.example.com/courses/course-v1:Globex+GX1+2026/",
        "/login?next=/courses/course-v1:Globex+GX1+2026/",
        "mailto:globex@example.com",
        "2026-01-02T10:00:00Z",
        "10:30",
        "def-v1",
        "a/b",
        "https://example.com/a/b",
        "application/json",
        "Globex is a company. Its courses: many",
    ],
)
def test_prose_links_and_times_are_let_through(text):
    assert "globex" not in organizations(text)


@pytest.mark.parametrize(
    "key", ["lb:Acme:Globex:html:one", "lib:Acme:Globex", "course-v1:Acme+Globex+Globex", "i4x://Acme/Globex/x/Globex"]
)
def test_only_the_organization_is_taken_from_a_key(key):
    assert organizations(key) == {"acme"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("course-v1:Globex*", "globex*"),
        ("course-v1:Glo*", "glo*"),
        ("course-v1:*", "*"),
        ("lb:*", "*"),
        ("course-v1:Globex+*", "globex"),
    ],
)
def test_a_wildcard_names_all_organizations_that_begin_so(text, named):
    assert organizations(text) == {named}


def test_a_field_of_an_organization_names_it_by_its_value():
    assert {one.organization for one in named_by_organization_field(" Globex, Acme ")} == {"globex", "acme"}


def test_a_name_with_accents_stands_for_the_one_without_too():
    assert comparable("Glöbex") == ("glöbex", "globex")
    assert set(comparable("Großex")) >= {"grossex", "grosex"}


NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}", fullmatch=True).filter(lambda name: name[-1] not in ".-")
SLUGS = st.from_regex(r"[A-Za-z0-9_]{1,10}", fullmatch=True)


@st.composite
def opaque_keys(draw):
    """Any key of the kinds that there are, and its organization."""
    organization, course, run, block = draw(NAMES), draw(SLUGS), draw(SLUGS), draw(SLUGS)
    course_key = CourseLocator(organization, course, run)
    library = LibraryLocatorV2(organization, course)
    old = CourseLocator(organization, course, run, deprecated=True)
    kinds = [
        course_key,
        course_key.for_branch("draft-branch"),
        course_key.make_usage_key("problem", block),
        course_key.make_asset_key("asset", f"{block}.png"),
        LibraryLocator(organization, course),
        LibraryLocator(organization, course).make_usage_key("problem", block),
        library,
        LibraryUsageLocatorV2(library, "html", block),
        LibraryContainerLocator(library, "unit", block),
        LibraryCollectionLocator(library, block),
        old,
        old.make_usage_key("problem", block),
        old.make_asset_key("asset", f"{block}.png"),
    ]
    key = draw(st.sampled_from(kinds))
    if hasattr(key, "block_type") and draw(st.booleans()):
        key = draw(st.sampled_from((AsideUsageKeyV1, AsideUsageKeyV2)))(key, "aside")
    return str(key), organization


@given(opaque_keys(), st.integers(0, 2))
def test_any_key_of_opaque_keys_has_its_organization_found_however_often_it_is_encoded(key_and_name, encodings):
    key, organization = key_and_name
    assume(not organization[:1].isdigit() or ":" in key or "/" in key)
    text = key
    for _ in range(encodings):
        text = quote(text, safe="")
    assert organization.lower() in organizations(text)
    assert organization.lower() in organizations(text, prose=False)
    assert organization.lower() in organizations(f"x, {text}")


@given(st.text(max_size=300), st.booleans())
def test_no_text_is_too_strange_to_be_read(text, prose):
    for one in named_in(text, prose=prose):
        assert one.organization


@given(st.lists(st.from_regex(r"[A-Za-z]{1,10}[.,]?", fullmatch=True), min_size=2, max_size=20))
def test_sentences_name_nobody(words):
    assert organizations(" ".join(words)) == set()
