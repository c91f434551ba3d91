"""The form of a document: what is refused, and by which place in it."""

import json

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccx_tenancy.errors import InvalidDocument, InvalidValues
from ccx_tenancy.provisioning import apply_document, plan_document
from ccx_tenancy.provisioning.documents import read

GOOD = {"key": "maxi", "name": "Maxi", "domain": "maxi.localhost"}


def problems(document):
    with pytest.raises(InvalidValues) as caught:
        read(json.dumps(document), source="file.json")
    assert str(caught.value).startswith("file.json: ")
    return {problem.path: problem.message for problem in caught.value.problems}


def tenant_problems(**fields):
    return problems({"tenants": [{**GOOD, **fields}]})


def test_the_shorthand_is_a_primary_domain_of_each_surface():
    (tenant,) = read(json.dumps({"tenants": [{**GOOD, "studio_domain": "Studio.Maxi.localhost."}]})).tenants
    assert [(one.domain, one.surface, one.primary) for one in tenant.domains] == [
        ("maxi.localhost", "lms", True),
        ("studio.maxi.localhost", "studio", True),
    ]


def test_the_first_domain_of_a_surface_is_primary_where_none_says_so():
    domains = [
        {"domain": "a.localhost", "surface": "alias"},
        {"domain": "b.localhost", "primary": False},
        {"domain": "c.localhost", "surface": "lms"},
        {"domain": "d.localhost"},
        {"domain": "e.localhost", "surface": "mfe"},
    ]
    (tenant,) = read(json.dumps({"tenants": [{"key": "a", "name": "A", "domains": domains}]})).tenants
    assert [one.domain for one in tenant.domains if one.primary] == ["c.localhost", "e.localhost"]


def test_a_text_that_is_not_json_is_refused_at_line_and_column():
    with pytest.raises(InvalidDocument, match=r"^seed\.json: line 2, column 16: a comma may not stand"):
        read(b'{\n  "tenants": [],\n}', source="seed.json")


@pytest.mark.parametrize("text", [b"\x00", b'{"tenants": ["\x00"]}', b"\xff{}", b"[]", b"", b"null", b"{" * 100_000])
def test_bytes_that_are_no_document_are_refused(text):
    with pytest.raises(InvalidDocument):
        read(text)


def test_five_megabytes_are_refused_by_their_size():
    with pytest.raises(InvalidDocument, match=r"MAX_DOCUMENT_BYTES"):
        read(json.dumps({"tenants": [{**GOOD, "name": "x" * 5_000_000}]}))


def test_an_empty_document_is_refused():
    assert "the document is empty" in problems({})[""]


@pytest.mark.parametrize(
    ("document", "path", "hint"),
    [
        ({"tenant": []}, "tenant", "'tenants'"),
        ({"tenants": [{**GOOD, "organisations": []}]}, "tenants[0].organisations", "'organizations'"),
        ({"tenants": [{**GOOD, "domains": [{"domian": "x"}]}]}, "tenants[0].domains[0].domian", "'domain'"),
        ({"sites": [{"domain": "localhost", "configurations": {}}]}, "sites[0].configurations", "'configuration'"),
    ],
)
def test_an_unknown_field_is_refused_with_the_nearest_one(document, path, hint):
    message = problems(document)[path]
    assert "there is no such field" in message
    assert f"Did you mean {hint}?" in message


@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], {}, "", " ", "x" * 300, "a\u0000b", ["a"], {"a": 1}])
@pytest.mark.parametrize("name", ["key", "name", "state", "domain", "studio_domain"])
def test_a_field_of_a_tenant_that_is_no_such_text_is_refused_at_its_place(name, value):
    assert f"tenants[0].{name}" in tenant_problems(**{name: value})


@pytest.mark.parametrize("value", [None, 1, True, "x", {"a": 1}])
@pytest.mark.parametrize("name", ["domains", "organizations"])
def test_what_has_to_be_a_list_is_refused_where_it_is_none(name, value):
    assert "allowed is a list" in tenant_problems(**{name: value})[f"tenants[0].{name}"]


@pytest.mark.parametrize("value", [None, 1, True, "x", []])
@pytest.mark.parametrize("name", ["configuration", "configurations"])
def test_what_has_to_be_an_object_is_refused_where_it_is_none(name, value):
    assert "allowed is an object" in tenant_problems(**{name: value})[f"tenants[0].{name}"]


@pytest.mark.parametrize("value", [None, 0, 1, "true", [], {}])
def test_what_has_to_be_a_switch_is_refused_where_it_is_none(value):
    assert "allowed is true or false" in tenant_problems(enabled=value)["tenants[0].enabled"]
    found = tenant_problems(domains=[{"domain": "x.localhost", "primary": value}])
    assert "allowed is true or false" in found["tenants[0].domains[0].primary"]


@pytest.mark.parametrize("value", [None, 1, "x", []])
def test_an_entry_that_is_no_object_is_refused_by_its_number(value):
    assert set(problems({"tenants": [GOOD, value], "sites": [value]})) == {"tenants[1]", "sites[0]"}
    assert "tenants[0].domains[0]" in tenant_problems(domains=[value])


@pytest.mark.parametrize("domain", ["http://a.localhost", "a.localhost/x", "a b.localhost", "a.localhost:80", "*.a.b"])
def test_a_domain_that_is_more_than_a_host_name_is_refused_at_its_place(domain):
    found = tenant_problems(domains=[{"domain": domain, "surface": "alias"}])
    assert repr(domain) in found["tenants[0].domains[0].domain"]


def test_a_site_holds_shorter_domains_and_names_than_dns():
    found = problems({"sites": [{"domain": f"{'a' * 60}.{'b' * 60}"}, {"domain": "a.b", "name": "x" * 51}]})
    assert "allowed for a site are 100" in found["sites[0].domain"]
    assert "allowed for a site are 50" in found["sites[1].name"]


def test_a_tenant_needs_a_key_a_name_and_an_lms_domain():
    found = problems({"tenants": [{"domains": [{"domain": "x.localhost", "surface": "alias"}]}]})
    assert "missing" in found["tenants[0].key"]
    assert "missing" in found["tenants[0].name"]
    assert "no LMS domain" in found["tenants[0]"]


def test_one_domain_of_a_surface_is_primary_not_two_and_not_none():
    two = [{"domain": "b.localhost", "primary": True}]
    assert "'maxi.localhost' is the primary" in tenant_problems(domains=two)["tenants[0].domains[0].domain"]
    none = [{"domain": "b.localhost", "surface": "mfe", "primary": False}]
    assert "one has to be" in tenant_problems(domains=none)["tenants[0].domains[0].domain"]
    alias = [{"domain": "b.localhost", "surface": "alias", "primary": True}]
    assert "never primary" in tenant_problems(domains=alias)["tenants[0].domains[0].primary"]


def test_twins_in_one_document_are_refused_by_both_places():
    found = problems(
        {
            "tenants": [
                {"key": "a", "name": "A", "domain": "bücher.localhost", "organizations": ["Maxi"]},
                {
                    "key": "a",
                    "name": "B",
                    "domains": [{"domain": "XN--bcher-kva.localhost"}],
                    "organizations": ["other", "maxi"],
                },
            ],
            "sites": [{"domain": "BÜCHER.localhost"}],
        }
    )
    assert "tenants[0].key" in found["tenants[1].key"]
    assert (
        "(read as 'xn--bcher-kva.localhost') stands already at tenants[0].domain"
        in found["tenants[1].domains[0].domain"]
    )
    assert "tenants[0].organizations[0]" in found["tenants[1].organizations[1]"]
    assert "tenants[0].domain" in found["sites[0].domain"]


def test_a_configuration_belongs_to_an_lms_domain_that_the_document_lists():
    found = tenant_problems(
        studio_domain="studio.maxi.localhost",
        configuration={},
        configurations={"maxi.localhost": {}, "studio.maxi.localhost": {}, "x.localhost": {}, "": {}},
    )
    assert "stands already at tenants[0].configuration" in found['tenants[0].configurations["maxi.localhost"]']
    assert "it lists maxi.localhost" in found['tenants[0].configurations["studio.maxi.localhost"]']
    assert 'tenants[0].configurations["x.localhost"]' in found
    assert 'tenants[0].configurations[""]' in found
    found = tenant_problems(configurations={"maxi.localhost": []})
    assert "allowed is an object" in found['tenants[0].configurations["maxi.localhost"]']


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["lms", "a.localhost", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=5) | st.sampled_from(["domain", "surface", "primary", "PLATFORM_NAME"]), inner
        )
    ),
    max_leaves=8,
)
GOOD_FIELDS = {
    "key": st.sampled_from(["a", "b", "maxi"]),
    "name": st.text(max_size=60),
    "state": st.sampled_from(["active", "suspended", "archived"]),
    "domain": st.sampled_from(["a.localhost", "ä.localhost", "localhost"]) | st.text(max_size=5),
    "studio_domain": st.just("studio.localhost"),
    "domains": st.lists(
        st.fixed_dictionaries(
            {"domain": st.sampled_from(["b.localhost", "c.localhost", "Ä.localhost"])},
            optional={"surface": st.sampled_from(["lms", "studio", "mfe", "alias"]), "primary": st.booleans()},
        ),
        max_size=3,
    ),
    "organizations": st.lists(st.text(max_size=4) | st.sampled_from(["Maxi", "maxi", "ẞ", "İ"]), max_size=3),
    "configuration": st.dictionaries(
        st.sampled_from(["PLATFORM_NAME", "course_org_filter", "DEBUG", "SEGMENT_KEY"]) | st.text(max_size=3), JSON
    ),
    "enabled": st.booleans(),
    "configurations": st.dictionaries(
        st.sampled_from(["a.localhost", "b.localhost"]), st.dictionaries(st.text(), JSON)
    ),
}
ENTRY = st.fixed_dictionaries({}, optional={name: good | JSON for name, good in GOOD_FIELDS.items()})
DOCUMENT = JSON | st.fixed_dictionaries({}, optional={name: JSON | st.lists(ENTRY) for name in ("tenants", "sites")})
# Mostly of the form, so that many of them are applied.
TENANT = st.fixed_dictionaries(
    {"key": GOOD_FIELDS["key"], "name": st.just("A name"), "domain": st.sampled_from(["a.localhost", "ä.localhost"])},
    optional={
        name: GOOD_FIELDS[name]
        for name in ("state", "domains", "organizations", "configuration", "configurations", "enabled")
    },
)
SITE = st.fixed_dictionaries(
    {"domain": st.sampled_from(["localhost", "LOCALHOST.", "c.localhost"])},
    optional={"configuration": GOOD_FIELDS["configuration"], "enabled": st.booleans()},
)
STEP = st.fixed_dictionaries(
    {}, optional={"tenants": st.lists(TENANT, max_size=2), "sites": st.lists(SITE, max_size=2)}
)
fuzz = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.django_db
@fuzz
@given(document=DOCUMENT)
def test_whatever_json_comes_it_is_planned_or_refused_by_name(document):
    try:
        plan_document(json.dumps(document), source="fuzz")
    except (InvalidDocument, InvalidValues) as error:
        assert str(error).startswith("fuzz: ")


@pytest.mark.django_db
@fuzz
@given(steps=st.lists(st.tuples(STEP, st.booleans()), min_size=1, max_size=3))
def test_what_can_be_planned_can_be_applied_and_then_there_is_nothing_to_do(steps):
    with transaction.atomic():
        for step, prune in steps:
            text = json.dumps(step)
            try:
                plan = plan_document(text, prune=prune)
            except (InvalidDocument, InvalidValues):
                with pytest.raises((InvalidDocument, InvalidValues)):
                    apply_document(text, prune=prune)
                continue
            applied = apply_document(text, prune=prune)
            assert applied.failures == ()
            assert applied.plan == plan
            assert plan_document(text, prune=prune).is_empty
            assert apply_document(text, prune=prune).plan.is_empty
        transaction.set_rollback(True)


@fuzz
@given(text=st.binary(max_size=60) | st.text(max_size=60))
def test_whatever_bytes_come_they_are_read_or_refused_by_name(text):
    try:
        read(text, source="fuzz")
    except (InvalidDocument, InvalidValues) as error:
        assert str(error).startswith("fuzz: ")
