"""A Teacher's Portal of 2016 at our hub, over HTTP: the bytes that it sent are taken, and answered as it reads them."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlencode

import pytest
import requests

from ccx_tenancy.hub.models import Ccx
from tests.hub.conftest import course, make_instance, make_lms, make_portal, make_receiver
from tests.hub.edx import CCX, Edx
from tests.hub.recordings import HERE
from tests.outgoing.servers import serving

pytestmark = pytest.mark.django_db(transaction=True)

LINES = re.findall(
    r"^POST (\S+) (\{.*\})\n   body: (.*)\n   -> (\d+) (\{.*\})$",
    (HERE / "16-tp-to-ccxcon-bytes.txt").read_text(encoding="utf-8"),
    re.MULTILINE,
)


def sent(live_server, recorded, body, **headers):
    """Send a recorded request with this body; its headers are the recorded ones."""
    path, said = recorded[0], json.loads(recorded[1])
    with requests.Session() as session:
        session.trust_env = False
        return session.post(f"{live_server.url}/hub{path}", data=body, headers={**said, **headers}, timeout=60)


def test_the_recorded_order_of_an_original_portal_makes_a_ccx(live_server, monkeypatch):
    monkeypatch.setattr("ccx_tenancy.outgoing.durable.kick", lambda *_, **__: None)
    token_request, order_request = LINES
    edx = Edx()
    with serving(edx.reply) as server:
        edx.server = server
        instance = make_instance(server.url, "edx", grant_token="edx-grant-code")
        pushed = make_lms(instance).push(course())
        portal = make_portal()
        make_receiver("http://127.0.0.1:9/", client=portal.client)
        form = {name: values[0] for name, values in parse_qs(token_request[2]).items()}
        form |= {"client_id": portal.credentials.client_id, "client_secret": portal.credentials.client_secret}
        answer = sent(live_server, token_request, urlencode(form))
        assert answer.status_code == int(token_request[3]), answer.text
        recorded = json.loads(token_request[4])
        assert answer.json().keys() == recorded.keys()
        assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", recorded["expires_in"])

        # Only what names a row of that time is another one; the module there had no counterpart here.
        body = order_request[2].replace("uuid-of-course", pushed["uuid"]).replace('["m-uuid-1"]', "[]")
        bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        answer = sent(live_server, order_request, body, **bearer)
    assert answer.status_code == int(order_request[3]), answer.text
    assert answer.json().keys() >= json.loads(order_request[4]).keys()
    (ccx,) = edx.ccxs
    assert (ccx["coach_email"], ccx["max_students_allowed"], ccx["display_name"]) == ("coach@example.com", 3, "Title")
    assert answer.json()["ccx_course_id"] == Ccx.objects.get().ccx_key
    assert len(edx.asked(CCX)) == 1
