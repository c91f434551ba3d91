"""Publishing in Studio, and a hub that signs in and orders."""

import json

import pytest
from django.contrib.auth import get_user_model

from ccx_tenancy.ccxcon.api import CourseExport
from sandbox.courses.marketplace import connect_to_hub, let_hub_in

KEY = "course-v1:maxi-academy+CS101+2026_T1"


@pytest.fixture
def connector(sandbox):
    # Nothing listens there: what is published stays to be sent.
    return connect_to_hub("http://127.0.0.1:9/", "lms", "secret", link_secret="", portal_url="")


def token(client, secret="hub secret"):
    form = {"grant_type": "client_credentials", "client_id": "hub", "client_secret": secret}
    return client.post("/oauth2/access_token/", form, HTTP_HOST="localhost")


def test_an_author_chooses_the_connector_and_publishes(client, connector):
    client.force_login(
        get_user_model().objects.get(username="maxi-owner"), backend="ccx_tenancy.backends.DefaultSiteBackend"
    )
    path, host = f"/course/{KEY}", "studio.localhost"
    page = client.get(path, HTTP_HOST=host).content.decode()
    assert "CCX connector" in page and connector.url in page
    form = {"display_name": "Computers", "overview": "All", "enable_ccx": "on", "ccx_connector": connector.url}
    assert client.post(path, form, HTTP_HOST=host).status_code == 302
    export = CourseExport.objects.get()
    assert (export.course_key, export.connector) == (KEY, connector)
    assert "was published" in client.get(path, HTTP_HOST=host).content.decode()
    refused = client.post(path, {**form, "ccx_connector": "https://elsewhere.example.com"}, HTTP_HOST=host)
    assert "elsewhere" in refused.content.decode()
    assert CourseExport.objects.count() == 1


def test_a_hub_signs_in_and_orders_and_the_buyers_people_see_the_ccx(client, connector):
    let_hub_in("hub", "hub secret")
    assert token(client, "wrong").status_code == 401
    client.force_login(
        get_user_model().objects.get(username="maxi-owner"), backend="ccx_tenancy.backends.DefaultSiteBackend"
    )
    client.post(
        f"/course/{KEY}",
        {"display_name": "Computers", "enable_ccx": "on", "ccx_connector": connector.url},
        HTTP_HOST="studio.localhost",
    )
    client.logout()
    order = {
        "master_course_id": KEY,
        "coach_email": "blue-owner@example.com",
        "max_students_allowed": 20,
        "display_name": "Our computers",
        "organization": "blue-university",
    }
    arguments = {"content_type": "application/json", "HTTP_HOST": "localhost", "HTTP_IDEMPOTENCY_KEY": "1"}
    url = "/api/ccxcon/v1/ccx/"
    assert client.post(url, json.dumps(order), **arguments).status_code == 401
    bearer = f"Bearer {token(client).json()['access_token']}"
    answer = client.post(url, json.dumps(order), **arguments, HTTP_AUTHORIZATION=bearer)
    assert answer.status_code == 201, answer.content
    ccx = answer.json()["ccx_course_id"]
    wrong = client.get(f"{url}{ccx}/", HTTP_HOST="localhost", HTTP_AUTHORIZATION="Bearer forged")
    assert wrong.status_code == 401
    for name, host, status in (
        ("blue-owner", "blue-university.localhost", 200),
        ("blue-learner", "blue-university.localhost", 200),
        ("maxi-owner", "maxi-academy.localhost", 404),
        ("maxi-owner", "blue-university.localhost", 404),
    ):
        client.force_login(
            get_user_model().objects.get(username=name), backend="ccx_tenancy.backends.DefaultSiteBackend"
        )
        assert client.get(f"/ccx/{ccx}/", HTTP_HOST=host).status_code == status, (name, host)
        assert ("Our computers" in client.get("/", HTTP_HOST=host).content.decode()) is (status == 200)
