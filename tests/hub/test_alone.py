"""The hub in a project of its own, without the tenancy's apps: migrated, checked, served, asked over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.once]

ROOT = Path(__file__).resolve().parent.parent.parent

SETTINGS = """
SECRET_KEY = "only for this test, and long enough for it: 0123456789 abcdefghijklmnopqrstuvwxyz"
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
ROOT_URLCONF = "hub_urls"
STATIC_URL = "/static/"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "hub.sqlite3", "OPTIONS": {"timeout": 20}}}
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "oauth2_provider",
    "ccx_tenancy.hub",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
CELERY_TASK_ALWAYS_EAGER = True
CCX_TENANCY = {"OUTGOING_PRIVATE_NETWORKS": ["127.0.0.0/8"], "HUB_STATUS_TOKEN": "watch"}
"""

URLS = """
from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("admin/", admin.site.urls), path("", include("ccx_tenancy.hub.urls"))]
"""

USE = """
import json, sys, threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from celery import Celery

Celery("hub", set_as_current=True).config_from_object("django.conf:settings", namespace="CELERY")
django.setup()
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.test import Client

from ccx_tenancy.hub import api
from ccx_tenancy.outgoing import http
from ccx_tenancy.outgoing.tokens import Credentials
from tests.outgoing.servers import serving

class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments): pass

class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

server = make_server("127.0.0.1", 0, get_wsgi_application(), Server, Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
instance = api.BackingInstance.objects.create(instance_url="http://127.0.0.1:9")
made = api.create_client("LMS", scopes=["courses:write", "courses:read"], instance=instance)
account = Credentials(f"{url}/o/token/", made.client_id, made.client_secret)
with serving(lambda request: (200, {}, b"")) as receiver:
    api.create_receiver("Portal", url=f"{receiver.url}/hook/", everything=True)
    course = {"course_id": "course-v1:A+B+C", "title": "T", "image_url": "/i.png", "instructors": ["a"], "version": 1,
              "modules": [{"locator_id": "m", "title": "M"}]}
    pushed = account.request("POST", f"{url}/api/v1/coursexs/", json=course)
    read = account.request("GET", f"{url}/api/v1/coursexs/")
    call_command("hub", "work", "--once", stdout=sys.stderr)
    told = [json.loads(one.body)["type"] for one in receiver.received]
status = http.request("GET", f"{url}/status/", params={"token": "watch"})
get_user_model().objects.create_superuser("admin", password="admin")
browser = Client(HTTP_HOST="127.0.0.1")
browser.login(username="admin", password="admin")
names = ("backinginstance", "client", "receiver", "course", "delivery", "modulepull", "ccx")
pages = [browser.get(f"/admin/ccx_hub/{name}/").status_code for name in names]
delivery = api.Receiver.objects.get().deliveries.first()
pages += [browser.get(f"/admin/ccx_hub/delivery/{delivery.pk}/change/").status_code]
rooms = sorted(name for name in sys.modules if name.startswith("ccx_tenancy.") and name.count(".") == 1)
print(json.dumps({"pushed": pushed.status, "listed": len(read.json()), "told": told, "pages": pages,
                  "status": [status.status, status.json()["status_all"]], "rooms": rooms}))
"""


def test_the_hub_runs_in_a_project_without_the_tenancy(tmp_path):
    (tmp_path / "hub_settings.py").write_text(SETTINGS)
    (tmp_path / "hub_urls.py").write_text(URLS)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CCX_TENANCY")},
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
        "DJANGO_SETTINGS_MODULE": "hub_settings",
    }

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    run("-m", "django", "check")
    run("-m", "django", "migrate", "--verbosity=0")
    run("-m", "django", "makemigrations", "--check", "ccx_hub")
    found = json.loads(run("-c", USE).splitlines()[-1])
    assert (found["pushed"], found["listed"]) == (201, 1)
    assert found["told"] == ["Course", "Module"]
    assert found["status"] == [200, "up"]
    assert found["pages"] == [200] * 8
    assert found["rooms"] == [
        "ccx_tenancy.admin_support",
        "ccx_tenancy.conf",
        "ccx_tenancy.errors",
        "ccx_tenancy.hub",
        "ccx_tenancy.json_bodies",
        "ccx_tenancy.outgoing",
        "ccx_tenancy.sealing",
    ]
