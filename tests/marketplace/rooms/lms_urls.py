"""The addresses of the LMS: orders, a token for the hub, and what the tests do and read."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib.auth.models import User
from django.core import signing
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from opaque_keys.edx.keys import CourseKey
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ccx_tenancy.ccxcon import api as ccxcon
from ccx_tenancy.ccxcon.models import CcxOrder, CourseExport
from ccx_tenancy.errors import SeatsTaken
from sandbox.courses.custom_courses import enroll
from sandbox.courses.models import Course, CustomCourse
from tests.marketplace.rooms.common import PLAN


@csrf_exempt
def access_token(request: HttpRequest) -> JsonResponse:
    """Give the hub a token."""
    secrets = PLAN["secrets"]
    if (request.POST.get("client_id"), request.POST.get("client_secret")) != ("hub", secrets["hub at lms"]):
        return JsonResponse({"error": "invalid_client"}, status=401)
    return JsonResponse({"access_token": signing.dumps("hub"), "token_type": "Bearer", "expires_in": 3600})


class TokenAuthentication(BaseAuthentication):
    """Who brings such a token is the hub."""

    def authenticate(self, request: Request) -> tuple[Any, str] | None:
        """Return the hub's account."""
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme != "Bearer":
            return None
        try:
            return User.objects.get(username=signing.loads(token, max_age=3600)), token
        except signing.BadSignature:
            raise AuthenticationFailed("Not a token of ours.") from None

    def authenticate_header(self, request: Request) -> str:
        """Return the scheme."""
        return "Bearer"


class PublishView(APIView):
    """Makes or changes courses and publishes them, as a Studio does. Whoever asks is taken for one who may."""

    authentication_classes = ()
    permission_classes = ()
    judges_keys_itself = True

    @method_decorator(transaction.atomic)
    def post(self, request: Request) -> Response:
        """Take a list of courses."""
        for said in request.data:
            key = CourseKey.from_string(said["key"])
            place = f"block-v1:{key.org}+{key.course}+{key.run}+type@chapter+block@"
            chapters = [
                {"locator": place + name, "title": f"{name} of {said['title']}", "subchapters": []}
                for name in said["chapters"]
            ]
            Course.objects.update_or_create(
                id=key,
                defaults={
                    "display_name": said["title"],
                    "start": date(2026, 1, 1),
                    "chapters": chapters,
                    "enable_ccx": said["open"],
                    "ccx_connector": PLAN["urls"]["hub"],
                },
            )
            ccxcon.course_changed(key)
        return Response({})


class EnrollView(APIView):
    """Gives a learner a seat, as the page of a CCX does: 409 where none is free."""

    authentication_classes = ()
    permission_classes = ()
    judges_keys_itself = True

    def post(self, request: Request) -> Response:
        """Take the key of a CCX and a user name."""
        user, _ = User.objects.get_or_create(username=request.data["username"])
        try:
            enroll(user, request.data["ccx"])
        except SeatsTaken as error:
            return Response({"seats_taken": error.taken}, status=409)
        return Response({})


def state(request: HttpRequest) -> JsonResponse:
    """Return what the LMS holds."""
    courses = {
        str(one.id): {
            "title": one.display_name,
            "open": one.enable_ccx,
            "chapters": [(chapter["locator"], chapter["title"]) for chapter in one.chapters],
        }
        for one in Course.objects.all()
    }
    ccxs = [
        {
            "key": one.key,
            "coach": one.coach.email,
            "master": str(one.master_id),
            "seats": one.seats,
            "taken": one.enrollments.count(),
        }
        for one in CustomCourse.objects.select_related("coach")
    ]
    waiting = CourseExport.objects.exclude(state="done").values_list("course_key", "state", "attempts", "last_error")
    orders = list(CcxOrder.objects.values_list("ccx_key", flat=True))
    return JsonResponse({"courses": courses, "ccxs": ccxs, "orders": orders, "waiting": list(waiting)})


urlpatterns = [
    path("oauth2/access_token/", access_token),
    path("api/ccxcon/v1/", include("ccx_tenancy.ccxcon.urls")),
    path("test/publish/", PublishView.as_view()),
    path("test/enroll/", EnrollView.as_view()),
    path("test/state/", state),
]
