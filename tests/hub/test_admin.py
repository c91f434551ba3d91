"""The hub in the admin: what is secret is shown once, what failed is sent again."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth import get_user_model

from ccx_tenancy.hub.models import BackingInstance, Client, Course, Delivery, Receiver
from tests.hub.conftest import Api, deliver, full, make_receiver, module

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client):
    client.force_login(
        get_user_model().objects.create_superuser("root", password="root"),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    return client


@pytest.fixture(autouse=True)
def _plain_sign_in(settings):
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
    middleware = [name for name in settings.MIDDLEWARE if not name.startswith("ccx_tenancy.")]
    settings.MIDDLEWARE = middleware


def shown(answer, name):
    return re.search(rf'<code id="{name}">([^<]+)</code>', answer.content.decode())[1]


def test_credentials_are_made_and_shown_once(admin, instance):
    form = {"title": "LMS", "instance": instance.pk, "scopes": ["courses:write", "courses:read"], "enabled": "on"}
    answer = admin.post("/admin/ccx_hub/client/add/", form)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    secret = shown(answer, "client_secret")
    made = Client.objects.get()
    assert made.application.client_id == shown(answer, "client_id")
    assert instance.__class__.objects.get().link_secret.open() == shown(answer, "link_secret")
    for page in ("", f"{made.pk}/change/"):
        assert secret not in admin.get(f"/admin/ccx_hub/client/{page}").content.decode()
    assert secret not in admin.get(f"/admin/oauth2_provider/application/{made.application.pk}/change/").content.decode()
    account = {"client_id": made.application.client_id, "client_secret": secret, "grant_type": "client_credentials"}
    assert admin.post("/hub/o/token/", account).status_code == 200


def test_a_new_secret_is_made_by_a_post_only(admin, lms):
    page = f"/admin/ccx_hub/client/{lms.client.pk}/secret/"
    assert admin.get(page).status_code == 200
    assert lms.get("api/v1/").status_code == 200
    secret = shown(admin.post(page), "client_secret")
    assert lms.get("api/v1/").status_code == 401
    lms.credentials = type(lms.credentials)(lms.client, lms.credentials.client_id, secret)
    assert Api(lms.credentials).sign_in().get("api/v1/").status_code == 200
    assert admin.get("/admin/ccx_hub/client/99999/secret/").status_code == 404


def test_who_may_only_look_makes_no_secret(client, lms):
    user = get_user_model().objects.create_user("viewer", password="x", is_staff=True)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post(f"/admin/ccx_hub/client/{lms.client.pk}/secret/").status_code == 403


def test_scopes_of_a_client_are_changed(admin, lms):
    page = f"/admin/ccx_hub/client/{lms.client.pk}/change/"
    assert admin.get(page).status_code == 200
    form = {"title": "LMS", "instance": lms.client.instance.pk, "scopes": ["courses:read"], "enabled": "on"}
    assert admin.post(page, form).status_code == 302
    assert Client.objects.get().scopes == "courses:read"


def test_a_receiver_gets_a_secret_and_all_courses(admin, lms):
    lms.push(full())
    form = {"title": "R", "url": "http://127.0.0.1:9/hook/", "speaks": "ccx_tenancy", "enabled": "on"}
    secret = shown(admin.post("/admin/ccx_hub/receiver/add/", {**form, "everything": "on"}), "secret")
    receiver = Receiver.objects.get()
    assert receiver.secret.open() == secret
    assert Delivery.objects.count() == 3
    page = f"/admin/ccx_hub/receiver/{receiver.pk}/change/"
    assert secret not in admin.get(page).content.decode()
    admin.post(page, {**form, "title": "Renamed", "everything": "on"})
    receiver.refresh_from_db()
    assert (receiver.title, receiver.secret.open()) == ("Renamed", secret)
    assert Delivery.objects.count() == 3
    fresh = shown(admin.post(f"/admin/ccx_hub/receiver/{receiver.pk}/secret/"), "secret")
    assert fresh != secret


def test_an_address_that_may_not_be_called_is_refused(admin, settings):
    settings.CCX_TENANCY = {}
    form = {"title": "R", "speaks": "ccx_tenancy", "enabled": "on", "everything": "on"}
    for url in ("http://169.254.169.254/", "https://127.0.0.1/", "file:///etc/passwd", "https://a:b@example.com/"):
        assert admin.post("/admin/ccx_hub/receiver/add/", {**form, "url": url}).status_code == 200
    assert Receiver.objects.count() == 0


def test_a_new_grant_forgets_the_old_tokens(admin, instance):
    BackingInstance.objects.update(access_token="x", refresh_token="y")
    page = f"/admin/ccx_hub/backinginstance/{instance.pk}/change/"
    form = {"instance_url": instance.instance_url, "speaks": "edx", "oauth_client_id": "hub-at-lms", "title": "E"}
    assert admin.post(page, {**form, "grant_token": "new"}).status_code == 302
    instance.refresh_from_db()
    assert not instance.access_token
    assert not instance.refresh_token
    assert instance.grant_token.open() == "new"
    assert instance.oauth_client_secret.open() == "hub-at-lms-secret"


def test_dead_letters_are_seen_with_their_attempts_and_sent_again(admin, inbox, lms, portal):
    make_receiver(f"{inbox.server.url}/hook/")
    inbox.answer = lambda request: (400, {}, b"no such instance")
    lms.push(full(modules=[module(1)]))
    deliver()
    row = Delivery.objects.order_by("pk").first()
    page = admin.get(f"/admin/ccx_hub/delivery/{row.pk}/change/").content.decode()
    assert "no such instance" in page
    assert "Peer Physics" in page
    assert admin.get("/admin/ccx_hub/delivery/?state__exact=refused").status_code == 200
    inbox.answer = lambda request: (200, {}, b"")
    answer = admin.post(
        "/admin/ccx_hub/delivery/", {"action": "replay", "_selected_action": [row.pk]}, follow=True
    ).content.decode()
    assert "due now" in answer
    assert deliver() >= 1


def test_a_course_is_shown_sent_again_and_deleted(admin, receiver, lms):
    lms.push(full())
    course = Course.objects.get()
    assert "Chapter 2" in admin.get(f"/admin/ccx_hub/course/{course.pk}/change/").content.decode()
    for action in ("send_again", "take_out", "read_modules"):
        data = {"action": action, "_selected_action": [course.pk]}
        assert admin.post("/admin/ccx_hub/course/", data).status_code == 302
    course.refresh_from_db()
    assert course.state == "deleted"
    for name in ("modulepull", "ccx", "backinginstance"):
        assert admin.get(f"/admin/ccx_hub/{name}/").status_code == 200
