"""Changing a site's values, with history, drafts and secrets."""

import json
import threading

import pytest
from django.contrib.sites.models import Site
from django.db import connection
from django.test import override_settings

from ccx_tenancy import api, errors
from ccx_tenancy.audit.models import AuditEntry
from ccx_tenancy.site_config import api as site_config
from ccx_tenancy.site_config import helpers, secrets
from ccx_tenancy.site_config.models import SiteConfiguration, SiteConfigurationDraft, SiteConfigurationRevision
from ccx_tenancy.site_config.schema import DENIED, denied_reason, known_keys
from ccx_tenancy.site_config.signals import values_published
from ccx_tenancy.tenants import revisions

HOST = "maxi-academy.localhost"
SECRET = "HUBSPOT_API_KEY"


@pytest.fixture
def maxi(tenants):
    with api.tenant_context("maxi-academy"):
        yield tenants[0]


def stored():
    return SiteConfiguration.objects.get(site__domain=HOST).site_values


def counts():
    return [
        model.objects.count()
        for model in (SiteConfiguration, SiteConfigurationRevision, SiteConfigurationDraft, AuditEntry)
    ] + [json.dumps(stored())]


def test_values_are_merged_unless_replaced(maxi):
    found = helpers.set_site_values(HOST, {"X_NEW": {"b": 1, "a": 2}, "PLATFORM_NAME": "New"})
    assert list(found.values) == [
        *["PLATFORM_NAME", "SITE_NAME", "course_org_filter"],
        "ENABLE_COMBINED_LOGIN_REGISTRATION",
        "X_NEW",
    ]
    assert list(helpers.get_value("X_NEW")) == ["b", "a"]
    found = helpers.set_site_values(HOST, {"PLATFORM_NAME": "Only"}, replace=True)
    assert found.values == {"PLATFORM_NAME": "Only"}
    assert found.revision == 3


def test_the_same_values_make_no_new_revision_and_another_order_does(maxi):
    before = counts()
    helpers.set_site_values(HOST, {"PLATFORM_NAME": "Maxi's Academy"})
    assert counts() == before
    reordered = dict(reversed(list(helpers.get_current_site_configuration_values().items())))
    assert helpers.set_site_values(HOST, reordered, replace=True).revision == 2
    assert list(stored()) == list(reordered)


def test_a_site_is_found_in_every_spelling_and_an_unknown_one_is_named(maxi):
    Site.objects.create(domain="Port.Localhost:18000", name="port")
    for spelling in (HOST.upper(), HOST + ".", HOST + ":8000"):
        assert site_config.current_values(spelling).values["PLATFORM_NAME"] == "Maxi's Academy"
    helpers.set_site_values("port.localhost", {"X": 1})
    assert site_config.current_values("Port.Localhost:18000").values == {"X": 1}
    for wrong in ("nobody.localhost", "", "a b", "nobody\x00"):
        with pytest.raises(errors.UnknownDomain):
            helpers.set_site_values(wrong, {"X": 1})


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"PLATFORM_NAME": 3}, "PLATFORM_NAME: the value is a number; allowed is a text"),
        ({"ENABLE_COMBINED_LOGIN_REGISTRATION": "yes"}, "is a text; allowed is true or false"),
        ({"course_org_filter": 3}, "allowed is a text or a list"),
        ({"course_org_filter": [3]}, "course_org_filter[0]"),
        ({"course_org_filter": "blue"}, "'blue' is not an organization of the tenant 'maxi-academy'"),
        ({"course_org_filter": ["maxi-academy", "own"]}, "allowed are its own: maxi-academy"),
        ({"SECRET_KEY": "x"}, "no site may set SECRET_KEY"),
        ({"secret_key": "x"}, "no site may set secret_key"),
        ({"DATABASES": {}}, "no site may set DATABASES"),
        ({"EMAIL_BACKEND": "x"}, "no site may set EMAIL_BACKEND"),
        ({"X_OWN": 1}, "CCX_TENANCY['DENIED_KEYS']"),
        ({"": 1}, "the name '' is not allowed: a name is 1 to 255 ASCII letters, digits and underscores"),
        ({" ": 1}, "the name ' ' is not allowed"),
        ({" SECRET_KEY": "x"}, "the name ' SECRET_KEY' is not allowed"),
        ({"SECRET_KEY\n": "x"}, "is not allowed: a name is"),
        ({"SECRET_KEY\x00": "x"}, "is not allowed: a name is"),
        ({"SECRET\u200b_KEY": "x"}, "is not allowed: a name is"),
        ({"ＳＥＣＲＥＴ_ＫＥＹ": "x"}, "is not allowed: a name is"),
        ({"PLATFORM-NAME": "x"}, "the name 'PLATFORM-NAME' is not allowed"),
        ({"1ST": "x"}, "does not begin with a digit"),
        ({"X" * 256: "x"}, "is not allowed: a name is"),
        ({"a": float("nan")}, "a: the value is nan"),
        ({1: 2}, "the key 1"),
        ([], "a list"),
        (None, "null"),
        ({"PLATFORM_NAME": 3, "DEBUG": True, "X": 1}, "DEBUG"),
        ({"X": {"$sealed": "x"}}, "sealed secret"),
        ({SECRET: "********"}, "none is stored"),
    ],
)
def test_what_is_not_allowed_is_refused_by_name_and_changes_nothing(maxi, admin_user, values, reason):
    before = counts()
    with override_settings(CCX_TENANCY={"DENIED_KEYS": ["X_OWN"]}):
        with pytest.raises(errors.InvalidValues) as caught:
            helpers.set_site_values(HOST, values)
        assert reason in str(caught.value)
        with pytest.raises(errors.InvalidValues):
            site_config.save_draft(HOST, values, actor=admin_user)
    assert counts() == before


PLATFORM_ONLY = [
    "SESSION_COOKIE_NAME",
    "SESSION_COOKIE_AGE",
    "SESSION_COOKIE_SAMESITE",
    "SESSION_ENGINE",
    "SESSION_CACHE_ALIAS",
    "CSRF_COOKIE_NAME",
    "CSRF_USE_SESSIONS",
    "CSRF_TRUSTED_ORIGINS",
    "LANGUAGE_COOKIE_DOMAIN",
    "JWT_PUBLIC_SIGNING_JWK",
    "FIELD_ENCRYPTION_KEY",
    "FERNET_KEYS",
    "SECRET_KEY_FALLBACKS",
    "RETIRED_USER_SALTS",
    "STRIPE_SECRET_KEY",
    "DATABASES",
    "DATABASE_ROUTERS",
    "DATABASE_URL",
    "CACHES",
    "CACHE_MIDDLEWARE_SECONDS",
    "REDIS_URL",
    "MIDDLEWARE",
    "MIDDLEWARE_CLASSES",
    "EXTRA_MIDDLEWARE_CLASSES",
    "AUTHENTICATION_BACKENDS",
    "SOCIAL_AUTH_PIPELINE",
    "ALLOWED_HOSTS",
    "USE_X_FORWARDED_PORT",
    "SECURE_HSTS_SECONDS",
    "X_FRAME_OPTIONS",
    "CORS_ALLOW_HEADERS",
    "PASSWORD_RESET_TIMEOUT",
    "PASSWORD_HASHERS",
    "AUTH_USER_MODEL",
    "CELERY_BROKER_URL",
    "BROKER_URL",
    "CCX_TENANCY",
    "ccx_tenancy",
    "CCX_TENANCY_REDIS_URL",
    "AWS_ACCESS_KEY_ID",
    "EMAIL_HOST",
    "EMAIL_USE_TLS",
    "INSTALLED_APPS",
    "ROOT_URLCONF",
    "TEMPLATES",
    "DEBUG",
    "SITE_ID",
    "WSGI_APPLICATION",
    "FILE_UPLOAD_TEMP_DIR",
]


def test_what_decides_for_the_whole_platform_is_no_site_s_to_set(maxi):
    with pytest.raises(errors.InvalidValues) as caught:
        helpers.set_site_values(HOST, dict.fromkeys(PLATFORM_ONLY, "x"))
    assert [problem.path for problem in caught.value.problems] == PLATFORM_ONLY
    for name, problem in zip(PLATFORM_ONLY, caught.value.problems, strict=True):
        assert f"no site may set {name}: it " in str(problem)
    assert not set(PLATFORM_ONLY) & set(stored())


def test_every_known_key_may_be_set_but_those_denied_by_name():
    denied = {name for name in known_keys() if denied_reason(name) is not None}
    assert denied == {name for name in known_keys() if name in DENIED}
    assert not denied & {"SESSION_COOKIE_DOMAIN", "PASSWORD_RESET_SUPPORT_LINK", "ECOMMERCE_API_SIGNING_KEY"}


def test_every_reason_is_given_at_once(maxi):
    with pytest.raises(errors.InvalidValues) as caught:
        helpers.set_site_values(HOST, {"PLATFORM_NAME": 3, "DEBUG": True, "X": 1, "SITE_NAME": []})
    assert {problem.path for problem in caught.value.problems} == {"PLATFORM_NAME", "DEBUG", "SITE_NAME"}


def test_null_is_allowed_for_a_known_key_and_the_filter_may_name_any_case(maxi):
    helpers.set_site_values(HOST, {"PLATFORM_NAME": None, "course_org_filter": ["MAXI-academy"]})
    assert helpers.get_value("PLATFORM_NAME", "default") is None


def test_a_platform_site_may_name_any_organization(maxi):
    helpers.set_site_values("example.com", {"course_org_filter": ["anything"]})


def test_too_long_a_reason_is_refused(maxi):
    with pytest.raises(errors.InvalidInput, match="256 characters; allowed are 255"):
        helpers.set_site_values(HOST, {"X": 1}, reason="r" * 256)


def test_unknown_keys_are_warned_of_with_the_nearest_known_one():
    [warning] = site_config.warnings_for({"PLATFORM_NAM": 1, "PLATFORM_NAME": "x"})
    assert warning.startswith("PLATFORM_NAM: nothing is known of this key")
    assert "Did you mean 'PLATFORM_NAME'?" in warning


def test_history_says_who_when_why_and_what(maxi, admin_user):
    helpers.set_site_values(HOST, {"X": {"a": 1, "b": 2}}, actor=admin_user, reason="why")
    helpers.set_site_values(HOST, {"X": {"a": 1, "c": 3}})
    site_config.unset_site_values(HOST, ["X"])
    newest, second, first, start = site_config.history(HOST)
    assert [str(change) for change in newest.changes] == ['- X: {\n  "a": 1,\n  "c": 3\n}']
    assert [str(change) for change in second.changes] == ["- X.b: 2", "+ X.c: 3"]
    assert (first.actor, first.actor_id, first.reason) == (admin_user.username, admin_user.pk, "why")
    assert [change.kind for change in first.changes] == ["added"]
    assert (start.revision, start.reason) == (1, "tenant created")
    assert [entry.revision for entry in site_config.history(HOST, limit=2)] == [4, 3]
    assert site_config.history(HOST, limit=1)[0].changes == newest.changes
    entry = AuditEntry.objects.filter(action="config.set").last()
    audit = AuditEntry.objects.get(action="config.set", actor=admin_user.username)
    assert entry is not None
    assert audit.tenant_key == "maxi-academy"
    assert audit.after == {"revision": 2, "values": {"X": {"a": 1, "b": 2}}, "reason": "why"}


def test_rollback_is_a_new_revision_with_the_old_values(maxi):
    before = helpers.get_current_site_configuration_values()
    helpers.set_site_values(HOST, {"PLATFORM_NAME": "Wrong"}, enabled=False)
    found = site_config.rollback(HOST, 1)
    assert (found.revision, found.values, found.enabled) == (3, before, True)
    assert site_config.revision(HOST, 3).reason == "rollback to revision 1"
    with pytest.raises(errors.UnknownRevision, match="has no revision 9; its newest is 3"):
        site_config.rollback(HOST, 9)
    with pytest.raises(errors.UnknownRevision, match="it has none yet"):
        site_config.rollback("example.com", 1)


def test_rollback_to_what_is_not_allowed_any_more_is_refused(maxi):
    helpers.set_site_values(HOST, {"X_OWN": 1})
    helpers.set_site_values(HOST, {}, replace=True)
    with override_settings(CCX_TENANCY={"DENIED_KEYS": ["X_OWN"]}), pytest.raises(errors.InvalidValues):
        site_config.rollback(HOST, 2)


def test_removing_what_is_not_stored_is_refused(maxi):
    with pytest.raises(errors.InvalidValues, match="X_ABSENT"):
        site_config.unset_site_values(HOST, ["PLATFORM_NAME", "X_ABSENT"])
    assert helpers.has_override_value("PLATFORM_NAME")


def test_an_expected_revision_that_has_passed_is_refused_with_both_differences(maxi):
    helpers.set_site_values(HOST, {"PLATFORM_NAME": "Theirs"})
    with pytest.raises(errors.StaleRevision, match="at revision 2 by now, not 1") as caught:
        helpers.set_site_values(HOST, {"SITE_NAME": "yours.example.com"}, expected=1)
    assert (caught.value.expected, caught.value.actual) == (1, 2)
    assert [change.name for change in caught.value.theirs] == ["PLATFORM_NAME"]
    assert [change.name for change in caught.value.yours] == ["SITE_NAME"]
    assert helpers.set_site_values(HOST, {"SITE_NAME": "yours.example.com"}, expected=2).revision == 3


def test_a_signal_tells_after_the_commit(maxi, admin_user, django_capture_on_commit_callbacks):
    told = []

    def listen(sender, **kwargs):
        told.append({name: kwargs[name] for name in ("site_id", "revision", "changed", "actor")})

    values_published.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            helpers.set_site_values(
                HOST, {"PLATFORM_NAME": "New", SECRET: "s", "SITE_NAME": "maxi-academy.example.com"}
            )
            assert told == []
    finally:
        values_published.disconnect(listen)
    assert told == [
        {
            "site_id": api.require_tenant().site_id,
            "revision": 2,
            "changed": frozenset({"PLATFORM_NAME", SECRET}),
            "actor": None,
        }
    ]


# Drafts


def test_a_draft_is_published_on_what_it_started_from(maxi, admin_user):
    draft = site_config.save_draft(HOST, {"PLATFORM_NAME": "Draft"}, actor=admin_user)
    assert (draft.values, draft.base_revision) == ({"PLATFORM_NAME": "Draft"}, 1)
    assert site_config.draft_of(HOST, admin_user) == draft
    assert helpers.get_value("PLATFORM_NAME") == "Maxi's Academy"
    draft = site_config.save_draft(HOST, {"PLATFORM_NAME": "Draft 2"}, actor=admin_user)
    assert draft.base_revision == 1
    published = site_config.publish_draft(HOST, actor=admin_user, reason="ready")
    assert (published.revision, published.values) == (2, {"PLATFORM_NAME": "Draft 2"})
    assert helpers.get_value("PLATFORM_NAME") == "Draft 2"
    assert site_config.draft_of(HOST, admin_user) is None
    assert AuditEntry.objects.filter(action="config.publish", actor=admin_user.username).count() == 1


def test_a_draft_on_an_older_revision_is_refused_with_both_differences_and_stays(maxi, admin_user):
    values = helpers.get_current_site_configuration_values()
    site_config.save_draft(HOST, {**values, "PLATFORM_NAME": "Yours"}, actor=admin_user)
    helpers.set_site_values(HOST, {"X_THEIRS": 1})
    with pytest.raises(errors.StaleRevision) as caught:
        site_config.publish_draft(HOST, actor=admin_user)
    assert [str(change) for change in caught.value.theirs] == ["+ X_THEIRS: 1"]
    assert [change.name for change in caught.value.yours] == ["PLATFORM_NAME"]
    assert site_config.draft_of(HOST, admin_user).values["PLATFORM_NAME"] == "Yours"
    site_config.save_draft(HOST, {"PLATFORM_NAME": "Yours"}, actor=admin_user, base_revision=2)
    assert site_config.publish_draft(HOST, actor=admin_user).revision == 3


def test_a_draft_is_discarded_and_one_that_is_not_there_is_named(maxi, admin_user):
    site_config.save_draft(HOST, {"X": 1}, actor=admin_user)
    site_config.discard_draft(HOST, actor=admin_user)
    for call in (site_config.discard_draft, site_config.publish_draft, site_config.preview_cookie):
        with pytest.raises(errors.NoDraft, match=HOST):
            call(HOST, actor=admin_user)


def test_a_draft_of_a_site_that_stores_nothing_can_be_published(maxi, admin_user):
    site_config.save_draft("example.com", {"X": 1}, actor=admin_user)
    assert site_config.publish_draft("example.com", actor=admin_user).revision == 1


def test_an_explanation_says_that_a_value_is_a_drafts(maxi, admin_user):
    site_config.save_draft(HOST, {"PLATFORM_NAME": "Draft"}, actor=admin_user)
    cookie = site_config.preview_cookie(HOST, actor=admin_user)
    snapshot = site_config.draft_of_cookie(cookie, api.require_tenant().site_id)
    assert site_config.explain_value("PLATFORM_NAME", snapshot).source == "draft"
    assert site_config.draft_of_cookie(cookie, 1) is None


# Secrets


def test_a_secret_is_sealed_in_the_table_masked_where_shown_and_open_to_code(maxi, admin_user):
    found = helpers.set_site_values(HOST, {SECRET: "s3cret"}, actor=admin_user)
    assert found.values[SECRET] == "********"
    assert secrets.is_sealed(stored()[SECRET])
    assert helpers.get_value(SECRET) == "s3cret"
    assert helpers.get_value_for_org("maxi-academy", SECRET) == "s3cret"
    assert helpers.explain_value(SECRET).value == "********"
    shown = [
        site_config.current_values(HOST),
        site_config.history(HOST),
        site_config.revision(HOST, 2),
        site_config.save_draft(HOST, {SECRET: "s3cret2"}, actor=admin_user),
        list(AuditEntry.objects.values()),
        list(SiteConfigurationRevision.objects.values()),
        list(SiteConfigurationDraft.objects.values()),
        site_config.preview_differences(HOST, {SECRET: "s3cret3"}),
    ]
    assert "s3cret" not in repr(shown)


def test_a_mask_keeps_the_secret_and_the_same_secret_makes_no_revision(maxi, admin_user):
    helpers.set_site_values(HOST, {SECRET: "s3cret"})
    before = stored()[SECRET]
    assert helpers.set_site_values(HOST, {SECRET: "********", "X": 1}).revision == 3
    assert helpers.set_site_values(HOST, {SECRET: "s3cret"}).revision == 3
    assert stored()[SECRET] == before
    site_config.save_draft(HOST, {SECRET: "********", "X": 2}, actor=admin_user)
    site_config.publish_draft(HOST, actor=admin_user)
    assert helpers.get_value(SECRET) == "s3cret"
    site_config.save_draft(HOST, {SECRET: "other"}, actor=admin_user)
    site_config.save_draft(HOST, {SECRET: "********", "X": 3}, actor=admin_user)
    site_config.publish_draft(HOST, actor=admin_user)
    assert helpers.get_value(SECRET) == "other"
    site_config.rollback(HOST, 2)
    assert helpers.get_value(SECRET) == "s3cret"
    helpers.set_site_values(HOST, {SECRET: None})
    assert helpers.get_value(SECRET, "default") is None


def test_a_secret_opens_under_its_old_key_and_not_without_it(maxi):
    with override_settings(CCX_TENANCY={"ENCRYPTION_KEYS": ["old passphrase"]}):
        helpers.set_site_values(HOST, {SECRET: "s3cret"})
    sealed = stored()[SECRET]
    with override_settings(CCX_TENANCY={"ENCRYPTION_KEYS": ["new passphrase", "old passphrase"]}):
        assert secrets.unseal(sealed) == "s3cret"
    with pytest.raises(secrets.CannotUnseal, match="ENCRYPTION_KEYS"):
        secrets.unseal(sealed)
    by_settings = secrets.seal([1])
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=[]), pytest.raises(secrets.CannotUnseal):
        secrets.unseal(by_settings)


def test_a_site_goes_on_without_a_secret_whose_key_is_lost(maxi, admin_user, caplog):
    with override_settings(CCX_TENANCY={"ENCRYPTION_KEYS": ["lost passphrase"]}):
        helpers.set_site_values(HOST, {SECRET: "s3cret"})
        site_config.save_draft(HOST, {SECRET: "s3cret", "PLATFORM_NAME": "Draft"}, actor=admin_user)
        cookie = site_config.preview_cookie(HOST, actor=admin_user)
    revisions.view().caches.clear()
    revisions.view().stamp += 1
    assert helpers.get_value(SECRET, "default") == "default"
    assert helpers.get_value("PLATFORM_NAME") == "Maxi's Academy"
    assert SECRET in caplog.text
    assert "s3cret" not in caplog.text
    snapshot = site_config.draft_of_cookie(cookie, api.require_tenant().site_id)
    assert snapshot.values == {"PLATFORM_NAME": "Draft"}


# Concurrency


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite locks the whole database: nothing is concurrent")
def test_concurrent_merges_are_all_kept(committed_tenants):
    errors_seen = []

    def write(number):
        try:
            helpers.set_site_values(HOST, {f"X_{number}": number})
        except Exception as error:
            errors_seen.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors_seen == []
    assert {f"X_{number}" for number in range(16)} <= set(stored())
    numbers = [entry.revision for entry in site_config.history(HOST)]
    assert numbers == list(range(17, 0, -1))


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite locks the whole database: nothing is concurrent")
def test_of_concurrent_publishers_of_one_revision_one_wins(committed_tenants):
    results = []
    start = threading.Barrier(8)

    def write(number):
        start.wait()
        try:
            results.append(helpers.set_site_values(HOST, {"X": number}, expected=1))
        except errors.StaleRevision as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(not isinstance(result, errors.StaleRevision) for result in results) == 1
    assert len(results) == 8
    assert SiteConfigurationRevision.objects.filter(site__domain=HOST).count() == 2
