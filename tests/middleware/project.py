"""A small project: views of every make, and routes that take keys in every way, as the host has them."""

from __future__ import annotations

import asyncio
import json

from django.contrib.auth.models import User
from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path, re_path, register_converter
from django.views.decorators.csrf import csrf_exempt
from opaque_keys.edx.keys import UsageKey
from rest_framework import authentication, exceptions, permissions, routers, viewsets
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView


class UsageKeyConverter:
    """Gives a key object, as the host's converters do."""

    regex = r"[a-z][a-z0-9-]*:[^/]+"

    def to_python(self, value):
        return UsageKey.from_string(value)

    def to_url(self, value):
        return str(value)


register_converter(UsageKeyConverter, "usage_key")


class BearerAuthentication(authentication.BaseAuthentication):
    """The token is the user's name."""

    def authenticate(self, request):
        kind, _, name = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if kind != "Bearer":
            return None
        try:
            return User.objects.get(username=name), name
        except User.DoesNotExist:
            raise exceptions.AuthenticationFailed("no such token") from None

    def authenticate_header(self, request):
        return "Bearer"


class SessionAuthentication(authentication.SessionAuthentication):
    """A session, without the CSRF check."""

    def enforce_csrf(self, request):
        return None


def who(request):
    return request.user.get_username() if request.user.is_authenticated else None


def said(request, *args, **kwargs):
    """Answer what was asked for, and by whom."""
    return {
        "user": who(request),
        "args": [str(value) for value in args],
        "kwargs": {k: str(v) for k, v in kwargs.items()},
    }


@csrf_exempt
def page(request, *args, **kwargs):
    return JsonResponse(said(request, *args, **kwargs))


@csrf_exempt
def silent(request, *args, **kwargs):
    """Does not ask who it is."""
    return HttpResponse("silent")


async def async_page(request, *args, **kwargs):
    await asyncio.sleep(0)
    return JsonResponse({"kwargs": {k: str(v) for k, v in kwargs.items()}})


@csrf_exempt
def raw_json(request):
    """Reads JSON from the body, whatever its type says; the charset is guessed, as json.loads does."""
    return JsonResponse({"read": json.loads(request.body)})


@csrf_exempt
def form(request):
    return JsonResponse({"read": request.POST.dict(), "files": {k: f.size for k, f in request.FILES.items()}})


@csrf_exempt
def stream(request):
    return JsonResponse({"read": len(request.read())})


@csrf_exempt
def form_then_body(request):
    return JsonResponse({"read": request.POST.dict(), "body": request.body.decode()})


def missing(request, *args, **kwargs):
    raise Http404


def streamed(request, key):
    return StreamingHttpResponse([b"a", b"b"])


class Who(APIView):
    """A class, with sessions and tokens."""

    authentication_classes = (SessionAuthentication, BearerAuthentication)
    parser_classes = (JSONParser, FormParser, MultiPartParser)

    def get(self, request, **kwargs):
        if kwargs.get("key", "").endswith("+missing"):
            raise Http404
        return Response(said(request, **kwargs))

    def post(self, request, **kwargs):
        fields = request.data
        if isinstance(fields, dict):
            fields = {name: value for name, value in fields.items() if not hasattr(value, "read")}
        return Response({"user": who(request), "read": fields})

    put = patch = delete = post


class Members(Who):
    """For signed-in people only."""

    authentication_classes = (BearerAuthentication, SessionAuthentication)
    permission_classes = (permissions.IsAuthenticated,)


class Unasked(Who):
    """Never asks who it is."""

    done: list[str] = []

    def perform_authentication(self, request):
        return None

    def get(self, request, **kwargs):
        return Response("content")

    def post(self, request, **kwargs):
        self.done.append("post")
        return Response("content")


@api_view(["GET", "POST"])
@authentication_classes([BearerAuthentication, SessionAuthentication])
@permission_classes([permissions.IsAuthenticated])
def function(request, **kwargs):
    return Response(said(request, **kwargs))


class Things(viewsets.ViewSet):
    """A viewset."""

    authentication_classes = (BearerAuthentication, SessionAuthentication)
    permission_classes = (permissions.IsAuthenticated,)
    lookup_value_regex = "[^/]+"

    def retrieve(self, request, pk):
        return Response({"user": who(request), "pk": pk})


def hidden(request, **kwargs):
    """A DRF view inside of a function, which shows nothing of it."""
    return _members(request, **kwargs)


def _closed(view):
    def closure(request, **kwargs):
        return view(request, **kwargs)

    return closure


_members = Members.as_view()
router = routers.SimpleRouter()
router.register("things", Things, basename="thing")

KEY = r"[^/+]+(?:/|\+)[^/+]+(?:/|\+)[^/?]+"

urlpatterns = [
    path("page/", page),
    path("page/<str:key>/", page),
    path("silent/<str:key>/", silent),
    path("async/<str:key>/", async_page),
    path("streamed/<str:key>/", streamed),
    path("missing/<str:key>/", missing),
    path("usage/<usage_key:key>/", page),
    path("orgs/<str:org>/", page),
    path("number/<int:number>/", page),
    re_path(rf"^courses/(?P<course_id>{KEY})/about$", page),
    re_path(rf"^courses/{KEY}/wiki/(?P<path>.*)$", page),
    re_path(rf"^positional/({KEY})/$", page),
    re_path(r"^(asset-v1:[^/]+)$", page),
    re_path(r"^c4x/", page),
    re_path(r"^i4x/.*$", page),
    re_path(r"^assets/courseware/v1/[0-9a-f]+/asset-v1:.*$", page),
    re_path(r"^handler/(?P<usage_id>(?:i4x://?[^/]+/[^/]+/[^/]+/[^@]+(?:@[^/]+)?)|(?:[^/]+))/run$", page),
    re_path(r"^counts/(?P<pattern>.*)$", page),
    re_path(r"^plain/.*$", page),
    path("extra/", page, {"course_key": "course-v1:GlobexX+G1+2026"}),
    path("json/", raw_json),
    path("form/", form),
    path("stream/", stream),
    path("form-then-body/", form_then_body),
    path("api/who/", Who.as_view()),
    path("api/who/<str:key>/", Who.as_view()),
    path("api/members/", Members.as_view()),
    path("api/members/<str:key>/", Members.as_view()),
    path("api/unasked/<str:key>/", csrf_exempt(Unasked.as_view())),
    path("api/function/", function),
    path("api/function/<str:key>/", function),
    path("api/closed/<str:key>/", csrf_exempt(_closed(_members))),
    *router.urls,
]
