"""The portal as a project of its own: no tenancy app, no Open edX, no other middleware than Django's."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.once, pytest.mark.slow]

SETTINGS = """
SECRET_KEY = "of a project that lives for one test, and long enough"
ALLOWED_HOSTS = ["testserver"]
USE_TZ = True
ROOT_URLCONF = "project_urls"
INSTALLED_APPS = [
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.messages",
    "django.contrib.sessions", "django.contrib.staticfiles", "ccx_tenancy.audit", "ccx_tenancy.portal",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware", "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend", "ccx_tenancy.portal.backends.PortalBackend",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {
    "context_processors": ["django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
                           "django.contrib.messages.context_processors.messages"]}}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
STATIC_URL = "/static/"
CCX_TENANCY = {
    "PORTAL_URL": "https://portal.example.com",
    "PORTAL_GATEWAY": "ccx_tenancy.portal.gateways.pretend.PretendGateway",
}
"""
URLS = """
from django.contrib import admin
from django.urls import include, path
urlpatterns = [path("admin/", admin.site.urls), path("", include("ccx_tenancy.portal.urls"))]
handler404 = "ccx_tenancy.portal.views.not_found"
"""
PROGRAM = """
import json, sys
import django
django.setup()
from django.core.management import call_command
from django.test import Client
call_command("check", fail_level="WARNING", stdout=sys.stderr)
call_command("migrate", verbosity=0)
call_command("portal", "status", stdout=sys.stderr)
call_command("portal", "work", "--once", stdout=sys.stderr)
client = Client()
paths = ("/", "/sign-in/", "/register/", "/cart/", "/nothing/", "/api/v1/courses/", "/admin/login/")
answers = {path: client.get(path).status_code for path in paths}
apps = {name.split(".")[1] for name in sys.modules if name.startswith("ccx_tenancy.") and name.endswith(".models")}
print(json.dumps([answers, sorted(apps)]))
"""


def test_it_runs_without_the_tenancy(tmp_path):
    (tmp_path / "project_settings.py").write_text(SETTINGS)
    (tmp_path / "project_urls.py").write_text(URLS)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "CCX_TENANCY_"))}
    environment |= {"DJANGO_SETTINGS_MODULE": "project_settings", "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answers, apps = json.loads(done.stdout.splitlines()[-1])
    assert answers == {
        "/": 200,
        "/sign-in/": 200,
        "/register/": 200,
        "/cart/": 302,
        "/nothing/": 404,
        "/api/v1/courses/": 200,
        "/admin/login/": 200,
    }
    assert apps == ["audit", "portal"]
