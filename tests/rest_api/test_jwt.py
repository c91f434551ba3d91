"""JWT, where edx-drf-extensions is installed and the project has set it up."""

from __future__ import annotations

import sys
import time

import jwt
import pytest

from tests.rest_api.conftest import Caller

pytest.importorskip("edx_rest_framework_extensions")
from rest_framework_jwt.settings import DEFAULTS, IMPORT_STRINGS, APISettings

pytestmark = pytest.mark.django_db
SECRET = "for this test only, and long enough for the algorithm"


@pytest.fixture(autouse=True)
def _set_up(settings, monkeypatch):
    issuer = {"ISSUER": "test", "AUDIENCE": "test", "SECRET_KEY": SECRET}
    settings.JWT_AUTH = {
        "JWT_SECRET_KEY": SECRET,
        "JWT_ALGORITHM": "HS256",
        "JWT_ISSUER": "test",
        "JWT_AUDIENCE": "test",
        "JWT_ISSUERS": [issuer],
        "JWT_SUPPORTED_VERSION": "1.1.0",
        "JWT_VERIFY_AUDIENCE": False,
        "JWT_DECODE_HANDLER": "edx_rest_framework_extensions.auth.jwt.decoder.jwt_decode_handler",
        "JWT_AUTH_HEADER_PREFIX": "JWT",
        "JWT_AUTH_COOKIE": "edx-jwt-cookie",
    }
    # drf-jwt reads its settings once, when it is imported, which another test may have brought about.
    fresh = APISettings(settings.JWT_AUTH, DEFAULTS, IMPORT_STRINGS)
    for name, module in list(sys.modules.items()):
        if name.startswith(("rest_framework_jwt.", "edx_rest_framework_extensions.")):
            found = getattr(module, "api_settings", None)
            if "JWT_DECODE_HANDLER" in getattr(found, "defaults", ()):
                monkeypatch.setattr(module, "api_settings", fresh)


def token(user, **claims):
    now = int(time.time())
    known = {"iss": "test", "aud": "test", "version": "1.1.0", "iat": now, "exp": now + 60}
    return jwt.encode({**known, "preferred_username": user.username, **claims}, SECRET, algorithm="HS256")


def ask(user, address="me/", **claims):
    return Caller().get(address, authorization=f"JWT {token(user, **claims)}")


def test_a_token_is_its_user(people):
    answer = ask(people["owner"])
    assert (answer.status_code, answer.json()["username"]) == (200, "owner")
    assert ask(people["learner"], "members/").status_code == 403


def test_a_token_that_has_expired_is_401(people):
    assert ask(people["owner"], exp=1).status_code == 401


def test_a_restricted_application_is_refused(people):
    assert ask(people["owner"], is_restricted=True).status_code == 403
