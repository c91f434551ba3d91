"""The plug-in settings on lists as the host has them (Teak, production; the ends left out)."""

from types import SimpleNamespace

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import request_started
from django.test import Client, override_settings

from ccx_tenancy.hosts.openedx import authz
from ccx_tenancy.hosts.openedx.checks import REFUSAL, check_plugin, refuse_requests_unless_effective
from ccx_tenancy.hosts.openedx.settings import common, placement, production, test

LMS = [
    "crum.CurrentRequestUserMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.sites.middleware.CurrentSiteMiddleware",
    "edx_rest_framework_extensions.auth.jwt.middleware.JwtAuthCookieMiddleware",
    "django_sites_extensions.middleware.RedirectMiddleware",
    "openedx.core.djangoapps.safe_sessions.middleware.SafeSessionMiddleware",
    "openedx.core.djangoapps.cache_toolbox.middleware.CacheBackedAuthenticationMiddleware",
    "openedx.core.djangoapps.safe_sessions.middleware.EmailChangeMiddleware",
    "common.djangoapps.student.middleware.UserStandingMiddleware",
    "common.djangoapps.track.middleware.TrackMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "openedx.core.djangoapps.embargo.middleware.EmbargoMiddleware",
    "lms.djangoapps.courseware.middleware.CacheCourseIdMiddleware",
    "lms.djangoapps.course_wiki.middleware.WikiAccessMiddleware",
]
STUDIO = [
    "crum.CurrentRequestUserMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.sites.middleware.CurrentSiteMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "openedx.core.djangoapps.safe_sessions.middleware.SafeSessionMiddleware",
    "method_override.middleware.MethodOverrideMiddleware",
    "openedx.core.djangoapps.cache_toolbox.middleware.CacheBackedAuthenticationMiddleware",
    "common.djangoapps.student.middleware.UserStandingMiddleware",
    "common.djangoapps.track.middleware.TrackMiddleware",
]
BACKEND = "django.contrib.auth.backends.AllowAllUsersModelBackend"


def service(name="lms", **changed):
    made = {
        "ROOT_URLCONF": f"{name}.urls",
        "INSTALLED_APPS": ["django.contrib.auth", "organizations", placement.PLUGIN],
        "MIDDLEWARE": list(LMS if name == "lms" else STUDIO),
        "AUTHENTICATION_BACKENDS": ["social_core.backends.google.GoogleOAuth2", BACKEND],
    }
    return SimpleNamespace(**{**made, **changed})


@pytest.mark.parametrize(("name", "before", "surface"), [("lms", LMS, "lms"), ("cms", STUDIO, "studio")])
def test_each_service_gets_apps_middleware_and_its_surface_and_keeps_what_it_had(name, before, surface):
    settings = service(name)
    common.plugin_settings(settings)
    assert settings.INSTALLED_APPS[:3] == ["django.contrib.auth", "organizations", placement.PLUGIN]
    assert settings.INSTALLED_APPS[3:] == list(placement.APPS)
    assert [one for one in settings.MIDDLEWARE if not one.startswith("ccx_tenancy")] == before
    for ours in placement.ANCHORS:
        assert ours in settings.MIDDLEWARE
    assert placement.order_problems(settings.MIDDLEWARE) == []
    assert settings.CCX_TENANCY["SURFACE"] == surface


class Derived:
    """How releases after Teak write a setting that is worked out when all others are there."""

    def __init__(self, calculate_value):
        self.calculate_value = calculate_value


@pytest.mark.parametrize(("name", "surface"), [("lms", "lms"), ("cms", "studio")])
def test_a_service_is_known_by_a_setting_that_is_still_to_be_worked_out(name, surface):
    later = Derived(lambda settings: f"{settings.SERVICE_VARIANT}.urls")
    settings = service(name, ROOT_URLCONF=later, SERVICE_VARIANT=name)
    common.plugin_settings(settings)
    assert settings.CCX_TENANCY["SURFACE"] == surface and settings.ROOT_URLCONF is later
    with pytest.raises(ImproperlyConfigured, match=r"ROOT_URLCONF is 'shop\.urls'"):
        common.plugin_settings(service(name, ROOT_URLCONF=later, SERVICE_VARIANT="shop"))


def test_our_backend_stands_before_the_hosts_for_passwords_and_the_social_ones_stay():
    settings = service()
    common.plugin_settings(settings)
    settings.AUTHENTICATION_BACKENDS = [
        "social_core.backends.facebook.FacebookOAuth2",
        *settings.AUTHENTICATION_BACKENDS,
    ]
    production.plugin_settings(settings)
    assert settings.AUTHENTICATION_BACKENDS == [
        "social_core.backends.facebook.FacebookOAuth2",
        "social_core.backends.google.GoogleOAuth2",
        placement.BACKEND,
        BACKEND,
    ]


def test_a_host_without_its_password_backend_stops_the_start():
    with pytest.raises(ImproperlyConfigured, match="AUTHENTICATION_BACKENDS does not hold"):
        common.plugin_settings(service(AUTHENTICATION_BACKENDS=[]))


def test_the_gates_stand_directly_below_the_authentication():
    settings = service()
    common.plugin_settings(settings)
    at = settings.MIDDLEWARE.index(placement.AUTHENTICATION)
    assert settings.MIDDLEWARE[at + 1 : at + 4] == [placement.ACCESS, placement.PARTITION, placement.HOST_ANSWERS]


@pytest.mark.parametrize(
    "config", [None, {}, {"pipeline": ["other.Step"], "fail_silently": True}, ["other.Step"], "other.Step"]
)
def test_our_steps_come_first_in_their_pipelines_and_do_not_fail_silently(config):
    kind = "org.openedx.learning.course.enrollment.started.v1"
    before = {kind: config, "another": {"pipeline": ["x"]}} if config else config
    settings = service(OPEN_EDX_FILTERS_CONFIG=before)
    common.plugin_settings(settings)
    production.plugin_settings(settings)
    made = settings.OPEN_EDX_FILTERS_CONFIG
    others = ["other.Step"] if config else []
    assert made[kind] == {"pipeline": [placement.STEPS[kind], *others], "fail_silently": False}
    assert set(made) == {*placement.STEPS, *(["another"] if config else [])}
    assert placement.step_problems(made) == []


def test_a_step_that_was_dropped_or_silenced_is_a_problem():
    made = placement.with_steps({})
    first, second = placement.STEPS
    made[first]["fail_silently"] = True
    made[second]["pipeline"] = []
    assert len(placement.step_problems(made)) == 2
    assert len(placement.step_problems(None)) == 2


def test_the_tenant_is_known_directly_after_the_site():
    settings = service()
    common.plugin_settings(settings)
    assert settings.MIDDLEWARE[3] == placement.CURRENT_TENANT
    assert settings.MIDDLEWARE[2] == placement.CURRENT_SITE


def test_production_after_common_adds_nothing_twice_and_keeps_the_deployments_settings():
    settings = service()
    common.plugin_settings(settings)
    apps, middleware = list(settings.INSTALLED_APPS), list(settings.MIDDLEWARE)
    settings.CCX_TENANCY = {"FRESHNESS_SECONDS": 5}
    production.plugin_settings(settings)
    assert (apps, middleware) == (settings.INSTALLED_APPS, settings.MIDDLEWARE)
    assert settings.CCX_TENANCY["FRESHNESS_SECONDS"] == 5
    assert settings.CCX_TENANCY["SURFACE"] == "lms"


def test_production_puts_back_what_a_deployment_replaced():
    settings = service()
    common.plugin_settings(settings)
    settings.MIDDLEWARE = list(LMS)
    production.plugin_settings(settings)
    assert placement.CURRENT_TENANT in settings.MIDDLEWARE


def test_the_settings_of_the_hosts_own_tests_get_the_same():
    settings = service()
    test.plugin_settings(settings)
    assert placement.CURRENT_TENANT in settings.MIDDLEWARE


def test_an_absent_anchor_stops_the_start_and_names_setting_anchor_and_remedy():
    settings = service(MIDDLEWARE=[one for one in LMS if one != placement.CURRENT_SITE])
    with pytest.raises(ImproperlyConfigured) as raised:
        common.plugin_settings(settings)
    text = str(raised.value)
    assert "MIDDLEWARE" in text and placement.CURRENT_SITE in text and placement.CURRENT_TENANT in text
    assert "put it back" in text


def test_an_anchor_that_has_moved_below_the_session_stops_the_start():
    moved = [one for one in LMS if one != placement.CURRENT_SITE] + [placement.CURRENT_SITE]
    with pytest.raises(ImproperlyConfigured, match="has to stand after it"):
        common.plugin_settings(service(MIDDLEWARE=moved))


def test_a_list_of_apps_that_lost_the_plug_in_stops_the_start():
    with pytest.raises(ImproperlyConfigured, match="INSTALLED_APPS does not hold"):
        common.plugin_settings(service(INSTALLED_APPS=["django.contrib.auth"]))


def test_another_project_is_told_not_to_use_the_plug_in_settings():
    with pytest.raises(ImproperlyConfigured, match=r"ROOT_URLCONF is 'shop\.urls'"):
        common.plugin_settings(service(ROOT_URLCONF="shop.urls"))


# The system check


def ids():
    return [message.id for message in check_plugin()]


def installed(name="lms"):
    settings = service(name)
    common.plugin_settings(settings)
    names = ("ROOT_URLCONF", "MIDDLEWARE", "AUTHENTICATION_BACKENDS", "CCX_TENANCY", "OPEN_EDX_FILTERS_CONFIG")
    return {name: getattr(settings, name) for name in names}


def test_the_check_is_silent_outside_of_open_edx():
    assert ids() == []


def test_the_check_is_silent_where_the_plug_in_is_effective():
    with override_settings(**installed()):
        assert ids() == []


def test_the_check_names_each_middleware_that_a_later_settings_module_dropped():
    with override_settings(**{**installed(), "MIDDLEWARE": LMS}):
        assert set(ids()) == {"ccx_tenancy.E102"}
        assert len(ids()) == len(placement.ANCHORS)


def test_the_check_sees_a_lost_anchor():
    found = installed()
    with override_settings(**{**found, "MIDDLEWARE": [m for m in found["MIDDLEWARE"] if m != placement.CURRENT_SITE]}):
        assert ids() == ["ccx_tenancy.E103"]


def test_the_check_sees_a_wrong_order():
    found = installed()
    with override_settings(**{**found, "MIDDLEWARE": found["MIDDLEWARE"][::-1]}):
        assert "ccx_tenancy.E104" in ids()


def test_the_check_sees_the_surface_of_the_other_service():
    with override_settings(**{**installed("cms"), "CCX_TENANCY": {**placement.DEFAULTS, "SURFACE": "lms"}}):
        assert ids() == ["ccx_tenancy.E105"]


def test_the_check_warns_where_another_adapter_answers_for_the_platform():
    with override_settings(**{**installed(), "CCX_TENANCY": {}}):
        assert ids() == ["ccx_tenancy.W101"]


def test_the_check_warns_of_an_openedx_authz_that_is_not_as_we_know_it(monkeypatch):
    with override_settings(**installed()):
        assert ids() == []
        # Whose package has no such modules.
        monkeypatch.setattr(authz, "PACKAGE", "organizations")
        monkeypatch.setattr(authz, "API", "organizations.users")
        monkeypatch.setattr(authz, "MEMORY", "organizations.engine")
        assert ids() == ["ccx_tenancy.W104"] * 4
        assert "No module named 'organizations.users'" in check_plugin()[0].msg


def test_the_check_sees_an_app_that_is_not_installed():
    from django.conf import settings

    kept = [app for app in settings.INSTALLED_APPS if app != "ccx_tenancy.site_config"]
    with override_settings(**installed(), INSTALLED_APPS=kept):
        assert ids() == ["ccx_tenancy.E101"]


def test_the_check_sees_that_the_hosts_backend_asks_for_no_membership():
    for backends in ([BACKEND], [BACKEND, placement.BACKEND]):
        with override_settings(**{**installed(), "AUTHENTICATION_BACKENDS": backends}):
            assert ids() == ["ccx_tenancy.E106"]


@pytest.fixture
def served(db):
    """Ask for a page that is not there, after a start with some settings; take the refusal away afterwards."""

    def ask(**changed):
        with override_settings(**changed):
            refuse_requests_unless_effective()
        return Client().get("/no-such-page/").status_code

    yield ask
    request_started.disconnect(dispatch_uid=REFUSAL)


def test_a_server_that_runs_no_checks_answers_nothing_where_the_wall_does_not_stand(served):
    without = [one for one in installed()["MIDDLEWARE"] if one != "ccx_tenancy.middleware.CoursePartitionMiddleware"]
    with pytest.raises(ImproperlyConfigured, match=r"E102: MIDDLEWARE does not hold .*CoursePartitionMiddleware"):
        served(**{**installed(), "MIDDLEWARE": without})


def test_a_server_answers_where_the_plug_in_is_effective_or_the_operator_has_silenced_the_check(served):
    assert served(**installed()) == 404
    assert served(**{**installed(), "MIDDLEWARE": LMS, "SILENCED_SYSTEM_CHECKS": ["ccx_tenancy.E102"]}) == 404
