"""The data file of known site-configuration keys, checked as plain data: nothing of the package is imported here."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

pytestmark = pytest.mark.once

DATA = Path(__file__).resolve().parents[2] / "ccx_tenancy" / "site_config" / "known_keys.json"

REQUIRED_FIELDS = {
    "key",
    "schema",
    "meaning",
    "default",
    "secret",
    "tenant_writable",
    "surface",
    "group",
    "read_in",
}
OPTIONAL_FIELDS = {"setting", "example"}
SURFACES = (["lms"], ["studio"], ["lms", "studio"])
GROUPS = {
    "branding",
    "registration",
    "courses",
    "email",
    "mfe",
    "certificates",
    "payments",
    "analytics",
    "features",
    "sso",
    "legal",
    "support",
    "mobile",
    "other",
}
# What the platform trusts, or sends people, tokens and mail to: never a tenant's own choice.
OPERATOR_ONLY = [
    "ACTIVATION_EMAIL_FROM_ADDRESS",
    "ALLOW_AUTOMATED_SIGNUPS",
    "BASE_COOKIE_DOMAIN",
    "CMS_ROOT_URL",
    "CORS_ORIGIN_WHITELIST",
    "COURSE_CATALOG_API_URL",
    "CREDENTIALS_INTERNAL_SERVICE_URL",
    "CREDENTIALS_PUBLIC_SERVICE_URL",
    "DEFAULT_FROM_EMAIL",
    "DISABLE_ACCOUNT_ACTIVATION_REQUIREMENT_SWITCH",
    "ECOMMERCE_API_URL",
    "ECOMMERCE_PUBLIC_URL_ROOT",
    "ENABLE_ACCOUNT_DELETION",
    "ENABLE_THIRD_PARTY_AUTH",
    "ENTERPRISE_API_URL",
    "ENTERPRISE_CONSENT_API_URL",
    "ENTERPRISE_SPECIFIC_BRANDED_WELCOME_TEMPLATE",
    "FRONTEND_SITE_CONFIG",
    "GOOGLE_SITE_VERIFICATION_ID",
    "LMS_BASE",
    "LMS_ROOT_URL",
    "MFE_CONFIG",
    "MFE_CONFIG_OVERRIDES",
    "SESSION_COOKIE_DOMAIN",
    "SESSION_COOKIE_NAME",
    "SITE_NAME",
    "THIRD_PARTY_AUTH_ONLY_DOMAIN",
    "course_email_from_addr",
    "course_org_filter",
    "email_from_address",
    "site_domain",
    "student_profile_download_fields",
]
LINKS = [
    "ACTIVATION_EMAIL_SUPPORT_LINK",
    "CONTACT_US_CUSTOM_LINK",
    "ENTERPRISE_SUPPORT_URL",
    "PASSWORD_RESET_SUPPORT_LINK",
    "SEND_ACTIVATION_EMAIL_URL",
    "SUPPORT_SITE_LINK",
]
NAMED_LINKS = [
    "MKTG_URLS",
    "MKTG_URL_OVERRIDES",
    "MOBILE_STORE_ACE_URLS",
    "MOBILE_STORE_LOGO_URLS",
    "SOCIAL_MEDIA_FOOTER_ACE_URLS",
    "SOCIAL_MEDIA_LOGO_URLS",
    "urls",
]


def unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object of JSON and refuse one that names a member twice, which json would let pass."""
    names = [name for name, _ in pairs]
    repeated = sorted({name for name in names if names.count(name) > 1})
    assert not repeated, f"named twice in one object: {repeated}"
    return dict(pairs)


DOCUMENT: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"), object_pairs_hook=unique_names)
ENTRIES: list[dict[str, Any]] = DOCUMENT["keys"]
BY_KEY: dict[str, dict[str, Any]] = {entry["key"]: entry for entry in ENTRIES}

each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=[entry["key"] for entry in ENTRIES])


def accepts(key: str, value: object) -> bool:
    """Say whether the schema of a known key admits a value."""
    return Draft202012Validator(BY_KEY[key]["schema"]).is_valid(value)


def patterns_in(schema: object) -> Iterator[str]:
    """Yield every `pattern` in a schema, at any depth."""
    if isinstance(schema, dict):
        for name, value in schema.items():
            if name == "pattern" and isinstance(value, str):
                yield value
            yield from patterns_in(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from patterns_in(value)


def test_the_file_names_its_version_and_holds_nothing_but_keys() -> None:
    assert set(DOCUMENT) == {"version", "keys"}
    assert DOCUMENT["version"] == 1


def test_keys_are_sorted_and_each_is_there_once() -> None:
    keys = [entry["key"] for entry in ENTRIES]
    assert keys == sorted(keys)
    assert len(keys) == len(set(keys))


def test_at_least_sixty_keys_are_read_by_the_host() -> None:
    assert sum(1 for entry in ENTRIES if entry["read_in"]) >= 60


@each_entry
def test_an_entry_has_every_field_and_no_other(entry: dict[str, Any]) -> None:
    assert set(entry) >= REQUIRED_FIELDS
    assert set(entry) <= REQUIRED_FIELDS | OPTIONAL_FIELDS


@each_entry
def test_the_fields_of_an_entry_have_the_right_types(entry: dict[str, Any]) -> None:
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", entry["key"])
    assert isinstance(entry["schema"], dict)
    assert isinstance(entry["secret"], bool)
    assert isinstance(entry["tenant_writable"], bool)
    assert entry["surface"] in SURFACES
    assert entry["group"] in GROUPS


@each_entry
def test_the_meaning_is_a_few_plain_sentences(entry: dict[str, Any]) -> None:
    meaning = entry["meaning"]
    assert meaning == " ".join(meaning.split())
    assert meaning.endswith(".")
    assert 20 <= len(meaning) <= 320


@each_entry
def test_read_in_names_at_most_three_files_by_relative_path(entry: dict[str, Any]) -> None:
    files = entry["read_in"]
    assert len(files) <= 3
    assert len(files) == len(set(files))
    for file in files:
        assert re.fullmatch(r"(edx-enterprise: )?[a-z_]+(/[A-Za-z0-9_.-]+)*\.(py|html)", file), file


@each_entry
def test_the_schema_is_valid_and_admits_no_null_at_the_top(entry: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(entry["schema"])
    assert not accepts(entry["key"], None)
    for pattern in patterns_in(entry["schema"]):
        re.compile(pattern)


@each_entry
def test_a_default_matches_its_schema_and_a_setting_stands_only_without_one(entry: dict[str, Any]) -> None:
    if entry["default"] is not None:
        assert accepts(entry["key"], entry["default"])
        assert "setting" not in entry
    if "setting" in entry:
        assert re.fullmatch(r"(FEATURES\.)?[A-Z][A-Z0-9_]*", entry["setting"])


@each_entry
def test_an_example_matches_its_schema(entry: dict[str, Any]) -> None:
    if "example" in entry:
        assert accepts(entry["key"], entry["example"])


def test_a_secret_shows_no_value_and_is_not_for_tenants() -> None:
    secrets = [entry for entry in ENTRIES if entry["secret"]]
    assert {entry["key"] for entry in secrets} >= {"HUBSPOT_API_KEY", "JWT_AUTH", "EMAIL_HOST_PASSWORD"}
    for entry in secrets:
        assert entry["default"] is None, entry["key"]
        assert "setting" not in entry, entry["key"]
        assert "example" not in entry, entry["key"]
        assert not entry["tenant_writable"], entry["key"]


def test_a_key_that_looks_like_a_credential_is_secret() -> None:
    credential = re.compile(r"(SECRET|PASSWORD|PRIVATE_KEY|SIGNING_KEY|API_KEY|ACCESS_TOKEN)")
    # A link about passwords and a switch for a password mail are not credentials.
    harmless = {"PASSWORD_RESET_SUPPORT_LINK", "ENABLE_PASSWORD_RESET_FAILURE_EMAIL"}
    for key, entry in BY_KEY.items():
        if credential.search(key) and key not in harmless:
            assert entry["secret"], key


@pytest.mark.parametrize("key", OPERATOR_ONLY)
def test_a_key_with_power_over_the_platform_is_not_for_tenants(key: str) -> None:
    assert BY_KEY[key]["tenant_writable"] is False


@pytest.mark.parametrize(
    "key", ["PLATFORM_NAME", "platform_name", "logo_image_url", "HOMEPAGE_COURSE_MAX", "MKTG_URLS"]
)
def test_names_look_and_course_display_are_for_tenants(key: str) -> None:
    assert BY_KEY[key]["tenant_writable"] is True


def test_a_typical_site_configuration_is_known_and_valid() -> None:
    values = {
        "PLATFORM_NAME": "Maxi's Academy",
        "SITE_NAME": "maxi-academy.example.com",
        "course_org_filter": "maxi-academy",
        "ENABLE_COMBINED_LOGIN_REGISTRATION": True,
    }
    for key, value in values.items():
        assert accepts(key, value), key


def test_both_spellings_of_a_name_point_to_each_other() -> None:
    for one, other in [("platform_name", "PLATFORM_NAME"), ("contact_email", "CONTACT_EMAIL")]:
        assert other in BY_KEY[one]["meaning"]
        assert one in BY_KEY[other]["meaning"]


def test_the_org_filter_is_one_organization_or_a_list_of_them() -> None:
    assert accepts("course_org_filter", "maxi-academy")
    assert accepts("course_org_filter", ["maxi-academy", "blue-university"])
    assert not accepts("course_org_filter", [1])
    assert not accepts("course_org_filter", {"maxi-academy": True})


def test_a_switch_is_a_boolean_and_not_a_word_or_a_number() -> None:
    assert accepts("ENABLE_MKTG_SITE", False)
    for value in ("true", "False", 1, 0, ""):
        assert not accepts("ENABLE_MKTG_SITE", value), value


def test_a_value_by_organization_may_be_one_for_all() -> None:
    for key in ("course_email_from_addr", "course_email_template_name"):
        assert accepts(key, "one-for-all")
        assert accepts(key, {"maxi-academy": "one"})
        assert not accepts(key, {"maxi-academy": 1})


def test_a_registration_field_is_required_optional_or_hidden() -> None:
    assert accepts("REGISTRATION_EXTRA_FIELDS", {"country": "required", "city": "hidden"})
    assert accepts("REGISTRATION_EXTRA_FIELDS", {"a_custom_field": "optional-exposed"})
    assert not accepts("REGISTRATION_EXTRA_FIELDS", {"country": "optional-exposed"})
    assert not accepts("REGISTRATION_EXTRA_FIELDS", {"country": True})


def test_a_password_is_never_kept_among_the_profile_fields() -> None:
    assert accepts("extended_profile_fields", ["company", "job_title"])
    assert not accepts("extended_profile_fields", ["company", "password"])


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://help.example.com/start?topic=1#top",
        "HTTP://help.example.com",
        "//help.example.com",
        "/support/contact_us",
        "contact",
        "#contact",
        "mailto:help@example.com?subject=Hello there",
        "https://example.com/time/12:30",
        "/time/12:30",
    ],
)
def test_a_link_may_be_an_address_or_a_path(address: str) -> None:
    for key in LINKS:
        assert accepts(key, address), key
    for key in NAMED_LINKS:
        assert accepts(key, {"NAME": address}), key


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "\u0001javascript:alert(1)",
        "javascript://example.com/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:msgbox(1)",
        'https://example.com/" onclick="alert(1)',
        "/<script>",
    ],
)
def test_a_link_may_not_carry_a_script(address: str) -> None:
    for key in LINKS:
        assert not accepts(key, address), key
    for key in NAMED_LINKS:
        assert not accepts(key, {"NAME": address}), key
